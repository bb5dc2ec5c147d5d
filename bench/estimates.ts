/**
 * `npx tsx bench/estimates.ts`: what jobs were told that they would take, beside what they took; written into
 * docs/performance.md. Leave the machine alone meanwhile: time is measured (memory is right on a busy one as well).
 *
 *   npx tsx bench/estimates.ts                     nine jobs, about forty-five minutes on two cores
 *   npx tsx bench/estimates.ts lora-long gpt2-full some of them
 *   npx tsx bench/estimates.ts tables              measures nothing, writes the table anew
 *   npx tsx bench/estimates.ts --small             every job with few examples, to see that it works; writes nothing
 *
 * What a job took is a line of bench/results/estimates.jsonl, from which the table is made.
 *
 * Jobs of a real server, which validates them, measures a few steps where it has to, and tells its estimate before they
 * start. Time runs from there to the end of the job; memory is the trainer's peak, as the kernel counts it.
 */

import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { z } from 'zod';
import { connect } from '../src/cli/connection.ts';
import { BaseModels } from '../src/models/base-models.ts';
import { Ledger } from './ledger.ts';
import { jsonLines, textsOf, type Material } from './material.ts';
import { markdownTable, measuredOn, writeInto } from './page.ts';
import { makeGpt2, setUpPeer } from './peer.ts';
import { countingOf } from './race.ts';

interface Trial {
  readonly name: string;
  readonly model: string;
  readonly material: Material;
  readonly examples: number;
  /** Held-out examples, where there are any. */
  readonly validation?: number;
  readonly method?: 'dpo';
  readonly hyperparameters: Readonly<Record<string, unknown>>;
}

const smollm2 = 'smollm2-135m-instruct';
const gpt2 = 'gpt2-124m-random';
const minilm = 'all-minilm-l6-v2';

const trials: readonly Trial[] = [
  { name: 'lora-short', model: smollm2, material: 'short', examples: 480, hyperparameters: { n_epochs: 2, batch_size: 8 } }, // prettier-ignore
  { name: 'lora-long', model: smollm2, material: 'writing', examples: 60, hyperparameters: { n_epochs: 1, batch_size: 2 } }, // prettier-ignore
  { name: 'lora-watched', model: smollm2, material: 'short', examples: 320, validation: 80, hyperparameters: { n_epochs: 3, batch_size: 8, base_precision: 'f32', early_stopping: { patience: 20, interval: 20 } } }, // prettier-ignore
  { name: 'full-short', model: smollm2, material: 'short', examples: 400, hyperparameters: { n_epochs: 1, batch_size: 8, train: 'full' } }, // prettier-ignore
  { name: 'dpo', model: smollm2, material: 'pairs', examples: 240, validation: 24, method: 'dpo', hyperparameters: { n_epochs: 1, batch_size: 4 } }, // prettier-ignore
  { name: 'gemma-lora', model: 'gemma-3-270m', material: 'short', examples: 400, hyperparameters: { n_epochs: 1, batch_size: 8 } }, // prettier-ignore
  { name: 'gpt2-full', model: gpt2, material: 'short', examples: 400, hyperparameters: { n_epochs: 1, batch_size: 8, train: 'full' } }, // prettier-ignore
  { name: 'minilm-full', model: minilm, material: 'short', examples: 800, validation: 200, hyperparameters: { n_epochs: 4, batch_size: 16, train: 'full' } }, // prettier-ignore
  { name: 'head', model: smollm2, material: 'short', examples: 480, validation: 80, hyperparameters: { n_epochs: 3, batch_size: 8, train: 'head' } }, // prettier-ignore
];

const words = process.argv.slice(2);
const small = words.includes('--small');
const tables = words.includes('tables');
const wanted = words.filter((word) => word !== '--small' && word !== 'tables');
const unknown = wanted.find((word) => !trials.some(({ name }) => name === word));
if (unknown !== undefined)
  throw new Error(`Found "${unknown}"; there are ${trials.map(({ name }) => name).join(', ')}.`);
const home = process.env['TUNESMITH_HOME'] ?? join(homedir(), '.tunesmith');
const folder = await mkdtemp(join(tmpdir(), 'tunesmith-estimates-'));

const outcomeSchema = z.strictObject({
  job: z.string(),
  steps: z.int(),
  estimatedSeconds: z.number().nullable(),
  seconds: z.number(),
  estimatedBytes: z.number(),
  bytes: z.number(),
  day: z.string(),
});

type Outcome = z.infer<typeof outcomeSchema>;

const ledger = new Ledger(join(import.meta.dirname, 'results/estimates.jsonl'), outcomeSchema, ({ job }) => job);

