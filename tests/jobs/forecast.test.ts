/** What a job is told before it starts, held to what it takes. */

import { expect, test } from 'vitest';
import type { ValidationReport } from '../../src/dataset/validate.ts';
import type { Hyperparameters } from '../../src/domain/job.ts';
import type { TrainingPlan } from '../../src/engine/protocol.ts';
import { calibrate } from '../../src/jobs/calibration.ts';
import { type CountedFiles, forecastOf, measureFirst } from '../../src/jobs/forecast.ts';
import { resolveHyperparameters, toPlan } from '../../src/jobs/plan.ts';
import { BaseModels } from '../../src/models/base-models.ts';
import { openTestHouse } from '../house.ts';
import { eventsOf, examples, tinyHome, upload, waitFor } from './tiny-house.ts';

test('a job whose setting was measured here tells how long it takes, before it starts', async () => {
  await using home = await tinyHome();
  await using house = await openTestHouse({ home: home.home });
  const { openai } = house;
  const base = (await BaseModels.open(home.home)).find('tiny')!;
  const training_file = await upload(openai, examples());
  const start = async (): Promise<string> => {
    const hyperparameters = { n_epochs: 1, batch_size: 4 };
    return (await openai.fineTuning.jobs.create({ model: 'tiny', training_file, hyperparameters })).id;
  };
  const forecast = async (id: string) => {
    await waitFor(openai, id);
    return (await eventsOf(openai, id)).find(({ message }) => message.startsWith('The job needs'))!;
  };
  const unknown = await forecast(await start());
  expect(unknown.data).toEqual({ estimated_memory_bytes: expect.any(Number) as number });

  const { threads } = house.house.settings;
  await calibrate(home.home, { base, method: 'supervised', threads, batchSize: 4 });
  const id = await start();
  const { job } = await waitFor(openai, id, ({ status }) => status !== 'validating_files');
  if (job.status === 'queued') expect(job.estimated_finish).toBeGreaterThan(job.created_at);
  const known = await forecast(id);
  const { estimated_seconds: seconds } = known.data as { estimated_seconds: number };
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThan(120);
  expect(known.message).toMatch(/of memory and about \d+ (seconds|minutes) \(3 steps over \d+ tokens/);
});

test('a long job is measured first, once, and its time counts looks, references and the most that early stopping allows', async () => {
  await using home = await tinyHome();
  const base = (await BaseModels.open(home.home)).find('tiny')!;
  const file = (examples: number) =>
    ({ examples, tokens: 60 * examples, supervisedTokens: 20 * examples, lengths: new Map([[60, examples]]) }) as unknown as ValidationReport; // prettier-ignore
  const places = { initialAdapter: null, trainingFile: '', validationFile: 'v', threads: 2, snapshotSeconds: 60 };
  const planOf = (more: Partial<Hyperparameters>, method: 'supervised' | 'dpo' = 'supervised'): TrainingPlan => {
    const asked = {
      n_epochs: 2,
      batch_size: 4,
      learning_rate_multiplier: 'auto',
      ...more,
    } satisfies Partial<Hyperparameters> as Hyperparameters;
    const facts = { examples: 1000, longestTokens: 60, contextTokens: 64, targets: ['q_proj'], initialAdapter: null };
    const model = { id: base.id, path: base.path, sha256: base.sha256 };
    return toPlan({ id: 'job', seed: 1 }, resolveHyperparameters(asked, { ...facts, method }), { ...places, model });
  };
  const files = { training: file(1000), validation: file(2000) };
  let measured = 0;
  const first = async (counted: CountedFiles): Promise<void> => {
    const onMeasure = async (): Promise<void> => void (measured += 1);
    const options = { files: counted, signal: AbortSignal.timeout(60_000), onMeasure };
    await measureFirst(home.home, base, planOf({}), 'lora', options);
  };
  await first({ training: file(300), validation: null });
  expect(measured).toBe(0); // 36,000 tokens are over before much is measured
  await first(files);
  await first(files);
  expect(measured).toBe(1);

  const told = async (plan: TrainingPlan, counted: CountedFiles = files) =>
    await forecastOf(home.home, base, plan, 'lora', counted);
  const plain = await told(planOf({}));
  const alone = await told({ ...planOf({}), validationFile: null }, { ...files, validation: null });
  const watched = await told(planOf({ early_stopping: { patience: 3, interval: 10 } }));
  const pairs = await told(planOf({}, 'dpo'));
  expect(plain.message).toMatch(/500 steps over 120000 tokens/);
  expect(plain.seconds).toBeGreaterThan(alone.seconds!);
  expect(watched.seconds).toBeGreaterThan(plain.seconds!);
  expect(watched.message).toMatch(/ and at most about \d+ (seconds|minutes)/);
  expect(pairs.seconds).not.toBeNull();
});
