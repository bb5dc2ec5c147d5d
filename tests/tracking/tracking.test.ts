import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import type { Settings } from '../../src/config.ts';
import type { Job, StepMetrics } from '../../src/domain/job.ts';
import { Mlflow } from '../../src/tracking/mlflow.ts';
import { pointOf, type News } from '../../src/tracking/run.ts';
import { TensorBoard } from '../../src/tracking/tensorboard.ts';
import { Wandb } from '../../src/tracking/wandb.ts';
import { openTestHouse } from '../house.ts';
import { examples, tinyHome, upload, waitFor } from '../jobs/tiny-house.ts';
import { openMlflow, openWandb, type Stub } from './stubs.ts';

const wandbWanted = [{ type: 'wandb' as const, wandb: { project: 'mails', tags: ['spam'] } }];

describe('a job that trains', () => {
  test('is told to TensorBoard, MLflow and Weights & Biases, every step once, however often they fail', async () => {
    await using folder = await tinyHome();
    await using mlflow = await openMlflow();
    await using wandb = await openWandb();
    const settings: Partial<Settings> = {
      home: folder.home,
      tensorboard: 'on',
      mlflowUrl: mlflow.url,
      mlflowToken: 'secret-of-mlflow',
      wandbUrl: wandb.url,
      wandbKey: 'secret-of-wandb',
    };
    await using house = await openTestHouse(settings);
    mlflow.failures = 1;
    wandb.failures = 1;
    const { id } = await house.openai.fineTuning.jobs.create({
      model: 'tiny',
      training_file: await upload(house.openai, examples()),
      integrations: wandbWanted,
      hyperparameters: { n_epochs: 2, batch_size: 4 },
    });
    const { job } = await waitFor(house.openai, id);
    expect(job.status).toBe('succeeded');
    const metrics = await metricsOf(house.openai, id);
    const steps = metrics.map(({ step }) => step);
    expect(steps).toEqual([1, 2, 3, 4, 5, 6]);

    await until(() => has(mlflow, 'runs/update') && isComplete(wandb));

    const [events] = await readdir(join(folder.home, 'tensorboard', id));
    const file = await readFile(join(folder.home, 'tensorboard', id, events!));
    const shown = readEvents(file);
    expect(shown.map(({ step }) => step)).toEqual([0, ...steps]);
    expect(shown.slice(1).map(({ values }) => values.get('train_loss'))).toEqual(
      metrics.map(({ train_loss }) => Math.fround(train_loss)),
    );

    const logged = mlflow.told
      .filter(({ path }) => path.endsWith('/runs/log-batch'))
      .flatMap(({ body }) => (body as { metrics?: { key: string; value: number; step: number }[] }).metrics ?? []);
    expect(logged.filter(({ key }) => key === 'train_loss').map(({ step, value }) => [step, value])).toEqual(
      metrics.map(({ step, train_loss }) => [step, train_loss]),
    );
    expect(mlflow.told.filter(({ path }) => path.endsWith('/runs/create'))).toHaveLength(1);
    expect(mlflow.told.every(({ authorization }) => authorization === 'Bearer secret-of-mlflow')).toBe(true);
    expect(mlflow.told.at(-1)!.body).toMatchObject({ run_id: 'run-0', status: 'FINISHED' });

    expect(historyLines(wandb).map(({ _step, train_loss }) => [_step, train_loss])).toEqual(
      metrics.map(({ step, train_loss }) => [step, train_loss]),
    );
    const made = wandb.told.find(({ path }) => path === '/graphql')!;
    expect(made.authorization).toBe(`Basic ${Buffer.from('api:secret-of-wandb').toString('base64')}`);
    expect(made.body).toMatchObject({
      variables: {
        name: id,
        project: 'mails',
        displayName: id,
        tags: ['openai/finetune', 'openai/tiny', `openai/${id}`, 'spam'],
      },
    });
    expect(wandb.told.at(-1)!.body).toEqual({ complete: true, exitcode: 0 });
    expect(job.integrations).toEqual([{ type: 'wandb', wandb: { project: 'mails', tags: ['spam'], run_id: id } }]);
  });

  test('is refused when it asks for Weights & Biases and there is no key', async () => {
    await using folder = await tinyHome();
    await using house = await openTestHouse({ home: folder.home });
    const training_file = await upload(house.openai, examples());
    await expect(
      house.openai.fineTuning.jobs.create({ model: 'tiny', training_file, integrations: wandbWanted }),
    ).rejects.toMatchObject({ status: 400, param: 'integrations', code: 'integration_not_configured' });
    expect((await house.openai.fineTuning.jobs.list()).data).toEqual([]);
  });

  test('goes on being told after a restart, from where the telling stopped', async () => {
    await using folder = await tinyHome();
    await using mlflow = await openMlflow();
    mlflow.failures = Infinity;
    const settings = { home: folder.home, mlflowUrl: mlflow.url };
    let id: string;
    {
      await using house = await openTestHouse(settings);
      const training_file = await upload(house.openai, examples());
      ({ id } = await house.openai.fineTuning.jobs.create({ model: 'tiny', training_file }));
      await waitFor(house.openai, id);
    }
    mlflow.failures = 0;
    await using house = await openTestHouse(settings);
    await house.house.database.updateTable('tracking').set({ next_ms: 0 }).execute();
    await until(() => has(mlflow, 'runs/update'));
    const steps = (await metricsOf(house.openai, id)).length;
    const logged = mlflow.told.flatMap(({ body }) => (body as { metrics?: { key: string }[] } | null)?.metrics ?? []);
    expect(logged.filter(({ key }) => key === 'train_loss')).toHaveLength(steps);
  });
});

