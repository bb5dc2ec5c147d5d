/** Checkpoints of Hugging Face's become models of ours; what they compute is in tests/engine/nn/families.test.ts. */

import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openGguf } from '../../src/formats/gguf.ts';
import { floats, readSafetensors, writeSafetensors, type SafeTensor } from '../../src/formats/safetensors.ts';
import { BaseModels, type PullEvent } from '../../src/models/base-models.ts';
import { convertCheckpoint } from '../../src/models/import/convert.ts';
import { hubSettings } from '../../src/models/sources/hub.ts';
import { checkpointOf, type FamilyName } from '../engine/nn/family-golden.ts';
import { mockCommit, openMockHub } from './mock-hub.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'import-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const files = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'];

/** A copy of a golden's checkpoint that may be spoilt. */
async function copyOf(name: FamilyName): Promise<string> {
  const copy = join(folder, `Tiny ${name}`);
  for (const file of files) await cp(join(checkpointOf(name), file), join(copy, file));
  return copy;
}

// oxlint-disable-next-line no-explicit-any -- spoilt on purpose
type Loose = Record<string, any>;

async function edit(checkpoint: string, file: string, change: (value: Loose) => void): Promise<void> {
  const value = JSON.parse(await readFile(join(checkpoint, file), 'utf8')) as Loose;
  change(value);
  await writeFile(join(checkpoint, file), JSON.stringify(value));
}

async function editWeights(checkpoint: string, change: (tensors: Map<string, SafeTensor>) => void): Promise<void> {
  const path = join(checkpoint, 'model.safetensors');
  const tensors = new Map((await readSafetensors(path)).tensors);
  change(tensors);
  await writeSafetensors(path, tensors);
}

const convert = async (checkpoint: string): Promise<string> => {
  const path = join(folder, 'model.gguf');
  await convertCheckpoint(checkpoint, path, () => undefined);
  return path;
};

test('a folder from the hub is pulled like a file: imported, checked, described, with progress', async () => {
  const bases = await BaseModels.open(join(folder, 'home'));
  const checkpoint = await copyOf('qwen2');
  const events: PullEvent[] = [];
  const model = await bases.pull(checkpoint, { onProgress: (event) => events.push(event) });
  expect(model).toMatchObject({
    id: 'tiny-qwen2',
    family: 'qwen2',
    source: `file:${checkpoint}`,
    contextTokens: 128,
    architecture: { architecture: 'qwen2', servingOnly: null, tiedEmbeddings: true, vocabulary: 400 },
  });
  await expect(bases.verify(model.id)).resolves.toBeUndefined();
  expect(events.findLast(({ type }) => type === 'progress')).toMatchObject({
    receivedBytes: (await readFile(join(checkpoint, 'model.safetensors'))).length,
  });
  expect(await bases.pull(checkpoint)).toEqual(model);
  await cp(checkpoint, join(folder, 'elsewhere', 'Tiny qwen2'), { recursive: true });
  await expect(bases.pull(join(folder, 'elsewhere', 'Tiny qwen2'))).rejects.toThrow(/already here as tiny-qwen2/);
});

test('a repository of the hub is pulled by its name, every file checked and of one commit', async () => {
  const repository: Record<string, Buffer> = {};
  for (const file of files) {
    const at = file === 'config.json' ? 'main' : mockCommit;
    repository[`somebody/Tiny-GPT/resolve/${at}/${file}`] = await readFile(join(checkpointOf('gpt2'), file));
  }
  await using hub = await openMockHub(repository, { gitFiles: /\.json$/ });
  const bases = await BaseModels.open(join(folder, 'home'), {
    hub: { ...hubSettings({}), endpoint: hub.endpoint },
  });
  const model = await bases.pull('somebody/Tiny-GPT');
  expect(model).toMatchObject({
    id: 'tiny-gpt',
    source: 'hub:somebody/Tiny-GPT',
    revision: mockCommit,
    architecture: { architecture: 'gpt2', servingOnly: null },
  });
  expect(await readdir(join(folder, 'home/models/base/.incoming'))).toEqual([]);
  await expect(bases.pull('somebody/nothing-here')).rejects.toThrow(/has no config.json, or is private/);
});

