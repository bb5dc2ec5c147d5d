/** Base models, fine-tuned ones with where they come from, and exports, as any client has them. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BaseModelObject, ExportTaskResult } from '../../src/domain/base-model.ts';
import type { FineTunedModelObject, Lineage } from '../../src/domain/lineage.ts';
import type { Task, TaskFile } from '../../src/domain/task.ts';
import { openTwoProjects, registerModel } from '../access/projects.ts';
import { startTask, waitForTask } from '../tasks/server.ts';
import { type LivedIn, openLivedIn } from '../web/lived-in.ts';

let lived: LivedIn;
beforeAll(async () => {
  lived = await openLivedIn();
}, 120_000);
afterAll(() => lived[Symbol.asyncDispose]());

interface List<Item> {
  readonly data: readonly Item[];
  readonly has_more: boolean;
}

test('base models are listed with what is known of them, those that could be fetched after those that are here', async () => {
  const { openai } = lived.house;
  const { data }: List<BaseModelObject> = await openai.get('/base_models');
  expect(data[0]).toMatchObject({
    object: 'base_model',
    id: 'tiny',
    status: 'installed',
    family: 'llama',
    context_tokens: 512,
    sources: [expect.stringMatching(/^file:/)],
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    serving_only: null,
    fine_tunes: 1,
    problem: null,
  });
  const smol = data.find(({ id }) => id === 'smollm2-135m-instruct')!;
  expect(smol).toMatchObject({ status: 'available', licence: 'apache-2.0', created_at: null, size_bytes: 98_362_432 });
  expect(smol.sources).toHaveLength(2);
  expect(await openai.get('/base_models/tiny')).toEqual(data[0]);
});

test('a fine-tuned model is listed with its base, size and figures; checkpoints only when they are asked for', async () => {
  const { openai } = lived.house;
  const { data }: List<FineTunedModelObject> = await openai.get('/fine_tuned_models');
  expect(data).toHaveLength(1);
  expect(data[0]).toMatchObject({
    id: lived.ids.model,
    base: 'gpt-4o-mini',
    base_model: 'tiny',
    base_installed: true,
    job: lived.ids.job,
    is_checkpoint: false,
    kind: 'adapter',
    metrics: { train_loss: expect.any(Number) as number, full_valid_loss: expect.any(Number) as number },
    lent: false,
  });
  expect(data[0]!.size_bytes).toBeGreaterThan(1000);
  const all: List<FineTunedModelObject> = await openai.get('/fine_tuned_models', { query: { checkpoints: 'true' } });
  expect(all.data.length).toBeGreaterThan(1);
  const page: List<FineTunedModelObject> = await openai.get('/fine_tuned_models', {
    query: { checkpoints: 'true', limit: 1, after: all.data[0]!.id },
  });
  expect(page.data).toEqual([all.data[1]]);
  const none: List<FineTunedModelObject> = await openai.get('/fine_tuned_models', { query: { base_model: 'other' } });
  expect(none.data).toEqual([]);
});

test('a model’s lineage names its data with hashes, its job, its siblings and the runs that asked it', async () => {
  const { openai } = lived.house;
  const lineage: Lineage = await openai.get(`/fine_tuned_models/${encodeURIComponent(lived.ids.model)}`);
  expect(lineage).toMatchObject({
    object: 'model.lineage',
    parent: { id: 'tiny', is_base: true },
    job: { id: lived.ids.job, status: 'succeeded', method: 'supervised' },
    children: [],
  });
  expect(lineage.data.map(({ role }) => role)).toEqual(['training', 'validation']);
  const content = await (await openai.files.content(lived.ids.file)).arrayBuffer();
  expect(lineage.data[0]).toMatchObject({
    id: lived.ids.file,
    filename: 'train.jsonl',
    bytes: content.byteLength,
    sha256: createHash('sha256').update(Buffer.from(content)).digest('hex'),
  });
  expect(lineage.siblings.at(-1)!.id).toBe(lived.ids.model);
  expect(lineage.siblings.length).toBeGreaterThan(1);
  expect(lineage.evals).toMatchObject([{ eval: lived.ids.eval, run: lived.ids.run, status: 'completed', total: 6 }]);
});

test('an export is a task whose files are the export, with their sums', { timeout: 120_000 }, async () => {
  const { openai } = lived.house;
  const { id } = await startTask(openai, { type: 'export', model: lived.ids.model, format: 'gguf', precision: 'f32' });
  const task = (await waitForTask(openai, id)) as Task<object, ExportTaskResult>;
  expect(task.status).toBe('succeeded');
  const { data: files }: List<TaskFile> = await openai.get(`/tasks/${id}/files`);
  expect(files.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['README.md', 'SHA256SUMS', 'curves.svg', 'export.json', 'model.gguf']),
  );
  const gguf = task.result!.files.find(({ name }) => name === 'model.gguf')!;
  expect(task.result!.tested['model.gguf']!.sameAnswers).toBe(task.result!.tested['model.gguf']!.probes);
  const answer = await openai.get(`/tasks/${id}/files/model.gguf`).asResponse();
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename="model.gguf"');
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(bytes.length).toBe(gguf.bytes);
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(gguf.sha256);
  const unpacked = await mkdtemp(join(lived.house.home, 'unpacked-'));
  const whole = await openai.get(`/tasks/${id}/archive?name=words`).asResponse();
  expect(whole.headers.get('content-disposition')).toBe('attachment; filename="words.tar"');
  const archive = Buffer.from(await whole.arrayBuffer());
  expect(String(archive.length)).toBe(whole.headers.get('content-length'));
  await writeFile(join(unpacked, 'words.tar'), archive);
  await promisify(execFile)('tar', ['-xf', 'words.tar'], { cwd: unpacked });
  await promisify(execFile)('sha256sum', ['-c', 'SHA256SUMS'], { cwd: join(unpacked, 'words') });
  await expect(openai.get(`/tasks/${id}/archive?name=..%2Fevil`)).rejects.toMatchObject({ status: 400, param: 'name' });
  const below = join(lived.house.home, 'tasks', id, 'files', 'a folder');
  await mkdir(below);
  await writeFile(join(below, 'ä.txt'), 'deep');
  const deep = await openai.get(`/tasks/${id}/files/${encodeURIComponent('a folder/ä.txt')}`).asResponse();
  expect(await deep.text()).toBe('deep');
  expect(deep.headers.get('content-disposition')).toBe(`attachment; filename="_.txt"; filename*=UTF-8''%C3%A4.txt`);
  const lineage: Lineage = await openai.get(`/fine_tuned_models/${encodeURIComponent(lived.ids.model)}`);
  expect(lineage.exports).toMatchObject([{ task: id, format: 'gguf', status: 'succeeded' }]);
});

test('an export that cannot be is refused before there is a task', async () => {
  const { openai } = lived.house;
  const ask = (body: object) => startTask(openai, { type: 'export', ...body });
  await expect(ask({ model: 'nobody', format: 'gguf' })).rejects.toMatchObject({ status: 404, param: 'model' });
  await expect(ask({ model: 'tiny', format: 'peft' })).rejects.toMatchObject({ status: 400, param: 'format' });
  await expect(ask({ model: 'tiny', format: 'zip' })).rejects.toMatchObject({ status: 400, param: 'format' });
  await expect(ask({ model: 'tiny', format: 'safetensors', precision: 'q8_0' })).rejects.toMatchObject({
    status: 400,
    param: 'precision',
  });
});

test('a base can be taken from a file that lies there already', async () => {
  const { openai } = lived.house;
  const ask = (from: string) => startTask(openai, { type: 'pull', source: 'qwen2.5-0.5b-instruct', from });
  await expect(ask('/nowhere/model.gguf')).rejects.toMatchObject({ status: 404, param: 'from' });
  const { id } = await ask(join(lived.house.home, 'tiny.gguf'));
  expect(await waitForTask(openai, id)).toMatchObject({
    status: 'succeeded',
    result: { model: 'qwen2.5-0.5b-instruct' },
  });
  expect(await openai.get('/base_models/qwen2.5-0.5b-instruct')).toMatchObject({ status: 'installed' });
});

test('a base that fine-tuned models need is removed only when that is meant', async () => {
  const { openai } = lived.house;
  await expect(openai.delete('/base_models/tiny')).rejects.toMatchObject({
    status: 409,
    code: 'model_in_use',
    message: expect.stringContaining("1 fine-tuned model needs the base model 'tiny'") as string,
  });
  expect(await openai.delete('/base_models/tiny?force=true')).toMatchObject({ id: 'tiny', deleted: true });
  const { data }: List<FineTunedModelObject> = await openai.get('/fine_tuned_models');
  expect(data[0]).toMatchObject({ base_installed: false });
  await expect(openai.delete('/base_models/tiny')).rejects.toMatchObject({ status: 404 });
});

test('only the operator fetches and removes bases, which are everybody’s', async () => {
  await using house = await openTwoProjects();
  await registerModel(house.house, 'alice', 'ft:tiny:acme::Alices00');
  await expect(house.bob.delete('/base_models/tiny')).rejects.toMatchObject({ status: 403 });
  await expect(startTask(house.bob, { type: 'pull', source: 'tiny' })).rejects.toMatchObject({ status: 403 });
  const bobs: BaseModelObject = await house.bob.get('/base_models/tiny');
  const alices: BaseModelObject = await house.alice.get('/base_models/tiny');
  expect([bobs.fine_tunes, alices.fine_tunes]).toEqual([0, 1]);
});
