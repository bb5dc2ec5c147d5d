/**
 * How well answered labels match the true ones: accuracy, and precision, recall, F1 and F-beta of each class and
 * averaged three ways. scikit-learn's `precision_recall_fscore_support` with `zero_division=0` says the same.
 *
 * An answer in which no label was found (`null`) is wrong for every class and is a class of its own nowhere. A label
 * that was answered but never was true is a class (precision 0, recall 0) and pulls the macro average down, unless
 * `labels` names the classes that count. Where nothing was counted (no case was called spam) a share is 0 and its
 * interval is everything.
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

export interface Judged {
  readonly actual: string;
  /** The label that was answered, or null when the answer held none. */
  readonly predicted: string | null;
}

/** One class, or an average over classes. */
export interface Quality {
  readonly precision: Estimate;
  readonly recall: Estimate;
  readonly f1: Estimate;
  /** With `beta` above 1 recall weighs more, below 1 precision; null where no beta was asked for. */
  readonly fBeta: Estimate | null;
}

export interface ClassScores extends Quality {
  /** How many cases really are of this class. */
  readonly support: number;
  /** How many answers said so. */
  readonly answered: number;
}

/** `micro` counts all classes together, `macro` weighs every class the same, `weighted` by its support. */
export type Average = 'micro' | 'macro' | 'weighted';

export interface Scores extends Quality {
  readonly count: number;
  readonly accuracy: Estimate;
  readonly perClass: ReadonlyMap<string, ClassScores>;
  readonly averages: Readonly<Record<Average, Quality>>;
  readonly confusion: Confusion;
  /** Answers without a label. */
  readonly unparsed: number;
}

/** Counts by actual and answered label; `null` counts the answers without one. */
export interface Confusion {
  /** Everything that was true or answered, in the order of first appearance among the true ones, then the others. */
  readonly labels: readonly string[];
  readonly count: (actual: string, predicted: string | null) => number;
}

export interface ScoreOptions extends BootstrapOptions {
  /** The class that precision, recall and F1 are of; without it they are macro averages. */
  readonly positive?: string | undefined;
  /** The classes that count in averages, when they are not all that occur. */
  readonly labels?: readonly string[] | undefined;
  readonly beta?: number | undefined;
}

export function score(cases: readonly Judged[], options: ScoreOptions = {}): Scores {
  if (cases.length === 0) throw new Error('There is nothing to score: the test has no cases.');
  const { positive, beta } = options;
  const confusion = confusionOf(cases);
  const labels = [...new Set(options.labels ?? confusion.labels)];
  const tally = tallied(cases, labels);
  const all = tally(everyCaseOnce(cases.length));

  // Per class and then per average: precision, recall, F1, F-beta.
  const statistic = (counts: Counts): number[] => {
    const drawn = tally(counts);
    const classes = drawn.map((one) => ratios(one, beta ?? 1));
    return [...classes, ...averages.map((average) => averaged[average](drawn, classes, beta ?? 1))].flat();
  };
  const estimates = bootstrapAll(cases.length, { statistic }, options);
  const quality = (row: number): Quality => ({
    precision: estimates[4 * row]!,
    recall: estimates[4 * row + 1]!,
    f1: estimates[4 * row + 2]!,
    fBeta: beta === undefined ? null : estimates[4 * row + 3]!,
  });

  const perClass = new Map(
    labels.map((label, i): [string, ClassScores] => {
      const { hits, answered, support } = all[i]!;
      const counted = { precision: wilson(hits, answered), recall: wilson(hits, support) };
      return [label, { ...quality(i), ...counted, support, answered }];
    }),
  );
  const total = summed(all);
  const micro = { precision: wilson(total.hits, total.answered), recall: wilson(total.hits, total.support) };
  const byAverage: Record<Average, Quality> = {
    micro: { ...quality(labels.length), ...micro },
    macro: quality(labels.length + 1),
    weighted: quality(labels.length + 2),
  };
  const main: Quality = positive === undefined ? byAverage.macro : (perClass.get(positive) ?? neverSeen(beta));
  return {
    count: cases.length,
    accuracy: wilson(cases.filter(({ actual, predicted }) => actual === predicted).length, cases.length),
    precision: main.precision,
    recall: main.recall,
    f1: main.f1,
    fBeta: main.fBeta,
    perClass,
    averages: byAverage,
    confusion,
    unparsed: cases.filter(({ predicted }) => predicted === null).length,
  };
}

