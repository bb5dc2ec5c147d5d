import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openGguf, writeGguf, type GgufTensorSource } from '../../src/formats/gguf.ts';
import { GgufMetadata, ggufValue, type GgufValue } from '../../src/formats/gguf-metadata.ts';
import { readArchitecture } from '../../src/engine/nn/architecture.ts';
import { checkModel } from '../../src/models/check.ts';
import { inspectModel, type Inspection } from '../../src/models/inspect.ts';
import { writeTinyLlama, type TinyModelOptions } from '../tiny-model.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inspect-'));
  path = join(folder, 'model.gguf');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function check(options: TinyModelOptions = {}): Promise<Inspection> {
  await writeTinyLlama(path, options);
  await using gguf = await openGguf(path);
  return checkModel(gguf);
}

/** The tiny model with some of its tensors changed. */
async function checkTensors(change: (tensors: GgufTensorSource[]) => GgufTensorSource[]): Promise<Inspection> {
  await writeTinyLlama(path);
  const changed = join(folder, 'changed.gguf');
  {
    await using gguf = await openGguf(path);
    const tensors: GgufTensorSource[] = [];
    for (const { name, shape, type } of gguf.tensors.values())
      tensors.push({ name, shape, type, data: await gguf.readBytes(name) });
    await writeGguf(changed, { metadata: gguf.metadata, tensors: change(tensors) });
  }
  await using gguf = await openGguf(changed);
  return checkModel(gguf);
}

const floatTensor = (name: string, shape: readonly number[]): GgufTensorSource => ({
  name,
  shape,
  type: 'F32',
  data: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)),
});

test('a good model is told as it is', async () => {
  await writeTinyLlama(path);
  expect(await inspectModel(path)).toMatchObject({
    name: 'Tiny',
    licence: null,
    architecture: {
      architecture: 'llama',
      layers: 2,
      width: 32,
      heads: 4,
      kvHeads: 2,
      headWidth: 8,
      feedForward: 48,
      vocabulary: 400,
      contextTokens: 512,
      ropeBase: 100_000,
      tiedEmbeddings: true,
      tensorTypes: { F32: 20 },
      servingOnly: null,
    },
  });
});

test.each(['smollm', 'gpt-2', 'qwen2', 'llama-bpe', 'sentence-piece'] as const)(
  'a %s tokenizer is understood',
  async (tokenizer) => {
    await expect(check({ tokenizer })).resolves.toBeDefined();
  },
);

const tokens = Array.from({ length: 400 }, (_, i) => `t${i}`);