describe('a telling that is repeated after a crash', () => {
  test('leaves the same TensorBoard file', async () => {
    await using folder = await temporary();
    const board = new TensorBoard(folder.path);
    const first = await board.tell(news([1, 2]), null);
    const again = await board.tell(news([1, 2]), null);
    expect(again).toEqual(first);
    await board.tell(news([3, 4]), first);
    await board.tell(news([3]), first);
    const [name] = await readdir(join(folder.path, 'tensorboard', job.id));
    const steps = readEvents(await readFile(join(folder.path, 'tensorboard', job.id, name!))).map(({ step }) => step);
    expect(steps).toEqual([0, 1, 2, 3]);
  });

  test('finds the MLflow run that was made', async () => {
    await using stub = await openMlflow();
    const mlflow = new Mlflow({ url: `${stub.url}/`, experiment: 'x', token: null });
    const signal = new AbortController().signal;
    const first = await mlflow.tell(news([1]), null, signal);
    expect(await mlflow.tell(news([1]), null, signal)).toEqual(first);
    expect(stub.told.filter(({ path }) => path.endsWith('/runs/create'))).toHaveLength(1);
  });

  test('overwrites the same lines of Weights & Biases', async () => {
    await using stub = await openWandb();
    const wandb = new Wandb({ key: 'k', url: stub.url, mode: 'online' }, tmpdir());
    const signal = new AbortController().signal;
    const state = await wandb.tell(news([1, 2]), null, signal);
    await wandb.tell(news([3]), state, signal);
    await wandb.tell(news([3]), state, signal);
    const streamed = stub.told.filter(({ path }) => path.endsWith('/file_stream'));
    expect(streamed.map(({ path }) => path)).toEqual(Array(3).fill(`/files/me/mails/${job.id}/file_stream`));
    expect(offsets(stub)).toEqual([0, 2, 2]);
  });
});

test('an offline run is a log in the framing that wandb reads, also across blocks', async () => {
  await using folder = await temporary();
  const wandb = new Wandb({ key: null, url: 'http://127.0.0.1:9', mode: 'offline' }, folder.path);
  const signal = new AbortController().signal;
  const many = Array.from({ length: 600 }, (_, i) => i + 1);
  const state = await wandb.tell(news(many), null, signal);
  await wandb.tell({ ...news([601]), outcome: 'succeeded' }, state, signal);
  const [run] = await readdir(join(folder.path, 'wandb'));
  expect(run).toBe(`offline-run-20251123_000000-${job.id}`);
  const records = readLog(await readFile(join(folder.path, 'wandb', run!, `run-${job.id}.wandb`)));
  // version, run, 601 points, configuration, summary, exit
  expect(records).toHaveLength(2 + 601 + 3);
  records.forEach((record, i) => expect([record[0], varint(record, 1)]).toEqual([8, i + 1]));
});

const job = {
  id: 'ftjob-abc',
  created_at: Date.UTC(2025, 10, 23) / 1000,
  finished_at: null,
  model: 'tiny',
  training_file: 'file-a',
  validation_file: null,
  seed: 1,
  hyperparameters: { n_epochs: 1, batch_size: 1, learning_rate_multiplier: 1 },
  fine_tuned_model: null,
  integrations: [{ type: 'wandb', wandb: { project: 'mails' } }],
} as unknown as Job;

const news = (steps: readonly number[]): News => ({
  job,
  points: steps.map((step) => pointOf(metricsAt(step), job.created_at + step)),
  outcome: null,
});

