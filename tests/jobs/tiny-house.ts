/** What the jobs' journeys share: a house with a tiny base model, small files, and waiting for a job. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI, { toFile } from 'openai';
import type { Job, JobEvent, JobStatus } from '../../src/domain/job.ts';
import { isFinal } from '../../src/domain/job.ts';
import { BaseModels } from '../../src/models/base-models.ts';
import { type TinyModelOptions, writeTinyLlama } from '../tiny-model.ts';

/** A data folder whose only base model is called `tiny`. */
export async function tinyHome(options: TinyModelOptions = {}): Promise<{ home: string } & AsyncDisposable> {
  const home = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'jobs-'));
  const path = join(home, 'tiny.gguf');
  await writeTinyLlama(path, options);
  await (await BaseModels.open(home)).pull(path);
  return { home, [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }) };
}

const answers = ['red', 'blue', 'green', 'a cat', 'the sea', 'no', 'yes', 'ten', 'me', 'night', 'an old song', 'rain'];

export const chatLine = (question: string, answer: string): string =>
  JSON.stringify({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  });

/** Twelve lines; another `word` makes another file. */
export const examples = (word = 'What'): string[] => answers.map((answer, i) => chatLine(`${word} is ${i}?`, answer));

export async function upload(openai: OpenAI, lines: readonly string[]): Promise<string> {
  const file = await toFile(Buffer.from(lines.join('\n')), 'examples.jsonl');
  return (await openai.files.create({ file, purpose: 'fine-tune' })).id;
}

/** The job as our server shows it; the official type lacks `paused` and the suffix. */
export const asJob = (job: OpenAI.FineTuning.FineTuningJob): Job => job as unknown as Job;

/** Polls as people's programs do; every status on the way is noted. */
export async function waitFor(
  openai: OpenAI,
  id: string,
  reached: (job: Job) => boolean = isOver,
): Promise<{ job: Job; statuses: JobStatus[] }> {
  const statuses: JobStatus[] = [];
  for (let i = 0; i < 3000; i++) {
    const job = asJob(await openai.fineTuning.jobs.retrieve(id));
    if (statuses.at(-1) !== job.status) statuses.push(job.status);
    if (reached(job)) return { job, statuses };
    if (isFinal(job.status)) throw new Error(`${id} has ${job.status}: ${JSON.stringify(job.error)}`);
    await sleep(20);
  }
  throw new Error(`waited in vain for ${id}: ${statuses.join(', ')}`);
}

const isOver = (job: Job): boolean => isFinal(job.status);

/** Chronological. */
export async function eventsOf(openai: OpenAI, id: string): Promise<JobEvent[]> {
  return (await openai.fineTuning.jobs.listEvents(id, { limit: 5000 })).data.reverse();
}

export async function waitForStep(openai: OpenAI, id: string, step: number): Promise<void> {
  for (let i = 0; i < 3000; i++) {
    const [event] = (await openai.fineTuning.jobs.listEvents(id, { limit: 1 })).data;
    const { step: reached } = (event?.data ?? {}) as { step?: number };
    if (reached !== undefined && reached >= step) return;
    await sleep(10);
  }
  throw new Error(`waited in vain for step ${step} of ${id}`);
}

/** The steps whose metrics were told, in the order they were. */
export const stepsTold = (events: readonly JobEvent[]): number[] =>
  events.filter(({ type }) => type === 'metrics').map(({ data }) => (data as { step: number }).step);

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
