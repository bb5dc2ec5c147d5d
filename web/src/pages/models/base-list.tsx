/** The base models of this machine, with what can be done with each. */

import { Group, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { BaseModelObject } from '../../../../src/domain/base-model.ts';
import { Empty } from '../../parts/empty.tsx';
import { bytes, count, counted } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { Status } from '../../parts/status.tsx';
import { millions } from './figures.ts';
import classes from './models.module.css';
import { RemoveBase } from './remove-base.tsx';
import { PageButton, PageLink } from '../../parts/links.tsx';

export function BaseList({ bases }: { readonly bases: readonly BaseModelObject[] }): ReactElement {
  return (
    <Panel title="Base models on this machine" flush>
      {bases.length === 0 ? (
        <Empty title="No base model is here yet">
          Fetch one below. For a first try on any machine take SmolLM2 135M: it is small and learns quickly.
        </Empty>
      ) : (
        <ul className={classes['rows']} aria-label="Base models on this machine">
          {bases.map((base) => (
            <li key={base.id} className={classes['row']}>
              <Row base={base} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Row({ base }: { readonly base: BaseModelObject }): ReactElement {
  const { id, name, status, problem, serving_only: servingOnly } = base;
  return (
    <>
      <div className={classes['about']}>
        <Group gap="xs" align="baseline">
          <PageLink to="/models/$id" params={{ id }} size="sm" fw={500}>
            {name}
          </PageLink>
          {name !== id && (
            <Text size="xs" c="dimmed" className="mono outside">
              {id}
            </Text>
          )}
        </Group>
        {problem === null ? (
          <Text size="sm" c="dimmed" className="figures">
            {[
              `${millions(base.parameters)} weights`,
              bytes(base.size_bytes),
              `reads ${count(base.context_tokens)} tokens`,
              base.licence,
              ...(base.fine_tunes > 0 ? [counted(base.fine_tunes, 'fine-tuned model')] : []),
            ].join(' · ')}
          </Text>
        ) : (
          <Text size="sm" className="outside" component="div">
            <Status status="failed" words="Damaged" /> {problem}
          </Text>
        )}
        {servingOnly !== null && (
          <Text size="sm" c="dimmed">
            It answers, but cannot be trained: {servingOnly}.
          </Text>
        )}
      </div>
      <Group gap="xs" className={classes['acts']}>
        {status === 'installed' && (
          <>
            <PageButton size="xs" variant="default" to="/playground" search={{ model: id }} aria-label={`Try ${name}`}>
              Try
            </PageButton>
            {servingOnly === null && (
              <PageButton
                size="xs"
                variant="default"
                to="/jobs/new"
                search={{ model: id }}
                aria-label={`Train ${name}`}
              >
                Train
              </PageButton>
            )}
          </>
        )}
        <RemoveBase base={base} />
      </Group>
    </>
  );
}
