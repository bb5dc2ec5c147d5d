/** The task metrics of a finished job: never in its way, and not lost when the server goes in the middle of them. */

import { expect, test } from 'vitest';
import type OpenAI from 'openai';
import type { JobEvent } from '../../src/domain/job.ts';
import { openTestHouse } from '../house.ts';
import { chatLine, examples, tinyHome, upload, waitFor } from './tiny-house.ts';

const validation = Array.from({ length: 8 }, (_, i) => chatLine(`Is ${i} even?`, i % 2 === 0 ? 'yes' : 'no'));

async function createJob(openai: OpenAI): Promise<string> {
  const { id } = await openai.fineTuning.jobs.create({
    model: 'tiny',
    training_file: await upload(openai, examples()),
    validation_file: await upload(openai, validation),
    hyperparameters: { n_epochs: 1, batch_size: 4 },
  });
  return id;
}

async function eventsOf(openai: OpenAI, id: string): Promise<JobEvent[]> {
  return (await openai.fineTuning.jobs.listEvents(id, { limit: 100 })).data;
}

test('a model whose answers fail costs the job its metrics and a warning, nothing else', async () => {
  await using home = await tinyHome();
  await using house = await openTestHouse({ home: home.home });
  house.house.finalMetrics.start(() => Promise.reject(new Error('no memory is left')));
  const { job } = await waitFor(house.openai, await createJob(house.openai));
  expect(job).toMatchObject({ status: 'succeeded', result_files: [expect.stringMatching(/^file-/)] });
  const events = await eventsOf(house.openai, job.id);
  expect(events.find(({ level }) => level === 'warn')?.message).toBe(
    'There are no task metrics of this job: no memory is left',
  );
  expect(await house.openai.models.retrieve(job.fine_tuned_model!)).not.toHaveProperty('task_metrics');
});

test('a server that ends while a model is judged judges it again when it comes back, and tells it once', async () => {
  await using home = await tinyHome();
  let id = '';
  {
    await using house = await openTestHouse({ home: home.home });
    const asked = new Promise<void>((resolve) => {
      house.house.finalMetrics.start((_model, _body, signal) => {
        resolve();
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
      });
    });
    id = await createJob(house.openai);
    await asked;
    expect((await house.openai.fineTuning.jobs.retrieve(id)).status).toBe('running');
  }
  await using house = await openTestHouse({ home: home.home });
  const { job } = await waitFor(house.openai, id);
  expect(job).toMatchObject({ status: 'succeeded' });
  expect(job.result_files).toHaveLength(2);
  const told = (await eventsOf(house.openai, id)).filter(({ message }) => message.startsWith('Task metrics'));
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ type: 'message', data: { task: 'classification', count: 8, failed: 0 } });
});
