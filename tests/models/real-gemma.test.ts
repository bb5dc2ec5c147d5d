/** Gemma 3 270M as it is published: quantised, with its 262,144 tokens, and a window shorter than its context. */

import { getLlama, type Token } from 'node-llama-cpp';
import { expect, test } from 'vitest';
import type { MicroBatch } from '../../src/dataset/batch.ts';
import { openNetwork } from '../../src/engine/nn/load.ts';
import { AdamW } from '../../src/engine/optimizer.ts';
import { openGguf } from '../../src/formats/gguf.ts';
import { TextCodec } from '../../src/text/codec.ts';
import { realModel } from '../real-model.ts';

test('a published Gemma is understood, computed as llama.cpp computes it, and learns', async (context) => {
  const { path, architecture } = await realModel(context, 'gemma-3-270m');
  expect(architecture).toMatchObject({ architecture: 'gemma3', layers: 18, servingOnly: null });
  await using gguf = await openGguf(path);
  const codec = TextCodec.fromGguf(gguf.metadata);
  const text = 'The capital of France is Paris, and the capital of Germany is';
  const ids = codec.encodeText(text);

  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 2, logger: () => undefined });
  const model = await llama.loadModel({ modelPath: path });
  expect(Array.from(ids).slice(1)).toEqual(model.tokenize(text));
  const running = await model.createContext({ contextSize: 64 });
  const ask = { generateNext: { probabilities: true } } as const;
  const results = await running.getSequence().controlledEvaluate(Array.from(ids, (id) => [id as Token, ask]));
  const theirs = results.at(-1)!.next.probabilities!;
  const [berlin] = codec.tokenizer.encode(' Berlin');
  expect(theirs.get(berlin as Token)).toBeGreaterThan(0.5);
  await llama.dispose();

  const lora = {
    mode: 'lora',
    rank: 8,
    alpha: 16,
    rslora: false,
    dropout: 0,
    targets: ['q_proj', 'down_proj'],
  } as const;
  const options = {
    modelPath: path,
    train: lora,
    basePrecision: 'int8',
    threads: 2,
    seed: 1,
    tokensPerRun: 64,
  } as const;
  await using network = await openNetwork(options);
  const logits = await network.logits(ids);
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, x) => total + Math.exp(x - largest), 0);
  // Both round: llama.cpp what it multiplies with the file's blocks, we the weights to eight bits.
  expect(Math.exp(logits[berlin!]! - largest) / sum).toBeCloseTo(theirs.get(berlin as Token)!, 1);

  const [bonn] = codec.tokenizer.encode(' Bonn');
  const batch: MicroBatch = {
    rowTokens: ids.length,
    ids,
    positions: Int32Array.from(ids.keys()),
    segments: new Int32Array(ids.length).fill(1),
    rows: Int32Array.of(ids.length - 1),
    targets: Int32Array.of(bonn!),
    weights: Float32Array.of(1),
  };
  const optimizer = new AdamW(network.parameters, { weightDecay: 0, gradientNormMax: 1 });
  const losses: number[] = [];
  for (let step = 0; step < 5; step++) {
    losses.push((await network.differentiate([batch], 0)).loss);
    optimizer.update(2e-3);
  }
  expect(losses.at(-1)!).toBeLessThan(losses[0]! - 1);
}, 300_000);
