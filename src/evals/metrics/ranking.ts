/**
 * How well label probabilities rank the cases of a class above the others, whatever threshold one would choose.
 *
 * Each class is taken against the rest. ROC AUC is the chance that a case of the class is ranked above one that is
 * not, ties counting half; PR AUC is average precision, the step-wise area that scikit-learn prefers, since straight
 * lines between points of a precision-recall curve flatter. A label without a probability has 0 (it was not among the
 * top tokens). A case without probabilities, or with one that is no number, is left out and counted in `skipped`.
 */

import { bootstrapAll, type BootstrapOptions, type Counts, type Estimate, type Statistic } from './estimate.ts';

export interface Ranked {
  readonly actual: string;
  readonly probabilities: Readonly<Record<string, number>> | null;
}

/** null where there is no area: without cases of the class, or, for ROC, without any other. */
export interface Areas {
  readonly rocAuc: Estimate | null;
  readonly prAuc: Estimate | null;
}

export interface RankingScores {
  readonly perClass: ReadonlyMap<string, Areas & { readonly support: number }>;
  /** Means over the classes that have an area. */
  readonly macro: Areas;
  readonly weighted: Areas;
  readonly skipped: number;
}

export interface CurvePoint {
  /** Cases with at least this probability are called of the class. */
  readonly threshold: number;
  readonly truePositiveRate: number;
  readonly falsePositiveRate: number;
  readonly precision: number;
}

export function rankingScores(
  cases: readonly Ranked[],
  { labels, ...options }: BootstrapOptions & { readonly labels?: readonly string[] } = {},
): RankingScores {
  const usable = cases.filter(hasProbabilities);
  const skipped = cases.length - usable.length;
  const classes = [...new Set(labels ?? usable.map(({ actual }) => actual))];
  const none = { rocAuc: null, prAuc: null };
  if (usable.length === 0 || classes.length === 0)
    return {
      perClass: new Map(classes.map((label) => [label, { ...none, support: 0 }])),
      macro: none,
      weighted: none,
      skipped,
    };

  const rankings = classes.map((label) => rankingOf(usable, label));
  const supports = classes.map((label) => usable.filter(({ actual }) => actual === label).length);
  // Per class, then macro, then weighted: the ROC area and the PR area.
  const statistic = (counts: Counts): number[] => {
    const each = rankings.map((ranking) => areasUnder(ranking, counts));
    return [...each, meanOfAreas(each, () => 1), meanOfAreas(each, (i) => supports[i]!)].flat();
  };
  // An area is as certain as the rarer side of it.
  const n = usable.length;
  const sizes = [...supports.flatMap((support) => [Math.min(support, n - support), support]), n, n, n, n];
  const estimates = bootstrapAll(n, { statistic, sizes }, options);
  const areas = (row: number): Areas => ({
    rocAuc: known(estimates[2 * row]!),
    prAuc: known(estimates[2 * row + 1]!),
  });
  return {
    perClass: new Map(classes.map((label, i) => [label, { ...areas(i), support: supports[i]! }])),
    macro: areas(classes.length),
    weighted: areas(classes.length + 1),
    skipped,
  };
}

/** The ROC area of a class, for a paired comparison; every case must have probabilities. */
export function rocAucStatistic(cases: readonly Ranked[], label: string): Statistic {
  const lacking = cases.findIndex((each) => !hasProbabilities(each));
  if (lacking !== -1) throw new Error(`Case ${lacking + 1} has no probabilities to compare by.`);
  const ranking = rankingOf(cases.filter(hasProbabilities), label);
  return (counts) => areasUnder(ranking, counts)[0];
}

/** The points of a class's ROC and precision-recall curves, from the strictest threshold on. */
export function curveOf(cases: readonly Ranked[], label: string): CurvePoint[] {
  const { order, positive, scores } = rankingOf(cases.filter(hasProbabilities), label);
  const positives = positive.filter(Boolean).length;
  const negatives = positive.length - positives;
  const points: CurvePoint[] = [];
  let [hits, alarms] = [0, 0];
  for (const [place, i] of order.entries()) {
    if (positive[i]) hits += 1;
    else alarms += 1;
    if (scores[order[place + 1]!] === scores[i]) continue;
    points.push({
      threshold: scores[i]!,
      truePositiveRate: hits / positives,
      falsePositiveRate: alarms / negatives,
      precision: hits / (hits + alarms),
    });
  }
  return points;
}

type Usable = Ranked & { readonly probabilities: Readonly<Record<string, number>> };

const hasProbabilities = (each: Ranked): each is Usable =>
  each.probabilities !== null && Object.values(each.probabilities).every((one) => Number.isFinite(one));

interface Ranking {
  /** Places of cases, the most probable first. */
  readonly order: Int32Array;
  readonly positive: readonly boolean[];
  readonly scores: Float64Array;
}

function rankingOf(cases: readonly Usable[], label: string): Ranking {
  const scores = Float64Array.from(cases, ({ probabilities }) =>
    Object.hasOwn(probabilities, label) ? probabilities[label]! : 0,
  );
  const order = Int32Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]!);
  return { order, positive: cases.map(({ actual }) => actual === label), scores };
}

/** ROC AUC and average precision of cases that count so often; NaN where there is none. */
function areasUnder({ order, positive, scores }: Ranking, counts: Counts): [roc: number, precision: number] {
  let [hits, alarms] = [0, 0];
  let [roc, averagePrecision] = [0, 0];
  for (let start = 0, end = 0; start < order.length; start = end) {
    let [hitsHere, alarmsHere] = [0, 0]; // among equal scores
    for (; end < order.length && scores[order[end]!] === scores[order[start]!]; end++) {
      const i = order[end]!;
      if (positive[i]) hitsHere += counts[i]!;
      else alarmsHere += counts[i]!;
    }
    roc += alarmsHere * (hits + hitsHere / 2);
    hits += hitsHere;
    alarms += alarmsHere;
    if (hitsHere > 0) averagePrecision += (hitsHere * hits) / (hits + alarms);
  }
  return [roc / (hits * alarms), averagePrecision / hits]; // 0 / 0 is NaN
}

function meanOfAreas(each: readonly (readonly [number, number])[], weightOf: (i: number) => number): number[] {
  return [0, 1].map((kind) => {
    let [sum, weights] = [0, 0];
    for (const [i, areas] of each.entries()) {
      if (Number.isNaN(areas[kind]!)) continue;
      sum += weightOf(i) * areas[kind]!;
      weights += weightOf(i);
    }
    return sum / weights;
  });
}

const known = (estimate: Estimate): Estimate | null => (Number.isNaN(estimate.value) ? null : estimate);
