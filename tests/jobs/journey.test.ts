/** A fine-tuning job through the front door, with the official SDK and the real trainer. */

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  asJob,
  eventsOf,
  examples,
  chatLine,
  stepsTold,
  tinyHome,
  upload,
  upTo,
  waitFor,
  waitForStep,
} from './tiny-house.ts';
import { openTestHouse, type TestHouse } from '../house.ts';

let home: Awaited<ReturnType<typeof tinyHome>>;
let house: TestHouse;
let openai: TestHouse['openai'];

beforeAll(async () => {
  home = await tinyHome();
  house = await openTestHouse({ home: home.home, modelAliases: { 'gpt-4o-mini-2024-07-18': 'tiny' } });
  openai = house.openai;
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const untilGone = async (path: string): Promise<void> => {
  for (let i = 0; existsSync(path); i++) {
    expect(i, `${path} stays`).toBeLessThan(500);
    await sleep(20);
  }
};

test('a job goes from two files to a model, its checkpoints and its result file', async () => {
  const training_file = await upload(openai, examples());
  const validation_file = await upload(openai, examples('Why').slice(0, 4));
  const created = await openai.fineTuning.jobs.create({
    model: 'gpt-4o-mini-2024-07-18',
    training_file,
    validation_file,
    suffix: 'words',
    seed: 42,
    method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 4 } } },
    metadata: { team: 'tests' },
  });
  const auto = { n_epochs: 4, batch_size: 'auto', learning_rate_multiplier: 'auto' };
  expect(created).toEqual({
    object: 'fine_tuning.job',
    id: expect.stringMatching(/^ftjob-[A-Za-z0-9]{24}$/) as string,
    created_at: expect.any(Number) as number,
    finished_at: null,
    model: 'gpt-4o-mini-2024-07-18',
    fine_tuned_model: null,
    organization_id: 'org-personal',
    status: 'validating_files',
    training_file,
    validation_file,
    hyperparameters: auto,
    method: { type: 'supervised', supervised: { hyperparameters: auto } },
    result_files: [],
    trained_tokens: null,
    error: { code: null, message: null, param: null },
    seed: 42,
    estimated_finish: null,
    integrations: [],
    user_provided_suffix: 'words',
    metadata: { team: 'tests' },
  });

  const { job, statuses } = await waitFor(openai, created.id);
  const anyFile = expect.stringMatching(/^file-/) as string;
  const allStatuses = ['validating_files', 'queued', 'running', 'succeeded'];
  expect(allStatuses.filter((status) => (statuses as string[]).includes(status))).toEqual(statuses);
  expect(job.error).toEqual({ code: null, message: null, param: null });
  expect(job.status).toBe('succeeded');
  expect(job.fine_tuned_model).toMatch(/^ft:gpt-4o-mini-2024-07-18:personal:words:[A-Za-z0-9]{8}$/);
  expect(job).toMatchObject({ estimated_finish: null, result_files: [anyFile, anyFile] });
  expect(job.finished_at).toBeGreaterThanOrEqual(job.created_at);
  expect(job.trained_tokens! % 4).toBe(0);
  expect(job.hyperparameters).toMatchObject({ n_epochs: 4, batch_size: 1, learning_rate_multiplier: 1, lora_rank: 16 });
  expect(JSON.stringify(job.method)).not.toContain('auto');

  // 12 examples, one at a time, 4 epochs: 48 steps; the last three epochs end at 24, 36 and 48
  const events = await eventsOf(openai, job.id);
  const messages = events.map(({ message }) => message);
  const steps = messages.filter((message) => message.startsWith('Step '));
  const { data: checkpoints } = await openai.fineTuning.jobs.checkpoints.list(job.id);
  const names = checkpoints.map((checkpoint) => checkpoint.fine_tuned_model_checkpoint);
  expect(messages).toEqual([
    `Created fine-tuning job: ${job.id}`,
    `Validating training file: ${training_file} and validation file: ${validation_file}`,
    expect.stringMatching(
      /^The job needs at most about 0\.\d\d GB of memory \(48 steps over \d+ tokens, one lane\)\.$/,
    ) as string,
    'Files validated, moving job to queued state',
    'Fine-tuning job started',
    ...steps,
    `Checkpoint created at step 24 with Snapshot ID: ${names[2]}`,
    `Checkpoint created at step 36 with Snapshot ID: ${names[1]}`,
    `New fine-tuned model created: ${job.fine_tuned_model}`,
    expect.stringMatching(/^Task metrics on 4 validation examples \(text\): ROUGE-L /),
    'The job has successfully completed',
  ]);
  expect(events.map(({ level }) => level)).toEqual(events.map(() => 'info'));
  const forecast = { estimated_memory_bytes: expect.any(Number) as number };
  expect(events.map(({ data }) => data).slice(0, 5)).toEqual([{}, {}, forecast, {}, null]);
  expect(stepsTold(events)).toEqual(upTo(48));
  expect(steps[0]).toMatch(/^Step 1\/48: training loss=\d+\.\d\d$/);
  expect(steps[9]).toMatch(/^Step 10\/48: training loss=\d+\.\d\d, validation loss=\d+\.\d\d$/);
  expect(steps[11]).toMatch(/^Step 12\/48: training loss=\d+\.\d\d, full validation loss=\d+\.\d\d$/);
  const metrics = events.filter(({ type }) => type === 'metrics').map(({ data }) => data as Record<string, number>);
  const official = ['step', 'total_steps', 'train_loss', 'train_mean_token_accuracy'];
  for (const data of metrics) expect(Object.keys(data)).toEqual(expect.arrayContaining(official));
  expect(metrics[9]).toMatchObject({ valid_loss: expect.any(Number), valid_mean_token_accuracy: expect.any(Number) });
  expect(metrics[47]).toMatchObject({
    full_valid_loss: expect.any(Number) as number,
    full_valid_mean_token_accuracy: expect.any(Number) as number,
  });
  const loss = (from: number, to: number) =>
    metrics.slice(from, to).reduce((sum, data) => sum + data['train_loss']!, 0);
  expect(loss(36, 48)).toBeLessThan(loss(0, 12));

  // newest first: the model itself, then the checkpoints before it, each with letters of its own
  expect(names[0]).toBe(job.fine_tuned_model);
  expect(names[1]).toMatch(/^ft:gpt-4o-mini-2024-07-18:personal:words:[A-Za-z0-9]{8}:ckpt-step-36$/);
  expect(names[2]).toMatch(/^ft:gpt-4o-mini-2024-07-18:personal:words:[A-Za-z0-9]{8}:ckpt-step-24$/);
  expect(new Set(names.map((name) => name.split(':')[4])).size).toBe(3);
  expect(checkpoints[1]).toEqual({
    object: 'fine_tuning.job.checkpoint',
    id: expect.stringMatching(/^ftckpt_[A-Za-z0-9]{24}$/) as string,
    created_at: events.find(({ data }) => (data as { step?: number } | null)?.step === 36)!.created_at,
    fine_tuning_job_id: job.id,
    fine_tuned_model_checkpoint: names[1],
    step_number: 36,
    metrics: {
      step: 36,
      train_loss: metrics[35]!['train_loss'],
      train_mean_token_accuracy: metrics[35]!['train_mean_token_accuracy'],
      full_valid_loss: metrics[35]!['full_valid_loss'],
      full_valid_mean_token_accuracy: metrics[35]!['full_valid_mean_token_accuracy'],
    },
  });
  const paged: string[] = [];
  for await (const checkpoint of openai.fineTuning.jobs.checkpoints.list(job.id, { limit: 2 }))
    paged.push(checkpoint.id);
  expect(paged).toEqual(checkpoints.map(({ id }) => id));

  const listed = (await openai.models.list()).data.map(({ id }) => id);
  expect(listed).toEqual(expect.arrayContaining(['tiny', 'gpt-4o-mini-2024-07-18', ...names]));

  const adapters = await readdir(join(home.home, 'models', 'fine-tuned', job.id));
  expect(adapters.sort()).toEqual(['step-24', 'step-36', 'step-48']);
  await untilGone(join(home.home, 'jobs', job.id, 'checkpoints')); // they were only there to go on from

  const file = await openai.files.retrieve(job.result_files[0]!);
  expect(file).toMatchObject({ filename: 'step_metrics.csv', purpose: 'fine-tune-results', status: 'processed' });
  const text = await (await openai.files.content(file.id)).text();
  const csv = Buffer.from(text, 'base64').toString('utf8').trim().split('\n');
  expect(csv[0]).toBe('step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy');
  expect(csv).toHaveLength(49);
  expect(csv[1]).toMatch(/^1,\d+\.\d{1,5},[\d.]+,,$/);
  expect(csv[10]).toMatch(/^10,\d+\.\d{1,5},[\d.]+,\d+\.\d{1,5},[\d.]+$/);

  const companion = await openai.files.retrieve(job.result_files[1]!);
  expect(companion).toMatchObject({ filename: 'task_metrics.csv', purpose: 'fine-tune-results' });
  const figures = Buffer.from(await (await openai.files.content(companion.id)).text(), 'base64').toString('utf8');
  expect(figures).toMatch(/^metric,value,low,high,n\nrouge_l,[\d.]+,[\d.]+,[\d.]+,4\n/);
  const model = await openai.models.retrieve(job.fine_tuned_model!);
  const taskMetrics = events.find(({ message }) => message.startsWith('Task metrics'))!.data;
  expect(model).toMatchObject({ task_metrics: taskMetrics });
  expect(taskMetrics).toMatchObject({ task: 'text', count: 4, validation_examples: 4, failed: 0 });
  expect(await openai.models.retrieve(names[1]!)).not.toHaveProperty('task_metrics');
});

