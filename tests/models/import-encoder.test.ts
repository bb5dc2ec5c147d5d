/** Encoders of Hugging Face's become models of ours, with their classifiers and their way of making vectors. */

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { normalises, poolingOf, readHead } from '../../src/families/label-head.ts';
import { ggufValue, type GgufValue } from '../../src/formats/gguf-metadata.ts';
import { openGguf } from '../../src/formats/gguf.ts';
import { readSafetensors, writeSafetensors, type SafeTensor } from '../../src/formats/safetensors.ts';
import { BaseModels } from '../../src/models/base-models.ts';
import { convertCheckpoint } from '../../src/models/import/convert.ts';
import { writeTinyEncoder } from '../tiny-encoder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'import-encoder-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const goldens = new URL('../goldens/families/', import.meta.url).pathname;
const files = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'];

async function copyOf(name: 'bert' | 'distilbert'): Promise<string> {
  const copy = join(folder, `tiny-${name}`);
  for (const file of files) await cp(join(goldens, name, file), join(copy, file));
  return copy;
}

// oxlint-disable-next-line no-explicit-any -- spoilt on purpose
type Loose = Record<string, any>;

async function edit(checkpoint: string, file: string, change: (value: Loose) => void): Promise<void> {
  const value = JSON.parse(await readFile(join(checkpoint, file), 'utf8')) as Loose;
  change(value);
  await writeFile(join(checkpoint, file), JSON.stringify(value));
}

async function rename(checkpoint: string, change: (name: string) => string | null): Promise<void> {
  const path = join(checkpoint, 'model.safetensors');
  const { tensors } = await readSafetensors(path);
  const renamed = [...tensors].flatMap(([name, tensor]): [string, SafeTensor][] => {
    const other = change(name);
    return other === null ? [] : [[other, tensor]];
  });
  await writeSafetensors(path, new Map(renamed));
}

const convert = async (checkpoint: string): Promise<string> => {
  const path = join(folder, 'model.gguf');
  await convertCheckpoint(checkpoint, path, () => undefined);
  return path;
};

test.each(['bert', 'distilbert'] as const)(
  '%s is pulled from its folder and is one that our engine trains',
  async (name) => {
    const bases = await BaseModels.open(join(folder, 'home'));
    const model = await bases.pull(await copyOf(name));
    expect(model.architecture).toMatchObject({ architecture: 'bert', layers: 2, width: 16, servingOnly: null });
  },
);

test('a classifier comes with its labels, a tagger with its tags where they are in our order', async () => {
  const checkpoint = await copyOf('bert');
  await edit(checkpoint, 'config.json', (config) => (config['id2label'] = { 0: 'bad', 1: 'good', 2: 'odd' }));
  {
    await using gguf = await openGguf(await convert(checkpoint));
    expect(readHead(gguf.metadata)).toEqual({
      task: 'classification',
      labels: ['bad', 'good', 'odd'],
      form: null,
      pooling: 'first',
    });
    expect(gguf.tensors.get('cls.output.weight')!.shape).toEqual([3, 16]);
  }
  const tagger = await copyOf('distilbert');
  const tags = async (names: object): Promise<unknown> => {
    await edit(tagger, 'config.json', (config) => (config['id2label'] = names));
    await using gguf = await openGguf(await convert(tagger));
    return readHead(gguf.metadata)?.labels ?? null;
  };
  expect(await tags({ 0: 'O', 1: 'B-PER', 2: 'I-PER' })).toEqual(['PER']);
  expect(await tags({ 0: 'B-PER', 1: 'O', 2: 'I-PER' })).toBeNull();
});

test('heads of other tasks are left out, and names of early checkpoints are understood', async () => {
  const checkpoint = await copyOf('bert');
  await rename(checkpoint, (name) => {
    if (name === 'classifier.weight') return 'cls.predictions.transform.dense.weight';
    if (name === 'classifier.bias') return null;
    return name
      .replace(/^bert\./, '')
      .replace('LayerNorm.weight', 'LayerNorm.gamma')
      .replace('LayerNorm.bias', 'LayerNorm.beta');
  });
  await using gguf = await openGguf(await convert(checkpoint));
  expect(readHead(gguf.metadata)).toBeNull();
  expect(gguf.tensors.has('cls.output.weight')).toBe(false);
  expect(gguf.tensors.has('blk.1.layer_output_norm.bias')).toBe(true);
});

