/** What curves are drawn from: every step once, from any step on, in few bytes, also of jobs of an earlier version. */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type JobMetrics, metricColumns } from '../../src/domain/job-metrics.ts';
import type { StepMetrics } from '../../src/domain/job.ts';
import { newId } from '../../src/domain/ids.ts';
import { figuresOf } from '../../src/jobs/step-figures.ts';
import { jobFigures } from '../../src/store/migrations/0012-job-figures.ts';
import { openDatabase } from '../../src/store/database.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { eventsOf, examples, tinyHome, upload, upTo, waitFor, waitForStep } from './tiny-house.ts';

const metricsOf = async ({ openai }: TestHouse, id: string, query = ''): Promise<JobMetrics> =>
  await openai.get(`/fine_tuning/jobs/${id}/metrics${query}`);

/** Rows as the events have them: columns by name, in so many digits. */
function named({ columns, data }: JobMetrics): Record<string, number | null | undefined>[] {
  return data.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
}

test('a job that was stopped and went on has each step once, as its events have it', async () => {
  await using home = await tinyHome();
  const settings = { home: home.home };
  let id = '';
  {
    await using house = await openTestHouse(settings);
    const [training_file, validation_file] = [
      await upload(house.openai, examples()),
      await upload(house.openai, examples('Who')),
    ];
    const hyperparameters = { n_epochs: 10, batch_size: 1, eval_interval: 5 } as object;
    const method = { type: 'supervised', supervised: { hyperparameters } } as const;
    ({ id } = await house.openai.fineTuning.jobs.create({ model: 'tiny', training_file, validation_file, method }));
    await waitForStep(house.openai, id, 20);
    const early = await metricsOf(house, id);
    expect(early.data.map(([step]) => step)).toEqual(upTo(early.data.length));
  }
  await using house = await openTestHouse(settings);
  await waitFor(house.openai, id);
  const whole = await metricsOf(house, id);
  expect(whole).toMatchObject({ object: 'fine_tuning.job.metrics', job: id, total_steps: 120, has_more: false });
  expect(whole.data.map(([step]) => step)).toEqual(upTo(120));
  const told = (await eventsOf(house.openai, id)).filter(({ type }) => type === 'metrics');
  for (const [i, row] of named(whole).entries()) {
    const data = told[i]!.data as StepMetrics;
    expect(row['train_loss']).toBeCloseTo(data.train_loss, 4);
    expect(row['valid_loss'] ?? undefined, `step ${data.step}`).toSatisfy(
      (value) => value === undefined || Math.abs((value as number) - data.valid_loss!) < 1e-4,
    );
    expect(row['created_at']).toBeGreaterThan(1.7e9);
  }

  const rest = await metricsOf(house, id, '?after=100');
  expect(rest.data).toEqual(whole.data.slice(100));
  const page = await metricsOf(house, id, '?after=100&limit=7');
  expect(page.data.map(([step]) => step)).toEqual([101, 102, 103, 104, 105, 106, 107]);
  expect(page.has_more).toBe(true);
  expect((await metricsOf(house, id, '?after=120')).data).toEqual([]);
  for (const query of ['?after=-1', '?after=soon', '?limit=0', '?limit=100001'])
    await expect(metricsOf(house, id, query)).rejects.toMatchObject({ status: 400 });
});

test('what was not measured takes no room, and what is no number is nothing', () => {
  const step = { step: 3, total_steps: 9, train_loss: NaN, train_mean_token_accuracy: 0.123456789 };
  expect(figuresOf(step, 5)).toBe('[3,5,null,0.123457]');
  expect(metricColumns.slice(0, 2)).toEqual(['step', 'created_at']);
});

test('a hundred thousand steps are less than ten megabytes, and come whole', async () => {
  await using home = await tinyHome();
  await using house = await openTestHouse({ home: home.home });
  const training_file = await upload(house.openai, examples());
  const { id } = await house.openai.fineTuning.jobs.create({ model: 'tiny', training_file });
  await house.openai.fineTuning.jobs.cancel(id);
  const count = 100_000;
  const { database } = house.house;
  await database.transaction().execute(async (rows) => {
    for (let from = 0; from < count; from += 1000) {
      const values = upTo(1000).map((i) => {
        const step = from + i;
        const measured = { step, total_steps: count, train_loss: 2 / Math.sqrt(step), train_mean_token_accuracy: 1 / 3, learning_rate: 2e-4 / step, grad_norm: Math.E, tokens_per_second: 1234.5678 }; // prettier-ignore
        const more = step % 10 === 0 ? { valid_loss: 1.23456789, valid_mean_token_accuracy: 2 / 3 } : {};
        return { job_id: id, step, figures: figuresOf({ ...measured, ...more }, 1_790_000_000 + step) };
      });
      await rows.insertInto('job_figures').values(values).execute();
    }
  });
  const began = performance.now();
  const text = await (await fetch(`${house.url}/fine_tuning/jobs/${id}/metrics`)).text();
  const ms = performance.now() - began;
  const answer = JSON.parse(text) as JobMetrics;
  expect(answer.data).toHaveLength(count);
  expect(answer.data.at(-1)![0]).toBe(count);
  expect(text.length).toBeLessThan(10e6);
  expect(ms).toBeLessThan(3000); // 300 on a quiet machine
  console.log(`100,000 steps: ${text.length} bytes in ${ms.toFixed(0)} ms`);
});

test('the steps of an earlier version come along', async () => {
  await using home = await tinyHome();
  await using database = await openDatabase(join(home.home, 'tunesmith.db'));
  await database.schema.dropTable('job_figures').execute();
  const data = { step: 4, total_steps: 9, train_loss: 1.23456789, train_mean_token_accuracy: 0.5, full_valid_loss: 2 };
  const event = (step: number | null, object: object) => ({
    id: newId('event'),
    job_id: 'ftjob-old',
    created_at: 1_790_000_000,
    step,
    once: null,
    object: JSON.stringify(object),
  });
  await database
    .insertInto('job_events')
    .values([event(null, { data: {} }), event(4, { data })])
    .execute();
  await jobFigures.up(database);
  const [row, ...others] = await database.selectFrom('job_figures').selectAll().execute();
  expect(others).toEqual([]);
  expect(row).toMatchObject({ job_id: 'ftjob-old', step: 4, figures: figuresOf(data, 1_790_000_000) });
});
