/**
 * A data folder with a tiny base model and a fine-tuned one, made without training: a random adapter that changes
 * what the model says, under a job whose rows are written by hand.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSafetensors, type SafeTensor } from '../../src/formats/safetensors.ts';
import { exportAdapter } from '../../src/models/adapter.ts';
import { BaseModels } from '../../src/models/base-models.ts';
import { ModelRegistry } from '../../src/models/registry.ts';
import { llama } from '../../src/families/llama.ts';
import { openDatabase } from '../../src/store/database.ts';
import { temporaryFolder, type TemporaryFolder } from '../formats/folder.ts';
import { type TinyModelOptions, writeTinyLlama } from '../tiny-model.ts';

export const fineTuned = 'ft:tiny:personal:spam:AbC12345';
const job = 'ftjob-tiny';
const rank = 4;
const targets = llama.linears.map(({ target }) => target);

export interface ExportedHouse extends AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly home: string;
}

export async function makeHouse(options: TinyModelOptions = {}): Promise<ExportedHouse> {
  const folder = await temporaryFolder();
  const home = folder.file('home');
  await writeTinyLlama(folder.file('tiny.gguf'), { width: 64, headSize: 16, feedForward: 80, ...options });
  const bases = await BaseModels.open(home);
  const base = await bases.pull(folder.file('tiny.gguf'), { id: 'tiny' });

  const { heads, kvHeads, headWidth, width, feedForward, layers } = base.architecture;
  const sizes: Readonly<Record<string, readonly [out: number, into: number]>> = {
    q_proj: [heads * headWidth, width],
    k_proj: [kvHeads * headWidth, width],
    v_proj: [kvHeads * headWidth, width],
    o_proj: [width, heads * headWidth],
    gate_proj: [feedForward, width],
    up_proj: [feedForward, width],
    down_proj: [width, feedForward],
  };
  let state = 1;
  const random = (shape: readonly [number, number]): SafeTensor => ({
    dtype: 'F32',
    shape,
    data: Float32Array.from({ length: shape[0] * shape[1] }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state / 2 ** 32 - 0.5) * 0.4;
    }),
  });
  const adapter = new Map<string, SafeTensor>();
  for (let layer = 0; layer < layers; layer++)
    for (const { target, path } of llama.linears) {
      const [out, into] = sizes[target]!;
      const name = `base_model.model.model.layers.${layer}.${path}`;
      adapter.set(`${name}.lora_A.weight`, random([rank, into]));
      adapter.set(`${name}.lora_B.weight`, random([out, rank]));
    }
  await mkdir(folder.file('checkpoint'));
  await writeSafetensors(folder.file('checkpoint/adapter.safetensors'), adapter, { format: 'pt' });
  const place = `models/fine-tuned/${job}/step-3`;
  const lora = { rank, alpha: 8, targets };
  const card = { model: fineTuned, job, step: 3, details: {} };
  await exportAdapter({ checkpointFolder: folder.file('checkpoint'), base, lora, folder: join(home, place), card });
  await writeRows(home, bases, place, lora);
  return { folder, home, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

async function writeRows(home: string, bases: BaseModels, folder: string, lora: object): Promise<void> {
  await using database = await openDatabase(join(home, 'tunesmith.db'));
  const plan = {
    version: 2,
    jobId: job,
    epochs: 3,
    batchSize: 2,
    learningRate: 0.001,
    train: { mode: 'lora', ...lora },
  };
  const object = { id: job, trained_tokens: 120, training_file: 'file-train', validation_file: null };
  await database
    .insertInto('jobs')
    .values({
      id: job,
      project: 'default',
      status: 'succeeded',
      created_at: 1,
      object: JSON.stringify(object),
      attempts: 0,
      step: 4,
      plan: JSON.stringify(plan),
    })
    .execute();
  for (const step of [1, 2, 3, 4]) {
    const data = { step, total_steps: 4, train_loss: 4 / step, train_mean_token_accuracy: 0.5 };
    await database
      .insertInto('job_events')
      .values({
        id: `ftevent-${step}`,
        job_id: job,
        created_at: 1,
        step,
        once: null,
        object: JSON.stringify({ data: step === 3 ? { ...data, full_valid_loss: 1.25 } : data }),
      })
      .execute();
  }
  await mkdir(join(home, 'files'), { recursive: true });
  const question = { role: 'user', content: 'Is this message spam or ham? Buy cheap tickets now' };
  const line = JSON.stringify({ messages: [question, { role: 'assistant', content: 'spam' }] });
  await writeFile(join(home, 'files', 'file-train'), `${line}\n`);
  await database
    .insertInto('files')
    .values({
      id: 'file-train',
      project: 'default',
      purpose: 'fine-tune',
      created_at: 1,
      expires_at: null,
      object: JSON.stringify({ filename: 'mails.jsonl' }),
      sha256: 'd'.repeat(64),
    })
    .execute();
  const registry = new ModelRegistry(database, bases);
  await registry.register(database, {
    id: fineTuned,
    createdAt: 1,
    base: 'tiny',
    baseModelId: 'tiny',
    jobId: job,
    folder,
    taskMetrics: { task: 'classification', count: 40, figures: { accuracy: { value: 0.9, low: 0.77, high: 0.96 } } },
  });
}
