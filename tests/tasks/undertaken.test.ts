/** Comparisons, sweeps and learning curves as tasks: real trainings of a tiny model, watched from outside. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BadRequestError, toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CompareResult } from '../../src/domain/comparison.ts';
import type { LearningCurveResult, SweepResult } from '../../src/domain/sweep.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { jsonl, mails } from '../sweep/data.ts';
import { serve, startTask, waitForTask, type Server } from './server.ts';

let home = '';
let server: Server;
let train = '';
let held = '';
const upload = async (name: string, text: string): Promise<string> =>
  (await server.openai.files.create({ file: await toFile(Buffer.from(text), name), purpose: 'fine-tune' })).id;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tunesmith-undertaken-'));
  await writeTinyLlama(join(home, 'tiny.gguf'));
  server = await serve(home);
  const { id } = await startTask(server.openai, { type: 'pull', source: join(home, 'tiny.gguf') });
  await waitForTask(server.openai, id);
  train = await upload('train.jsonl', jsonl(mails(60)));
  held = await upload('test.jsonl', jsonl(mails(12, 99)));
}, 60_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const settings = { n_epochs: [1], max_length: [128] };

test('a sweep goes on after a kill, trains nothing twice, and its best is told', async () => {
  const asked = {
    type: 'sweep',
    training_file: train,
    test_file: held,
    models: ['tiny'],
    hyperparameters: { ...settings, learning_rate: [1e-4, 1e-2] },
    smallest: 10,
  };
  const { id } = await startTask(server.openai, asked);
  await waitForTask(server.openai, id, ({ progress }) => progress.unit === 'trainings' && progress.done > 0);
  const early = JSON.parse(await server.openai.get(`/tasks/${id}/files/progress.json`)) as SweepResult;
  expect(early).toMatchObject({ winner: null, varied: ['learning_rate'] });
  await server[Symbol.asyncDispose]();
  server = await serve(home);
  const { status, result, error } = await waitForTask(server.openai, id);
  expect(error).toBeNull();
  expect(status).toBe('succeeded');
  const { trials, winner, rungs, test: tested, sentences } = result as SweepResult;
  expect(trials).toHaveLength(2);
  expect(trials[0]!.id).toBe(winner);
  expect(tested).toMatchObject({ n: 12 });
  expect(sentences[0]).toContain('is best');
  const jobs = [];
  for await (const job of server.openai.fineTuning.jobs.list({ metadata: { sweep: id } })) jobs.push(job);
  expect(jobs).toHaveLength(rungs.reduce((sum, rung) => sum + rung.trials, 0));
  const report = await server.openai.get<Response>(`/tasks/${id}/files/report.html`, { __binaryResponse: true });
  expect(await report.text()).toContain('<h1>Sweep');
}, 120_000);

test('a learning curve has a point for each part, and says what more data would bring or why nobody knows', async () => {
  const { id } = await startTask(server.openai, {
    type: 'learning_curve',
    training_file: train,
    model: 'tiny',
    hyperparameters: { n_epochs: 1, max_length: 128 },
    shares: [0.5, 1],
  });
  const { result, error } = await waitForTask(server.openai, id);
  expect(error).toBeNull();
  const { points, trainings, sentences, values } = result as LearningCurveResult;
  expect(trainings.map(({ reason }) => reason)).toEqual([null, null]);
  expect(points.filter(({ foretold }) => !foretold)).toHaveLength(2);
  expect(sentences.length).toBeGreaterThan(0);
  expect(values).toMatchObject({ model: 'tiny', n_epochs: 1 });
}, 120_000);

test('a comparison has baselines and the base beside what is named, with intervals and the mistakes', async () => {
  const { id } = await startTask(server.openai, {
    type: 'compare',
    test_file: held,
    training_file: train,
    models: ['tiny'],
    shots: [2],
  });
  const { result, error } = await waitForTask(server.openai, id);
  expect(error).toBeNull();
  const { contenders, verdict, task, training_file, count } = result as CompareResult;
  expect({ task, training_file, count }).toEqual({ task: 'classification', training_file: 'train.jsonl', count: 12 });
  expect(contenders.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['majority', 'bag_of_words', 'base', 'few_shot'])); // prettier-ignore
  const base = contenders.find(({ kind }) => kind === 'base')!;
  expect(base.difference).toBeNull();
  expect(base.figures[0]!.estimate).toMatchObject({ n: 12, small: true });
  expect(base.mistakes[0]).toMatchObject({ expected: expect.stringMatching(/spam|ham/) });
  expect(verdict.sentence).toContain('Use ');
}, 120_000);

test('what cannot be done is refused before there is a task', async () => {
  const refused = async (fields: object, param: string, message: RegExp): Promise<void> => {
    const failure = await startTask(server.openai, fields).then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(BadRequestError);
    expect(failure).toMatchObject({ param, message: expect.stringMatching(message) as string });
  };
  const sweep = { type: 'sweep', training_file: train, models: ['tiny'] };
  await refused({ ...sweep, hyperparameters: {} }, 'hyperparameters', /nothing to choose between/);
  await refused({ ...sweep, hyperparameters: { learning_rate: { low: 1e-5, high: 1e-3 } } }, 'trials', /trials: 12/);
  await refused({ ...sweep, models: ['nobody'], hyperparameters: {} }, 'models[0]', /does not exist/);
  await refused({ ...sweep, training_file: 'file-none', hyperparameters: {} }, 'training_file', /No such File/);
  await refused(
    { type: 'learning_curve', training_file: train, model: 'tiny', shares: [0.5, 0.2, 1] },
    'shares',
    /grow/,
  );
  await refused({ type: 'compare', test_file: held, models: [] }, 'models', /at least 1|models/i);
  await refused({ type: 'compare', test_file: held, models: ['tiny'], kilowatt_hour_price: 1 }, 'kilowatt_hour_price', /watts/); // prettier-ignore
});

test('what a task writes is its own, and goes with it', async () => {
  const { data } = await server.openai.get<{ data: { id: string; type: string }[] }>('/tasks?type=compare');
  const folder = join(home, 'tasks', data[0]!.id);
  expect(await readFile(join(folder, 'test_file.jsonl'), 'utf8')).toBe(jsonl(mails(12, 99)));
  await server.openai.delete(`/tasks/${data[0]!.id}`);
  await expect.poll(() => readFile(join(folder, 'test_file.jsonl')).catch((error: NodeJS.ErrnoException) => error.code)).toBe('ENOENT'); // prettier-ignore
});
