/**
 * A model of every family, from pull to export: llama.cpp computes with the imported file what PyTorch computes, with our
 * adapter what our engine computes, and a checkpoint written by us is the one that was read.
 */

import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getLlama, type Llama, type Token } from 'node-llama-cpp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeHuggingFaceModel } from '../../src/export/hugging-face.ts';
import { Weights } from '../../src/export/weights.ts';
import { AdamW } from '../../src/engine/optimizer.ts';
import { openGguf } from '../../src/formats/gguf.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { exportAdapter } from '../../src/models/adapter.ts';
import { BaseModels, type BaseModel } from '../../src/models/base-models.ts';
import { convertCheckpoint } from '../../src/models/import/convert.ts';
import { writeWholeModel } from '../../src/models/whole-model.ts';
import { TextCodec } from '../../src/text/codec.ts';
import { checkpointOf, FamilyGolden, familyNames, type FamilyName } from '../engine/nn/family-golden.ts';
import { layOut, type Sequence } from '../engine/nn/llama-golden.ts';

let folder: string;
let llama: Llama;
let bases: BaseModels;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'families-'));
  llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1, logger: () => undefined });
  bases = await BaseModels.open(join(folder, 'home'));
});
afterAll(async () => {
  await llama.dispose();
  await rm(folder, { recursive: true, force: true });
});

const pull = (family: FamilyName): Promise<BaseModel> => bases.pull(checkpointOf(family));

/** llama.cpp looks GELU up in a table of half-precision numbers. */
const tolerance = (family: FamilyName): number => (family === 'gemma3' || family === 'gpt2' ? 1e-2 : 2e-4);

/** Logarithms of the probabilities of every token at every position, [T, V]. */
async function served(path: string, ids: readonly number[], adapter?: string): Promise<Float32Array> {
  const model = await llama.loadModel({ modelPath: path });
  try {
    const context = await model.createContext({
      contextSize: 64,
      flashAttention: false,
      experimentalKvCacheKeyType: 'F32',
      experimentalKvCacheValueType: 'F32',
      ...(adapter === undefined ? {} : { lora: adapter }),
    });
    const ask = { generateNext: { probabilities: true } } as const;
    const results = await context.getSequence().controlledEvaluate(ids.map((id) => [id as Token, ask]));
    return Float32Array.from(
      results.flatMap((result) => {
        const found = result!.next.probabilities!;
        return Array.from({ length: found.size }, (_, token) => Math.log(found.get(token as Token)!));
      }),
    );
  } finally {
    await model.dispose();
  }
}

function logSoftmax(logits: Float32Array, vocabulary: number): Float32Array {
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

describe.each(familyNames)('%s', (family) => {
  test('answers by llama.cpp as transformers does', async () => {
    const base = await pull(family);
    expect(base.architecture.servingOnly).toBeNull();
    await using golden = await FamilyGolden.import(family);
    const expected = logSoftmax(golden.floats('logits'), base.architecture.vocabulary);
    const found = await served(base.path, Array.from(golden.sequences[2]!.ids));
    expect(worstDifference(found, expected)).toBeLessThan(tolerance(family));
  });

  test('answers with its adapter as the engine does that trained it', async () => {
    const base = await pull(family);
    await using golden = await FamilyGolden.import(family);
    const checkpoint = join(folder, `${family}-checkpoint`);
    await mkdir(checkpoint);
    await writeSafetensors(join(checkpoint, 'adapter.safetensors'), golden.adapter, { format: 'pt' });
    const plan = golden.plan('lora');
    if (plan.mode !== 'lora') throw new Error('not LoRA');
    const exported = join(folder, `${family}-adapter`);
    const card = { model: 'ft:tiny', job: 'ftjob-1', step: 1, details: {} };
    await exportAdapter({ checkpointFolder: checkpoint, base, lora: plan, folder: exported, card });
    const config = JSON.parse(await readFile(join(exported, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
    expect(config).toMatchObject({ target_modules: plan.targets, fan_in_fan_out: family === 'gpt2' });

    const { ids } = golden.sequences[2]!;
    await using network = await golden.open('lora');
    const expected = logSoftmax(await network.logits(ids), base.architecture.vocabulary);
    const found = await served(base.path, Array.from(ids), join(exported, 'adapter.gguf'));
    expect(worstDifference(found.subarray(-expected.length), expected)).toBeLessThan(tolerance(family));
    const bare = await served(base.path, Array.from(ids));
    expect(worstDifference(bare.subarray(-expected.length), expected)).toBeGreaterThan(0.1);
  });

  test.each(['full', 'head'] as const)(
    'answers with its own weights trained as the engine does: %s',
    async (method) => {
      const base = await pull(family);
      await using golden = await FamilyGolden.import(family);
      await using network = await golden.open(method);
      const [a, b] = golden.sequences as unknown as [Sequence, Sequence];
      const optimizer = new AdamW(network.parameters, { weightDecay: 0, gradientNormMax: 1 });
      for (let step = 0; step < 3; step++) {
        await network.differentiate([layOut([[a, b]], 24)], 0);
        optimizer.update(0.01);
      }
      const trained = new Map(network.parameters.map(({ name, shape, data }) => [name, { shape, data }]));
      const whole = join(folder, `${family}-${method}`);
      const card = { model: 'ft:tiny', job: 'ftjob-1', step: 3, details: {} };
      await writeWholeModel({ base, trained: method, folder: whole, card }, trained, []);

      const { ids } = golden.sequences[2]!;
      const expected = logSoftmax(await network.logits(ids), base.architecture.vocabulary);
      const found = await served(join(whole, 'model.gguf'), Array.from(ids));
      expect(worstDifference(found.subarray(-expected.length), expected)).toBeLessThan(tolerance(family));
      const bare = await served(base.path, Array.from(ids));
      expect(worstDifference(bare.subarray(-expected.length), expected)).toBeGreaterThan(0.05);
    },
  );

  test('leaves in Hugging Face’s layout as it came', async () => {
    const base = await pull(family);
    await using weights = await Weights.open(base.path, null);
    const codec = TextCodec.fromGguf(weights.metadata);
    const written = join(folder, `${family}-written`);
    await mkdir(written);
    const model = { weights, codec, architecture: base.architecture, type: 'f32', onTensor: () => undefined } as const;
    await writeHuggingFaceModel(written, model);
    const again = join(folder, `${family}-again.gguf`);
    await convertCheckpoint(written, again, () => undefined);
    await using before = await openGguf(base.path);
    await using after = await openGguf(again);
    expect([...after.tensors.keys()].sort()).toEqual([...before.tensors.keys()].sort());
    for (const name of before.tensors.keys())
      expect(worstDifference(await after.read(name), await before.read(name)), name).toBeLessThan(1e-6);
    // Everything about the model; names and ends of turns are told in more detail than they came, scores by their order.
    const facts = (gguf: typeof before): Record<string, unknown> =>
      Object.fromEntries(
        [...gguf.metadata.entries()].filter(([key]) => !/^general\.name|chat_template|_token_id|scores/.test(key)),
      );
    expect(facts(after)).toEqual(facts(before));
    const tokenizers = [before, after].map(({ metadata }) => TextCodec.fromGguf(metadata).tokenizer);
    await using golden = await FamilyGolden.import(family);
    for (const [text] of golden.tokenIds) expect(tokenizers[1]!.encode(text)).toEqual(tokenizers[0]!.encode(text));
  });
});
