/**
 * What the worker makes of every ending of a trainer. The trainers here are scripts that keep the protocol and
 * end as the test wants; the real one has its journeys in `journey.test.ts` and `kill.test.ts`.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Job, JobStatus } from '../../src/domain/job.ts';
import { isFinal } from '../../src/domain/job.ts';
import { Jobs } from '../../src/jobs/jobs.ts';
import { insertJob, saveJob } from '../../src/jobs/records.ts';
import { Worker, type WorkerOptions } from '../../src/jobs/worker.ts';
import { openLog } from '../../src/log.ts';
import { BaseModels } from '../../src/models/base-models.ts';
import { ModelRegistry } from '../../src/models/registry.ts';
import { Blobs } from '../../src/store/blobs.ts';
import { openDatabase } from '../../src/store/database.ts';
import type { Schema } from '../../src/store/schema.ts';
import { tinyHome } from './tiny-house.ts';

let home: string;
let database: Kysely<Schema>;
let jobs: Jobs;
let worker: Worker | null;
let parts: Omit<WorkerOptions, 'trainer'>;
let models: Awaited<ReturnType<typeof tinyHome>>;
let bases: BaseModels;

beforeAll(async () => {
  models = await tinyHome();
  bases = await BaseModels.open(models.home);
});
afterAll(() => models[Symbol.asyncDispose]());

beforeEach(async () => {
  home = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'endings-'));
  database = await openDatabase(join(home, 'tunesmith.db'));
  const blobs = await Blobs.open(join(home, 'files'));
  const registry = new ModelRegistry(database, bases);
  jobs = new Jobs({ database, blobs, models: registry, organization: 'personal' });
  worker = null;
  const log = openLog('silent');
  const limits = { threads: 1, retryMs: 1, graceMs: 5_000, silenceMsMax: 20_000 };
  const { bell } = jobs;
  parts = {
    database,
    blobs,
    bases,
    models: registry,
    log,
    home,
    organization: 'personal',
    resultFiles: 'base64',
    bell,
    ...limits,
  };
});
afterEach(async () => {
  await worker?.close();
  await database.destroy();
  await rm(home, { recursive: true, force: true });
});

/** Starts a worker whose trainer is this program; `launch` counts from 1, `folder` is the job's. */
async function startWorker(program: string, options: Partial<WorkerOptions> = {}): Promise<void> {
  const path = join(home, 'trainer.mjs');
  await writeFile(path, `${prelude}\n${program}`);
  worker = new Worker({ ...parts, trainer: [path], ...options });
  worker.start();
}

const prelude = `
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
const folder = process.argv[2];
let launch = 1;
try { launch += Number(readFileSync(folder + '/launches', 'utf8')); } catch {}
writeFileSync(folder + '/launches', String(launch));
const say = (event) => process.stdout.write(JSON.stringify(event) + '\\n');
const started = (resumedFromStep = 0) => say({ type: 'started', version: 2, totalSteps: 9, stepsPerEpoch: 3,
  examples: 3, trainedTokens: 90, supervisedTokens: 45, truncatedLines: [], resumedFromStep, trainableParameters: 8 });
const step = (n, more = {}) => say({ type: 'step', step: n, epoch: Math.ceil(n / 3), loss: n + 0.126, tokenAccuracy: 0.5,
  learningRate: 1e-4, gradientNorm: 1, tokens: 10, supervisedTokens: 5, elapsedMs: 100, validation: null, fullValidation: null, ...more });
process.stdin.on('end', () => process.exit(2)).resume();
`;

let made = 0;
async function queueJob(status: JobStatus = 'queued'): Promise<string> {
  const id = `ftjob-${++made}`;
  const hyperparameters = { n_epochs: 3, batch_size: 1, learning_rate_multiplier: 1 };
  const job: Job = {
    id,
    object: 'fine_tuning.job',
    status,
    created_at: 1,
    finished_at: null,
    model: 'tiny',
    fine_tuned_model: null,
    organization_id: 'org-personal',
    training_file: 'file-a',
    validation_file: null,
    hyperparameters,
    method: { type: 'supervised', supervised: { hyperparameters } },
    result_files: [],
    trained_tokens: null,
    error: null,
    seed: 1,
    user_provided_suffix: null,
  };
  await insertJob(database, job, 'default');
  await saveJob(database, job, {
    plan: JSON.stringify({
      jobId: id,
      model: { id: 'tiny', path: '', sha256: bases.find('tiny')!.sha256 },
      initialAdapter: null,
    }),
  });
  jobs.bell.ring();
  return id;
}

