/**
 * How well answered labels match the true ones: accuracy, and precision, recall, F1 and F-beta of each class and
 * averaged three ways. scikit-learn's `precision_recall_fscore_support` with `zero_division=0` says the same.
 *
 * An answer in which no label was found (`null`) is wrong for every class and is a class of its own nowhere. A label
 * that was answered but never was true is a class (precision 0, recall 0) and pulls the macro average down, unless
 * `labels` names the classes that count. Where nothing was counted (no case was called spam) a share is 0 and its
 * interval is everything.
 */

import { wilson, type Counts, type Estimate, type Statistic } from './estimate.ts';
import { averageStatistic, qualities, type Average, type Quality, type QualityOptions, type Tally } from './quality.ts';

export interface Judged {
  readonly actual: string;
  /** The label that was answered, or null when the answer held none. */
  readonly predicted: string | null;
}

export interface ClassScores extends Quality {
  /** How many cases really are of this class. */
  readonly support: number;
  /** How many answers said so. */
  readonly answered: number;
}

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
  /** All that was true, in the order of first appearance, and then what was only answered. */
  readonly labels: readonly string[];
  readonly count: (actual: string, predicted: string | null) => number;
}

export interface ScoreOptions extends QualityOptions {
  /** The class that precision, recall and F1 are of; without it they are macro averages. */
  readonly positive?: string | undefined;
  /** The classes that count in averages, when they are not all that occur. */
  readonly labels?: readonly string[] | undefined;
}

export function score(cases: readonly Judged[], options: ScoreOptions = {}): Scores {
  if (cases.length === 0) throw new Error('There is nothing to score: the test has no cases.');
  const confusion = confusionOf(cases);
  const labels = [...new Set(options.labels ?? confusion.labels)];
  const { classes, averages, total } = qualities(cases.length, tallied(cases, labels), options);
  // Shares of counted answers and counted cases have Wilson's interval.
  const counted = ({ hits, answered, support }: Tally): Pick<Quality, 'precision' | 'recall'> => ({
    precision: wilson(hits, answered),
    recall: wilson(hits, support),
  });
  const perClass = new Map(
    classes.map(({ tally, quality }, i): [string, ClassScores] => {
      const { answered, support } = tally;
      return [labels[i]!, { ...quality, ...counted(tally), support, answered }];
    }),
  );
  const micro = { ...averages.micro, ...counted(total) };
  const main = options.positive === undefined ? averages.macro : perClass.get(options.positive);
  const { precision, recall, f1, fBeta } = main ?? neverSeen(options.beta);
  return {
    count: cases.length,
    accuracy: wilson(cases.filter(({ actual, predicted }) => actual === predicted).length, cases.length),
    precision,
    recall,
    f1,
    fBeta,
    perClass,
    averages: { ...averages, micro },
    confusion,
    unparsed: cases.filter(({ predicted }) => predicted === null).length,
  };
}

/** F1 or F-beta, averaged or of the positive class, for a paired comparison. */
export function fStatistic(
  cases: readonly Judged[],
  { average = 'macro', positive, labels, beta }: ScoreOptions & { readonly average?: Average } = {},
): Statistic {
  if (positive !== undefined) return averageStatistic(tallied(cases, [positive]), 'micro', beta);
  return averageStatistic(tallied(cases, [...new Set(labels ?? confusionOf(cases).labels)]), average, beta);
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

/** Hits, answers and support of each class among cases that count so often. */
function tallied(cases: readonly Judged[], labels: readonly string[]): (counts: Counts) => Tally[] {
  const places = new Map(labels.map((label, i) => [label, i]));
  const placeOf = (label: string | null): number => (label === null ? -1 : (places.get(label) ?? -1));
  const actual = Int32Array.from(cases, (each) => placeOf(each.actual));
  const predicted = Int32Array.from(cases, (each) => placeOf(each.predicted));
  return (counts) => {
    const tallies = labels.map(() => ({ hits: 0, answered: 0, support: 0 }));
    for (let i = 0; i < actual.length; i++) {
      const [truth, answer, weight] = [actual[i]!, predicted[i]!, counts[i]!];
      if (truth !== -1) tallies[truth]!.support += weight;
      if (answer !== -1) tallies[answer]!.answered += weight;
      if (truth !== -1 && truth === answer) tallies[truth]!.hits += weight;
    }
    return tallies;
  };
}

/** A class that is neither true nor answered anywhere. */
function neverSeen(beta: number | undefined): Quality {
  const nothing = wilson(0, 0);
  return { precision: nothing, recall: nothing, f1: nothing, fBeta: beta === undefined ? null : nothing };
}
