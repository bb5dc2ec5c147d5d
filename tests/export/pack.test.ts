import { expect, test } from 'vitest';
import { bytesOf, toHalf, toQ8 } from '../../src/export/pack.ts';
import { dequantise, halfToFloat } from '../../src/formats/quant.ts';

test('every half-precision number becomes itself', () => {
  const finite = halfToFloat.filter((value) => Number.isFinite(value));
  expect(dequantise('F16', bytesOf(toHalf(finite, 'x')), finite.length)).toEqual(finite);
});

test('what lies between two goes to the nearest, and to the even one from the middle', () => {
  // Above 2048 halves are 2 apart: 2049 lies between 2048 (even mantissa) and 2050, 2051 between 2050 and 2052.
  const halves = toHalf(Float32Array.of(2049, 2051, 2049.01, -2049, 2 ** -25, 1.5 * 2 ** -24), 'x');
  expect(Array.from(halves, (half) => halfToFloat[half])).toEqual([2048, 2052, 2050, -2048, 0, 2 ** -23]);
});

test('a weight beyond half precision is refused by name', () => {
  expect(() => toHalf(Float32Array.of(1, 70_000), 'blk.0.attn_q.weight')).toThrow(
    'The tensor "blk.0.attn_q.weight" holds 70000, more than half precision can; export as f32.',
  );
});

test('a block of q8_0 is off by half a step at most, and zeros stay zeros', () => {
  const values = Float32Array.from({ length: 96 }, (_, i) => (i < 32 ? 0 : Math.sin(i) * i));
  const back = dequantise('Q8_0', toQ8(values, 'x'), 96);
  for (const [i, value] of values.entries()) {
    const first = i - (i % 32);
    const largest = Math.max(...values.subarray(first, first + 32).map(Math.abs));
    // Half a step of largest / 127, and the step itself is rounded to half precision (1 / 2048).
    expect(Math.abs(back[i]! - value)).toBeLessThanOrEqual(largest * (0.5 / 127 + 1 / 2048));
  }
});
