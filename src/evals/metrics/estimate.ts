/**
 * A figure with its 95 % interval, and the two ways an interval is made.
 *
 * Shares of cases that were counted (accuracy, exact match, precision and recall of one class) get Wilson's score
 * interval. Everything else (F1, averages over classes, BLEU, areas under curves) has no such formula and gets a
 * percentile bootstrap, which draws the cases anew, with a seed of its own, so the same answers give the same figures.
 *
 * The bootstrap never copies cases: a draw is told by how often each case was drawn, and a `Statistic` is a figure as
 * a function of these counts. Whatever is dear (n-grams, sorting) is done once, before; a draw only adds up. That is
 * also what makes comparisons paired (`paired.ts`): one draw, two statistics.
 */

import type { Estimate } from '../../domain/evaluation.ts';
import { seededRandom } from '../../random.ts';

export type { Estimate };

/** How often each case counts: 1 each for the cases as they are, 0 and more in a draw. */
export type Counts = ArrayLike<number>;

/** A figure of cases that count so often; NaN where these cases have none (one class only, say). */
export type Statistic = (counts: Counts) => number;

export interface BootstrapOptions {
  readonly seed?: number | undefined;
  readonly draws?: number | undefined;
  /** Whether 1 is the best there is, as it is unless this says no (perplexity, differences). */
  readonly bounded?: boolean | undefined;
}

/** Below this many cases an estimate is `small`: half of 50 right is anything from 37 to 63 %. */
export const smallBelow = 50;

/** The normal distribution's 97.5 % point: 95 % lie within. */
export const z95 = 1.959964;

const drawsUsual = 1000;

/** What to say beside an estimate that is `small`; null where there is nothing to say. */
export function smallSampleNote({ n, small }: Pick<Estimate, 'n' | 'small'>): string | null {
  if (!small) return null;
  return `only ${n} ${n === 1 ? 'case' : 'cases'}: below ${smallBelow} take the interval as a hint`;
}

/**
 * Wilson's score interval for `successes` out of `total`. Unlike value ± error it stays within [0, 1] and says
 * something sensible about 200 right answers of 200. Of nothing the share is 0 and its interval is everything.
 */
export function wilson(successes: number, total: number, z = z95): Estimate {
  if (total === 0) return { value: 0, low: 0, high: 1, n: 0, small: true };
  const value = successes / total;
  const shrink = 1 + z ** 2 / total;
  const centre = (value + z ** 2 / (2 * total)) / shrink;
  const reach = (z * Math.sqrt((value * (1 - value)) / total + z ** 2 / (4 * total ** 2))) / shrink;
  return {
    value,
    low: Math.min(value, Math.max(0, centre - reach)),
    high: Math.max(value, Math.min(1, centre + reach)),
    n: total,
    small: total < smallBelow,
  };
}

/** Wilson's interval of the share of `true`. */
export const share = (right: readonly boolean[]): Estimate => wilson(right.filter(Boolean).length, right.length);

/** The statistic of all `n` cases, between the 2.5 % and 97.5 % points of what draws of them give. */
export function bootstrap(n: number, statistic: Statistic, options: BootstrapOptions = {}): Estimate {
  return bootstrapAll(n, { statistic: (counts) => [statistic(counts)] }, options)[0]!;
}

/**
 * Several figures from the same draws: what they share is worked out once a draw. A figure of fewer than all cases
 * (of one class, say) tells its own size.
 */
export function bootstrapAll(
  n: number,
  {
    statistic,
    sizes,
  }: { readonly statistic: (counts: Counts) => readonly number[]; readonly sizes?: readonly number[] },
  options: BootstrapOptions = {},
): Estimate[] {
  if (n === 0) throw new Error('There is nothing to score: the test has no cases.');
  const values = statistic(everyCaseOnce(n));
  const drawn = values.map((): number[] => []);
  for (const counts of drawsOf(n, options))
    for (const [i, value] of statistic(counts).entries()) if (!Number.isNaN(value)) drawn[i]!.push(value);
  const { bounded = true } = options;
  return values.map((value, i) => {
    const size = sizes?.[i] ?? n;
    const { low, high } = interval(drawn[i]!);
    // No draw of flawless cases has a flaw, and none of hopeless ones a hit, but a few such cases prove little.
    if (bounded && (value === 0 || value === 1) && low === value && high === value) return wilson(value * size, size);
    return { value, low, high, n: size, small: size < smallBelow };
  });
}

/** The mean of the cases' own scores, bootstrapped. A score that is not a number is its caller's mistake. */
export function mean(scores: readonly number[], options: BootstrapOptions = {}): Estimate {
  return bootstrap(scores.length, meanStatistic(scores), options);
}

export function meanStatistic(scores: readonly number[]): Statistic {
  const wrong = scores.findIndex((score) => Number.isNaN(score));
  if (wrong !== -1) throw new Error(`The score of case ${wrong + 1} is not a number.`);
  return (counts) => {
    let [sum, weight] = [0, 0];
    for (let i = 0; i < scores.length; i++) {
      if (counts[i] === 0) continue; // 0 times an endless score is no number
      sum += counts[i]! * scores[i]!;
      weight += counts[i]!;
    }
    return sum / weight;
  };
}

/** Adds up the cases' rows of numbers, each as often as its case counts: all that many statistics need of a draw. */
export function columnSums(rows: readonly (readonly number[])[]): (counts: Counts) => Float64Array {
  const width = rows[0]?.length ?? 0;
  const table = Float64Array.from(rows.flat());
  return (counts) => {
    const sums = new Float64Array(width);
    for (let row = 0; row < rows.length; row++) {
      const count = counts[row]!;
      if (count === 0) continue;
      const start = row * width;
      for (let column = 0; column < width; column++) sums[column]! += count * table[start + column]!;
    }
    return sums;
  };
}

export const everyCaseOnce = (n: number): Uint32Array => new Uint32Array(n).fill(1);

/** Draws of `n` out of `n` with return, as counts; the array is the same each time, newly filled. */
export function* drawsOf(n: number, { seed = 1, draws = drawsUsual }: BootstrapOptions): Generator<Uint32Array> {
  const random = seededRandom(seed);
  const counts = new Uint32Array(n);
  for (let draw = 0; draw < draws; draw++) {
    counts.fill(0);
    for (let i = 0; i < n; i++) counts[Math.floor(random() * n)]! += 1;
    yield counts;
  }
}

/** The middle 95 % of drawn values. */
export function interval(drawn: readonly number[]): { low: number; high: number } {
  const sorted = [...drawn].sort((a, b) => a - b);
  return { low: percentile(sorted, 0.025), high: percentile(sorted, 0.975) };
}

/** The value below which `part` of the sorted values lie, between neighbours by straight line; NaN of none. */
export function percentile(sorted: readonly number[], part: number): number {
  const place = part * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  const beyond = place - Math.floor(place);
  return beyond === 0 || below === above ? below : below + (above - below) * beyond; // ∞ - ∞ and 0 · ∞ are no numbers
}

/** Median of numbers in any order; NaN of none. */
export const median = (values: readonly number[]): number =>
  percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
