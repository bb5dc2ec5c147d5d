/** What a job would take, held to what the job then says; nothing is made. */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JobEstimate } from '../../src/domain/estimate.ts';
import { calibrate } from '../../src/jobs/calibration.ts';
import { BaseModels } from '../../src/models/base-models.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { chatLine, eventsOf, examples, tinyHome, upload, waitFor } from './tiny-house.ts';

const estimate = async ({ openai }: TestHouse, body: object): Promise<JobEstimate> =>
  await openai.post('/fine_tuning/estimates', { body });

/** Counting OpenAI's tokens may take longer than an answer waits. */
async function withPrices(house: TestHouse, body: object): Promise<JobEstimate> {
  for (let i = 0; i < 100; i++) {
    const told = await estimate(house, body);
    if (told.openai !== null) return told;
  }
  throw new Error('waited in vain for prices');
}

test('an estimate says what the job then says, and makes nothing', async () => {
  await using home = await tinyHome();
  await using house = await openTestHouse({ home: home.home });
  const { openai } = house;
  const base = (await BaseModels.open(home.home)).find('tiny')!;
  await calibrate(home.home, { base, method: 'supervised', threads: house.house.settings.threads, batchSize: 4 });
  const training_file = await upload(openai, [...examples(), ...examples()]);
  const hyperparameters = { n_epochs: 2, batch_size: 4 };
  const method = { type: 'supervised', supervised: { hyperparameters } } as const;
  const body = { model: 'tiny', training_file, method };
  const told = await withPrices(house, body);
  expect((await openai.fineTuning.jobs.list()).data).toEqual([]);

  const { id } = await openai.fineTuning.jobs.create(body);
  const { job } = await waitFor(openai, id);
  expect(told).toMatchObject({ object: 'fine_tuning.estimate', model: 'tiny', base: 'tiny', counted: 'all' });
  expect(told.hyperparameters).toEqual(job.hyperparameters);
  expect(told.tokens.trained).toBe(job.trained_tokens);
  expect(told.tokens).toMatchObject({ per_epoch: job.trained_tokens! / 2, cut: 0 });
  expect(told.tokens.supervised_per_epoch).toBeLessThan(told.tokens.per_epoch);
  expect([told.examples, told.steps]).toEqual([24, 12]);
  expect(told.memory).toMatchObject({ fits: true, message: null });
  const events = await eventsOf(openai, id);
  const forecast = events.find(({ message }) => message.startsWith('The job needs'))!;
  expect(forecast.data).toEqual({ estimated_memory_bytes: told.memory.bytes, estimated_seconds: told.seconds });
  expect(events.map(({ message }) => message)).toEqual(expect.arrayContaining([...told.warnings]));
  expect(told.warnings.join()).toMatch(/same as an earlier line/);
  expect(told.openai!.prices.map(({ model }) => model)).toContain('gpt-4o-mini-2024-07-18');
  expect(told.openai!.prices[0]!.usd).toBeGreaterThan(0);
  expect(told.failure).toBeNull();
});

test('what would make the job fail is told, and what would be refused is refused', async () => {
  await using home = await tinyHome();
  await using house = await openTestHouse({ home: home.home });
  const broken = await upload(house.openai, [...examples(), '{"messages": [}']);
  const told = await estimate(house, { model: 'tiny', training_file: broken });
  expect(told.failure).toMatchObject({ param: 'training_file' });
  expect(told.failure!.message).toMatch(/line 13/);
  const few = await upload(house.openai, examples().slice(0, 3));
  expect((await estimate(house, { model: 'tiny', training_file: few })).failure?.code).toBe('invalid_n_examples');

  const training_file = await upload(house.openai, examples());
  const method = { type: 'supervised', supervised: { hyperparameters: { early_stopping: true } } };
  for (const [body, param] of [
    [{ model: 'nobody', training_file }, 'model'],
    [{ model: 'tiny', training_file: 'file-x' }, 'training_file'],
    [{ model: 'tiny', training_file, method }, 'method.supervised.hyperparameters.early_stopping'],
    [{ model: 'tiny', training_file, hyperparameters: { n_epochs: 99 } }, 'hyperparameters.n_epochs'],
  ] as const)
    await expect(estimate(house, body)).rejects.toMatchObject({ status: 400, param });
});

test('without a model the recommended one is reckoned with: the larger of those that fit', async () => {
  await using home = await tinyHome();
  const path = join(home.home, 'larger-chat.gguf');
  await writeTinyLlama(path, { seed: 2, width: 64, heads: 8, layers: 3 });
  await (await BaseModels.open(home.home)).pull(path, { id: 'larger-chat' });
  await using house = await openTestHouse({ home: home.home });
  const training_file = await upload(house.openai, [...examples(), ...examples('Who')]);
  const told = await estimate(house, { training_file });
  expect(told.model).toBe('larger-chat');
  const { recommendation } = told;
  expect(recommendation.model).toBe('larger-chat');
  expect(recommendation.reasons.join(' ')).toMatch(/answer instructions.*All answers are one of 12.*fits into memory/);
  expect(recommendation.others.map(({ model }) => model)).toEqual(['tiny']);
  expect((await estimate(house, { model: 'tiny', training_file })).recommendation).toEqual(recommendation);
});

test('of a large file a sample is read, and told as one', async () => {
  await using home = await tinyHome();
  await using house = await openTestHouse({ home: home.home });
  const count = 9000;
  const lines = Array.from({ length: count }, (_, i) => chatLine(`${'Say it again. '.repeat(3 + (i % 9))}${i}`, `no ${i}`)); // prettier-ignore
  const training_file = await upload(house.openai, lines);
  const began = performance.now();
  const told = await estimate(house, { model: 'tiny', training_file });
  console.log(`estimate of ${lines.join('\n').length} bytes: ${(performance.now() - began).toFixed(0)} ms`);
  expect(told.counted).toBe('sample');
  expect(told.examples).toBeGreaterThan(0.97 * count);
  expect(told.examples).toBeLessThan(1.03 * count);
  expect(told.tokens.cut).toBeNull();
  const again = performance.now();
  const other = await estimate(house, { model: 'tiny', training_file, hyperparameters: { n_epochs: 7 } });
  expect(performance.now() - again).toBeLessThan(1500);
  expect(other.tokens.trained).toBe(7 * told.tokens.per_epoch);
});

test('a house without a base model says so', async () => {
  await using house = await openTestHouse();
  const training_file = await upload(house.openai, examples());
  await expect(estimate(house, { training_file })).rejects.toMatchObject({ status: 400, code: 'model_not_available' });
});
