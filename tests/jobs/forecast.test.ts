/** What a job is told before it starts, held to what it takes. */

import { expect, test } from 'vitest';
import { calibrate } from '../../src/jobs/calibration.ts';
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
