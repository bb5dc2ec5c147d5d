import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Tally } from '../../../src/dataset/statistics/tally.ts';

const tallyOf = (values: readonly number[]): Tally => {
  const tally = new Tally();
  for (const value of values) tally.add(value);
  return tally;
};

test('quantiles lie on the straight line between neighbours', () => {
  const tally = tallyOf([40, 10, 20, 30]);
  // places 0..3: 0.5 is at 1.5, half way from 20 to 30; 0.9 is at 2.7, seven tenths from 30 to 40
  expect([0, 0.5, 0.9, 1].map((share) => tally.quantile(share))).toEqual([10, 25, 37, 40]);
  expect(tallyOf([7]).quantile(0.05)).toBe(7);
});

test('an empty tally has no distribution', () => {
  expect(new Tally().distribution()).toBeNull();
});

test('every value is in one bin, bins meet, and the first and last hold the ends', () => {
  const values = fc.array(fc.nat({ max: 100_000 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(values, (values) => {
      const { histogram, min, max, total } = tallyOf(values).distribution()!;
      expect(histogram.reduce((sum, { count }) => sum + count, 0)).toBe(values.length);
      expect(histogram.length).toBeLessThanOrEqual(12);
      for (const [i, { from, count }] of histogram.entries()) {
        const { to } = histogram[i]!;
        if (i > 0) expect(from).toBe(histogram[i - 1]!.to);
        expect(count).toBe(values.filter((value) => value >= from && value < to).length);
      }
      expect(histogram[0]!.from).toBeLessThanOrEqual(min);
      expect(histogram.at(-1)!.to).toBeGreaterThan(max);
      expect(total).toBe(values.reduce((sum, value) => sum + value, 0));
    }),
  );
});

test('one giant does not flatten the histogram of all others', () => {
  const { histogram } = tallyOf([...Array.from({ length: 1000 }, (_, i) => i % 100), 1_000_000]).distribution()!;
  expect(histogram.filter(({ count }) => count >= 90)).toHaveLength(10);
});
