/** All jobs, newest first: how each stands, on what it trains, and what it has learnt so far. */

import { Group, Select, Text, TextInput } from '@mantine/core';
import { type ReactElement, useMemo, useState } from 'react';
import type { Job } from '../../../../src/domain/job.ts';
import { Answered } from '../../parts/answered.tsx';
import { Empty } from '../../parts/empty.tsx';
import { type Column, LongList } from '../../parts/long-list.tsx';
import { counted, count, duration, fromNow } from '../../parts/numbers.ts';
import { Page } from '../../parts/page.tsx';
import { Panel } from '../../parts/panel.tsx';
import { Status } from '../../parts/status.tsx';
import { nameOf, useJobs } from '../../parts/training/jobs.ts';
import { PageButton, PageLink } from '../../parts/links.tsx';

const first = 100;
const limitMax = 10_000;

const states: Readonly<Record<string, readonly Job['status'][]>> = {
  active: ['validating_files', 'queued', 'running', 'paused'],
  succeeded: ['succeeded'],
  failed: ['failed'],
  cancelled: ['cancelled'],
};

const stateChoices = [
  { value: 'all', label: 'All' },
  { value: 'active', label: 'Not finished' },
  { value: 'succeeded', label: 'Done' },
  { value: 'failed', label: 'Failed' },
  { value: 'cancelled', label: 'Cancelled' },
];

export function Jobs(): ReactElement {
  const [limit, setLimit] = useState(first);
  const query = useJobs(limit);
  const [state, setState] = useState('all');
  const [words, setWords] = useState('');
  const [model, setModel] = useState<string | null>(null);
  const jobs = query.data?.data;
  const models = useMemo(() => [...new Set((jobs ?? []).map((job) => job.model))].sort(), [jobs]);
  const shown = (jobs ?? []).filter((job) => fits(job, state, words, model));

  return (
    <Page
      title="Jobs"
      about="Each job teaches a model from a file of examples."
      actions={
        <PageButton to="/jobs/new" size="sm">
          New job
        </PageButton>
      }
    >
      <Answered query={query}>
        {({ data, has_more: hasMore }) =>
          data.length === 0 ? (
            <Panel>
              <Empty
                title="No job yet"
                action={
                  <PageButton to="/jobs/new" mt="xs">
                    New job
                  </PageButton>
                }
              >
                A job takes a base model and a file of examples, and makes a model that answers as the examples do.
              </Empty>
            </Panel>
          ) : (
            <>
              <Group mb="md" gap="sm" align="flex-end">
                <TextInput
                  label="Find"
                  placeholder="Name, id or label"
                  value={words}
                  onChange={({ currentTarget }) => setWords(currentTarget.value)}
                  style={{ flex: '1 1 12rem' }}
                />
                <Select
                  label="State"
                  data={stateChoices}
                  value={state}
                  onChange={(value) => setState(value ?? 'all')}
                  allowDeselect={false}
                  style={{ flex: '0 1 10rem' }}
                />
                <Select
                  label="Model"
                  placeholder="Any"
                  data={models}
                  value={model}
                  onChange={setModel}
                  clearable
                  clearButtonProps={{ 'aria-label': 'Any model' }}
                  searchable
                  style={{ flex: '1 1 12rem' }}
                />
              </Group>
              <Text size="sm" c="dimmed" mb="xs" role="status">
                {shown.length === data.length
                  ? `${counted(data.length, 'job')}${hasMore ? ' and more' : ''}`
                  : `${count(shown.length)} of ${counted(data.length, 'job')}`}
              </Text>
              <Panel flush>
                {shown.length === 0 ? (
                  <Empty title="No job is like that">Take a filter away to see more.</Empty>
                ) : (
                  <LongList
                    label="Jobs"
                    rows={shown}
                    keyOf={({ id }) => id}
                    columns={columns}
                    height={660}
                    rowHeight={52}
                    {...(hasMore && { onEnd: () => setLimit(Math.min(limitMax, limit * 2)) })}
                  />
                )}
              </Panel>
            </>
          )
        }
      </Answered>
    </Page>
  );
}

const columns: readonly Column<Job>[] = [
  {
    name: 'Job',
    width: 'minmax(0, 2fr)',
    always: true,
    cell: (job) => (
      <PageLink to="/jobs/$id" params={{ id: job.id }} size="sm" fw={500}>
        {nameOf(job)}
      </PageLink>
    ),
  },
  { name: 'State', width: '8.5rem', always: true, cell: ({ status }) => <Status status={status} /> },
  { name: 'Model', width: 'minmax(0, 2fr)', cell: ({ model }) => <span title={model}>{model}</span> },
  { name: 'Labels', width: 'minmax(0, 1.5fr)', cell: labelsOf },
  { name: 'Tokens', width: '7rem', isFigure: true, cell: ({ trained_tokens: tokens }) => (tokens === null ? '–' : count(tokens)) }, // prettier-ignore
  { name: 'Time', width: '9rem', isFigure: true, cell: timeOf },
  { name: 'Created', width: '9rem', isFigure: true, cell: ({ created_at: created }) => fromNow(created) },
];

function labelsOf({ metadata }: Job): ReactElement {
  const words = Object.entries(metadata ?? {})
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
  return (
    <Text component="span" size="sm" c="dimmed" title={words}>
      {words}
    </Text>
  );
}

function timeOf({ status, created_at: created, finished_at: finished, estimated_finish: estimated }: Job): string {
  if (finished !== null) return duration(finished - created);
  if (estimated == null || status === 'paused') return '–';
  return `${duration(Math.max(1, estimated - Date.now() / 1000))} left`;
}

function fits(job: Job, state: string, words: string, model: string | null): boolean {
  if (state !== 'all' && !states[state]!.includes(job.status)) return false;
  if (model !== null && job.model !== model) return false;
  const labels = Object.entries(job.metadata ?? {}).flat();
  const text = [job.id, job.user_provided_suffix ?? '', job.fine_tuned_model ?? '', ...labels].join('\n').toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