test('a pull that broke after some of its files does not fetch them again', async () => {
  const checkpoint = checkpointOf('gpt2');
  const { tensors } = await readSafetensors(join(checkpoint, 'model.safetensors'));
  const names = [...tensors.keys()];
  const repository: Record<string, Buffer> = {};
  const put = (file: string, bytes: Buffer): void => {
    repository[`somebody/tiny/resolve/${file === 'config.json' ? 'main' : mockCommit}/${file}`] = bytes;
  };
  for (const file of files.slice(0, 3)) put(file, await readFile(join(checkpoint, file)));
  const map: Record<string, string> = {};
  for (const [i, part] of [names.slice(0, 10), names.slice(10)].entries()) {
    const name = `model-${i}.safetensors`;
    for (const tensor of part) map[tensor] = name;
    await writeSafetensors(join(folder, name), new Map(part.map((tensor) => [tensor, tensors.get(tensor)!])));
    put(name, await readFile(join(folder, name)));
  }
  put('model.safetensors.index.json', Buffer.from(JSON.stringify({ weight_map: map })));
  const second = `somebody/tiny/resolve/${mockCommit}/model-1.safetensors`;
  const { [second]: held, ...before } = repository;
  const home = join(folder, 'home');
  {
    await using hub = await openMockHub(before, { gitFiles: /\.json$/ });
    const bases = await BaseModels.open(home, { hub: { ...hubSettings({}), endpoint: hub.endpoint } });
    await expect(bases.pull('somebody/tiny')).rejects.toThrow(/model-1.safetensors/);
  }
  await using hub = await openMockHub({ ...before, [second]: held! }, { gitFiles: /\.json$/ });
  const bases = await BaseModels.open(home, { hub: { ...hubSettings({}), endpoint: hub.endpoint } });
  expect((await bases.pull('somebody/tiny')).architecture.servingOnly).toBeNull();
  const fetched = hub.requests.filter(({ origin, method }) => origin === 'storage' && method === 'GET');
  expect(fetched.map(({ url }) => url)).toEqual([`/${second}`]);
});

test('a small file that arrives damaged is not believed', async () => {
  const repository = {
    'somebody/tiny/resolve/main/config.json': await readFile(join(checkpointOf('gpt2'), 'config.json')),
  };
  await using hub = await openMockHub(repository, { gitFiles: /\.json$/, flippedByte: 7 });
  const bases = await BaseModels.open(join(folder, 'home'), { hub: { ...hubSettings({}), endpoint: hub.endpoint } });
  await expect(bases.pull('somebody/tiny')).rejects.toThrow(/config.json hashes to .* damaged on the way/);
});

