/**
 * Precision, recall, F1 and F-beta of classes and their averages, from counts of hits, answers and support.
 *
 * Labels of texts (`classification.ts`) and entities in texts (`entities.ts`) differ in what is counted, not in this.
 * A share of nothing is 0, as scikit-learn has it with `zero_division=0`; but a draw of the bootstrap that happens to
 * miss a class says nothing about it, and least of all that it is 0.
 */

import {
  bootstrapAll,
  everyCaseOnce,
  wilson,
  type BootstrapOptions,
  type Counts,
  type Estimate,
  type Statistic,
} from './estimate.ts';

/** Of one class, or averaged over classes. */
export interface Quality {
  readonly precision: Estimate;
  readonly recall: Estimate;
  readonly f1: Estimate;
  /** With `beta` above 1 recall weighs more, below 1 precision; null where no beta was asked for. */
  readonly fBeta: Estimate | null;
}

/** `micro` counts all classes together, `macro` weighs every class the same, `weighted` by its support. */
export type Average = 'micro' | 'macro' | 'weighted';

/** Of one class, among cases that count so often. */
export interface Tally {
  /** Answers that are right; a half-right entity is half a hit. */
  readonly hits: number;
  readonly answered: number;
  readonly support: number;
}

export interface QualityOptions extends BootstrapOptions {
  readonly beta?: number | undefined;
}

export interface Qualities {
  /** In the order of the tallies. */
  readonly classes: readonly { readonly tally: Tally; readonly quality: Quality }[];
  readonly averages: Readonly<Record<Average, Quality>>;
  /** All classes together. */
  readonly total: Tally;
}

/** Everything with bootstrapped intervals; `tallyOf` gives one tally per class, always the same classes. */
export function qualities(
  n: number,
  tallyOf: (counts: Counts) => readonly Tally[],
  { beta, ...options }: QualityOptions,
): Qualities {
  const tallies = tallyOf(everyCaseOnce(n));
  const all = total(tallies);
  const nothing = wilson(0, 0);
  const none = { precision: nothing, recall: nothing, f1: nothing, fBeta: beta === undefined ? null : nothing };
  if (tallies.length === 0) return { classes: [], averages: { micro: none, macro: none, weighted: none }, total: all };

  // Per class, then per average: precision, recall, F1, F-beta.
  const whole = tallies.map((tally) => ratios(tally, beta));
  const statistic = (counts: Counts): number[] => {
    const drawn = tallyOf(counts);
    const each = drawn.map((tally, i) => ratiosDrawn(tally, whole[i]!, beta));
    return [...each, ...averages.map((average) => averaging[average](drawn, each, beta))].flat();
  };
  // A class of five cases stays one of five, however long the test; and cases that go together do not count apart.
  const sizes = (tally: Tally): number[] => {
    const [answered, support] = [Math.min(n, tally.answered), Math.min(n, tally.support)];
    return [answered, support, support, support];
  };
  const estimates = bootstrapAll(
    n,
    { statistic, sizes: [...tallies.flatMap(sizes), ...sizes(all), ...Array<number>(8).fill(n)] },
    options,
  );
  const quality = (row: number, of: (i: number) => Estimate = (i) => estimates[4 * row + i]!): Quality => ({
    precision: of(0),
    recall: of(1),
    f1: of(2),
    fBeta: beta === undefined ? null : of(3),
  });
  const [micro, macro, weighted] = [0, 1, 2].map((average) => tallies.length + average) as [number, number, number];
  const averaged = (row: number, weightOf: (tally: Tally) => number): Quality =>
    quality(row, (i) => {
      const classes = tallies.map((tally, k) => ({ estimate: estimates[4 * k + i]!, weight: weightOf(tally) }));
      return withReach(estimates[4 * row + i]!, classes);
    });
  return {
    classes: tallies.map((tally, i) => ({ tally, quality: quality(i) })),
    averages: {
      micro: quality(micro),
      macro: averaged(macro, () => 1),
      weighted: averaged(weighted, ({ support }) => support),
    },
    total: all,
  };
}

/**
 * An average that no draw moves, since every class is flawless (or none has a hit), reaches as far as its classes
 * together: independent errors add up by their squares.
 */
function withReach(
  average: Estimate,
  classes: readonly { readonly estimate: Estimate; readonly weight: number }[],
): Estimate {
  const { value } = average;
  if ((value !== 0 && value !== 1) || classes.some(({ estimate, weight }) => weight > 0 && estimate.value !== value))
    return average;
  const weights = classes.reduce((sum, { weight }) => sum + weight, 0);
  const reach = Math.hypot(
    ...classes.map(({ estimate: { low, high }, weight }) => ratio(weight, weights) * (value === 1 ? 1 - low : high)),
  );
  return value === 1 ? { ...average, low: Math.max(0, 1 - reach) } : { ...average, high: Math.min(1, reach) };
}

/** The averaged F1 or F-beta, for a comparison of two contenders by the same draws (`paired.ts`). */
export function averageStatistic(
  tallyOf: (counts: Counts) => readonly Tally[],
  average: Average,
  beta: number | undefined,
): Statistic {
  let whole: readonly (readonly number[])[] | undefined;
  return (counts) => {
    whole ??= tallyOf(everyCaseOnce(counts.length)).map((tally) => ratios(tally, beta));
    const drawn = tallyOf(counts);
    const each = drawn.map((tally, i) => ratiosDrawn(tally, whole![i]!, beta));
    return averaging[average](drawn, each, beta)[3]!;
  };
}

const averages: readonly Average[] = ['micro', 'macro', 'weighted'];

/**
 * NaN for a share of nothing. The last is van Rijsbergen's F: the harmonic mean of precision and recall, recall
 * weighing beta² times as much.
 */
const ratios = ({ hits, answered, support }: Tally, beta = 1): number[] => [
  hits / answered,
  hits / support,
  (2 * hits) / (answered + support),
  ((1 + beta ** 2) * hits) / (answered + beta ** 2 * support),
];

/** A class that a draw happens to miss has no share in it (NaN); one that never had any has 0. */
const ratiosDrawn = (tally: Tally, whole: readonly number[], beta: number | undefined): number[] =>
  ratios(tally, beta).map((value, i) => (Number.isNaN(whole[i]!) ? 0 : value));

type Averaging = (tallies: readonly Tally[], each: readonly number[][], beta: number | undefined) => number[];

const averaging: Readonly<Record<Average, Averaging>> = {
  micro: (tallies, _each, beta) => ratios(total(tallies), beta).map((value) => (Number.isNaN(value) ? 0 : value)),
  macro: (_tallies, each) => weightedMean(each, () => 1),
  weighted: (tallies, each) => weightedMean(each, (i) => tallies[i]!.support),
};

/** Of the rows that have a value. */
function weightedMean(rows: readonly number[][], weightOf: (row: number) => number): number[] {
  const sums = [0, 0, 0, 0];
  const weights = [0, 0, 0, 0];
  for (const [row, values] of rows.entries()) {
    const weight = weightOf(row);
    for (const [i, value] of values.entries()) {
      if (Number.isNaN(value)) continue;
      sums[i]! += weight * value;
      weights[i]! += weight;
    }
  }
  return sums.map((sum, i) => ratio(sum, weights[i]!));
}

function total(tallies: readonly Tally[]): Tally {
  const sum = { hits: 0, answered: 0, support: 0 };
  for (const { hits, answered, support } of tallies) {
    sum.hits += hits;
    sum.answered += answered;
    sum.support += support;
  }
  return sum;
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
