/**
 * Trainings that are made once, whatever happens in between: a job is known by what stands in its metadata.
 *
 * Whoever was killed after asking for a job, and before noting that it did, finds the job by its name and goes on
 * with it. The same holds for the files that jobs train on, which are known by their names. Nothing here but the
 * official SDK.
 */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type OpenAI from 'openai';
import { APIError, toFile } from 'openai';
import { isFinal, type JobStatus, type StepMetrics } from '../domain/job.ts';
import type { Figure } from '../evals/evaluate.ts';
import { toHyperparameters, type Value, type Values } from './space.ts';

export type Job = OpenAI.FineTuning.FineTuningJob;

export interface TrainingName {
  /** Of the whole undertaking. */
  readonly sweep: string;
  readonly trial: string;
  readonly rung: string;
}

export interface TrainingRequest {
  readonly name: TrainingName;
  /** `model` among them, the rest hyper-parameters. */
  readonly values: Values;
  readonly trainingFile: string;
  readonly validationFile: string;
  readonly seed: number;
}

/** The job of that name, found or made; `{ refused }` with the reason where the server does not want it. */
export async function startTraining(
  openai: OpenAI,
  { name, values, trainingFile, validationFile, seed }: TrainingRequest,
  { retry, signal }: { readonly retry: boolean; readonly signal: AbortSignal },
): Promise<Job | { readonly refused: string }> {
  const found = await findTraining(openai, name, { retry, signal });
  if (found !== null) return found;
  const { model, ...others } = values;
  const hyperparameters = toHyperparameters(others);
  try {
    return await openai.fineTuning.jobs.create(
      {
        model: String(model),
        training_file: trainingFile,
        validation_file: validationFile,
        seed,
        suffix: name.trial,
        method: {
          type: 'supervised',
          supervised: { hyperparameters: hyperparameters },
        },
        metadata: { ...name },
      },
      { signal },
    );
  } catch (error) {
    if (!(error instanceof APIError) || error.status !== 400) throw error;
    const message = (error.error as { message?: unknown } | undefined)?.message;
    return { refused: typeof message === 'string' ? message : error.message };
  }
}

/** The newest job of that name that has a model, may still get one, or, unless it is to be tried again, has failed. */
async function findTraining(
  openai: OpenAI,
  name: TrainingName,
  { retry, signal }: { readonly retry: boolean; readonly signal: AbortSignal },
): Promise<Job | null> {
  for await (const job of openai.fineTuning.jobs.list({ metadata: { ...name } }, { signal })) {
    if (!isFinal(job.status)) return job;
    if (job.status !== 'succeeded') {
      if (retry) continue;
      return job;
    }
    if (job.fine_tuned_model !== null && (await hasModel(openai, job.fine_tuned_model, signal))) return job;
  }
  return null;
}

export async function hasModel(openai: OpenAI, model: string, signal: AbortSignal): Promise<boolean> {
  try {
    await openai.models.retrieve(model, { signal });
    return true;
  } catch (error) {
    if (error instanceof APIError && error.status === 404) return false;
    throw error;
  }
}

/** The id of a file of that name and size, found or uploaded. */
export async function uploadOnce(openai: OpenAI, path: string, name: string, signal: AbortSignal): Promise<string> {
  const { size } = await stat(path);
  for await (const file of openai.files.list({ purpose: 'fine-tune', limit: 100 }, { signal }))
    if (file.filename === name && file.bytes === size) return file.id;
  const file = await toFile(createReadStream(path), name);
  return (await openai.files.create({ file, purpose: 'fine-tune' }, { signal })).id;
}

const pollsMs = [300, 2000] as const;
const pollsOften = 100;

/**
 * Jobs as they end, each once, until all have. `onLook` hears of every look what is still under way and what the
 * first job that trains said last. A paused job is waited for.
 */
export async function* ended(
  openai: OpenAI,
  { sweep, rung }: Pick<TrainingName, 'sweep' | 'rung'>,
  ids: readonly string[],
  signal: AbortSignal,
  onLook: (open: readonly Job[], news: string | null) => void = () => {},
): AsyncGenerator<Job, void> {
  const open = new Set(ids);
  for (let look = 0; open.size > 0; look++) {
    const { jobs, news } = await lookOnce(openai, { sweep, rung }, open, signal);
    for (const job of jobs.filter(({ status }) => isFinal(status))) {
      open.delete(job.id);
      yield job;
    }
    if (open.size === 0) return;
    if (jobs.length === 0) throw new Error(`The server no longer has the jobs ${[...open].join(', ')}.`);
    onLook(
      jobs.filter(({ id }) => open.has(id)),
      news,
    );
    await sleep(pollsMs[look < pollsOften ? 0 : 1], undefined, { signal });
  }
}

/** The SDK leaves a listener on the signal of every request; with a signal of its own it goes with the look. */
async function lookOnce(
  openai: OpenAI,
  metadata: { readonly sweep: string; readonly rung: string },
  open: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<{ jobs: Job[]; news: string | null }> {
  const look = new AbortController();
  const stop = (): void => look.abort();
  signal.throwIfAborted();
  signal.addEventListener('abort', stop);
  try {
    const jobs: Job[] = [];
    for await (const job of openai.fineTuning.jobs.list(
      { metadata: { ...metadata }, limit: 100 },
      { signal: look.signal },
    ))
      if (open.has(job.id)) jobs.push(job);
    return { jobs, news: await newsOf(openai, jobs, look.signal) };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function newsOf(openai: OpenAI, jobs: readonly Job[], signal: AbortSignal): Promise<string | null> {
  const running = jobs.find(({ status }) => status === 'running');
  if (running === undefined) return jobs.some(({ status }) => (status as JobStatus) === 'paused') ? 'paused' : null;
  const { data } = await openai.fineTuning.jobs.listEvents(running.id, { limit: 1 }, { signal });
  return data[0]?.message ?? null;
}

/** What a job's events tell of its end. */
export interface JobNews {
  readonly trainLoss: number | null;
  readonly validationLoss: number | null;
  readonly validationAccuracy: number | null;
  /** The figures that the server itself took on all of the validation file; empty where it did not. */
  readonly figures: Readonly<Record<string, Pick<Figure['estimate'], 'value' | 'low' | 'high'>>>;
  readonly figuresCount: number;
}

interface TaskFigures {
  readonly count: number;
  readonly validation_examples: number;
  readonly figures: JobNews['figures'];
}

export async function newsAtEnd(openai: OpenAI, jobId: string, signal: AbortSignal): Promise<JobNews> {
  let news: JobNews = { trainLoss: null, validationLoss: null, validationAccuracy: null, figures: {}, figuresCount: 0 };
  for await (const event of openai.fineTuning.jobs.listEvents(jobId, { limit: 20 }, { signal })) {
    if (event.type === 'metrics') {
      // The newest step is the last one: what follows it, task metrics among it, has been seen.
      const { train_loss, full_valid_loss, full_valid_mean_token_accuracy } = event.data as StepMetrics;
      return {
        ...news,
        trainLoss: train_loss,
        validationLoss: full_valid_loss ?? null,
        validationAccuracy: full_valid_mean_token_accuracy ?? null,
      };
    }
    const told = event.data as Partial<TaskFigures> | null | undefined;
    if (told?.figures !== undefined && told.count !== undefined && told.count === told.validation_examples)
      news = { ...news, figures: told.figures, figuresCount: told.count };
  }
  return news;
}

export const valuesInWords = (values: Readonly<Record<string, Value>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
