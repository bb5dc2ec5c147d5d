/** Files, uploads, jobs, models, graders, evals, batches and webhooks, driven as people's programs drive them. */

import { createHash } from 'node:crypto';
import type OpenAI from 'openai';
import { BadRequestError, toFile } from 'openai';
import { expect } from 'vitest';
import { chatRequest, startBatch, upload as uploadBatch, waitForBatch } from '../batches/batch-journey.ts';
import { runEval, startRun } from '../evals/api/eval-journey.ts';
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

  const preferring = { n_epochs: 1, batch_size: 1, learning_rate_multiplier: 1, beta: 0.1 };
  await create({ method: { type: 'dpo', dpo: { hyperparameters: preferring } } });
  await refused(create({ method: { type: 'reinforcement' } }));
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

export async function evals(openai: OpenAI): Promise<void> {
  const texts = { input: '{{ sample.output_text }}', reference: '{{ item.answer }}' };
  const input = [{ role: 'user', content: 'Judge {{ sample.output_text }}' }];
  const sampling_params = { max_completions_tokens: 20 };
  const testing_criteria: Loose[] = [
    { type: 'string_check', name: 'same', operation: 'eq', ...texts },
    { type: 'text_similarity', name: 'close', evaluation_metric: 'fuzzy_match', pass_threshold: 0.5, ...texts },
    { type: 'score_model', name: 'judge', model, input, range: [0, 1], pass_threshold: 0.5, sampling_params },
    { type: 'label_model', name: 'kind', model, input, labels: ['a', 'b'], passing_labels: ['a'] },
    { type: 'python', name: 'code', source: 'def grade(sample, item):\n  return 1.0', pass_threshold: 1 },
  ];
  const item_schema = { type: 'object', properties: { answer: { type: 'string' } } };
  const create = (wishes: Loose): Promise<OpenAI.Evals.EvalCreateResponse> =>
    openai.evals.create({
      name: 'answers',
      metadata: { team: 'tests' },
      data_source_config: { type: 'custom', item_schema, include_sample_schema: true },
      testing_criteria,
      ...wishes,
    } as unknown as OpenAI.Evals.EvalCreateParams);
  const { id } = await create({});
  const same = testing_criteria.slice(0, 1);
  const logs = await create({ data_source_config: { type: 'logs', metadata: { team: 'x' } }, testing_criteria: same });
  await create({ data_source_config: { type: 'stored_completions' }, testing_criteria: same, metadata: null });
  await openai.evals.list({ limit: 1, order: 'desc', order_by: 'updated_at' });
  await openai.evals.list({ after: id });
  await openai.evals.retrieve(id);
  await openai.evals.update(id, { name: 'others', metadata: { team: 'others' } });

  const item = { answer: 'yes' };
  const content = [{ item, sample: { output_text: 'yes' } }, { item }];
  const ready = await runEval(
    openai,
    id,
    { type: 'jsonl', source: { type: 'file_content', content } },
    { name: 'one' },
  );
  expect(ready).toMatchObject({ status: 'completed', result_counts: { total: 2 } });
  const template = [{ role: 'user', content: 'Say {{ item.answer }}.' }];
  const asked = {
    type: 'completions',
    model,
    input_messages: { type: 'template', template },
    sampling_params: { temperature: 0, max_completion_tokens: 3 },
    source: { type: 'file_content', content: [{ item }] },
  };
  const made = await create({ testing_criteria: same });
  const run = await runEval(openai, made.id, asked, { metadata: { team: 'tests' } });
  const { runs } = openai.evals;
  await runs.list(made.id, { limit: 1, order: 'desc', status: 'completed' });
  await runs.list(made.id, { after: run.id });
  const outputs = { eval_id: id };
  const { data } = await runs.outputItems.list(ready.id, { ...outputs, limit: 1, order: 'desc' });
  await runs.outputItems.list(ready.id, { ...outputs, after: data[0]!.id });
  await runs.outputItems.list(ready.id, { ...outputs, status: 'pass' });
  await runs.outputItems.retrieve(data[0]!.id, { eval_id: id, run_id: ready.id });

  const file = await toFile(Buffer.from('nothing'), 'items.jsonl');
  const broken = await openai.files.create({ file, purpose: 'evals' });
  const failed = await runEval(openai, id, { type: 'jsonl', source: { type: 'file_id', id: broken.id } });
  expect(failed).toMatchObject({ status: 'failed', error: { code: 'invalid_data_source' } });
  await openai.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'Hi' }],
    max_completion_tokens: 2,
    store: true,
    metadata: { team: 'x' },
  });
  await runEval(openai, logs.id, { type: 'completions', source: { type: 'stored_completions', metadata: null } });
  await openai.responses.create({ model, input: 'Hi', max_output_tokens: 16, metadata: { team: 'x' } });
  await runEval(openai, logs.id, { type: 'responses', source: { type: 'responses' }, model });

  const many = Array.from({ length: 100 }, () => ({ item }));
  const long = await startRun(openai, made.id, { ...asked, source: { type: 'file_content', content: many } });
  expect((await runs.cancel(long.id, { eval_id: made.id })).status).toBe('canceled');
  // Where the Python SDK cancels; a run that has been canceled stays as it is.
  const again = await openai.post(`/evals/${made.id}/runs/${long.id}/cancel`);
  expect(again).toMatchObject({ id: long.id, status: 'canceled' });
  await runs.delete(long.id, { eval_id: made.id });
  await openai.evals.delete(made.id);
  await refused(startRun(openai, id, { type: 'csv', source: {} }));
  await refused(create({ testing_criteria: [] }));
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
