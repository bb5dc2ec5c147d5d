/** Everything that is being done, waits, or was done lately: jobs, runs of evals, batches and tasks, as one kind of thing. */

import type OpenAI from 'openai';
import type { Job } from '../../../../src/domain/job.ts';
import type { Task, TaskType } from '../../../../src/domain/task.ts';
import { type ListOf, openai } from '../../api.ts';
import { useLive } from '../../live.ts';

export interface Activity {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly status: string;
  /** When it ended, or else began. */
  readonly at: number;
  /** Where it is shown; null where no page is about it. */
  readonly to: string | null;
  /** From 0 to 1, where that is known without asking further. */
  readonly share: number | null;
  readonly job: Job | null;
}

const running = new Set(['running', 'in_progress', 'finalizing', 'cancelling', 'validating']);
const waiting = new Set(['validating_files', 'queued', 'paused']);

export type Stage = 'running' | 'waiting' | 'finished';
export const stageOf = ({ status }: Activity): Stage =>
  running.has(status) ? 'running' : waiting.has(status) ? 'waiting' : 'finished';

export const jobsKey = ['jobs', 'newest'] as const;

export const useJobs = () =>
  useLive(jobsKey, async (signal) => {
    const { data } = await openai.fineTuning.jobs.list({ limit: 30 }, { signal });
    return data as unknown as Job[];
  });

export const useTasks = () =>
  useLive(['tasks', 'newest'], async (signal) => {
    const { data } = await openai.get<ListOf<Task>>('/tasks', { query: { limit: 20 }, signal });
    return data;
  });

/** The newest of all, or null until everything was asked for once. */
export function useActivities(): { readonly all: readonly Activity[] | null; readonly error: unknown } {
  const jobs = useJobs();
  const tasks = useTasks();
  const batches = useLive(
    ['batches', 'newest'],
    async (signal) => (await openai.batches.list({ limit: 10 }, { signal })).data,
  );
  const runs = useLive(['eval-runs', 'newest'], newestRuns);
  const queries = [jobs, tasks, batches, runs];
  const error = queries.find(({ data, isError }) => isError && data === undefined)?.error ?? null;
  if (!jobs.data || !tasks.data || !batches.data || !runs.data) return { all: null, error };
  const all = [
    ...jobs.data.map(ofJob),
    ...tasks.data.filter(isWorthTelling).map(ofTask),
    ...batches.data.map(ofBatch),
    ...runs.data.map(ofRun),
  ];
  return { all: all.sort((a, b) => b.at - a.at), error };
}

interface NamedRun {
  readonly eval: string;
  readonly run: OpenAI.Evals.RunListResponse;
}

async function newestRuns(signal: AbortSignal): Promise<NamedRun[]> {
  const evals = await openai.evals.list({ limit: 5, order: 'desc', order_by: 'updated_at' }, { signal });
  const runs = await Promise.all(
    evals.data.map(async ({ id, name }) => {
      const { data } = await openai.evals.runs.list(id, { limit: 5, order: 'desc' }, { signal });
      return data.map((run) => ({ eval: name, run }));
    }),
  );
  return runs.flat();
}

const ofJob = (job: Job): Activity => ({
  id: job.id,
  kind: 'Training',
  name: job.user_provided_suffix ?? job.model,
  status: job.status,
  at: job.finished_at ?? job.created_at,
  to: `/jobs/${job.id}`,
  share: null,
  job,
});

const taskKinds: Readonly<Partial<Record<TaskType, { readonly words: string; readonly to: string }>>> = {
  pull: { words: 'Fetching a model', to: '/models' },
  export: { words: 'Exporting a model', to: '/models' },
  file_check: { words: 'Checking a file', to: '/files' },
  compare: { words: 'Comparing models', to: '/evaluations/compare' },
  sweep: { words: 'Trying settings', to: '/evaluations/sweeps' },
  learning_curve: { words: 'Learning curve', to: '/evaluations/sweeps' },
  openai_capture: { words: 'Capturing from OpenAI', to: '/leaving' },
  openai_parity: { words: 'Comparing with OpenAI', to: '/leaving' },
  openai_restore: { words: 'Restoring from a capture', to: '/leaving' },
};

/** A file is looked over whenever it is opened; nobody needs to hear that it was. */
const isWorthTelling = ({ type, status }: Task): boolean => type !== 'file_check' || status === 'running';

function ofTask(task: Task): Activity {
  const { words, to } = taskKinds[task.type] ?? { words: task.type, to: null };
  const { done, total } = task.progress;
  return {
    id: task.id,
    kind: words,
    name: subjectOf(task),
    status: task.status,
    at: task.finished_at ?? task.created_at,
    to: task.type === 'file_check' ? `/files/${subjectOf(task)}` : to,
    share: total === null || total === 0 ? null : Math.min(1, done / total),
    job: null,
  };
}

/** What a task is about, in the words of its request. */
function subjectOf({ id, request }: Task): string {
  const fields = request as Readonly<Record<string, unknown>>;
  const subject = ['source', 'model', 'file', 'name']
    .map((field) => fields[field])
    .find((value) => typeof value === 'string');
  return subject ?? id;
}

function ofBatch(batch: OpenAI.Batch): Activity {
  const { completed = 0, failed = 0, total = 0 } = batch.request_counts ?? {};
  return {
    id: batch.id,
    kind: 'Batch',
    name: batch.id,
    status: batch.status,
    at: batch.completed_at ?? batch.failed_at ?? batch.cancelled_at ?? batch.expired_at ?? batch.created_at,
    to: null,
    share: total === 0 ? null : (completed + failed) / total,
    job: null,
  };
}

const ofRun = ({ eval: name, run }: NamedRun): Activity => ({
  id: run.id,
  kind: 'Evaluation',
  name: run.name === '' ? name : run.name,
  status: run.status,
  at: run.created_at,
  to: `/evaluations/${run.eval_id}/runs/${run.id}`,
  share: null,
  job: null,
});
