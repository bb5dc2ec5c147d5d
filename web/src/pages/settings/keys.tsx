/** The keys that open this server. */

import { Badge, Group, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { Session } from '../../../../src/domain/session.ts';
import { openai } from '../../api.ts';
import { useAct } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { count, fromNow, moment } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { type AnyKey, isAdmin, keysKey, useKeys } from './data.ts';
import { KeyLimitsButton } from './key-limits.tsx';
import { NewKey } from './new-key.tsx';
import { NoRows, Row, Rows } from './rows.tsx';

export function Keys({ session }: { readonly session: Session }): ReactElement {
  const keys = useKeys(session.operator);
  if (!session.operator)
    return (
      <Panel title="Keys" flush>
        <NoRows>
          You came in with the key “{session.key_name}” of the project {session.project}. To make or revoke keys, sign
          in with an admin key; whoever runs this server makes one with{' '}
          <span className="mono">tunesmith keys create --admin</span>.
        </NoRows>
      </Panel>
    );
  return (
    <Panel
      title="Keys"
      about={
        session.key_needed
          ? 'Every request needs one of these. A key opens one project, and an admin key these settings too.'
          : 'No key is needed on this machine so far. With the first one, every program and browser needs one; this browser is signed in with it by itself.'
      }
      actions={<NewKey isFirst={!session.key_needed} />}
      flush
    >
      <Answered query={keys}>
        {(all) =>
          all.length === 0 ? (
            <NoRows>
              {session.key_needed ? 'Only keys of TUNESMITH_API_KEYS open this server.' : 'There are no keys.'}
            </NoRows>
          ) : (
            <Rows label="Keys">
              {all.map((key) => (
                <KeyRow key={key.id} item={key} isOwn={key.id === session.key_id} />
              ))}
            </Rows>
          )
        }
      </Answered>
    </Panel>
  );
}

function KeyRow({ item, isOwn }: { readonly item: AnyKey; readonly isOwn: boolean }): ReactElement {
  const revoke = useAct<void, unknown>(() => revokeKey(item), { changes: [keysKey, ['session']] });
  return (
    <Row
      name={
        <Group gap="xs" component="span" display="inline-flex">
          <span>{item.name}</span>
          {isAdmin(item) && (
            <Badge size="xs" variant="light" tt="none">
              Admin
            </Badge>
          )}
          {isOwn && (
            <Text component="span" size="xs" c="dimmed">
              you are signed in with it
            </Text>
          )}
        </Group>
      }
      about={
        <>
          <span className="mono">{item.redacted_value}</span> · project {item.project_id}
          {isAdmin(item) ? expiry(item.expires_at) : limitsInWords(item)} ·{' '}
          {item.last_used_at === null ? (
            'never used'
          ) : (
            <time title={moment(item.last_used_at)}>used {fromNow(item.last_used_at)}</time>
          )}
        </>
      }
      actions={
        <>
          {!isAdmin(item) && <KeyLimitsButton item={item} />}
          <AskFirst
            words="Revoke"
            question={`Revoke the key “${item.name}”?`}
            consequences={`Whoever uses it is refused from the next request on.${isOwn ? ' That is you: this browser is signed out.' : ''} Nothing is deleted.`}
            verb="Revoke"
            onSure={() => revoke.mutateAsync()}
            button={{ 'aria-label': `Revoke ${item.name}` }}
          />
        </>
      }
    />
  );
}

const revokeKey = (key: AnyKey): Promise<unknown> =>
  isAdmin(key)
    ? openai.admin.organization.adminAPIKeys.delete(key.id)
    : openai.admin.organization.projects.apiKeys.delete(key.id, { project_id: key.project_id });

const expiry = (at: number | null): string => (at === null ? '' : ` · ends ${fromNow(at)}`);

function limitsInWords(key: Exclude<AnyKey, { object: 'organization.admin_api_key' }>): string {
  const { requests_per_minute: requests, tokens_per_minute: tokens } = key;
  return [
    requests === null ? '' : ` · ${count(requests)} requests a minute`,
    tokens === null ? '' : ` · ${count(tokens)} tokens a minute`,
  ].join('');
}
