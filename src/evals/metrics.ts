/**
 * How well answers match labels: accuracy, precision, recall and F1, each with an interval.
 *
 * Shares of counted cases (accuracy; precision and recall of one class) get Wilson's interval; F1 and averages
 * over classes have no such formula and get a percentile bootstrap, which draws the cases anew with a fixed seed.
 * An answer in which no label was found (`null`) is wrong for every class. Where nothing was counted
 * (no case was called spam, say) the share is 0 and its interval is everything.
 */

import { seededRandom } from '../random.ts';

export interface Judged {
  readonly actual: string;
  /** The label that was answered, or null when the answer held none. */
  readonly predicted: string | null;
}

/** A share or score between 0 and 1 with its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface ClassScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** How many cases really are of this class. */
  readonly support: number;
}

export interface Scores {
  readonly count: number;
  readonly accuracy: Estimate;
  readonly precision: Estimate;
  readonly recall: Estimate;
  readonly f1: Estimate;
  readonly perClass: ReadonlyMap<string, ClassScores>;
  /** Answers without a label. */
  readonly unparsed: number;
}

/** Counts by actual and answered label; a row's `null` entry counts the answers without one. */
export type Confusion = ReadonlyMap<string, ReadonlyMap<string | null, number>>;

const resamples = 1000;
/** The normal distribution's 97.5 % point: 95 % lie within. */
const z95 = 1.959964;

/**
 * Scores of a whole test. With `positive` precision, recall and F1 are that class's; without it they are
 * macro averages, in which every class that occurs weighs the same.
 */
export function score(cases: readonly Judged[], options: { positive?: string; seed?: number } = {}): Scores {
  if (cases.length === 0) throw new Error('There is nothing to score: the test has no cases.');
  const { positive, seed = 1 } = options;
  const confusion = confusionOf(cases);
  const perClass = new Map([...confusion.keys()].map((label) => [label, classScores(confusion, label)]));
  const right = cases.filter(({ actual, predicted }) => actual === predicted).length;
  const spread = (statistic: (scores: ClassScores) => number): Estimate =>
    bootstrap(cases, (sample) => aggregate(confusionOf(sample), positive, statistic), seed);
  const hits = positive === undefined ? 0 : count(confusion, positive, positive);
  return {
    count: cases.length,
    accuracy: wilson(right, cases.length),
    precision:
      positive === undefined
        ? spread(({ precision }) => precision)
        : wilson(hits, cases.filter(({ predicted }) => predicted === positive).length),
    recall:
      positive === undefined
        ? spread(({ recall }) => recall)
        : wilson(hits, cases.filter(({ actual }) => actual === positive).length),
    f1: spread(({ f1 }) => f1),
    perClass,
    unparsed: cases.filter(({ predicted }) => predicted === null).length,
  };
}

export function confusionOf(cases: readonly Judged[]): Confusion {
  const rows = new Map<string, Map<string | null, number>>();
  for (const { actual, predicted } of cases) {
    const row = rows.get(actual) ?? new Map<string | null, number>();
    row.set(predicted, (row.get(predicted) ?? 0) + 1);
    rows.set(actual, row);
  }
  return rows;
}

export function classScores(confusion: Confusion, label: string): ClassScores {
  const hits = count(confusion, label, label);
  let called = 0;
  for (const row of confusion.values()) called += row.get(label) ?? 0;
  let support = 0;
  for (const each of confusion.get(label)?.values() ?? []) support += each;
  const precision = share(hits, called);
  const recall = share(hits, support);
  return { precision, recall, f1: share(2 * precision * recall, precision + recall), support };
}

/**
 * Wilson's score interval for `successes` out of `total`. Unlike value ± error it stays within [0, 1] and says
 * something sensible about 200 right answers of 200.
 */
export function wilson(successes: number, total: number, z = z95): Estimate {
  if (total === 0) return { value: 0, low: 0, high: 1 };
  const value = successes / total;
  const shrink = 1 + z ** 2 / total;
  const centre = (value + z ** 2 / (2 * total)) / shrink;
  const reach = (z * Math.sqrt((value * (1 - value)) / total + z ** 2 / (4 * total ** 2))) / shrink;
  return { value, low: Math.max(0, centre - reach), high: Math.min(1, centre + reach) };
}

/** The statistic of the cases as they are, between the 2.5 % and 97.5 % points of what redrawn cases give. */
export function bootstrap<T>(
  cases: readonly T[],
  statistic: (sample: readonly T[]) => number,
  seed: number,
  samples = resamples,
): Estimate {
  const random = seededRandom(seed);
  const draw = (): T => cases[Math.floor(random() * cases.length)] as T;
  const values = Array.from({ length: samples }, () => statistic(cases.map(draw))).sort((a, b) => a - b);
  return { value: statistic(cases), low: percentile(values, 0.025), high: percentile(values, 0.975) };
}

/** The value below which `part` of the sorted values lie, between neighbours by straight line. */
export function percentile(sorted: readonly number[], part: number): number {
  const place = part * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** Median of numbers in any order; NaN of none. */
export const median = (values: readonly number[]): number =>
  percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  );

function aggregate(
  confusion: Confusion,
  positive: string | undefined,
  statistic: (scores: ClassScores) => number,
): number {
  if (positive !== undefined) return statistic(classScores(confusion, positive));
  const values = [...confusion.keys()].map((label) => statistic(classScores(confusion, label)));
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const count = (confusion: Confusion, actual: string, predicted: string): number =>
  confusion.get(actual)?.get(predicted) ?? 0;

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