test('a fine-tuned model is the start of the next job, and its name keeps the base', async () => {
  const training_file = await upload(openai, examples());
  const hyperparameters = { n_epochs: 1, lora_rank: 4, lora_targets: ['q_proj', 'down_proj'] };
  const ask = { training_file, method: { type: 'supervised', supervised: { hyperparameters } } } as const;
  const first = await openai.fineTuning.jobs.create({ model: 'tiny', ...ask });
  const before = (await waitFor(openai, first.id)).job;
  const second = await openai.fineTuning.jobs.create({
    model: before.fine_tuned_model!,
    training_file,
    hyperparameters: { n_epochs: 1 },
  });
  const after = (await waitFor(openai, second.id)).job;
  expect(after).toMatchObject({ status: 'succeeded', model: before.fine_tuned_model });
  expect(after.fine_tuned_model).toMatch(/^ft:tiny:personal::[A-Za-z0-9]{8}$/);
  expect(after.hyperparameters).toMatchObject({ lora_rank: 4, lora_targets: ['q_proj', 'down_proj'] });
  // it goes on from where the first one ended
  const loss = async (id: string, step: number) =>
    (await eventsOf(openai, id)).flatMap(({ data }) => {
      const metrics = (data ?? {}) as { step?: number; train_loss?: number };
      return metrics.step !== undefined && metrics.step <= step ? [metrics.train_loss!] : [];
    });
  const sum = (losses: number[]) => losses.reduce((a, b) => a + b, 0);
  expect(sum(await loss(second.id, 12))).toBeLessThan(sum(await loss(first.id, 12)));

  await expect(
    openai.fineTuning.jobs.create({
      model: before.fine_tuned_model!,
      training_file,
      method: { type: 'supervised', supervised: { hyperparameters: { lora_rank: 8 } as never } },
    }),
  ).rejects.toMatchObject({
    status: 400,
    code: 'unsupported_value',
    param: 'method.supervised.hyperparameters.lora_rank',
  });
});