const metricsAt = (step: number): StepMetrics => ({
  step,
  total_steps: 9,
  train_loss: 1 / step,
  train_mean_token_accuracy: 0.5,
  learning_rate: 1e-4,
  grad_norm: 1,
  tokens_per_second: 100,
});

async function metricsOf(openai: OpenAI, id: string): Promise<StepMetrics[]> {
  const { data } = await openai.fineTuning.jobs.listEvents(id, { limit: 1000 });
  return data
    .filter(({ type }) => type === 'metrics')
    .map((event) => event.data as StepMetrics)
    .reverse();
}

const has = (stub: Stub, call: string): boolean => stub.told.some(({ path }) => path.endsWith(call));
const isComplete = (stub: Stub): boolean =>
  stub.told.some(({ body }) => (body as { complete?: boolean }).complete === true);

type Streamed = { files?: { 'wandb-history.jsonl': { offset: number; content: string[] } } };

const streams = (stub: Stub) =>
  stub.told.flatMap(({ body }) => (body as Streamed).files?.['wandb-history.jsonl'] ?? []);
const offsets = (stub: Stub): number[] => streams(stub).map(({ offset }) => offset);

/** The history as the service has it: a line replaces whatever was at its place. */
function historyLines(stub: Stub): Record<string, number>[] {
  const lines: Record<string, number>[] = [];
  for (const { offset, content } of streams(stub))
    content.forEach((line, i) => (lines[offset + i] = JSON.parse(line) as Record<string, number>));
  return lines;
}

async function until(reached: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !reached(); i++) await sleep(50);
  expect(reached()).toBe(true);
}

async function temporary(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'tracking-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** TFRecords of `Event`s; the checksums are recomputed bit by bit, without the writer's table. */
function readEvents(file: Buffer): { step: number; values: Map<string, number> }[] {
  const events = [];
  for (let at = 0; at < file.length;) {
    const size = Number(file.readBigUInt64LE(at));
    const event = file.subarray(at + 12, at + 12 + size);
    expect(file.readUInt32LE(at + 8)).toBe(masked(file.subarray(at, at + 8)));
    expect(file.readUInt32LE(at + 12 + size)).toBe(masked(event));
    events.push(readEvent(event));
    at += 16 + size;
  }
  return events;
}

function masked(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  crc ^= 0xffffffffn;
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

/** Event: step = 2; summary = 5 { value = 1 { tag = 1, simple_value = 2 } }. */
function readEvent(event: Buffer): { step: number; values: Map<string, number> } {
  const fields = readFields(event);
  const values = new Map<string, number>();
  for (const summary of fields.get(5) ?? [])
    for (const value of readFields(summary as Buffer).get(1) ?? []) {
      const each = readFields(value as Buffer);
      values.set((each.get(1)![0] as Buffer).toString(), (each.get(2)![0] as Buffer).readFloatLE());
    }
  return { step: (fields.get(2)?.[0] as number | undefined) ?? 0, values };
}

function readFields(message: Buffer): Map<number, (number | Buffer)[]> {
  const fields = new Map<number, (number | Buffer)[]>();
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = next();
    const kind = key & 7;
    let value: number | Buffer;
    if (kind === 0) value = next();
    else {
      const size = kind === 1 ? 8 : kind === 5 ? 4 : next();
      value = message.subarray(at, (at += size));
    }
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

function varint(bytes: Buffer, at: number): number {
  return bytes[at]! < 128 ? bytes[at]! : (bytes[at]! & 127) + 128 * bytes[at + 1]!;
}

/** Records of LevelDB's log format behind W&B's seven bytes; checks every piece's checksum. */
function readLog(file: Buffer): Buffer[] {
  expect(file.subarray(0, 7).toString('hex')).toBe('3a572642e1be00');
  const records: Buffer[] = [];
  let pieces: Buffer[] = [];
  for (let at = 7; at < file.length;) {
    const left = 32768 - (at % 32768);
    if (left < 7) {
      at += left;
      continue;
    }
    const size = file.readUInt16LE(at + 4);
    const kind = file[at + 6]!;
    const piece = file.subarray(at + 7, at + 7 + size);
    expect(file.readUInt32LE(at)).toBe(crc32(Buffer.concat([Buffer.from([kind]), piece])));
    expect(kind === 1 || kind === 2).toBe(pieces.length === 0);
    pieces.push(piece);
    if (kind === 1 || kind === 4) {
      records.push(Buffer.concat(pieces));
      pieces = [];
    }
    at += 7 + size;
  }
  expect(pieces).toEqual([]);
  return records;
}