/** F1 or F-beta for a comparison of two contenders by the same draws (`paired.ts`). */
export function fStatistic(
  cases: readonly Judged[],
  { average = 'macro', positive, labels, beta = 1 }: ScoreOptions & { readonly average?: Average },
): Statistic {
  const classes = positive === undefined ? [...new Set(labels ?? confusionOf(cases).labels)] : [positive];
  const tally = tallied(cases, classes);
  return (counts) => {
    const drawn = tally(counts);
    const each = drawn.map((one) => ratios(one, beta));
    return averaged[positive === undefined ? average : 'micro'](drawn, each, beta)[3]!;
  };
}

export function confusionOf(cases: readonly Judged[]): Confusion {
  const rows = new Map<string, Map<string | null, number>>();
  for (const { actual, predicted } of cases) {
    const row = rows.get(actual) ?? new Map<string | null, number>();
    row.set(predicted, (row.get(predicted) ?? 0) + 1);
    rows.set(actual, row);
  }
  const answered = cases.flatMap(({ predicted }) => predicted ?? []);
  return {
    labels: [...new Set([...rows.keys(), ...answered])],
    count: (actual, predicted) => rows.get(actual)?.get(predicted) ?? 0,
  };
}

interface Tally {
  readonly hits: number;
  readonly answered: number;
  readonly support: number;
}

/** Hits, answers and support of each class among cases that count so often. */
function tallied(cases: readonly Judged[], labels: readonly string[]): (counts: Counts) => Tally[] {
  const places = new Map(labels.map((label, i) => [label, i]));
  const actual = Int32Array.from(cases, (each) => places.get(each.actual) ?? -1);
  const predicted = Int32Array.from(cases, (each) =>
    each.predicted === null ? -1 : (places.get(each.predicted) ?? -1),
  );
  return (counts) => {
    const sums = labels.map(() => ({ hits: 0, answered: 0, support: 0 }));
    for (let i = 0; i < actual.length; i++) {
      const [truth, answer, weight] = [actual[i]!, predicted[i]!, counts[i]!];
      if (truth !== -1) sums[truth]!.support += weight;
      if (answer !== -1) sums[answer]!.answered += weight;
      if (truth !== -1 && truth === answer) sums[truth]!.hits += weight;
    }
    return sums;
  };
}

const averages: readonly Average[] = ['micro', 'macro', 'weighted'];

/** Precision, recall, F1 and F-beta of counts; of nothing they are 0. */
function ratios({ hits, answered, support }: Tally, beta: number): number[] {
  return [ratio(hits, answered), ratio(hits, support), fBeta(hits, answered, support, 1), fBeta(hits, answered, support, beta)]; // prettier-ignore
}

type Averaging = (tallies: readonly Tally[], classes: readonly number[][], beta: number) => number[];

const averaged: Readonly<Record<Average, Averaging>> = {
  micro: (tallies, _classes, beta) => ratios(summed(tallies), beta),
  macro: (_tallies, classes) => weightedBy(classes, () => 1),
  weighted: (tallies, classes) => weightedBy(classes, (i) => tallies[i]!.support),
};

function weightedBy(classes: readonly number[][], weightOf: (i: number) => number): number[] {
  const sums = [0, 0, 0, 0];
  let total = 0;
  for (const [i, values] of classes.entries()) {
    const weight = weightOf(i);
    total += weight;
    for (const [k, value] of values.entries()) sums[k]! += weight * value;
  }
  return sums.map((sum) => ratio(sum, total));
}

function summed(tallies: readonly Tally[]): Tally {
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0);
  return { hits: sum((one) => one.hits), answered: sum((one) => one.answered), support: sum((one) => one.support) };
}

/** Van Rijsbergen's F: the harmonic mean of precision and recall, recall weighing beta² times as much. */
export const fBeta = (hits: number, answered: number, support: number, beta = 1): number =>
  ratio((1 + beta ** 2) * hits, answered + beta ** 2 * support);

export const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** A class that is neither true nor answered anywhere. */
function neverSeen(beta: number | undefined): Quality {
  const nothing = wilson(0, 0);
  return { precision: nothing, recall: nothing, f1: nothing, fBeta: beta === undefined ? null : nothing };
}
