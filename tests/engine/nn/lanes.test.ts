/** Lanes are a way to compute faster, never another result. */

import { expect, test } from 'vitest';
import type { MicroBatch } from '../../../src/dataset/batch.ts';
import { openNetwork } from '../../../src/engine/nn/load.ts';
import type { Network } from '../../../src/engine/nn/network.ts';

const modelPath = new URL('../../goldens/llama-tied.gguf', import.meta.url).pathname;

async function network(lanes: number, dropout: number): Promise<Network> {
  const targets = ['q_proj', 'v_proj', 'down_proj'];
  const train = { mode: 'lora', rank: 4, alpha: 8, rslora: false, dropout, targets } as const;
  const opened = await openNetwork({ modelPath, train, basePrecision: 'f32', threads: 2, seed: 1, lanes });
  for (const [k, { data }] of opened.parameters.entries()) {
    for (let i = 0; i < data.length; i++) data[i] = Math.sin(i * 0.37 + k) / 10;
  }
  return opened;
}

const batch = (salt: number): MicroBatch => ({
  rowTokens: 32,
  ids: Int32Array.from({ length: 64 }, (_, i) => (salt * 31 + i * 7) % 60),
  positions: Int32Array.from({ length: 64 }, (_, i) => i % 32),
  segments: new Int32Array(64).fill(1),
  rows: Int32Array.of(3, 9, 40),
  targets: Int32Array.of(5, 6, 7),
  weights: new Float32Array(3).fill(1 / 9),
});

test.each([0, 0.3])('two lanes give what one gives, with dropout %s', async (dropout) => {
  await using one = await network(1, dropout);
  await using two = await network(2, dropout);
  const batches = [batch(1), batch(2), batch(3)];
  const [alone, together] = [await one.differentiate(batches, 7), await two.differentiate(batches, 7)];
  expect(together.loss).toBeCloseTo(alone.loss, 6);
  expect(together.correct).toBe(alone.correct);
  let largest = 0;
  for (const [k, parameter] of one.parameters.entries()) {
    for (const [i, gradient] of parameter.gradient.entries()) {
      largest = Math.max(largest, Math.abs(gradient));
      expect(Math.abs(gradient - two.parameters[k]!.gradient[i]!)).toBeLessThan(1e-6);
    }
  }
  expect(largest).toBeGreaterThan(1e-3);
  expect((await two.evaluate(batches)).loss).toBeCloseTo((await one.evaluate(batches)).loss, 6);
});

test('a step with one micro-batch leaves the other lane alone', async () => {
  await using two = await network(2, 0);
  await two.differentiate([batch(1), batch(2)], 0);
  for (const { gradient } of two.parameters) gradient.fill(0);
  await two.differentiate([batch(1)], 0);
  await using one = await network(1, 0);
  await one.differentiate([batch(1)], 0);
  expect(two.parameters.map((p) => [...p.gradient])).toEqual(one.parameters.map((p) => [...p.gradient]));
});

test('a model that is not there is named', async () => {
  const train = { mode: 'lora', rank: 4, alpha: 8, rslora: false, dropout: 0, targets: ['q_proj'] } as const;
  const opening = openNetwork({
    modelPath: '/nowhere/model.gguf',
    train,
    basePrecision: 'f32',
    threads: 2,
    seed: 1,
    lanes: 2,
  });
  await expect(opening).rejects.toThrow(/nowhere/);
});