test('weights in several files and in half precision become the same model, in their own precision', async () => {
  const whole = await convert(await copyOf('llama-3'));
  await using reference = await openGguf(whole);
  const embedding = await reference.read('token_embd.weight');
  const query = await reference.read('blk.0.attn_q.weight');

  const checkpoint = await copyOf('llama-3');
  const { tensors } = await readSafetensors(join(checkpoint, 'model.safetensors'));
  const brain = (tensor: SafeTensor): SafeTensor => {
    const bits = new Uint32Array(floats(tensor).slice().buffer);
    return { dtype: 'BF16', shape: tensor.shape, data: Uint16Array.from(bits, (value) => value >>> 16) };
  };
  const parts = [new Map<string, SafeTensor>(), new Map<string, SafeTensor>()];
  const map: Record<string, string> = {};
  for (const [i, [name, tensor]] of [...tensors].entries()) {
    parts[i % 2]!.set(name, brain(tensor));
    map[name] = `model-0000${(i % 2) + 1}-of-00002.safetensors`;
  }
  await rm(join(checkpoint, 'model.safetensors'));
  for (const [i, part] of parts.entries())
    await writeSafetensors(join(checkpoint, `model-0000${i + 1}-of-00002.safetensors`), part);
  await writeFile(join(checkpoint, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
  await using again = await openGguf(await convert(checkpoint));
  expect(again.tensors.get('token_embd.weight')!.type).toBe('BF16');
  expect(again.tensors.get('output_norm.weight')!.type).toBe('F32');
  for (const [name, expected] of [
    ['token_embd.weight', embedding],
    ['blk.0.attn_q.weight', query],
  ] as const)
    for (const [i, value] of (await again.read(name)).entries())
      expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(Math.abs(expected[i]!) / 128);
});

test('a checkpoint without the names of its class, with old tables and more embeddings than tokens is taken', async () => {
  const checkpoint = await copyOf('gpt2');
  await editWeights(checkpoint, (tensors) => {
    const before = [...tensors];
    tensors.clear();
    for (const [name, tensor] of before) {
      tensors.set(name.replace(/^transformer\./, ''), tensor);
    }
    tensors.set('h.0.attn.bias', { dtype: 'U8', shape: [1, 1, 2, 2], data: new Uint8Array(4) });
    const { data, shape } = tensors.get('wte.weight')! as SafeTensor & { data: Float32Array };
    const longer = new Float32Array(data.length + 3 * shape[1]!);
    longer.set(data);
    tensors.set('wte.weight', { dtype: 'F32', shape: [shape[0]! + 3, shape[1]!], data: longer });
  });
  await using gguf = await openGguf(await convert(checkpoint));
  expect(gguf.metadata.strings('tokenizer.ggml.tokens').slice(-3)).toEqual(['[PAD400]', '[PAD401]', '[PAD402]']);
  expect(gguf.tensors.get('token_embd.weight')!.shape).toEqual([403, 32]);
});

const faults: [string, FamilyName, string, (value: Loose) => void, RegExp][] = [
  [
    'another kind',
    'qwen2',
    'config.json',
    (c) => (c['model_type'] = 'mamba'),
    /"model_type" is "mamba".*expected one of llama/,
  ],
  ['Gemma with eyes', 'gemma3', 'config.json', (c) => (c['model_type'] = 'gemma3'), /also reads pictures/],
  ['no width', 'qwen2', 'config.json', (c) => delete c['hidden_size'], /"hidden_size" is missing; expected a number/],
  ['a width of text', 'qwen2', 'config.json', (c) => (c['hidden_size'] = '32'), /"hidden_size" is "32"; expected/],
  ['a wrong width', 'qwen2', 'config.json', (c) => (c['hidden_size'] = 64), /is \[400, 32\]; config.json calls for/],
  ['a foreign activation', 'qwen3', 'config.json', (c) => (c['hidden_act'] = 'relu'), /"hidden_act" is "relu".*silu/],
  ['biases', 'llama-3', 'config.json', (c) => (c['attention_bias'] = true), /"attention_bias" is true/],
  ['a window', 'qwen2', 'config.json', (c) => (c['use_sliding_window'] = true), /"use_sliding_window" is true/],
  [
    'yarn',
    'qwen2',
    'config.json',
    (c) => (c['rope_parameters'] = { rope_type: 'yarn', factor: 4 }),
    /"yarn"; expected one of default, linear, llama3/,
  ],
  [
    'quantised weights',
    'qwen2',
    'config.json',
    (c) => (c['quantization_config'] = { bits: 4 }),
    /"quantization_config"/,
  ],
  [
    'other layers',
    'gemma3',
    'config.json',
    (c) => c['layer_types'].reverse(),
    /"layer_types".*full attention in every 6th/,
  ],
  ['soft caps', 'gemma3', 'config.json', (c) => (c['final_logit_softcapping'] = 30), /"final_logit_softcapping" is 30/],
  [
    'another scale',
    'gemma3',
    'config.json',
    (c) => (c['query_pre_attn_scalar'] = 168),
    /"query_pre_attn_scalar" is 168/,
  ],
  ['Unigram', 'gemma3', 'tokenizer.json', (t) => (t['model'].type = 'Unigram'), /of kind "Unigram"; expected/],
  [
    'an unknown splitter',
    'qwen2',
    'tokenizer.json',
    (t) => (t['pre_tokenizer'].pretokenizers[0].pattern.Regex = '\\s+'),
    /splits text in a way/,
  ],
  [
    'a lowercaser',
    'gpt2',
    'tokenizer.json',
    (t) => (t['normalizer'] = { type: 'Lowercase' }),
    /normalised by "Lowercase"/,
  ],
  [
    'a token twice',
    'gpt2',
    'tokenizer.json',
    (t) => (t['added_tokens'][0].content = 'a'),
    /have the text of another|has the id/,
  ],
  ['an id that is none', 'gpt2', 'tokenizer.json', (t) => (t['model'].vocab['the'] = -1), /has the id -1/],
  [
    'an id beyond the embeddings',
    'gpt2',
    'tokenizer.json',
    (t) => (t['model'].vocab['zzz'] = 9000),
    /has the id 9000; there are 400/,
  ],
  [
    'a merge of three',
    'gpt2',
    'tokenizer.json',
    (t) => (t['model'].merges[0] = ['a', 'b', 'c']),
    /a merge is .*expected two texts/,
  ],
];

test.each(faults)('a checkpoint with %s is refused by name: %s %s', async (_, family, file, spoil, message) => {
  const checkpoint = await copyOf(family);
  await edit(checkpoint, file, spoil);
  await expect(convert(checkpoint)).rejects.toThrow(message);
});

test.each<[string, (tensors: Map<string, SafeTensor>) => void, RegExp]>([
  ['a missing tensor', (t) => t.delete('model.norm.weight'), /"model.norm.weight" is missing/],
  [
    'a tensor too many',
    (t) => t.set('model.layers.0.mlp.extra.weight', { dtype: 'F32', shape: [1], data: new Float32Array(1) }),
    /"model.layers.0.mlp.extra.weight", which a plain Qwen2 does not/,
  ],
  [
    'eight-bit numbers',
    (t) => t.set('model.layers.0.mlp.up_proj.weight', { dtype: 'I8', shape: [48, 32], data: new Int8Array(48 * 32) }),
    /holds I8 numbers; expected F32, F16 or BF16/,
  ],
])('weights with %s are refused by name', async (_, spoil, message) => {
  const checkpoint = await copyOf('qwen2');
  await editWeights(checkpoint, spoil);
  await expect(convert(checkpoint)).rejects.toThrow(message);
});

test('damaged files are the checkpoint’s fault, told by the importer’s process, and nothing is left', async () => {
  const bases = await BaseModels.open(join(folder, 'home'));
  const checkpoint = await copyOf('qwen2');
  await writeFile(join(checkpoint, 'tokenizer.json'), '{"model": ');
  await expect(bases.pull(checkpoint)).rejects.toMatchObject({
    message: expect.stringMatching(/tokenizer.json is not JSON/),
  });
  await cp(join(checkpointOf('qwen2'), 'tokenizer.json'), join(checkpoint, 'tokenizer.json'));
  const weights = await readFile(join(checkpoint, 'model.safetensors'));
  await writeFile(join(checkpoint, 'model.safetensors'), weights.subarray(0, -100));
  await expect(bases.pull(checkpoint)).rejects.toThrow(/truncated/);
  await writeFile(
    join(checkpoint, 'model.safetensors.index.json'),
    '{"weight_map": {"a": "../../etc/passwd.safetensors"}}',
  );
  await expect(bases.pull(checkpoint)).rejects.toThrow(
    /names a file "..\/..\/etc\/passwd.safetensors"; expected one of this folder/,
  );
  expect(bases.list()).toEqual([]);
});