test('sentence-transformers says how vectors are made', async () => {
  const checkpoint = await copyOf('bert');
  const write = async (pooling: object, modules: readonly string[]): Promise<void> => {
    await mkdir(join(checkpoint, '1_Pooling'), { recursive: true });
    await writeFile(join(checkpoint, '1_Pooling', 'config.json'), JSON.stringify(pooling));
    const types = modules.map((name) => ({ type: `sentence_transformers.models.${name}` }));
    await writeFile(join(checkpoint, 'modules.json'), JSON.stringify(types));
  };
  await write({ pooling_mode_mean_tokens: false, pooling_mode_cls_token: true }, ['Transformer', 'Pooling']);
  {
    await using gguf = await openGguf(await convert(checkpoint));
    expect(poolingOf(gguf.metadata)).toBe('first');
    expect(normalises(gguf.metadata)).toBe(false);
  }
  await write({ pooling_mode_mean_tokens: true }, ['Transformer', 'Pooling', 'Normalize']);
  {
    await using gguf = await openGguf(await convert(checkpoint));
    expect(poolingOf(gguf.metadata)).toBe('mean');
    expect(normalises(gguf.metadata)).toBe(true);
  }
  await write({ pooling_mode_max_tokens: true }, []);
  await expect(convert(checkpoint)).rejects.toThrow(/pools by pooling_mode_max_tokens; expected/);
});

test.each<[string, string, (value: Loose) => void, RegExp]>([
  [
    'relative positions',
    'config.json',
    (config) => (config['position_embedding_type'] = 'relative_key'),
    /"position_embedding_type" is "relative_key"; expected "absolute"/,
  ],
  ['a decoder', 'config.json', (config) => (config['is_decoder'] = true), /"is_decoder" is true/],
  ['another activation', 'config.json', (config) => (config['hidden_act'] = 'relu'), /"hidden_act" is "relu"/],
  ['no unknown token', 'tokenizer.json', (file) => delete file['model'].unk_token, /model\.unk_token/],
  [
    'another prefix',
    'tokenizer.json',
    (file) => (file['model'].continuing_subword_prefix = '@@'),
    /continuing_subword_prefix/,
  ],
  [
    'an id that has no row',
    'tokenizer.json',
    (file) => (file['model'].vocab['new'] = 160),
    /"new" is number 160 of 160/,
  ],
])('%s: refused by name', async (_, file, change, message) => {
  const checkpoint = await copyOf('bert');
  await edit(checkpoint, file, change);
  await expect(convert(checkpoint)).rejects.toThrow(message);
});

test('a file whose labels and tensors do not fit is refused', async () => {
  const bases = await BaseModels.open(join(folder, 'home'));
  const head = { task: 'classification', labels: ['a', 'b'], form: null, pooling: 'first' } as const;
  const refused = async (metadata: Record<string, GgufValue>): Promise<string> => {
    const path = join(folder, 'hostile.gguf');
    await writeTinyEncoder(path, { head, metadata });
    return await bases.pull(path).then(
      () => 'pulled',
      (error: Error) => error.message,
    );
  };
  expect(await refused({ 'tunesmith.head.labels': ggufValue.strings(['a', 'b', 'c']) })).toMatch(
    /outputs for 2 of 3 labels/,
  );
  expect(await refused({ 'tunesmith.head.labels': ggufValue.strings(['a', 'a']) })).toMatch(
    /labels: a label is there twice/,
  );
  expect(await refused({ 'tunesmith.head.task': ggufValue.string('regression') })).toMatch(/labels are damaged: task/);
  expect(await refused({ 'tunesmith.head.form': ggufValue.string('{') })).toMatch(/labels are damaged: form/);
  expect(await refused({ 'tunesmith.head.task': ggufValue.string('token_classification') })).toMatch(/does not fit/);
  expect(await refused({})).toBe('pulled');
});
