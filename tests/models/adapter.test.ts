/**
 * The exported adapter against PyTorch: `goldens/llama-*.safetensors` hold the logits that transformers and peft
 * compute with random adapters. llama.cpp, given the base's GGUF and our adapter.gguf, must come to the same.
 */

import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getLlama, type Llama, type Token } from 'node-llama-cpp';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openGguf, writeGguf } from '../../src/formats/gguf.ts';
import { GgufMetadata, ggufValue } from '../../src/formats/gguf-metadata.ts';
import { floats, readSafetensors, writeSafetensors, type SafeTensor } from '../../src/formats/safetensors.ts';
import { exportAdapter } from '../../src/models/adapter.ts';
import type { BaseModel } from '../../src/models/base-models.ts';
import { interleaveRows } from '../../src/families/row-order.ts';

const goldens = join(import.meta.dirname, '../goldens');
const vocabulary = 96;

let folder: string;
let llama: Llama;
beforeAll(async () => {
  llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1, logger: () => undefined });
});
afterAll(() => llama.dispose());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adapter-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The golden's base with a tokenizer of single characters, which llama.cpp asks for and the logits do not see. */
async function writeBase(name: string): Promise<BaseModel> {
  const path = join(folder, `${name}.gguf`);
  await using golden = await openGguf(join(goldens, `${name}.gguf`));
  const characters = Array.from({ length: vocabulary - 2 }, (_, i) => String.fromCharCode(33 + i));
  const tokenizer: [string, ReturnType<typeof ggufValue.u32>][] = [
    ['tokenizer.ggml.model', ggufValue.string('gpt2')],
    ['tokenizer.ggml.pre', ggufValue.string('gpt-2')],
    ['tokenizer.ggml.tokens', ggufValue.strings([...characters, 'ab', '<|end|>'])],
    ['tokenizer.ggml.token_type', ggufValue.i32s([...characters.map(() => 1), 1, 3])],
    ['tokenizer.ggml.merges', ggufValue.strings(['a b'])],
    ['tokenizer.ggml.eos_token_id', ggufValue.u32(vocabulary - 1)],
  ];
  const tensors = [];
  for (const { name, shape, type } of golden.tensors.values())
    tensors.push({ name, shape, type, data: await golden.readBytes(name) });
  await writeGguf(path, { metadata: new GgufMetadata([...golden.metadata.entries(), ...tokenizer]), tensors });
  const number = (key: string): number => golden.metadata.number(`llama.${key}`);
  return {
    id: name,
    name,
    family: 'llama',
    licence: 'mit',
    source: `file:${name}.gguf`,
    revision: null,
    sha256: '5'.repeat(64),
    sizeBytes: 0,
    contextTokens: 128,
    parameters: 0,
    createdAt: 0,
    original: 'somebody/tiny-llama',
    path,
    architecture: {
      architecture: 'llama',
      layers: number('block_count'),
      width: number('embedding_length'),
      heads: number('attention.head_count'),
      kvHeads: number('attention.head_count_kv'),
      headWidth: number('attention.key_length'),
      feedForward: number('feed_forward_length'),
      vocabulary,
      contextTokens: 128,
      ropeBase: number('rope.freq_base'),
      normEpsilon: number('attention.layer_norm_rms_epsilon'),
      tiedEmbeddings: !golden.tensors.has('output.weight'),
      parameters: 0,
      tensorTypes: {},
      servingOnly: null,
    },
  };
}

interface Golden {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly string[];
  readonly sequences: readonly { readonly ids: number[]; readonly logits: Float32Array }[];
}

/** Splits the golden into a trainer's checkpoint and what PyTorch computed with it. */
async function writeCheckpoint(name: string): Promise<Golden> {
  const { tensors, metadata } = await readSafetensors(join(goldens, `${name}.safetensors`));
  const adapter = new Map<string, SafeTensor>();
  for (const [key, tensor] of tensors)
    if (key.startsWith('parameter.')) adapter.set(key.slice('parameter.'.length), tensor);
  await mkdir(join(folder, 'checkpoint'));
  await writeSafetensors(join(folder, 'checkpoint/adapter.safetensors'), adapter, { format: 'pt' });
  const sequences = [0, 1, 2, 3].map((i) => ({
    ids: Array.from(tensors.get(`sequences.${i}`)!.data as Int32Array),
    logits: floats(tensors.get(`logits.${i}`)!),
  }));
  return {
    rank: Number(metadata['rank']),
    alpha: Number(metadata['alpha']),
    targets: metadata['targets']!.split(','),
    sequences,
  };
}

