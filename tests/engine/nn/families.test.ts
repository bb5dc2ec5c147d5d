/** Every family computes what transformers computes, forwards and backwards, by every way of training. */

import { describe, expect, test } from 'vitest';
import { AdamW } from '../../../src/engine/optimizer.ts';
import { openGguf } from '../../../src/formats/gguf.ts';
import { TextCodec } from '../../../src/text/codec.ts';
import { FamilyGolden, familyNames, type Method } from './family-golden.ts';
import { layOut, relativeDistance, type Sequence } from './llama-golden.ts';

const methods: readonly Method[] = ['lora', 'full', 'last_layers', 'head'];

describe.each(familyNames)('%s', (family) => {
  test('imported from a checkpoint, has the token ids that tokenizers has', async () => {
    await using golden = await FamilyGolden.import(family);
    await using gguf = await openGguf(golden.path);
    const { tokenizer } = TextCodec.fromGguf(gguf.metadata);
    expect(golden.tokenIds.length).toBeGreaterThan(10);
    for (const [text, ids] of golden.tokenIds) expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
  });

  test('gives the logits that transformers gives', async () => {
    await using golden = await FamilyGolden.import(family);
    await using network = await golden.open('head');
    const { ids } = golden.sequences[2]!;
    const logits = golden.floats('logits');
    for (let length = 1; length <= ids.length; length += 2) {
      const found = await network.logits(ids.subarray(0, length));
      const expected = logits.subarray((length - 1) * found.length, length * found.length);
      expect(Math.max(...found.map((x, i) => Math.abs(x - expected[i]!)))).toBeLessThan(1e-4);
    }
  });

  test('gives the loss and every gradient that PyTorch gives, of LoRA and of the weights themselves', async () => {
    await using golden = await FamilyGolden.import(family);
    const [a, b, c, d] = golden.sequences as unknown as [Sequence, Sequence, Sequence, Sequence];
    for (const method of ['lora', 'full'] as const) {
      // Two rows in chunks, examples packed: neighbours, windows and positions must be kept apart.
      await using network = await golden.open(method, { tokensPerRun: 512 });
      const { loss } = await network.differentiate([layOut([[c], [a, b, d]], 32)], 0);
      const prefix = method === 'lora' ? 'lora.' : '';
      expect(loss).toBeCloseTo(golden.floats(`${prefix}loss`)[0]!, 4);
      for (const { name, gradient } of network.parameters) {
        const of = method === 'lora' ? { name, gradient } : golden.inCheckpointOrder(name, gradient);
        expect(
          of.gradient.some((x) => x !== 0),
          name,
        ).toBe(true);
        expect(relativeDistance(of.gradient, golden.floats(`${prefix}gradient.${of.name}`)), name).toBeLessThan(1e-3);
      }
    }
  });

  test('in eight bits, and with short rows in one piece, has nearly the loss and the gradients of f32', async () => {
    await using golden = await FamilyGolden.import(family);
    const [a, b, c, d] = golden.sequences as unknown as [Sequence, Sequence, Sequence, Sequence];
    const batch = layOut([[a, b, c, d]], 48);
    await using exact = await golden.open('lora', { tokensPerRun: 64 });
    await using rounded = await golden.open('lora', { tokensPerRun: 64, basePrecision: 'int8' });
    const { loss } = await exact.differentiate([batch], 0);
    expect(loss).toBeCloseTo(golden.floats('lora.loss')[0]!, 4);
    expect(Math.abs((await rounded.differentiate([batch], 0)).loss - loss)).toBeLessThan(0.1);
    const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, k) => sum + value * y[k]!, 0);
    for (const [i, { name, gradient }] of exact.parameters.entries()) {
      const other = rounded.parameters[i]!.gradient;
      const cosine = dot(gradient, other) / Math.sqrt(dot(gradient, gradient) * dot(other, other));
      expect(cosine, name).toBeGreaterThan(0.97);
    }
  });

  test('in four bits has nearly the gradients of f32 on weights that four bits can hold', async () => {
    await using golden = await FamilyGolden.import(family);
    const [a, b, c, d] = golden.sequences as unknown as [Sequence, Sequence, Sequence, Sequence];
    const batch = layOut([[a, b, c, d]], 48);
    const modelPath = await golden.onGrids();
    await using exact = await golden.open('lora', { tokensPerRun: 64, modelPath });
    await using rounded = await golden.open('lora', { tokensPerRun: 64, modelPath, basePrecision: 'int4' });
    const { loss } = await exact.differentiate([batch], 0);
    expect(Math.abs((await rounded.differentiate([batch], 0)).loss - loss)).toBeLessThan(0.1);
    const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, k) => sum + value * y[k]!, 0);
    for (const [i, { name, gradient }] of exact.parameters.entries()) {
      const other = rounded.parameters[i]!.gradient;
      const cosine = dot(gradient, other) / Math.sqrt(dot(gradient, gradient) * dot(other, other));
      expect(cosine, name).toBeGreaterThan(0.97);
    }
  });

  test.each(methods)('follows ten steps of PyTorch with AdamW: %s', async (method) => {
    await using golden = await FamilyGolden.import(family);
    await using network = await golden.open(method);
    const optimizer = new AdamW(network.parameters, { weightDecay: 0.01, gradientNormMax: 1 });
    for (let step = 0; step < 10; step++) {
      const examples = [golden.sequences[step % 4]!, golden.sequences[(step + 1) % 4]!] as Sequence[];
      const { loss } = await network.differentiate([layOut([examples], 40)], 0);
      expect(Math.abs(loss - golden.floats(`steps.${method}.losses`)[step]!)).toBeLessThan(1e-3);
      const norm = optimizer.update(golden.learningRate(method));
      expect(norm / golden.floats(`steps.${method}.norms`)[step]!).toBeCloseTo(1, 2);
    }
  });
});

test.each(['gemma3', 'gpt2'] as const)('%s gives the same on two lanes, which get it as plain data', async (family) => {
  await using golden = await FamilyGolden.import(family);
  const [a, b] = golden.sequences as unknown as [Sequence, Sequence];
  const batches = [layOut([[a]], 16), layOut([[b]], 16)];
  await using one = await golden.open('lora');
  await using two = await golden.open('lora', { lanes: 2, threads: 2 });
  const { loss } = await one.differentiate(batches, 0);
  expect((await two.differentiate(batches, 0)).loss).toBeCloseTo(loss, 5);
  for (const [i, { name, gradient }] of one.parameters.entries())
    expect(relativeDistance(two.parameters[i]!.gradient, gradient), name).toBeLessThan(1e-5);
});
