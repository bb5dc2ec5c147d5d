/** How far the quickstart is, read off the models, files and jobs that are there, and its three clicks. */

import type { UseMutationResult } from '@tanstack/react-query';
import type { BaseModelObject } from '../../../../src/domain/base-model.ts';
import type { JobEstimate } from '../../../../src/domain/estimate.ts';
import type { Job } from '../../../../src/domain/job.ts';
import type { SampleFiles } from '../../../../src/domain/sample-files.ts';
import type { Task } from '../../../../src/domain/task.ts';
import { openai } from '../../api.ts';
import { useAct, useLive, useOnce } from '../../live.ts';
import { useBases } from '../../parts/models.ts';
import { startTask } from '../../parts/task-progress.tsx';
import { jobsKey, useJobs, useTasks } from './activity.ts';

/** As `tunesmith quickstart` has them. */
const recommended = 'smollm2-135m-instruct';
const hyperparameters = { n_epochs: 3, batch_size: 8, learning_rate: 5e-4 };
const suffix = 'spam-filter';

export interface Quickstart {
  /** What is to be trained; null until a model is here. */
  readonly base: BaseModelObject | null;
  /** What to fetch where none is. */
  readonly wanted: BaseModelObject | null;
  readonly pull: Task | null;
  readonly startPull: UseMutationResult<Task, unknown, string>;
  readonly data: { readonly training: string; readonly validation: string | null } | null;
  readonly makeData: UseMutationResult<SampleFiles, unknown, void>;
  readonly job: Job | null;
  /** How long training would take; null where nobody knows. */
  readonly seconds: number | null;
  readonly train: UseMutationResult<unknown, unknown, void>;
}

/** Null while it is not known, and where somebody works here already. */
export function useQuickstart(isWanted: boolean): Quickstart | null {
  const jobs = useJobs();
  const tasks = useTasks();
  const bases = useBases({ enabled: isWanted });
  const files = useLive(
    ['files', 'sample'],
    async (signal) => (await openai.files.list({ purpose: 'fine-tune', limit: 100 }, { signal })).data,
    { enabled: isWanted },
  );
  const named = (name: string): string | null => files.data?.find(({ filename }) => filename === name)?.id ?? null;
  const training = named('spam-train.jsonl');
  const data = training === null ? null : { training, validation: named('spam-validation.jsonl') };
  const trainable = bases.data?.filter(({ serving_only: why }) => why === null) ?? [];
  const installed = trainable.filter(({ status }) => status === 'installed');
  const base = installed.find(({ id }) => id === recommended) ?? installed[0] ?? null;
  const body = {
    model: base?.id ?? '',
    training_file: data?.training ?? '',
    ...(data?.validation != null && { validation_file: data.validation }),
    suffix,
    method: { type: 'supervised' as const, supervised: { hyperparameters } },
  };
  const estimate = useOnce(
    ['estimate', base?.id, data?.training],
    (signal) => openai.post<JobEstimate>('/fine_tuning/estimates', { body, signal }),
    { enabled: isWanted && base !== null && data !== null },
  );
  const startPull = useAct((source: string) => startTask('pull', { source }), {
    changes: [['tasks'], ['base-models']],
  });
  const makeData = useAct<void, SampleFiles>(
    () => openai.post<SampleFiles>('/sample_files', { body: { name: 'spam' } }),
    {
      changes: [['files']],
    },
  );
  const train = useAct<void, unknown>(() => openai.fineTuning.jobs.create(body), { changes: [jobsKey] });
  if (!isWanted || !jobs.data || !tasks.data || !bases.data || !files.data) return null;
  const ofSample = jobs.data.filter((job) => job.training_file === data?.training);
  if (ofSample.length < jobs.data.length) return null;
  return {
    base,
    wanted: trainable.find(({ id }) => id === recommended) ?? trainable[0] ?? null,
    pull: tasks.data.find(({ type }) => type === 'pull') ?? null,
    startPull,
    data,
    makeData,
    job: ofSample.find(({ status }) => status === 'succeeded') ?? ofSample[0] ?? null,
    seconds: estimate.data?.seconds ?? null,
    train,
  };
}