const card = { model: 'ft:tiny:personal::AbC12345', job: 'ftjob-1', step: 20, details: { Epochs: 3 } };

async function exportGolden(name: string): Promise<{ base: BaseModel; golden: Golden; exported: string }> {
  const base = await writeBase(name);
  const { rank, alpha, targets, ...golden } = await writeCheckpoint(name);
  const exported = join(folder, 'fine-tuned/step-20');
  const lora = { rank, alpha, targets };
  await exportAdapter({ checkpointFolder: join(folder, 'checkpoint'), base, lora, folder: exported, card });
  return { base, golden: { ...lora, ...golden }, exported };
}

/** Logarithms of the probabilities of every token at every position, [T, V], with exact f32 attention. */
async function served(path: string, ids: readonly number[], adapter?: string): Promise<Float32Array> {
  const model = await llama.loadModel({ modelPath: path });
  try {
    const context = await model.createContext({
      contextSize: 256,
      flashAttention: false,
      experimentalKvCacheKeyType: 'F32',
      experimentalKvCacheValueType: 'F32',
      ...(adapter === undefined ? {} : { lora: adapter }),
    });
    const input = ids.map((id): [Token, { generateNext: { probabilities: true } }] => [
      id as Token,
      { generateNext: { probabilities: true } },
    ]);
    const results = await context.getSequence().controlledEvaluate(input);
    expect(results).toHaveLength(ids.length);
    const logarithms = new Float32Array(ids.length * vocabulary);
    for (const [position, result] of results.entries())
      for (const [token, probability] of result!.next.probabilities!)
        logarithms[position * vocabulary + token] = Math.log(probability);
    return logarithms;
  } finally {
    await model.dispose();
  }
}

/** The same from logits. */
function logSoftmax(logits: Float32Array): Float32Array {
  const result = new Float32Array(logits.length);
  for (let at = 0; at < logits.length; at += vocabulary) {
    const row = logits.subarray(at, at + vocabulary);
    const total = Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
    for (const [i, value] of row.entries()) result[at + i] = value - total;
  }
  return result;
}

function worstDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0);
}

test.each(['llama-tied', 'llama-untied'])(
  'llama.cpp with our adapter of %s computes what PyTorch computes',
  async (name) => {
    const { base, golden, exported } = await exportGolden(name);
    for (const { ids, logits } of golden.sequences) {
      const expected = logSoftmax(logits);
      const adapted = await served(base.path, ids, join(exported, 'adapter.gguf'));
      expect(worstDifference(adapted, expected)).toBeLessThan(1e-4);
      expect(worstDifference(await served(base.path, ids), expected)).toBeGreaterThan(0.1);
    }
  },
);

test('an adapter is the same as adding alpha / r · B A to the weights of the base', async () => {
  const { base, golden, exported } = await exportGolden('llama-tied');
  const { tensors: pairs } = await readSafetensors(join(exported, 'adapter_model.safetensors'));
  await using gguf = await openGguf(base.path);
  const merged = join(folder, 'merged.gguf');
  const names = { attn_q: 'self_attn.q_proj', attn_k: 'self_attn.k_proj', attn_v: 'self_attn.v_proj' } as const;
  const others = {
    attn_output: 'self_attn.o_proj',
    ffn_gate: 'mlp.gate_proj',
    ffn_up: 'mlp.up_proj',
    ffn_down: 'mlp.down_proj',
  };
  const modules: Record<string, string> = { ...names, ...others };
  const tensors = [];
  for (const { name, shape } of gguf.tensors.values()) {
    const data = await gguf.read(name);
    const [, layer, part] = /^blk\.(\d+)\.(\w+)\.weight$/.exec(name) ?? [];
    const module = part === undefined ? undefined : modules[part];
    if (module !== undefined) {
      const prefix = `base_model.model.model.layers.${layer}.${module}.lora_`;
      const a = pairs.get(`${prefix}A.weight`)!;
      const b = pairs.get(`${prefix}B.weight`)!;
      const heads = part === 'attn_q' ? base.architecture.heads : base.architecture.kvHeads;
      const delta = product(floats(b), floats(a), golden.rank);
      const rows = part === 'attn_q' || part === 'attn_k' ? interleaveRows(delta, shape[1]!, heads) : delta;
      for (let i = 0; i < data.length; i++) data[i]! += (golden.alpha / golden.rank) * rows[i]!;
    }
    tensors.push({ name, shape, type: 'F32' as const, data: new Uint8Array(data.buffer) });
  }
  await writeGguf(merged, { metadata: gguf.metadata, tensors });
  const { ids } = golden.sequences[2]!;
  const adapted = await served(base.path, ids, join(exported, 'adapter.gguf'));
  expect(worstDifference(adapted, await served(merged, ids))).toBeLessThan(1e-4);
});