async function run(openai: OpenAI, trial: Trial): Promise<Outcome> {
  const base = (await BaseModels.open(home)).find(trial.model)!;
  const counting = await countingOf(base);
  const upload = async (examples: number, seed: number): Promise<string> => {
    const path = join(folder, `${trial.name}-${seed}.jsonl`);
    await writeFile(path, jsonLines(trial.material, examples, seed, counting));
    return (await openai.files.create({ file: createReadStream(path), purpose: 'fine-tune' })).id;
  };
  const examples = small ? 10 : trial.examples;
  const heldOut = small ? Math.min(2, trial.validation ?? 0) : (trial.validation ?? 0);
  const type = trial.method ?? 'supervised';
  const training_file = await upload(examples, 1);
  const validation_file = heldOut === 0 ? null : await upload(heldOut, 2);
  const hyperparameters = { ...trial.hyperparameters, ...(small && { n_epochs: 1 }) };
  const body = { model: trial.model, training_file, validation_file, seed: 1, method: { type, [type]: { hyperparameters } } }; // prettier-ignore
  let job = await openai.fineTuning.jobs.create(body as OpenAI.FineTuning.JobCreateParams);
  let bytes = 0;
  while (!['succeeded', 'failed', 'cancelled'].includes(job.status)) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    job = await openai.fineTuning.jobs.retrieve(job.id);
    if (job.status === 'running') bytes = Math.max(bytes, await trainerPeak(job.id));
  }
  if (job.status !== 'succeeded') throw new Error(`${trial.name}: ${job.id} ${job.status}: ${job.error?.message}`);
  let [steps, toldAt, told] = [0, 0, {} as { estimated_memory_bytes?: number; estimated_seconds?: number }];
  for await (const event of openai.fineTuning.jobs.listEvents(job.id, { limit: 100 })) {
    if (event.type === 'metrics') steps += 1;
    if (!event.message.startsWith('The job needs')) continue;
    [toldAt, told] = [event.created_at, event.data as typeof told];
  }
  return {
    job: trial.name,
    steps,
    estimatedSeconds: told.estimated_seconds ?? null,
    seconds: job.finished_at! - toldAt,
    estimatedBytes: told.estimated_memory_bytes!,
    bytes,
    day: new Date().toISOString().slice(0, 10),
  };
}

/** What the trainer of a job held at its peak so far (Linux only). */
async function trainerPeak(jobId: string): Promise<number> {
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!command.includes('engine/main') || !command.includes(jobId)) continue;
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  }
  return 0;
}

/** The base models of the trials; the one that nobody has is made at random. */
async function fetchModels(chosen: readonly Trial[]): Promise<void> {
  const bases = await BaseModels.open(home);
  for (const model of new Set(chosen.map((trial) => trial.model))) {
    if (model !== gpt2) await bases.pull(model);
    else if (bases.find(gpt2) === undefined) {
      await setUpPeer();
      await mkdir(join(folder, gpt2));
      await writeFile(join(folder, 'texts.txt'), textsOf(1_200_000));
      await makeGpt2(join(folder, 'texts.txt'), join(folder, gpt2), false);
      await bases.pull(join(folder, gpt2), { id: gpt2 });
    }
  }
}

const away = (real: number, estimated: number): string => {
  const percent = Math.round(100 * (estimated / real - 1));
  return `${percent < 0 ? '' : '+'}${percent} %`;
};
const minutes = (seconds: number): string => (seconds < 90 ? `${seconds} s` : `${(seconds / 60).toFixed(1)} min`);
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

function inWords({ method, material, validation, hyperparameters }: Trial): string {
  const { train = method ?? 'lora', base_precision: precision, early_stopping: stopping } = hyperparameters;
  const materials = { short: '64 to 256 tokens', long: '2,048 tokens', writing: '2,048 tokens, all supervised', pairs: 'pairs of 64 to 256 tokens' }; // prettier-ignore
  return [train, precision, materials[material], validation !== undefined && 'validated', stopping && 'early stopping']
    .filter((word) => typeof word === 'string')
    .join(', ');
}

function table(): string {
  const outcomes = ledger.lines();
  const rows = trials.flatMap((trial) => {
    const found = outcomes.find(({ job }) => job === trial.name);
    if (found === undefined) return [];
    const { steps, estimatedSeconds, seconds, estimatedBytes, bytes } = found;
    const time = estimatedSeconds === null ? ['not known', minutes(seconds), ''] : [minutes(estimatedSeconds), minutes(seconds), away(seconds, estimatedSeconds)]; // prettier-ignore
    return [[trial.model, inWords(trial), String(steps), ...time, gigabytes(estimatedBytes), gigabytes(bytes), away(bytes, estimatedBytes)]]; // prettier-ignore
  });
  const heads = ['model', 'job', 'steps', 'time told', 'taken', '', 'memory told', 'taken', ''];
  return `${markdownTable([heads, ...rows])}\n\n${measuredOn(cpus()[0]!.model, availableParallelism())}`;
}

async function measure(chosen: readonly Trial[]): Promise<void> {
  await fetchModels(chosen);
  await using house = await connect({ baseUrl: null, apiKey: null, home, env: process.env, training: true });
  for (const trial of chosen) {
    const outcome = await run(house.openai, trial);
    console.error(JSON.stringify(outcome));
    if (!small) ledger.add(outcome);
  }
}

try {
  if (!tables) await measure(trials.filter(({ name }) => wanted.length === 0 || wanted.includes(name)));
  const text = table();
  console.log(text);
  if (!small) await writeInto('performance.md', 'estimates', text);
} finally {
  await rm(folder, { recursive: true, force: true });
}
