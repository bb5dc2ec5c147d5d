/** Encoders leave in forms that other programs read: their GGUF, and a checkpoint for transformers, read back before it appears. */

import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exportModel } from '../../src/export/export.ts';
import type { ExportForm, ExportOptions } from '../../src/export/options.ts';
import type { HeadFacts } from '../../src/families/label-head.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { BaseModels } from '../../src/models/base-models.ts';
import type { ServedModel } from '../../src/models/registry.ts';
import { writeTinyEncoder } from '../tiny-encoder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'export-encoder-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function model(head: HeadFacts | null): Promise<ServedModel> {
  const path = join(folder, 'mini.gguf');
  await writeTinyEncoder(path, { head });
  const bases = await BaseModels.open(join(folder, 'home'));
  return { id: 'mini', base: await bases.pull(path), ownFolder: null, adapter: null, adapterFolder: null };
}

async function exported(head: HeadFacts | null, form: ExportForm, more: Partial<ExportOptions> = {}): Promise<string> {
  const path = join(folder, 'out');
  await exportModel({
    model: await model(head),
    story: null,
    conversations: [],
    form,
    adapterOnly: false,
    type: 'f32',
    path,
    force: false,
    threads: 1,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...more,
  });
  return path;
}

const json = async (...path: string[]): Promise<unknown> =>
  JSON.parse(await readFile(join(...path), 'utf8')) as unknown;

const labels = (more: Partial<HeadFacts>): HeadFacts => ({
  task: 'classification',
  labels: ['ham', 'spam'],
  form: null,
  pooling: 'first',
  ...more,
});

test('a classifier over the first token is BertForSequenceClassification, and comes back as it was', async () => {
  const path = await exported(labels({}), 'safetensors');
  expect(await json(path, 'config.json')).toMatchObject({
    architectures: ['BertForSequenceClassification'],
    id2label: { 0: 'ham', 1: 'spam' },
    problem_type: 'single_label_classification',
  });
  const { tensors } = await readSafetensors(join(path, 'model.safetensors'));
  expect(tensors.get('classifier.weight')!.shape).toEqual([2, 32]);
  expect(tensors.has('bert.pooler.dense.weight')).toBe(true);
  expect(await readFile(join(path, 'README.md'), 'utf8')).toContain('pipeline("text-classification"');
  expect(await readFile(join(path, 'SHA256SUMS'), 'utf8')).toContain('model.safetensors');
});

test('a tagger is BertForTokenClassification', async () => {
  const form = {
    shape: 'spans',
    wrapper: null,
    keys: { text: 'text', label: 'label', start: 'start', end: 'end' },
  } as const;
  const head = labels({ task: 'token_classification', labels: ['PER'], pooling: 'none', form });
  const path = await exported(head, 'safetensors');
  expect(await json(path, 'config.json')).toMatchObject({
    architectures: ['BertForTokenClassification'],
    id2label: { 0: 'O', 1: 'B-PER', 2: 'I-PER' },
  });
});

test('a classifier over the mean of all tokens lies beside the encoder, with the lines that use it', async () => {
  const path = await exported(labels({ task: 'multi_label', pooling: 'mean' }), 'folder');
  expect((await readdir(path)).sort()).toEqual(['README.md', 'SHA256SUMS', 'gguf', 'safetensors']);
  expect(await json(path, 'safetensors', 'config.json')).toMatchObject({ architectures: ['BertModel'] });
  expect(await json(path, 'safetensors', 'labels.json')).toEqual(['ham', 'spam']);
  expect(await readFile(join(path, 'README.md'), 'utf8')).toContain('logits.sigmoid()');
});

test('an encoder without labels tells sentence-transformers how it makes vectors', async () => {
  const path = await exported(null, 'safetensors');
  expect(await json(path, '1_Pooling', 'config.json')).toMatchObject({ pooling_mode_mean_tokens: true });
  expect(await json(path, 'modules.json')).toHaveLength(3);
});

test.each<[Partial<ExportOptions>, RegExp]>([
  [{ form: 'peft' }, /leaves as gguf, safetensors, folder; found peft/],
  [{ form: 'ollama' }, /found ollama/],
  [{ form: 'gguf', type: 'q8_0' }, /keeps its precision; found q8_0/],
])('%j is refused, and nothing is left', async (more, message) => {
  await expect(exported(null, 'gguf', more)).rejects.toThrow(message);
  expect((await readdir(folder)).sort()).toEqual(['home', 'mini.gguf']);
});
