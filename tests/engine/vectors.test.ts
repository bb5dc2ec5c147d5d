import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { adamW, addTo, sumOfSquares } from '../../src/engine/vectors.ts';

/** Lengths around whole vectors and whole pieces. */
const lengths = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 16_380, max: 16_390 }),
  fc.constant(40_003),
);

/** Evenly in -1..1, always the same. */
const numbers = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(seed * 1000 + i * 12.9898));

test('adds every number of an array of any length, and touches nothing beside it', () => {
  fc.assert(
    fc.property(lengths, fc.integer({ min: 0, max: 5 }), (length, before) => {
      const whole = numbers(length + 10, 1);
      const start = whole.slice();
      const added = numbers(length, 2);
      addTo(whole.subarray(before, before + length), added);
      const expected = start.map((x, i) => x + (added[i - before] ?? 0));
      expect(whole).toEqual(expected);
    }),
    { numRuns: 40 },
  );
});

test('squares are added in f64', () => {
  fc.assert(
    fc.property(lengths, (length) => {
      const array = numbers(length, 3);
      const expected = array.reduce((sum, x) => sum + x * x, 0);
      expect(Math.abs(sumOfSquares(array) - expected)).toBeLessThanOrEqual(1e-12 * expected);
    }),
    { numRuns: 40 },
  );
  // In f32 the many small ones would be lost beside the large one.
  const uneven = new Float32Array(20_001).fill(1e-3).fill(1e4, 0, 1);
  expect(sumOfSquares(uneven) - 1e8).toBeCloseTo(20_000e-6, 4);
});

test('what is shared between threads is added as well', () => {
  const shared = new Float32Array(new SharedArrayBuffer(5 * 4)).fill(2);
  const sum = new Float32Array(5).fill(1);
  addTo(sum, shared);
  expect([...sum]).toEqual([3, 3, 3, 3, 3]);
});

test('AdamW is its formula, number by number', () => {
  const scalars = { scale: 0.5, beta1: 0.9, beta2: 0.999, rate: 1e-2, secondScale: 3, epsilon: 1e-8, decay: 1e-3 };
  for (const length of [1, 5, 16_384, 16_387]) {
    const [weights, gradients] = [numbers(length, 4), numbers(length, 5)];
    const [first, second] = [numbers(length, 6), numbers(length, 7).map(Math.abs)];
    const before = { weights: weights.slice(), first: first.slice(), second: second.slice() };
    adamW(weights, gradients, first, second, scalars);
    let worst = 0;
    for (let i = 0; i < length; i++) {
      const g = gradients[i]! * 0.5;
      const m = 0.9 * before.first[i]! + 0.1 * g;
      const v = 0.999 * before.second[i]! + 0.001 * g * g;
      const w = before.weights[i]! * (1 - 1e-3) - (1e-2 * m) / (Math.sqrt(v) * 3 + 1e-8);
      worst = Math.max(worst, Math.abs(w - weights[i]!), Math.abs(m - first[i]!), Math.abs(v - second[i]!));
    }
    expect(worst).toBeLessThan(1e-6);
    expect(gradients).toEqual(numbers(length, 5));
  }
});