async function until(id: string, reached: (job: Job) => boolean): Promise<Job> {
  for (let i = 0; i < 1000; i++) {
    const job = await jobs.get(id);
    if (reached(job)) return job;
    if (isFinal(job.status)) throw new Error(`${id} has ${job.status}: ${JSON.stringify(job.error)}`);
    await sleep(10);
  }
  throw new Error(`waited in vain; the job is ${JSON.stringify(await jobs.get(id))}`);
}

const hasStatus = (status: JobStatus) => (job: Job) => job.status === status;
const launches = async (id: string) => Number(await readFile(join(home, 'jobs', id, 'launches'), 'utf8'));
const stepsTold = async (id: string) =>
  (await database.selectFrom('jobs').select('step').where('id', '=', id).executeTakeFirstOrThrow()).step;
const untilStep = async (id: string, count: number): Promise<void> => {
  while ((await stepsTold(id)) < count) await sleep(5);
};

/** Chronological, `[level, message]`. */
async function story(id: string): Promise<string[]> {
  const events = await jobs.events(id, { after: null, limit: 1000 });
  return events.reverse().map(({ level, message }) => (level === 'info' ? message : `${level}: ${message}`));
}

test('a failure is told with its code, and only once', async () => {
  await startWorker(
    `started(); step(1); say({ type: 'failed', code: 'disk_full', message: 'No space is left.', param: null });`,
  );
  const id = await queueJob();
  const job = await until(id, hasStatus('failed'));
  expect(job.error).toEqual({ code: 'disk_full', message: 'No space is left.', param: null });
  expect(job).toMatchObject({ fine_tuned_model: null, result_files: [], trained_tokens: null, estimated_finish: null });
  expect(job.finished_at).toBeTypeOf('number');
  expect(await story(id)).toEqual([
    'Fine-tuning job started',
    'Step 1/9: training loss=1.13',
    'error: No space is left.',
  ]);
  expect(await launches(id)).toBe(1);
});

test('a step becomes an event in the words and data of OpenAI', async () => {
  await startWorker(`
    started();
    step(1, { validation: { loss: 2.005, tokenAccuracy: 0.25 }, fullValidation: { loss: 3.999, tokenAccuracy: 0.75 } });
    say({ type: 'failed', code: 'x', message: 'x', param: null });`);
  const id = await queueJob();
  await until(id, hasStatus('failed'));
  const events = await jobs.events(id, { after: null, limit: 1000 });
  const event = events.find(({ type }) => type === 'metrics');
  expect(event).toMatchObject({
    object: 'fine_tuning.job.event',
    level: 'info',
    message: 'Step 1/9: training loss=1.13, validation loss=2.00, full validation loss=4.00',
  });
  expect(event?.data).toEqual({
    step: 1,
    total_steps: 9,
    train_loss: 1.126,
    train_mean_token_accuracy: 0.5,
    valid_loss: 2.005,
    valid_mean_token_accuracy: 0.25,
    full_valid_loss: 3.999,
    full_valid_mean_token_accuracy: 0.75,
    learning_rate: 1e-4,
    grad_norm: 1,
    tokens_per_second: 100,
  });
});

test.each([
  [1, 'alone'],
  [2, 'together'],
])('where %i may train at once, two jobs train %s', async (concurrency, how) => {
  await startWorker(
    `started();
    const others = () => readdirSync(folder + '/..').filter((id) => existsSync(folder + '/../' + id + '/launches')).length;
    const end = (code) => say({ type: 'failed', code, message: 'the end', param: null });
    let looks = 0;
    const look = () => { if (others() === 2) end('together'); else if (++looks === 50) end('alone'); else setTimeout(look, 20); };
    look();`,
    { concurrency },
  );
  const first = await queueJob();
  await queueJob();
  expect((await until(first, hasStatus('failed'))).error?.code).toBe(how);
});

