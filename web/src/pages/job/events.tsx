/** What a job has said, newest first, as it comes. */

import { Box, Button, Group, Switch, Text } from '@mantine/core';
import { type ReactElement, useState } from 'react';
import type { Job, JobEvent } from '../../../../src/domain/job.ts';
import { type ListOf, openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Answered } from '../../parts/answered.tsx';
import { Empty } from '../../parts/empty.tsx';
import { Panel } from '../../parts/panel.tsx';
import { isOver } from '../../parts/training/jobs.ts';
import classes from './events.module.css';

const first = 60;
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export function Events({ job }: { readonly job: Job }): ReactElement {
  const [steps, setSteps] = useState(false);
  const [limit, setLimit] = useState(first);
  const query = useLive(
    ['job', job.id, 'events', steps, limit],
    (signal) =>
      openai.get<ListOf<JobEvent>>(`/fine_tuning/jobs/${job.id}/events`, {
        query: { limit, ...(!steps && { type: 'message' }) },
        signal,
      }),
    { keepsPrevious: true, every: isOver(job) ? 5000 : 1000 },
  );
  return (
    <Panel
      title="Events"
      flush
      actions={
        <Switch
          size="xs"
          label="Each step too"
          checked={steps}
          onChange={({ currentTarget }) => setSteps(currentTarget.checked)}
        />
      }
    >
      <Answered query={query}>
        {({ data, has_more: hasMore }) =>
          data.length === 0 ? (
            <Empty title="Nothing has been said yet" />
          ) : (
            <Box className={classes['list']} tabIndex={0} role="log" aria-label="Events, newest first" aria-live="off">
              {data.map((event) => (
                <Group key={event.id} className={classes['event']} wrap="nowrap" align="flex-start" gap="sm">
                  <Text
                    component="time"
                    size="xs"
                    c="dimmed"
                    className="figures"
                    title={day.format(event.created_at * 1000)}
                    style={{ flex: 'none', lineHeight: '1.25rem' }}
                  >
                    {clock.format(event.created_at * 1000)}
                  </Text>
                  <Text size="sm" className="outside" style={{ minWidth: 0 }}>
                    {event.level !== 'info' && (
                      <Text component="span" fw={600} size="sm" style={{ color: `var(--${toneOf(event)})` }}>
                        {event.level === 'warn' ? 'Warning: ' : 'Error: '}
                      </Text>
                    )}
                    {event.message}
                  </Text>
                </Group>
              ))}
              {hasMore && (
                <Button variant="subtle" size="compact-sm" m="sm" onClick={() => setLimit(Math.min(10_000, limit * 4))}>
                  Show earlier ones
                </Button>
              )}
            </Box>
          )
        }
      </Answered>
    </Panel>
  );
}

const toneOf = ({ level }: JobEvent): string => (level === 'warn' ? 'wait' : 'bad');
