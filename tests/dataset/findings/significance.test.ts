import { expect, test } from 'vitest';
import { chiSquared, kolmogorovSmirnov, upperGamma } from '../../../src/dataset/findings/significance.ts';

test('the tail of chi-squared is that of the tables', () => {
  // critical values at 5 %: 3.841 with one degree of freedom, 18.307 with ten; at 0.1 %: 10.828 and 29.588
  expect(upperGamma(1 / 2, 3.841 / 2)).toBeCloseTo(0.05, 4);
  expect(upperGamma(10 / 2, 18.307 / 2)).toBeCloseTo(0.05, 4);
  expect(upperGamma(1 / 2, 10.828 / 2)).toBeCloseTo(0.001, 5);
  expect(upperGamma(10 / 2, 29.588 / 2)).toBeCloseTo(0.001, 5);
});

test('chi-squared of a table done by hand', () => {
  // 30/70 against 50/50: expected 40/60 each; 100/40 + 100/40 + 100/60 + 100/60 = 8.333
  const { statistic, effect, p } = chiSquared([[30, 50], [70, 50]]); // prettier-ignore
  expect(statistic).toBeCloseTo(8.3333, 3);
  expect(effect).toBeCloseTo(Math.sqrt(8.3333 / 200), 3);
  expect(p).toBeCloseTo(0.00389, 4);
});

test('two samples of one source hardly differ; shifted ones do', () => {
  const one = Float64Array.from({ length: 200 }, (_, i) => i);
  const same = kolmogorovSmirnov(one, one.map((value) => value + 0.5)); // prettier-ignore
  expect(same.effect).toBeCloseTo(0.005, 3);
  expect(same.p).toBeGreaterThan(0.99);
  const shifted = kolmogorovSmirnov(one, one.map((value) => value + 60)); // prettier-ignore
  expect(shifted.effect).toBeCloseTo(0.3, 2);
  expect(shifted.p).toBeLessThan(1e-6);
});