test('a bad training file fails its job with the line and the field, and nothing else', async () => {
  const lines = examples();
  lines[6] = JSON.stringify({
    messages: [
      { role: 'narrator', content: 'x' },
      { role: 'assistant', content: 'y' },
    ],
  });
  const created = await openai.fineTuning.jobs.create({ model: 'tiny', training_file: await upload(openai, lines) });
  const { job } = await waitFor(openai, created.id);
  expect(job).toMatchObject({ status: 'failed', fine_tuned_model: null, finished_at: null, trained_tokens: null });
  expect(job.hyperparameters).toMatchObject({ n_epochs: 'auto' });
  expect(job.error).toMatchObject({ code: expect.stringMatching(/^invalid_/) as string, param: 'training_file' });
  expect(job.error!.message).toMatch(/line 7.*messages\[0\]\.role/s);
  const events = await eventsOf(openai, job.id);
  expect(events.at(-1)).toMatchObject({ level: 'error', message: job.error!.message, type: 'message', data: {} });

  const few = await openai.fineTuning.jobs.create({
    model: 'tiny',
    training_file: await upload(openai, examples().slice(0, 9)),
  });
  expect((await waitFor(openai, few.id)).job.error).toEqual({
    code: 'invalid_n_examples',
    param: 'training_file',
    message: 'Training file has 9 example(s), but must have at least 10 examples',
  });

  const validation_file = await upload(openai, ['not JSON']);
  const training_file = await upload(openai, examples());
  const other = await openai.fineTuning.jobs.create({ model: 'tiny', training_file, validation_file });
  expect((await waitFor(openai, other.id)).job.error).toMatchObject({ param: 'validation_file' });
});

test('a running job can be paused, resumed and cancelled', async () => {
  const training_file = await upload(openai, [...examples(), chatLine('Are you there?', 'yes '.repeat(60))]);
  const hyperparameters = { n_epochs: 50 };
  const { id } = await openai.fineTuning.jobs.create({ model: 'tiny', training_file, hyperparameters });
  await waitForStep(openai, id, 3);
  expect(asJob(await openai.fineTuning.jobs.pause(id)).status).toBe('paused');
  await expect(openai.files.delete(training_file)).rejects.toMatchObject({ status: 400 });
  const resumed = asJob(await openai.fineTuning.jobs.resume(id));
  expect(resumed.status).toBe('queued');
  await waitFor(openai, id, ({ status }) => status === 'running');
  const told = stepsTold(await eventsOf(openai, id)).length;
  await waitForStep(openai, id, told + 3);

  const cancelled = asJob(await openai.fineTuning.jobs.cancel(id));
  expect(cancelled).toMatchObject({ status: 'cancelled', fine_tuned_model: null, result_files: [] });
  const events = await eventsOf(openai, id);
  expect(events.at(-1)?.message).toBe('Fine-tuning job cancelled');
  expect(stepsTold(events)).toEqual(upTo(stepsTold(events).length));
  expect((await openai.fineTuning.jobs.checkpoints.list(id)).data).toEqual([]);
  for (const act of ['cancel', 'pause', 'resume'] as const)
    await expect(openai.fineTuning.jobs[act](id)).rejects.toMatchObject({ status: 400, code: 'invalid_job_state' });
  await openai.files.delete(training_file);
  await untilGone(join(home.home, 'jobs', id, 'checkpoints'));
});
