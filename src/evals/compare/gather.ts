/**
 * Who takes part: the models that were named, the bases of the fine-tunes among them, their checkpoints, and the files
 * that they learnt from, as far as the server tells of its jobs.
 */

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRows } from '../../dataset/rows.ts';
import { invalid } from '../../domain/errors.ts';
import { checkpointsOf, jobsOf, type Job } from '../jobs-of-models.ts';
import { itemOf, type TestItem } from '../task.ts';
import { wasStopped } from '../view.ts';
import type { CompareDesk, CompareWishes } from './wishes.ts';

export interface TrainingFile {
  /** For people. */
  readonly name: string;
  readonly path: string;
}

export interface Gathered extends AsyncDisposable {
  /** As they were asked for. */
  readonly named: readonly string[];
  readonly bases: readonly string[];
  readonly fineTunes: readonly string[];
  readonly checkpoints: readonly string[];
  /** What examples are chosen from and baselines learn from; null where nobody knows of any. */
  readonly training: (TrainingFile & { readonly items: readonly TestItem[] }) | null;
  /** Every file that a contender learnt from, each once. */
  readonly trainingFiles: readonly TrainingFile[];
}

export async function gather(desk: CompareDesk, wishes: CompareWishes, models: readonly string[]): Promise<Gathered> {
  const { openai, view, signal } = desk;
  const named = [...new Set(models)];
  const tuned = named.filter((model) => model.startsWith('ft:'));
  const jobs = tuned.length === 0 ? [] : await jobsOf(openai, tuned, signal);
  const found = new Map(jobs.map(({ model, job }) => [model, job]));
  const unknown = tuned.filter((model) => !found.has(model));
  if (unknown.length > 0) view.note(`No job tells how ${unknown.join(', ')} came to be; the name tells the base.`);
  const baseOf = (model: string): string => {
    const base = found.get(model)?.model ?? model;
    return base.startsWith('ft:') ? (base.split(':')[1] ?? base) : base;
  };
  const bases = [...new Set(named.map((model) => (model.startsWith('ft:') ? baseOf(model) : model)))];
  const checkpoints = wishes.checkpoints === true ? await checkpointsOf(openai, jobs.map(({ job }) => job), signal) : []; // prettier-ignore
  const isCheckpoint = (model: string): boolean => /:ckpt-step-\d+$/.test(model);

  const folder = await mkdtemp(join(tmpdir(), 'tunesmith-compare-'));
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const trainingFiles = await filesOf(desk, wishes, jobs.map(({ job }) => job), folder); // prettier-ignore
    const first = trainingFiles[0];
    const training = first === undefined ? null : { ...first, items: await readTraining(first, signal) };
    return {
      named,
      bases,
      fineTunes: tuned.filter((model) => !isCheckpoint(model)),
      checkpoints: [
        ...new Set([...tuned.filter(isCheckpoint), ...checkpoints.filter((each) => !tuned.includes(each))]),
      ],
      training,
      trainingFiles,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The file that was named first, then those of the jobs that differ from it. */
async function filesOf(
  { openai, view, signal }: CompareDesk,
  { train, trainName }: CompareWishes,
  jobs: readonly Job[],
  folder: string,
): Promise<TrainingFile[]> {
  const files: TrainingFile[] = [];
  const hashes = new Set<string>();
  const add = (name: string, path: string, bytes: Uint8Array): void => {
    const hash = createHash('sha256').update(bytes).digest('hex');
    if (!hashes.has(hash)) files.push({ name, path });
    hashes.add(hash);
  };
  if (train !== undefined) add(trainName ?? train, train, await readFile(train));
  for (const id of new Set(jobs.map(({ training_file: file }) => file))) {
    try {
      const bytes = new Uint8Array(await (await openai.files.content(id, { signal })).arrayBuffer());
      const path = join(folder, `${files.length}.jsonl`);
      await writeFile(path, bytes, { mode: 0o600 });
      add(id, path, bytes);
    } catch (error) {
      if (wasStopped(error)) throw error;
      view.note(`The training file ${id} is not to be had (${(error as Error).message}); leaks from it stay unseen.`);
    }
  }
  return files;
}

/** Its examples with an answer; what is amiss with the others is not this command's business. */
async function readTraining({ name, path }: TrainingFile, signal: AbortSignal): Promise<TestItem[]> {
  const items: TestItem[] = [];
  for await (const { line, checked } of readRows(path, { signal, images: false })) {
    const item = checked === null ? null : itemOf(line, checked);
    if (item !== null) items.push(item);
  }
  if (items.length === 0) throw invalid(null, `${name} has no chats that end with an answer, so nothing can be learnt from it.`); // prettier-ignore
  return items;
}