test('a trainer that dies is followed by another, and what both tell is told once', async () => {
  await startWorker(`
    started(launch === 1 ? 0 : 2);
    if (launch === 1) { step(1); step(2); step(3); process.stdout.write('', () => process.kill(process.pid, 'SIGKILL')); }
    else { step(1); step(2); step(3); step(4); say({ type: 'failed', code: 'x', message: 'the end', param: null }); }`);
  const id = await queueJob();
  await until(id, hasStatus('failed'));
  expect(await story(id)).toEqual([
    'Fine-tuning job started',
    'Step 1/9: training loss=1.13',
    'Step 2/9: training loss=2.13',
    'Step 3/9: training loss=3.13',
    'warn: The trainer ended unexpectedly (signal SIGKILL); starting it again',
    'Training continues after step 2',
    'Step 4/9: training loss=4.13',
    'error: the end',
  ]);
});

test('a job whose trainers keep dying without a new step is given up', async () => {
  await startWorker(`started(); step(1); process.exitCode = 9; process.stdin.destroy();`);
  const id = await queueJob();
  const job = await until(id, hasStatus('failed'));
  expect(job.error).toMatchObject({ code: 'server_error', param: null });
  expect(job.error?.message).toMatch(/ended unexpectedly 3 times in a row .*exit code 9/);
  expect(await launches(id)).toBe(3); // the first one made a step; with its death there were three in a row
});

test('progress earns new attempts', async () => {
  await startWorker(`
    started();
    for (let n = 1; n <= launch; n++) step(n);
    if (launch === 7) say({ type: 'failed', code: 'x', message: 'far enough', param: null });
    process.stdin.destroy();`);
  const id = await queueJob();
  const job = await until(id, hasStatus('failed'));
  expect(job.error?.message).toBe('far enough');
});

test('a silent trainer is killed and followed by another', async () => {
  await startWorker(
    `started(); if (launch === 2) say({ type: 'failed', code: 'x', message: 'the end', param: null }); else setInterval(() => {}, 1000);`,
    { silenceMsMax: 1500 },
  );
  const id = await queueJob();
  await until(id, hasStatus('failed'));
  expect(await story(id)).toContain('warn: The trainer ended unexpectedly (no word for 1.5 s); starting it again');
});

test('a warning of the trainer is passed on once, also when the next trainer repeats it', async () => {
  await startWorker(`
    started(); say({ type: 'warning', message: 'mind the gap' });
    if (launch === 2) say({ type: 'failed', code: 'x', message: 'the end', param: null });
    process.stdin.destroy();`);
  const id = await queueJob();
  await until(id, hasStatus('failed'));
  expect((await story(id)).filter((line) => line === 'warn: mind the gap')).toHaveLength(1);
});

const untilAsked = `
  started(); step(1);
  process.stdin.on('data', (line) => { say({ ...JSON.parse(line), type: JSON.parse(line).type + (JSON.parse(line).type === 'pause' ? 'd' : 'led'), step: 1, folder: '' }); process.exit(); });`;

test('a cancelled job is cancelled at once, whatever its trainer says afterwards', async () => {
  await startWorker(`
    started(); step(1);
    process.stdin.on('data', () => { step(2); say({ type: 'done', step: 2, trainedTokens: 1, folder: '' }); setTimeout(() => process.exit(), 50); });`);
  const id = await queueJob();
  await untilStep(id, 1);
  const job = await jobs.cancel(id);
  expect(job).toMatchObject({ status: 'cancelled', fine_tuned_model: null, result_files: [] });
  expect(job.finished_at).toBeTypeOf('number');
  await worker?.close();
  expect(await jobs.get(id)).toEqual(job);
  expect(await story(id)).toEqual([
    'Fine-tuning job started',
    'Step 1/9: training loss=1.13',
    'Fine-tuning job cancelled',
  ]);
});