test.each<[string, Record<string, GgufValue>, RegExp]>([
  ['no heads', { 'llama.attention.head_count': ggufValue.u32(0) }, /head_count" is 0; expected a whole number from 1/],
  ['heads that cannot share', { 'llama.attention.head_count_kv': ggufValue.u32(3) }, /its 4 heads cannot share 3/],
  ['absurd depth', { 'llama.block_count': ggufValue.u32(513) }, /block_count" is 513; expected .* to 512/],
  ['an endless context', { 'llama.context_length': ggufValue.u32(500_000_000) }, /context_length" is 500000000/],
  [
    'no epsilon',
    { 'llama.attention.layer_norm_rms_epsilon': ggufValue.f32(0) },
    /epsilon" is 0; expected a number above 0/,
  ],
  ['no tokenizer', { 'tokenizer.ggml.model': ggufValue.string('none') }, /it has no tokenizer/],
  [
    'too few tokens',
    { 'tokenizer.ggml.tokens': ggufValue.strings(tokens.slice(1)) },
    /399 tokens and embeddings for 400/,
  ],
  [
    'tokens of the same text',
    { 'tokenizer.ggml.tokens': ggufValue.strings([...tokens.slice(1), 't7']) },
    /tokens 6 and 399 have the same text "t7"/,
  ],
  ['an end that is no token', { 'tokenizer.ggml.eos_token_id': ggufValue.u32(400) }, /eos token is number 400 of 400/],
  ['an unknown tokenizer', { 'tokenizer.ggml.pre': ggufValue.string('unheard-of') }, /unheard-of/],
  ['a broken chat template', { 'tokenizer.chat_template': ggufValue.string('{% for %}') }, /template/i],
  [
    'the type of an adapter',
    { 'general.type': ggufValue.string('adapter') },
    /general.type is "adapter"; expected "model"/,
  ],
  ['another depth than its tensors', { 'llama.block_count': ggufValue.u32(3) }, /"blk.2.attn_norm.weight" is missing/],
  [
    'another width than its tensors',
    { 'llama.feed_forward_length': ggufValue.u32(50) },
    /is \[48,32\]; .* call for \[50,32\]/,
  ],
])('a model with %s is refused', async (_, metadata, message) => {
  await expect(check({ metadata })).rejects.toThrow(message);
});

test('a tensor that is missing, or that no llama has, is named', async () => {
  const without = (name: string) => checkTensors((tensors) => tensors.filter((tensor) => tensor.name !== name));
  await expect(without('blk.1.ffn_down.weight')).rejects.toThrow(/"blk.1.ffn_down.weight" is missing/);
  await expect(without('token_embd.weight')).rejects.toThrow(/400 tokens and embeddings for 0/);
  await expect(checkTensors((tensors) => [...tensors, floatTensor('surprise.weight', [4])])).rejects.toThrow(
    /"surprise.weight" does not belong/,
  );
});

test('what llama.cpp can run and the engine cannot train is accepted and marked', async () => {
  const biased = await checkTensors((tensors) => [...tensors, floatTensor('blk.0.attn_q.bias', [32])]);
  expect(biased.architecture.servingOnly).toMatch(/biases/);
  const scaled = await check({ metadata: { 'llama.rope.scaling.type': ggufValue.string('yarn') } });
  expect(scaled.architecture.servingOnly).toMatch(/"yarn"/);
  const stretched = await checkTensors((tensors) => [...tensors, floatTensor('rope_freqs.weight', [4])]);
  expect(stretched.architecture.servingOnly).toBeNull();
});

test.each<[string, Record<string, GgufValue>, RegExp]>([
  ['heads that turn in part', { 'llama.rope.dimension_count': ggufValue.u32(4) }, /does not rotate parts of a head/],
  ['a window', { 'llama.attention.sliding_window': ggufValue.u32(64) }, /does not know windows in this family/],
  [
    'a soft cap',
    { 'llama.final_logit_softcapping': ggufValue.f32(30) },
    /does not know "llama.final_logit_softcapping"/,
  ],
  ['narrow values', { 'llama.attention.value_length': ggufValue.u32(4) }, /values of another size than keys/],
])('%s in the metadata answers and is not trained, by the checker and by the engine', async (_, metadata, reason) => {
  await writeTinyLlama(path, { metadata });
  await using gguf = await openGguf(path);
  expect(checkModel(gguf).architecture.servingOnly).toMatch(reason);
  await expect(readArchitecture(gguf)).rejects.toThrow(reason);
});

test('another architecture can answer and cannot be trained', async () => {
  await writeTinyLlama(path);
  const renamed = join(folder, 'stablelm.gguf');
  {
    await using gguf = await openGguf(path);
    const entries = [...gguf.metadata.entries()].map(([key, value]): [string, GgufValue] => [
      key.replace(/^llama\./, 'stablelm.'),
      key === 'general.architecture' ? ggufValue.string('stablelm') : value,
    ]);
    const tensors = [];
    for (const { name, shape, type } of gguf.tensors.values())
      tensors.push({ name, shape, type, data: await gguf.readBytes(name) });
    await writeGguf(renamed, { metadata: new GgufMetadata(entries), tensors });
  }
  await using gguf = await openGguf(renamed);
  expect(checkModel(gguf).architecture.servingOnly).toMatch(/does not train the stablelm architecture yet/);
});

test('a truncated file is refused by the checker, wherever it was cut', async () => {
  await writeTinyLlama(path);
  const { length } = await readFile(path);
  for (const bytes of [length - 1, 3000, 20]) {
    await truncate(path, bytes);
    await expect(inspectModel(path)).rejects.toMatchObject({
      kind: 'invalid',
      code: 'model_unreadable',
      message: expect.stringContaining('truncated') as string,
    });
  }
});

test('a pickle is refused by name', async () => {
  await writeFile(path, Buffer.from('\x80\x04\x95', 'latin1'));
  await expect(inspectModel(path)).rejects.toMatchObject({ code: 'unsupported_model_format' });
});

test.skipIf(process.platform === 'win32')('a checker that hangs is killed, and the error says so', async () => {
  execFileSync('mkfifo', [path]);
  await expect(inspectModel(path, undefined, { timeoutMs: 1500 })).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringMatching(/was killed by SIGKILL while it read .*longer than 1.5 s/) as string,
  });
});

test.skipIf(process.platform === 'win32')('a check that is called off ends at once', async () => {
  execFileSync('mkfifo', [path]);
  const stop = new AbortController();
  const check = inspectModel(path, stop.signal);
  setTimeout(() => stop.abort(new Error('enough')), 300);
  await expect(check).rejects.toThrow('enough');
});
