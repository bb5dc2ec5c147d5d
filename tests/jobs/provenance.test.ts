/** Which bytes a job read and made. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JobProvenance } from '../../src/domain/provenance.ts';
import type { JobEvent } from '../../src/domain/job.ts';
import type { ListPage } from '../../src/server/pages.ts';
import { openTestHouse } from '../house.ts';
import { examples, tinyHome, upload, waitFor } from './tiny-house.ts';

const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('a job tells the hashes of its data, its base and its model, and its words without its steps', async () => {
  await using home = await tinyHome();
  await using house = await openTestHouse({ home: home.home });
  const { openai } = house;
  const training_file = await upload(openai, examples());
  const { id } = await openai.fineTuning.jobs.create({
    model: 'tiny',
    training_file,
    hyperparameters: { n_epochs: 1 },
  });
  const { job } = await waitFor(openai, id);
  const told: JobProvenance = await openai.get(`/fine_tuning/jobs/${id}/provenance`);
  const base = await readFile(join(home.home, 'models/base/tiny/model.gguf'));
  expect(told).toMatchObject({
    object: 'fine_tuning.job.provenance',
    job: id,
    data: [{ role: 'training', id: training_file, filename: 'examples.jsonl', sha256: sha256(examples().join('\n')) }],
    base: { id: 'tiny', sha256: sha256(base) },
    model: { id: job.fine_tuned_model },
  });
  const adapter = told.model!.files.find(({ name }) => name === 'adapter_model.safetensors')!;
  expect(adapter.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(adapter.bytes).toBeGreaterThan(1000);
  expect(await openai.get(`/fine_tuning/jobs/${id}/provenance`)).toEqual(told);

  const said: ListPage<JobEvent> = await openai.get(`/fine_tuning/jobs/${id}/events?type=message`);
  expect(said.data.length).toBeGreaterThan(3);
  expect(said.data.every(({ type }) => type === 'message')).toBe(true);
  const steps: ListPage<JobEvent> = await openai.get(`/fine_tuning/jobs/${id}/events?type=metrics&limit=5`);
  expect(steps.data.map(({ type }) => type)).toEqual(Array.from({ length: 5 }, () => 'metrics'));
  expect(steps.has_more).toBe(true);
});
