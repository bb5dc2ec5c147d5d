/** Files, uploads, jobs, models, graders, batches and webhooks, driven as people's programs drive them. */

import { createHash } from 'node:crypto';
import type OpenAI from 'openai';
import { BadRequestError, toFile } from 'openai';
import { expect } from 'vitest';
import { chatRequest, startBatch, upload as uploadBatch, waitForBatch } from '../batches/batch-journey.ts';
import { asJob, examples, upload, waitFor, waitForStep } from '../jobs/tiny-house.ts';

const model = 'tiny';
const line = '{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}\n';

type Loose = Record<string, unknown>;

const refused = (request: Promise<unknown>): Promise<void> => expect(request).rejects.toBeInstanceOf(BadRequestError);

export async function files(openai: OpenAI): Promise<void> {
  const file = await openai.files.create({
    file: await toFile(Buffer.from(line), 'a.jsonl'),
    purpose: 'fine-tune',
    expires_after: { anchor: 'created_at', seconds: 3600 },
  });
  const { id } = await openai.files.create({ file: await toFile(Buffer.from(line), 'b.jsonl'), purpose: 'evals' });
  await openai.files.list({ limit: 1, order: 'asc', purpose: 'fine-tune' });
  await openai.files.list({ after: id });
  expect((await openai.files.waitForProcessing(file.id)).status).toBe('processed');
  expect(await (await openai.files.content(file.id)).text()).toBe(line);
  await openai.files.delete(file.id);
  await refused(openai.files.create({ file: await toFile(Buffer.from('a'), 'a.txt'), purpose: 'fine-tune' }));
}

export async function uploads(openai: OpenAI): Promise<void> {
  const asked = { filename: 'a.jsonl', purpose: 'fine-tune', bytes: line.length, mime_type: 'text/jsonl' } as const;
  const expires_after = { anchor: 'created_at', seconds: 3600 } as const;
  const upload = await openai.uploads.create({ ...asked, expires_after });
  const part = await openai.uploads.parts.create(upload.id, { data: await toFile(Buffer.from(line), 'part') });
  const md5 = createHash('md5').update(line).digest('hex');
  await openai.uploads.complete(upload.id, { part_ids: [part.id], md5 });
  await openai.uploads.cancel((await openai.uploads.create(asked)).id);
}

export async function fineTuning(openai: OpenAI): Promise<void> {
  const training_file = await upload(openai, examples());
  const validation_file = await upload(openai, examples('Why').slice(0, 4));
  const create = (wishes: Loose) => openai.fineTuning.jobs.create({ model, training_file, ...wishes });
  const hyperparameters = { n_epochs: 3, batch_size: 12, lora_rank: 2 };
  const { id } = await create({
    validation_file,
    suffix: 'words',
    seed: 1,
    metadata: { team: 'tests' },
    method: { type: 'supervised', supervised: { hyperparameters } },
  });
  const { fine_tuned_model } = (await waitFor(openai, id)).job;
  const jobs = openai.fineTuning.jobs;
  await jobs.list({ limit: 1, metadata: { team: 'tests' } });
  const { data: events } = await jobs.listEvents(id, { limit: 2 });
  await jobs.listEvents(id, { after: events[0]!.id });
  const { data: checkpoints } = await jobs.checkpoints.list(id, { limit: 2 });
  await jobs.checkpoints.list(id, { after: checkpoints[0]!.id });

  const long = await create({ hyperparameters: { n_epochs: 50, batch_size: 1 } });
  await jobs.list({ after: long.id });
  await waitForStep(openai, long.id, 1);
  expect(asJob(await jobs.pause(long.id)).status).toBe('paused');
  expect((await jobs.resume(long.id)).status).toBe('queued');
  expect((await jobs.cancel(long.id)).status).toBe('cancelled');

  for (const type of ['dpo', 'reinforcement']) await refused(create({ method: { type } }));
  await refused(create({ hyperparameters: { lora_ranks: 2 } }));
  const watched = await create({ integrations: [{ type: 'wandb', wandb: { project: 'p' } }] });
  await jobs.cancel(watched.id);
  await openai.get('/fine_tuning/model_limits');

  const admin = openai.withOptions({ adminAPIKey: 'any-key' });
  const { permissions } = admin.fineTuning.checkpoints;
  const checkpoint = fine_tuned_model!;
  for await (const _ of permissions.create(checkpoint, { project_ids: ['default', 'other'] }));
  const lent = await permissions.list(checkpoint, { limit: 1, order: 'ascending', project_id: 'other' });
  await permissions.list(checkpoint, { after: lent.data[0]!.id });
  await permissions.delete(lent.data[0]!.id, { fine_tuned_model_checkpoint: checkpoint });

  await openai.models.list();
  await openai.models.retrieve(checkpoint);
  await openai.models.delete(checkpoint);
}

export async function graders(openai: OpenAI): Promise<void> {
  const same = {
    type: 'string_check',
    name: 'same',
    operation: 'eq',
    input: '{{sample.output_text}}',
    reference: '{{item.answer}}',
  } as const;
  const { operation: _, ...texts } = same;
  const close = { ...texts, type: 'text_similarity', name: 'close', evaluation_metric: 'rouge_l' } as const;
  const both = { type: 'multi', name: 'both', graders: { same, close }, calculate_output: '(same + close) / 2' };
  const input = [{ role: 'user', content: 'Rate {{sample.output_text}}.' }];
  const judge = { type: 'score_model', name: 'judge', model, input, range: [0, 1] };
  const { alpha } = openai.fineTuning;
  for (const grader of [same, close, both, judge] as OpenAI.FineTuning.Alpha.GraderRunParams['grader'][]) {
    await alpha.graders.validate({ grader });
    await alpha.graders.run({ grader, model_sample: 'yes', item: { answer: 'yes' } });
  }
}

export async function batches(openai: OpenAI): Promise<void> {
  const lines = [chatRequest('good'), chatRequest('bad', { temperature: 9 })];
  const { id } = await startBatch(openai, lines, {
    metadata: { team: 'tests' },
    output_expires_after: { anchor: 'created_at', seconds: 3600 },
  });
  const batch = await waitForBatch(openai, id);
  expect(batch).toMatchObject({ status: 'completed', request_counts: { completed: 1, failed: 1 } });
  const many = Array.from({ length: 50 }, (_, i) => chatRequest(`r${i}`, { max_tokens: 200 }));
  const long = await startBatch(openai, many);
  await openai.batches.cancel(long.id);
  await waitForBatch(openai, long.id);
  await openai.batches.list({ limit: 1 });
  await openai.batches.list({ after: long.id });
  const input_file_id = await uploadBatch(openai, lines);
  const elsewhere = { input_file_id, completion_window: '24h' } as const;
  await refused(openai.batches.create({ ...elsewhere, endpoint: '/v1/moderations' }));
}

/** Our own, for which the package has a general door. */
export async function webhooks(openai: OpenAI): Promise<void> {
  const body = { url: 'http://127.0.0.1:9/hook', events: ['batch.completed'] };
  const { id } = await openai.post<{ id: string }>('/webhooks', { body });
  await openai.get('/webhooks', { query: { limit: 1 } });
  await openai.get(`/webhooks/${id}`);
  await openai.post(`/webhooks/${id}/test`, { body: {} });
  await openai.get(`/webhooks/${id}/deliveries`);
  await openai.delete(`/webhooks/${id}`);
}
