import { expect, test } from 'vitest';
import {
  bootstrap,
  mean,
  meanStatistic,
  median,
  percentile,
  share,
  smallBelow,
  smallSampleNote,
  wilson,
} from '../../../src/evals/metrics/estimate.ts';

test("Wilson's interval is the textbook's", () => {
  // 8 of 10, z = 1.96: centre = (0.8 + 3.8416 / 20) / 1.38416 = 0.716738
  // reach = 1.96 · √(0.8·0.2/10 + 3.8416/400) / 1.38416 = 1.96 · √0.025604 / 1.38416 = 0.226581
  const { low, high } = wilson(8, 10, 1.96);
  expect(low).toBeCloseTo(0.716738 - 0.226581, 5);
  expect(high).toBeCloseTo(0.716738 + 0.226581, 5);
  // All of 200: low = 200 / (200 + 3.8416) = 0.981154, high = 1
  expect(wilson(200, 200, 1.96).low).toBeCloseTo(200 / 203.8416, 9);
  expect(wilson(200, 200, 1.96).high).toBe(1);
  expect(wilson(0, 50).low).toBe(0);
  expect(share([true, false, true, true])).toEqual(wilson(3, 4));
});

test('the bootstrap agrees with Wilson where both apply, and repeats itself', () => {
  const right = Array.from({ length: 200 }, (_, i) => (i < 150 ? 1 : 0));
  const drawn = mean(right, { seed: 7 });
  const formula = wilson(150, 200);
  expect(drawn.value).toBe(0.75);
  expect(drawn.low).toBeCloseTo(formula.low, 1);
  expect(drawn.high).toBeCloseTo(formula.high, 1);
  expect(mean(right, { seed: 7 })).toEqual(drawn);
  expect(mean(right, { seed: 8 })).not.toEqual(drawn);
});

test('95 of 100 intervals of 95 % hold the truth', () => {
  let held = 0;
  for (let trial = 0; trial < 200; trial++) {
    // Means of 60 of the numbers 0 to 1, whose mean is ½, from a generator of another kind than the bootstrap's.
    const scores = Array.from({ length: 60 }, (_, i) => ((trial * 60 + i + 1) * 0.754877666) % 1).map((x) => x ** 2);
    const { low, high } = mean(scores, { seed: trial, draws: 200 });
    if (low <= 1 / 3 && 1 / 3 <= high) held += 1;
  }
  expect(held / 200).toBeGreaterThan(0.9);
});

test('draws in which a figure has no value are left out, and a figure without any has none', () => {
  const onlyIfDrawn = bootstrap(3, (counts) => (counts[0] === 0 ? Number.NaN : 0.5));
  expect(onlyIfDrawn).toMatchObject({ value: 0.5, low: 0.5, high: 0.5 });
  expect(bootstrap(3, () => Number.NaN)).toMatchObject({ value: Number.NaN, low: Number.NaN, high: Number.NaN, n: 3 });
});

test('a few flawless cases prove little, and small samples say so', () => {
  const few = mean([1, 1, 1, 1, 1]);
  expect(few).toEqual(wilson(5, 5));
  expect(mean([0, 0, 0])).toEqual(wilson(0, 3)); // and a few hopeless ones no more
  expect(smallSampleNote(few)).toBe('only 5 cases: below 50 take the interval as a hint');
  expect(smallSampleNote(wilson(1, 1))).toContain('only 1 case:');
  expect(smallSampleNote(wilson(10, smallBelow))).toBeNull();
});

test('percentiles lie on the line between neighbours', () => {
  expect(percentile([10, 20, 30, 40, 50], 0.25)).toBe(20);
  expect(percentile([10, 20], 0.975)).toBeCloseTo(19.75, 12); // 10 + 0.975 · 10
  expect(percentile([1, Infinity, Infinity], 0.9)).toBe(Infinity);
  expect(percentile([], 0.5)).toBeNaN();
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test('a score that is no number is refused by its place; nothing to score is said', () => {
  expect(() => meanStatistic([0.5, Number.NaN])).toThrow('case 2');
  expect(() => mean([])).toThrow('no cases');
});