test('a paused job stays paused until it is resumed, and then goes on', async () => {
  await startWorker(
    `if (launch === 2) { started(1); step(2); say({ type: 'failed', code: 'x', message: 'the end', param: null }); } else { ${untilAsked} }`,
  );
  const id = await queueJob();
  await untilStep(id, 1);
  expect((await jobs.pause(id)).status).toBe('paused');
  expect((await jobs.pause(id)).status).toBe('paused');
  await sleep(1500); // longer than the worker's rest: it must not take the job up again
  expect((await jobs.get(id)).status).toBe('paused');
  expect((await jobs.resume(id)).status).toBe('queued');
  await until(id, hasStatus('failed'));
  expect(await story(id)).toEqual([
    'Fine-tuning job started',
    'Step 1/9: training loss=1.13',
    'Fine-tuning job paused',
    'Fine-tuning job resumed',
    'Training continues after step 1',
    'Step 2/9: training loss=2.13',
    'error: the end',
  ]);
});

test('a worker that closes stops its trainer, and the job goes on under the next worker', async () => {
  await startWorker(untilAsked);
  const id = await queueJob();
  await untilStep(id, 1);
  await worker?.close();
  expect(await jobs.get(id)).toMatchObject({ status: 'running' });
  await startWorker(`started(1); say({ type: 'failed', code: 'x', message: 'the end', param: null });`);
  await until(id, hasStatus('failed'));
  expect(await story(id)).toEqual([
    'Fine-tuning job started',
    'Step 1/9: training loss=1.13',
    'Training continues after step 1',
    'error: the end',
  ]);
});

test('a job of a worker that died is taken over when its lease has run out, not before', async () => {
  const id = await queueJob('running');
  const lease = (ms: number) => ({ lease_owner: 'another-machine', lease_until_ms: Date.now() + ms });
  await saveJob(database, await jobs.get(id), lease(60_000));
  await startWorker(`say({ type: 'failed', code: 'x', message: 'the end', param: null });`);
  await sleep(1500);
  expect((await jobs.get(id)).status).toBe('running');
  await saveJob(database, await jobs.get(id), lease(-1));
  await until(id, hasStatus('failed'));
});

test('a job whose base model was replaced meanwhile does not go on with another', async () => {
  const id = await queueJob();
  const plan = { model: { id: 'tiny', sha256: 'of another file' }, initialAdapter: null };
  await saveJob(database, await jobs.get(id), { plan: JSON.stringify(plan) });
  await startWorker(`started();`);
  const job = await until(id, hasStatus('failed'));
  expect(job.error).toMatchObject({ code: 'model_not_available', param: 'model' });
  expect(job.error?.message).toContain('the base model tiny was replaced');
});

test('what cannot be finished fails the job, not the worker', async () => {
  await startWorker(`started(); step(1); step(9); say({ type: 'done', step: 9, trainedTokens: 90, folder: '' });`);
  const id = await queueJob();
  const job = await until(id, hasStatus('failed')); // the checkpoint it speaks of is not there
  expect(job).toMatchObject({ fine_tuned_model: null, result_files: [], error: { code: 'server_error' } });
  const next = await queueJob();
  await until(next, hasStatus('failed'));
});

test('jobs train one after the other, the oldest first, and a running one before all', async () => {
  const order: string[] = [];
  const ids = [await queueJob(), await queueJob(), await queueJob('running')];
  await startWorker(`setTimeout(() => say({ type: 'failed', code: 'x', message: 'the end', param: null }), 100);`);
  while (order.length < 3) {
    for (const id of ids) if ((await jobs.get(id)).status === 'failed' && !order.includes(id)) order.push(id);
    await sleep(5);
  }
  expect(order).toEqual([ids[2], ids[0], ids[1]]);
});

test('the time left is reckoned from the steps of this trainer, while the job runs', async () => {
  await startWorker(`
    started(); step(1); setTimeout(() => step(2), 500);
    process.stdin.on('data', () => { say({ type: 'paused', step: 2, folder: '' }); process.exit(); });`);
  const id = await queueJob();
  await untilStep(id, 2);
  const { estimated_finish } = await jobs.get(id);
  const leftS = estimated_finish! - Date.now() / 1000;
  expect(leftS).toBeGreaterThan(2); // seven steps at half a second
  expect(leftS).toBeLessThan(6);
  expect(await jobs.pause(id)).toMatchObject({ estimated_finish: null });
});
