/** What the dashboard asks for beside OpenAI's endpoints: rows, estimates, curves, origins, reports, tasks, captures. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { expect } from 'vitest';
import type { FileExample } from '../../src/domain/file-example.ts';
import type { Lineage } from '../../src/domain/lineage.ts';
import type { OpenAICaptureDetails } from '../../src/domain/openai-capture.ts';
import type { Task, TaskFile, TaskType } from '../../src/domain/task.ts';
import { answeredItems, makeEval, questions, runEval } from '../evals/api/eval-journey.ts';
import { examples, upload, waitFor } from '../jobs/tiny-house.ts';
import { openPlatform } from '../leaving/platform.ts';
import { startTask, waitForTask } from '../tasks/server.ts';
import { writeTinyLlama } from '../tiny-model.ts';

const model = 'tiny';

type Page<Item> = { data: Item[] };

async function ended(openai: OpenAI, type: TaskType, fields: object): Promise<Task> {
  return await waitForTask(openai, (await startTask(openai, { type, ...fields })).id);
}

export async function rows(openai: OpenAI): Promise<void> {
  const bent = '{"messages":[{"role":"User","content":"Hi"},{"role":"assistant","content":"Hello"}]}';
  const path = `/files/${await upload(openai, [...examples(), bent, '{"messages":'])}`;
  const seen: Page<FileExample> = await openai.get(`${path}/examples`, { query: { limit: 2, model } });
  expect(seen.data[0]!.sequences).toHaveLength(1);
  await openai.get(`${path}/examples`, { query: { after: 2, lines: '4,5', query: 'cat' } });
  const faulty: Page<FileExample> = await openai.get(`${path}/examples`, { query: { faulty: true } });
  expect(faulty.data.map(({ repair }) => repair !== null)).toEqual([true, false]);
  const add = [JSON.parse(examples('Why')[0]!)];
  const body = { edits: [{ line: 1, value: null }], add, repair: true, drop: true, filename: 'mended.jsonl' };
  await openai.post(`${path}/edits`, { body });
}

export async function origins(openai: OpenAI): Promise<void> {
  const wishes = {
    model,
    training_file: await upload(openai, examples('Where')),
    validation_file: await upload(openai, examples('When')),
  };
  await openai.post('/fine_tuning/estimates', { body: wishes });
  await openai.post('/fine_tuning/estimates', { body: { training_file: await upload(openai, ['no example']) } });
  const hyperparameters = { n_epochs: 2, batch_size: 6 };
  const { id } = await openai.fineTuning.jobs.create({ ...wishes, hyperparameters });
  await openai.get(`/fine_tuning/jobs/${id}/metrics`); // before there are any
  await openai.get(`/fine_tuning/jobs/${id}/provenance`);
  const tuned = (await waitFor(openai, id)).job.fine_tuned_model!;
  await openai.get(`/fine_tuning/jobs/${id}/metrics`, { query: { after: 1, limit: 2 } });
  await openai.get(`/fine_tuning/jobs/${id}/provenance`);

  const { id: evalId } = await makeEval(openai);
  const run = await runEval(openai, evalId, questions(2, { model: tuned }));
  await openai.get(`/evals/${evalId}/runs/${run.id}/report`);
  await ended(openai, 'export', { model: tuned, format: 'gguf' });
  await openai.get('/fine_tuned_models', { query: { limit: 1, base_model: model, checkpoints: true } });
  const lineage: Lineage = await openai.get(`/fine_tuned_models/${encodeURIComponent(tuned)}`);
  expect(lineage).toMatchObject({ evals: [{ eval: evalId }], exports: [{ format: 'gguf' }], job: { id } });
}

export async function figures(openai: OpenAI): Promise<void> {
  const input = [{ role: 'user', content: 'Judge {{ sample.output_text }}' }];
  const { id } = await makeEval(openai, [
    {
      type: 'text_similarity',
      name: 'close',
      evaluation_metric: 'fuzzy_match',
      pass_threshold: 0.5,
      input: '{{ sample.output_text }}',
      reference: '{{ item.answer }}',
    },
    { type: 'label_model', name: 'kind', model, input, labels: ['a', 'b'], passing_labels: ['a'] },
  ]);
  const run = await runEval(openai, id, answeredItems(['Rome', 'Rome'], ['Oslo', 'Paris']));
  await openai.get(`/evals/${id}/runs/${run.id}/report`);
}

export async function tasks(openai: OpenAI): Promise<void> {
  const folder = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'conformance-'));
  try {
    const source = join(folder, 'pulled.gguf');
    await writeTinyLlama(source, { seed: 2 });
    expect(await ended(openai, 'pull', { source })).toMatchObject({ status: 'succeeded', error: null });
    await writeFile(source, 'no model');
    expect(await ended(openai, 'pull', { source, id: 'broken' })).toMatchObject({ status: 'failed', result: null });
  } finally {
    await rm(folder, { recursive: true });
  }
  await openai.get('/base_models');
  await openai.get('/base_models/pulled');
  await openai.delete('/base_models/pulled', { query: { force: true } });

  const file = await upload(openai, examples());
  const { id } = await ended(openai, 'file_check', { file, model, role: 'training' });
  const { data } = await openai.get<Page<TaskFile>>(`/tasks/${id}/files`);
  const check = await openai.get<Response>(`/tasks/${id}/files/${data[0]!.name}`, { __binaryResponse: true });
  expect(await check.json()).toMatchObject({ file, examples: 12 });
  const query = { name: 'checked' };
  const archive = await openai.get<Response>(`/tasks/${id}/archive`, { query, __binaryResponse: true });
  expect(await archive.text()).toContain('checked/check.json');

  const long = await startTask(openai, { type: 'export', model, format: 'gguf' });
  await openai.post(`/tasks/${long.id}/cancel`);
  await openai.get('/tasks', { query: { limit: 2, type: 'export', status: 'cancelled' } });
  await openai.get('/tasks', { query: { after: long.id } });
  await openai.delete(`/tasks/${id}`);
}

export async function captures(openai: OpenAI): Promise<void> {
  await using platform = await openPlatform();
  const there = { api_key: 'sk-test-0123456789abcdef', capture: 'there' };
  const captured = await ended(openai, 'openai_capture', { ...there, base_url: platform.url });
  expect(captured).toMatchObject({ status: 'succeeded', request: { capture: 'there' } });
  const test = await upload(openai, examples());
  await ended(openai, 'openai_record', { ...there, model: platform.job.fine_tuned_model, file: test });
  await openai.get('/openai_captures');
  const details: OpenAICaptureDetails = await openai.get('/openai_captures/there');
  expect(details).toMatchObject({ jobs: [{ id: platform.job.id }], recordings: [{ answered: 12 }] });
  expect(details.models).not.toEqual([]);
  const query = { kind: 'files', limit: 1 };
  const { data } = await openai.get<Page<{ id: string }>>('/openai_captures/there/objects', { query });
  await openai.get('/openai_captures/there/objects', { query: { ...query, after: data[0]!.id } });
  await openai.delete('/openai_captures/there');
}
