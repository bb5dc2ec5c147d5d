/**
 * Precision, recall, F1 and F-beta of classes and their averages, from counts of hits, answers and support.
 *
 * Labels of texts (`classification.ts`) and entities in texts (`entities.ts`) differ in what is counted, not in this.
 * A share of nothing is 0, as scikit-learn has it with `zero_division=0`.
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
  const nothing = wilson(0, 0);
  const none = { precision: nothing, recall: nothing, f1: nothing, fBeta: beta === undefined ? null : nothing };
  if (tallies.length === 0)
    return { classes: [], averages: { micro: none, macro: none, weighted: none }, total: total(tallies) };

  // Per class, then per average: precision, recall, F1, F-beta.
  const statistic = (counts: Counts): number[] => {
    const drawn = tallyOf(counts);
    const each = drawn.map((tally) => ratios(tally, beta));
    return [...each, ...averages.map((average) => averaging[average](drawn, each, beta))].flat();
  };
  const estimates = bootstrapAll(n, { statistic }, options);
  const quality = (row: number): Quality => ({
    precision: estimates[4 * row]!,
    recall: estimates[4 * row + 1]!,
    f1: estimates[4 * row + 2]!,
    fBeta: beta === undefined ? null : estimates[4 * row + 3]!,
  });
  return {
    classes: tallies.map((tally, i) => ({ tally, quality: quality(i) })),
    averages: {
      micro: quality(tallies.length),
      macro: quality(tallies.length + 1),
      weighted: quality(tallies.length + 2),
    },
    total: total(tallies),
  };
}

/** The averaged F1 or F-beta, for a comparison of two contenders by the same draws (`paired.ts`). */
export function averageStatistic(
  tallyOf: (counts: Counts) => readonly Tally[],
  average: Average,
  beta: number | undefined,
): Statistic {
  return (counts) => {
    const drawn = tallyOf(counts);
    const each = drawn.map((tally) => ratios(tally, beta));
    return averaging[average](drawn, each, beta)[3]!;
  };
}

const averages: readonly Average[] = ['micro', 'macro', 'weighted'];

const ratios = (tally: Tally, beta: number | undefined): number[] => [
  ratio(tally.hits, tally.answered),
  ratio(tally.hits, tally.support),
  fBeta(tally),
  fBeta(tally, beta),
];

type Averaging = (tallies: readonly Tally[], each: readonly number[][], beta: number | undefined) => number[];

const averaging: Readonly<Record<Average, Averaging>> = {
  micro: (tallies, _each, beta) => ratios(total(tallies), beta),
  macro: (_tallies, each) => weightedMean(each, () => 1),
  weighted: (tallies, each) => weightedMean(each, (i) => tallies[i]!.support),
};

function weightedMean(rows: readonly number[][], weightOf: (row: number) => number): number[] {
  const sums = [0, 0, 0, 0];
  let weights = 0;
  for (const [row, values] of rows.entries()) {
    const weight = weightOf(row);
    weights += weight;
    for (const [i, value] of values.entries()) sums[i]! += weight * value;
  }
  return sums.map((sum) => ratio(sum, weights));
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

/** Van Rijsbergen's F: the harmonic mean of precision and recall, recall weighing beta² times as much. */
export const fBeta = ({ hits, answered, support }: Tally, beta = 1): number =>
  ratio((1 + beta ** 2) * hits, answered + beta ** 2 * support);

export const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
