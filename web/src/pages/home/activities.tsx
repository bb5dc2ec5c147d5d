/** What is running, what waits and what is finished. */

import { Box, Group, Progress, Text } from '@mantine/core';
import type { ReactElement } from 'react';
import type { Job, StepMetrics } from '../../../../src/domain/job.ts';
import { openai } from '../../api.ts';
import { useLive } from '../../live.ts';
import { Failure, Waiting } from '../../parts/answered.tsx';
import { count, duration, fromNow, moment } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { Status } from '../../parts/status.tsx';
import { type Activity, type Stage, stageOf, useActivities } from './activity.ts';
import classes from './home.module.css';
import { PageLink } from '../../parts/links.tsx';

const finishedShown = 8;

export function Activities(): ReactElement {
  const { all, error } = useActivities();
  if (all === null) return error === null ? <Waiting /> : <Failure error={error} />;
  const at = (stage: Stage): Activity[] => all.filter((activity) => stageOf(activity) === stage);
  const waiting = at('waiting');
  return (
    <>
      <Panel title="Running" flush>
        <List items={at('running')} label="What is running">
          <Nothing>Nothing is running. Jobs, evaluations and whatever else takes a while shows up here, live.</Nothing>
        </List>
      </Panel>
      {waiting.length > 0 && (
        <Panel title="Queued" about="Each begins as soon as what is before it is done." flush>
          <List items={waiting.reverse()} label="What is queued" />
        </Panel>
      )}
      <Panel title="Finished" flush>
        <List items={at('finished').slice(0, finishedShown)} label="What is finished">
          <Nothing>Nothing is finished yet.</Nothing>
        </List>
      </Panel>
    </>
  );
}

const Nothing = ({ children }: { readonly children: string }): ReactElement => (
  <Text size="sm" c="dimmed" px="md" pb="md">
    {children}
  </Text>
);

interface ListProps {
  readonly items: readonly Activity[];
  readonly label: string;
  readonly children?: ReactElement;
}

function List({ items, label, children }: ListProps): ReactElement | null {
  if (items.length === 0) return children ?? null;
  return (
    <Box component="ul" className={classes['list']} aria-label={label}>
      {items.map((item) => (
        <li key={item.id} className={classes['item']}>
          <Row item={item} />
        </li>
      ))}
    </Box>
  );
}

function Row({ item }: { readonly item: Activity }): ReactElement {
  const { kind, name, status, at, to } = item;
  const stage = stageOf(item);
  return (
    <>
      <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
        <Box style={{ minWidth: 0 }}>
          {to === null ? (
            <Text size="sm" fw={500} truncate>
              {name}
            </Text>
          ) : (
            <PageLink to={to} size="sm" fw={500} className={classes['name']}>
              {name}
            </PageLink>
          )}
          <Text size="xs" c="dimmed" className="figures">
            {kind} · <time title={moment(at)}>{fromNow(at)}</time>
          </Text>
        </Box>
        <Box style={{ flex: 'none' }}>
          <Status status={status} />
        </Box>
      </Group>
      {stage === 'running' && item.job !== null && <Training job={item.job} />}
      {stage === 'running' && item.share !== null && <Bar share={item.share} label={`${kind} ${name}`} />}
    </>
  );
}

/** A job's newest step, and how long it takes still. */
function Training({ job }: { readonly job: Job }): ReactElement | null {
  const step = useLive(['job', job.id, 'newest-step'], async (signal) => {
    const { data } = await openai.fineTuning.jobs.listEvents(job.id, { limit: 5 }, { signal });
    return (data.find(({ type }) => type === 'metrics')?.data as StepMetrics | undefined) ?? null;
  });
  if (step.data == null) return null;
  const { step: done, total_steps: total, train_loss: loss } = step.data;
  const left = job.estimated_finish == null ? null : job.estimated_finish - Date.now() / 1000;
  return (
    <>
      <Bar share={done / total} label={`Training ${job.id}`} />
      <Text size="xs" c="dimmed" className="figures" mt={4}>
        Step {count(done)} of {count(total)} · loss {loss.toFixed(3)}
        {left !== null && left > 1 && ` · about ${duration(left)} left`}
      </Text>
    </>
  );
}

const Bar = ({ share, label }: { readonly share: number; readonly label: string }): ReactElement => (
  <Progress.Root mt={8} size="sm">
    <Progress.Section value={share * 100} aria-label={label} />
  </Progress.Root>
);