/** [out, r] × [r, in] → [out, in] */
function product(b: Float32Array, a: Float32Array, rank: number): Float32Array {
  const columns = a.length / rank;
  return Float32Array.from({ length: (b.length / rank) * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += b[row * rank + k]! * a[k * columns + column]!;
    return sum;
  });
}

test('rows of one head go from halves to pairs', () => {
  const rows = Float32Array.from([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]); // one head, rows 0..3 of two columns
  expect(Array.from(interleaveRows(rows, 2, 1))).toEqual([0, 0.5, 2, 2.5, 1, 1.5, 3, 3.5]);
  expect(Array.from(interleaveRows(Float32Array.from([0, 1, 2, 3, 4, 5, 6, 7]), 1, 2))).toEqual([
    0, 2, 1, 3, 4, 6, 5, 7,
  ]);
  expect(() => interleaveRows(rows, 2, 3)).toThrow(/do not split into 3 heads/);
});

test('the folder has what PEFT and people read', async () => {
  const { exported } = await exportGolden('llama-untied');
  expect((await readdir(exported)).sort()).toEqual([
    'README.md',
    'adapter.gguf',
    'adapter_config.json',
    'adapter_model.safetensors',
  ]);
  expect(JSON.parse(await readFile(join(exported, 'adapter_config.json'), 'utf8'))).toMatchObject({
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: 'somebody/tiny-llama',
    r: 4,
    lora_alpha: 8,
    target_modules: ['q_proj', 'v_proj', 'down_proj'],
  });
  const { tensors } = await readSafetensors(join(exported, 'adapter_model.safetensors'));
  expect(tensors.get('base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight')!.shape).toEqual([4, 32]);
  const readme = await readFile(join(exported, 'README.md'), 'utf8');
  expect(readme).toContain('# ft:tiny:personal::AbC12345');
  expect(readme).toContain('- LoRA: rank 4, alpha 8, on q_proj, v_proj, down_proj');
  expect(readme).toContain('- Epochs: 3');
});

test('exporting twice changes nothing, and a failure leaves nothing', async () => {
  const { base, golden, exported } = await exportGolden('llama-tied');
  const before = await readFile(join(exported, 'adapter.gguf'));
  const checkpointFolder = join(folder, 'checkpoint');
  await exportAdapter({ checkpointFolder, base, lora: golden, folder: exported, card });
  expect((await readFile(join(exported, 'adapter.gguf'))).equals(before)).toBe(true);
  const other = join(folder, 'fine-tuned/step-30');
  const wrong = exportAdapter({ checkpointFolder, base, lora: { ...golden, rank: 5 }, folder: other, card });
  await expect(wrong).rejects.toThrow(/expected rank 5/);
  expect(await readdir(join(folder, 'fine-tuned'))).toEqual(['step-20']);
});

test.each<[string, (tensors: Map<string, SafeTensor>) => void, RegExp]>([
  [
    'a missing half',
    (tensors) => void tensors.delete([...tensors.keys()].find((name) => name.includes('lora_B'))!),
    /has no lora_B/,
  ],
  [
    'an unknown layer',
    (tensors) => void tensors.set('base_model.model.lm_head.lora_A.weight', [...tensors.values()][0]!),
    /is not of a known layer/,
  ],
  ['nothing', (tensors) => tensors.clear(), /0 tensors make 0 pairs/],
])('a checkpoint with %s is refused', async (_, spoil, message) => {
  const base = await writeBase('llama-tied');
  const golden = await writeCheckpoint('llama-tied');
  const path = join(folder, 'checkpoint/adapter.safetensors');
  const tensors = new Map((await readSafetensors(path)).tensors);
  spoil(tensors);
  await writeSafetensors(path, tensors);
  const target = join(folder, 'step-1');
  const attempt = exportAdapter({
    checkpointFolder: join(folder, 'checkpoint'),
    base,
    lora: golden,
    folder: target,
    card,
  });
  await expect(attempt).rejects.toThrow(message);
});
