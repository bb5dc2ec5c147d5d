import { expect, test } from 'vitest';
import { meanStatistic } from '../../../src/evals/metrics/estimate.ts';
import { compareFigures, compareMeans, compareRight, holm, mcnemar } from '../../../src/evals/metrics/paired.ts';

const rights = (counts: readonly (readonly [first: boolean, second: boolean, count: number])[]) => {
  const pairs = counts.flatMap(([first, second, count]) => Array.from({ length: count }, () => [first, second]));
  return [pairs.map(([first]) => first!), pairs.map(([, second]) => second!)] as const;
};

test('McNemar counts only the cases on which two differ', () => {
  // 1 lost, 9 won: 2 · (C(10,0) + C(10,1)) / 2^10 = 22 / 1024
  expect(mcnemar(1, 9)).toBeCloseTo(22 / 1024, 12);
  const [first, second] = rights([[true, true, 60], [true, false, 1], [false, true, 9], [false, false, 30]]); // prettier-ignore
  const comparison = compareRight(first, second);
  expect(comparison).toMatchObject({ test: 'mcnemar', significant: true, difference: { value: 0.08, n: 100 } });
  // Half added: (9.5 - 1.5) / 102 = 0.07843; reach = 1.96 · √(11 - 64 / 102) / 102 = 0.06189
  expect(comparison.difference.low).toBeCloseTo(0.07843 - 0.06189, 4);
  expect(comparison.difference.high).toBeCloseTo(0.07843 + 0.06189, 4);
});

test('two that never differ cannot be told apart, however many cases there are', () => {
  const same = Array.from({ length: 500 }, (_, i) => i % 2 === 0);
  expect(compareRight(same, same)).toMatchObject({ pValue: 1, significant: false, difference: { value: 0 } });
  const scores = same.map(Number);
  expect(compareMeans(scores, scores)).toMatchObject({ pValue: 1, significant: false, difference: { value: 0 } });
  expect(mcnemar(0, 0)).toBe(1);
  expect(mcnemar(3000, 3000)).toBe(1); // beyond what factorials in doubles hold
  expect(mcnemar(2000, 3000)).toBeLessThan(1e-40);
});

test('a better contender is found by the paired bootstrap, and an equal one is not', () => {
  const base = Array.from({ length: 100 }, (_, i) => (i % 10) / 10);
  const better = base.map((score) => Math.min(1, score + 0.05));
  const shuffledOnly = base.map((_, i) => base[(i + 37) % 100]!);
  const found = compareMeans(base, better);
  expect(found.significant).toBe(true);
  expect(found.difference.low).toBeGreaterThan(0);
  expect(compareMeans(base, shuffledOnly).significant).toBe(false);
  expect(compareMeans(better, base).difference.value).toBeCloseTo(-found.difference.value, 12);
});

test('few cases cannot prove much and say so', () => {
  const [first, second] = rights([[false, true, 5]]);
  const comparison = compareRight(first, second);
  expect(comparison.pValue).toBeCloseTo(2 / 32, 12); // 5 of 5, and still no proof
  expect(comparison.significant).toBe(false);
  expect(comparison.difference).toMatchObject({ value: 1, high: 1, small: true });
});

test('a figure without a value on either side is not called better', () => {
  const comparison = compareFigures(5, meanStatistic([1, 1, 1, 1, 1]), () => Number.NaN);
  expect(comparison.pValue).toBeNaN();
  expect(comparison.significant).toBe(false);
});

test('contenders of different cases are refused', () => {
  expect(() => compareRight([true], [true, false])).toThrow('one contender has 1, the other 2');
  expect(() => compareFigures(0, meanStatistic([]), meanStatistic([]))).toThrow('nothing to compare');
});

test('Holm raises p-values for every further comparison', () => {
  // Sorted 0.01, 0.02, 0.04 → 0.01 · 3, 0.02 · 2, max(0.04 · 1, 0.04)
  expect(holm([0.04, 0.01, 0.02])).toEqual([0.04, 0.03, 0.04]);
  expect(holm([0.6, Number.NaN, 0.9])).toEqual([1, Number.NaN, 1]);
  expect(holm([])).toEqual([]);
});
