/** Matrices in four bits: exactly those that were, and nearly all others. */

import { describe, expect, test } from 'vitest';
import { emit } from '../../../src/engine/graph/emit.ts';
import { gradients } from '../../../src/engine/graph/gradient.ts';
import { mul } from '../../../src/engine/graph/ops/elementwise.ts';
import { gemm } from '../../../src/engine/graph/ops/matmul.ts';
import { reduceSum } from '../../../src/engine/graph/ops/reduction.ts';
import { openSession } from '../../../src/engine/graph/session.ts';
import { constant, floats, input, type Tensor } from '../../../src/engine/graph/tensor.ts';
import { blockOf, roundToFourBits, type FourBits } from '../../../src/engine/nn/four-bits.ts';
import { int4Linear } from '../../../src/engine/nn/int4.ts';
import { roundInput } from '../../../src/engine/nn/int8.ts';
import { Random } from '../../../src/engine/random.ts';
import { openedAgain } from './family-golden.ts';
import { relativeDistance } from './llama-golden.ts';

const [rows, columns] = [6, 64];

/** Normally distributed, about. */
function numbers(count: number, seed: number): Float32Array {
  const random = Random.fromSeed(seed);
  const uniform = (): number => random.uint32() / 2 ** 32 - 0.5;
  return Float32Array.from({ length: count }, () => 2 * (uniform() + uniform() + uniform()));
}

const opened = (rounded: FourBits): Float32Array => openedAgain(rounded, columns);

describe('rounding to four bits', () => {
  test.each([15, 11, 8])('gives back numbers that were multiples of a step, %s of them apart at most', (count) => {
    const digits = numbers(rows * columns, 3).map((x) => Math.min(count, Math.max(0, Math.round(4 * x + count / 2))));
    for (let at = 0; at < digits.length; at += 32) digits.set([0, count], at);
    const matrix = digits.map((digit, k) => (1 + Math.floor(k / 32)) * 2 ** -9 * (digit - 7));
    const rounded = roundToFourBits(matrix, columns);
    expect(opened(rounded)).toEqual(matrix);
    expect(rounded.error).toBe(0);
  });

  test('is off by less than half a step elsewhere, and says by how much', () => {
    const matrix = numbers(rows * columns, 5);
    const rounded = roundToFourBits(matrix, columns);
    const distance = relativeDistance(opened(rounded), matrix);
    expect(rounded.error).toBeGreaterThan(0.03);
    expect(rounded.error).toBeLessThan(0.1);
    expect(distance).toBeLessThan(0.2);
  });

  test('has zeros for zeros', () => {
    const rounded = roundToFourBits(new Float32Array(rows * columns), columns);
    expect(opened(rounded).every((x) => x === 0)).toBe(true);
    expect(rounded.error).toBe(0);
  });
});

describe.each([
  ['in f32, gives the product and the gradient of what it stands for', false, 1e-5],
  ['in eight bits, gives nearly those', true, 0.03],
] as const)('a linear layer in four bits', (behaviour, inEight, distanceMax) => {
  test(behaviour, async () => {
    const rounded = roundToFourBits(numbers(rows * columns, 7), columns);
    const scales = (largest: Float32Array): Tensor => floats([...largest].map((x) => x / 127));
    const grid = [columns / blockOf(columns), 1, rows];
    const matrix = {
      packed: constant(rounded.packed, [columns, rows / 2], 'uint8'),
      steps: constant(rounded.steps, grid, 'float16'),
      lows: constant(rounded.lows, grid, 'float16'),
      eight: inEight ? { turned: scales(rounded.largest.turned), plain: scales(rounded.largest.plain) } : null,
    };
    const x = input('x', [5, columns], 'float32', true);
    const weighting = floats([...numbers(5 * rows, 11)], [5, rows]);
    const outputs = (y: Tensor, name: string): Record<string, Tensor> => {
      const [gradient] = gradients(reduceSum(mul(y, weighting), [0, 1], false), [x]);
      return { [name]: y, [`d${name}`]: gradient! };
    };
    const exact = gemm(x, floats([...opened(rounded)], [rows, columns]), { transposeB: true });
    const program = emit({ ...outputs(int4Linear(roundInput(x), matrix), 'y'), ...outputs(exact, 'exact') });
    await using session = await openSession(program, { threads: 1, packWeights: false });
    const found = await session.run({ x: numbers(5 * columns, 13) });
    expect(relativeDistance(found['y']!, found['exact']!)).toBeLessThan(distanceMax);
    expect(relativeDistance(found['dy']!, found['dexact']!)).toBeLessThan(distanceMax);
  });
});
