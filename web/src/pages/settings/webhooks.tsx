/** Addresses that are told when something ends, and how that went. */

import { Button, Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactElement } from 'react';
import type { Webhook, WebhookDelivery } from '../../../../src/domain/webhook.ts';
import { type ListOf, openai } from '../../api.ts';
import { useAct, useLive } from '../../live.ts';
import { Answered, Failure } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { counted, fromNow, moment } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { Status } from '../../parts/status.tsx';
import { useWebhooks, webhooksKey } from './data.ts';
import { NewWebhook } from './new-webhook.tsx';
import { NoRows, Row, Rows } from './rows.tsx';

export function Webhooks(): ReactElement {
  return (
    <Panel
      title="Webhooks"
      about="Programs of yours that are told when a job, a batch, an evaluation or a response ends. They get its id and nothing else, signed as OpenAI signs."
      actions={<NewWebhook />}
      flush
    >
      <Answered query={useWebhooks()}>
        {(all) =>
          all.length === 0 ? (
            <NoRows>Nobody is told.</NoRows>
          ) : (
            <Rows label="Webhooks">
              {all.map((webhook) => (
                <WebhookRow key={webhook.id} webhook={webhook} />
              ))}
            </Rows>
          )
        }
      </Answered>
    </Panel>
  );
}

interface Tested {
  readonly delivered: boolean;
  readonly error: string | null;
}

function WebhookRow({ webhook }: { readonly webhook: Webhook }): ReactElement {
  const { id, url, events } = webhook;
  const [isOpen, deliveries] = useDisclosure(false);
  const test = useAct<void, Tested>(() => openai.post<Tested>(`/webhooks/${id}/test`));
  const remove = useAct<void, unknown>(() => openai.delete(`/webhooks/${id}`), { changes: [webhooksKey] });
  return (
    <Row
      name={url}
      about={`${counted(events.length, 'event')}: ${events.join(', ')}`}
      actions={
        <>
          <Button size="xs" variant="default" onClick={deliveries.toggle} aria-expanded={isOpen}>
            Deliveries
          </Button>
          <Button size="xs" variant="default" loading={test.isPending} onClick={() => test.mutate()}>
            Send a test
          </Button>
          <AskFirst
            words="Delete"
            question="Delete this webhook?"
            consequences={`${url} is told nothing more, and what is still on its way to it is dropped.`}
            verb="Delete"
            onSure={() => remove.mutateAsync()}
          />
        </>
      }
      below={
        <div aria-live="polite">
          {test.isError && <Failure error={test.error} />}
          {test.data !== undefined && (
            <Text size="sm" c={test.data.delivered ? 'var(--good)' : 'var(--bad)'}>
              {test.data.delivered ? 'It took the test.' : `It did not take the test. ${test.data.error}`}
            </Text>
          )}
          {isOpen && <Deliveries id={id} />}
        </div>
      }
    />
  );
}

function Deliveries({ id }: { readonly id: string }): ReactElement {
  const query = useLive(
    [...webhooksKey, id, 'deliveries'],
    async (signal) => (await openai.get<ListOf<WebhookDelivery>>(`/webhooks/${id}/deliveries`, { signal })).data,
  );
  return (
    <Answered query={query}>
      {(all) =>
        all.length === 0 ? (
          <Text size="sm" c="dimmed">
            Nothing was sent to it in the last seven days.
          </Text>
        ) : (
          <Rows label="Deliveries">
            {all.slice(0, 10).map((delivery) => (
              <Row
                key={delivery.id}
                name={
                  <Group gap="md" component="span" display="inline-flex">
                    <span>{delivery.type}</span> <Status status={delivery.status} />
                  </Group>
                }
                about={
                  <>
                    <time title={moment(delivery.created_at)}>{fromNow(delivery.created_at)}</time>,{' '}
                    {counted(delivery.attempts, 'attempt')}
                    {delivery.last_error !== null && `. ${delivery.last_error}`}
                  </>
                }
              />
            ))}
          </Rows>
        )
      }
    </Answered>
  );
}
