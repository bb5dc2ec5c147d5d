/** How far a job is: in a sentence, as a bar, and when it should be done; why it failed where it did. */

import { Alert, Group, Progress as Bar, Text } from '@mantine/core';
import type { ReactElement, ReactNode } from 'react';
import type { Job } from '../../../../src/domain/job.ts';
import { count, counted, duration, fromNow, moment } from '../../parts/numbers.ts';
import { Panel } from '../../parts/panel.tsx';
import { Status } from '../../parts/status.tsx';
import type { Curves } from '../../parts/training/curves.ts';
import { isOver } from '../../parts/training/jobs.ts';
import { PageLink } from '../../parts/links.tsx';

interface ProgressProps {
  readonly job: Job;
  readonly curves: Curves | undefined;
}

export function Progress({ job, curves }: ProgressProps): ReactElement {
  const step = curves?.steps.at(-1) ?? 0;
  const total = curves?.totalSteps ?? null;
  const share = total === null ? 0 : step / total;
  const speed = job.status === 'running' ? curves?.columns.tokens_per_second?.at(-1) : null;
  return (
    <Panel>
      <Group justify="space-between" gap="sm" mb="xs">
        <Group gap="md">
          <Status status={job.status} />
          <Text size="sm" c="dimmed" className="figures">
            {total === null ? whatHappens(job) : `Step ${count(step)} of ${count(total)}`}
            {speed == null ? '' : ` · ${count(speed)} tokens a second`}
          </Text>
        </Group>
        <Text size="sm" className="figures">
          {timeOf(job, step, total)}
        </Text>
      </Group>
      {!isOver(job) && (
        <Bar.Root size="lg">
          <Bar.Section value={100 * share} aria-label="Training progress" />
        </Bar.Root>
      )}
      <Text size="sm" c="dimmed" mt="sm" className="outside">
        {summary(job)}
      </Text>
      <div role="status" aria-live="polite" className="spoken-only">
        {spokenState(job, share)}
      </div>
      {job.status === 'failed' && (
        <Alert color="red" mt="md" title="Why it failed">
          <Text size="sm" className="outside">
            {job.error?.message ?? 'Nothing more is known.'}
          </Text>
          {(job.error?.param === 'training_file' || job.error?.param === 'validation_file') && (
            <PageLink
              size="sm"
              to="/files/$id"
              params={{ id: job[job.error.param] ?? '' }}
              mt="xs"
              display="inline-block"
            >
              Look at the file and mend it
            </PageLink>
          )}
        </Alert>
      )}
    </Panel>
  );
}

const happens: Partial<Record<Job['status'], string>> = {
  validating_files: 'Every line of its files is read before anything is trained.',
  queued: 'It trains as soon as there is room.',
  running: 'The trainer is starting.',
};

const whatHappens = ({ status }: Job): string => happens[status] ?? '';

/** Between the last step and the end the models are made and judged. */
function timeOf(job: Job, step: number, total: number | null): ReactNode {
  const { status, finished_at: finished, created_at: created, estimated_finish: estimated } = job;
  if (finished !== null) return `${fromNow(finished)} · took ${duration(finished - created)}`;
  if (status === 'running' && total !== null && step >= total) return 'Making and judging the model';
  if (status === 'paused' || estimated == null) return `Created ${fromNow(created)}`;
  const left = estimated - Date.now() / 1000;
  return left < 1 ? 'Almost done' : `About ${duration(left < 10 ? Math.ceil(left) : left)} left`;
}

function summary({ model, created_at: created, trained_tokens: tokens, fine_tuned_model: made }: Job): string {
  const trained = tokens === null ? '' : ` ${counted(tokens, 'token')} were trained.`;
  const came = made === null ? '' : ` It made ${made}.`;
  return `On ${model}, created ${moment(created)}.${trained}${came}`;
}

/** What is read aloud when it changes: the state, and every quarter of the way. */
function spokenState({ status }: Job, share: number): string {
  const quarter = Math.floor(share * 4) * 25;
  const words: Record<string, string> = {
    validating_files: 'The files are being checked.',
    queued: 'The job is waiting.',
    running: quarter === 0 ? 'The job is running.' : `The job is running, ${quarter} per cent done.`,
    paused: 'The job is paused.',
    succeeded: 'The job is done.',
    failed: 'The job has failed.',
    cancelled: 'The job was cancelled.',
  };
  return words[status] ?? status;
}
