/**
 * Whether one contender is better than another on the same cases: paired tests, each with the difference's interval.
 *
 *   compareRight    right or wrong per case: exact McNemar test; interval by Agresti and Min's half-added counts
 *   compareFigures  any statistic (F1, BLEU, an area): paired bootstrap, one draw of cases for both
 *
 * Pairing matters: two contenders that err on the same hard cases differ by less than their own intervals suggest.
 * A difference is the second contender's figure less the first's. With several contenders, `holm` keeps the chance
 * of any false "better" at 5 %.
 */

import {
  drawsOf,
  everyCaseOnce,
  interval,
  meanStatistic,
  smallBelow,
  z95,
  type BootstrapOptions,
  type Estimate,
  type Statistic,
} from './estimate.ts';

export interface Comparison {
  readonly test: 'mcnemar' | 'paired_bootstrap';
  /** Second less first. */
  readonly difference: Estimate;
  /** How often chance alone would part them at least this far if neither were better; NaN where nothing can be said. */
  readonly pValue: number;
  readonly significant: boolean;
}

/** 95 %. */
export const significanceLevel = 0.05;

/** McNemar's test in its exact form: only cases on which the two differ tell them apart, each a fair coin's throw. */
export function compareRight(first: readonly boolean[], second: readonly boolean[]): Comparison {
  sameCases(first.length, second.length);
  const lost = first.filter((right, i) => right && !second[i]).length;
  const won = second.filter((right, i) => right && !first[i]).length;
  const pValue = mcnemar(lost, won);
  return {
    test: 'mcnemar',
    difference: pairedDifference(lost, won, first.length),
    pValue,
    significant: pValue < significanceLevel,
  };
}

/** The two-sided p-value of `lost` against `won` among cases on which two contenders differ. */
export function mcnemar(lost: number, won: number): number {
  const total = lost + won;
  // log C(n, k) step by step: factorials of large totals are beyond a double.
  let logTerm = -total * Math.LN2;
  let tail = 0;
  for (let k = 0; k <= Math.min(lost, won); k++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log((total - k) / (k + 1));
  }
  return Math.min(1, 2 * tail);
}

/** A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched proportions", 2005. */
function pairedDifference(lost: number, won: number, n: number): Estimate {
  const [a, b, total] = [won + 0.5, lost + 0.5, n + 2];
  const centre = (a - b) / total;
  const reach = (z95 * Math.sqrt(a + b - (a - b) ** 2 / total)) / total;
  return {
    value: (won - lost) / n,
    low: Math.max(-1, centre - reach),
    high: Math.min(1, centre + reach),
    n,
    small: n < smallBelow,
  };
}

/**
 * Two statistics under the same draws. The p-value asks how often a draw lies further from the draws' mean, on either
 * side, than the observed difference lies from none (P. Koehn, 2004; counted with the observed one, as sacrebleu does).
 */
export function compareFigures(
  n: number,
  first: Statistic,
  second: Statistic,
  options: BootstrapOptions = {},
): Comparison {
  if (n === 0) throw new Error('There is nothing to compare: the test has no cases.');
  const once = everyCaseOnce(n);
  const value = second(once) - first(once);
  const drawn: number[] = [];
  for (const counts of drawsOf(n, options)) {
    const difference = second(counts) - first(counts);
    if (!Number.isNaN(difference)) drawn.push(difference);
  }
  const centre = drawn.reduce((sum, each) => sum + each, 0) / drawn.length;
  // Rounding in sums must not part what is equal.
  const further = drawn.filter((each) => Math.abs(each - centre) >= Math.abs(value) - 1e-12).length;
  const pValue = Number.isNaN(value) || drawn.length === 0 ? Number.NaN : (further + 1) / (drawn.length + 1);
  return {
    test: 'paired_bootstrap',
    difference: { value, ...interval(drawn), n, small: n < smallBelow },
    pValue,
    significant: pValue < significanceLevel,
  };
}

/** Scores per case, by their means. */
export function compareMeans(
  first: readonly number[],
  second: readonly number[],
  options: BootstrapOptions = {},
): Comparison {
  sameCases(first.length, second.length);
  return compareFigures(first.length, meanStatistic(first), meanStatistic(second), options);
}

/** p-values as they are when several comparisons are made at once (Holm, 1979), in the order given; NaN stays. */
export function holm(pValues: readonly number[]): number[] {
  const tested = [...pValues.keys()].filter((i) => !Number.isNaN(pValues[i]));
  const order = tested.sort((a, b) => pValues[a]! - pValues[b]!);
  const adjusted = pValues.map(() => Number.NaN);
  let least = 0;
  for (const [rank, i] of order.entries()) {
    least = Math.min(1, Math.max(least, pValues[i]! * (order.length - rank)));
    adjusted[i] = least;
  }
  return adjusted;
}

function sameCases(first: number, second: number): void {
  if (first !== second)
    throw new Error(`A paired test needs the same cases: one contender has ${first}, the other ${second}.`);
}
