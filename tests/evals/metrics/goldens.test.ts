/** Our figures against the packages that define them; `goldens/make_metrics.py` says which is which. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { calibration } from '../../../src/evals/metrics/calibration.ts';
import { score } from '../../../src/evals/metrics/classification.ts';
import { entityScores } from '../../../src/evals/metrics/entities.ts';
import { entitiesOfTags } from '../../../src/evals/metrics/entity-reading.ts';
import { mean, wilson, type Estimate } from '../../../src/evals/metrics/estimate.ts';
import { compareMeans, holm, mcnemar } from '../../../src/evals/metrics/paired.ts';
import { perplexity } from '../../../src/evals/metrics/perplexity.ts';
import type { Average, Quality } from '../../../src/evals/metrics/quality.ts';
import { curveOf, rankingScores, type Ranked } from '../../../src/evals/metrics/ranking.ts';
import { squadExact, squadF1, squadScores } from '../../../src/evals/metrics/squad.ts';
import { structuredScores } from '../../../src/evals/metrics/structured.ts';
import { textScores, type TextFigure } from '../../../src/evals/metrics/text.ts';
import { callScores, type Call } from '../../../src/evals/metrics/tool-calls.ts';

type Numbers = readonly number[];
type ByName<T> = Readonly<Record<string, T>>;
/** Precision, recall and F of each average. */
type Averages = Readonly<Record<Average, Numbers>>;

interface Golden {
  readonly classifications: readonly {
    readonly actual: readonly string[];
    readonly predicted: readonly (string | null)[];
    readonly labels: readonly string[] | null;
    readonly scores: ByName<Averages & { readonly per_class: ByName<Numbers> }>;
    readonly accuracy: number;
    readonly confusion: readonly (readonly [actual: string, predicted: string | null, count: number])[];
  }[];
  readonly rankings: readonly {
    readonly labels: readonly string[];
    readonly actual: readonly string[];
    readonly probabilities: readonly Numbers[];
    readonly per_class: ByName<{
      readonly roc_auc: number;
      readonly pr_auc: number;
      readonly curve: readonly Numbers[];
    }>;
    readonly macro: Numbers;
    readonly weighted: Numbers;
  }[];
  readonly calibrations: readonly {
    readonly confidence: Numbers;
    readonly right: readonly boolean[];
    readonly bins: number;
    readonly counts: Numbers;
    readonly accuracy: Numbers;
    readonly mean_confidence: Numbers;
    readonly ece: number;
    readonly mce: number;
    readonly brier: number;
  }[];
  readonly taggings: readonly {
    readonly actual: readonly (readonly string[])[];
    readonly predicted: readonly (readonly string[])[];
    readonly labels: readonly string[];
    readonly beta: number;
    readonly spans: readonly (readonly (readonly [label: string, first: number, last: number])[])[];
    readonly strict: Averages & { readonly per_class: ByName<Numbers> };
    readonly partial: ByName<{ readonly hits: number; readonly answered: number; readonly support: number }>;
  }[];
  readonly corpora: readonly (Readonly<Record<TextFigure | 'exactMatch', number>> & {
    readonly pairs: readonly (readonly [text: string, reference: string])[];
  })[];
  readonly squad: readonly {
    readonly predicted: string;
    readonly references: readonly string[];
    readonly exact: number;
    readonly f1: number;
  }[];
  readonly perplexity: { readonly answers: readonly Numbers[]; readonly perplexity: number };
  readonly comparisons: {
    readonly wilson: readonly (readonly [right: number, total: number, low: number, high: number])[];
    readonly mcnemar: readonly (readonly [lost: number, won: number, p: number])[];
    readonly holm: { readonly p: Numbers; readonly adjusted: Numbers };
    readonly mean: { readonly scores: Numbers; readonly low: number; readonly high: number };
    readonly paired: { readonly other: Numbers; readonly low: number; readonly high: number; readonly p: number };
  };
  readonly structured: {
    readonly cases: readonly (readonly [predicted: string, reference: string])[];
    readonly valid: number;
    readonly equal: number;
    readonly fields: Numbers;
    readonly per_field: ByName<number>;
  };
  readonly tool_calls: {
    readonly cases: readonly (readonly [predicted: readonly Call[], reference: readonly Call[]])[];
    readonly decision: number;
    readonly names: number;
    readonly set: number;
    readonly order: number;
    readonly arguments: number;
    readonly calls: Numbers;
  };
}

const golden = JSON.parse(readFileSync(new URL('../../goldens/metrics.json', import.meta.url), 'utf8')) as Golden;
/** Values do not depend on draws; intervals are compared where `draws` stays as it is. */
const quick = { draws: 2 };

const digits = 12;
function near(estimate: Estimate | null | undefined, expected: number, what: string): void {
  expect(estimate?.value, what).toBeCloseTo(expected, digits);
}

function nearQuality(quality: Quality, [precision, recall, f]: Numbers, what: string): void {
  near(quality.precision, precision!, `${what}: precision`);
  near(quality.recall, recall!, `${what}: recall`);
  near(quality.fBeta ?? quality.f1, f!, `${what}: F`);
}

const averages: readonly Average[] = ['micro', 'macro', 'weighted'];

describe.each(golden.classifications.map((each, i) => [i, each] as const))('labels, set %i', (_, each) => {
  const cases = each.actual.map((actual, i) => ({ actual, predicted: each.predicted[i]! }));
  const options = { ...quick, ...(each.labels !== null && { labels: each.labels }) };

  test.each(Object.entries(each.scores))("precision, recall and F of beta %s are scikit-learn's", (beta, expected) => {
    const scored = score(cases, { ...options, beta: Number(beta) });
    expect([...scored.perClass.keys()].sort()).toEqual(Object.keys(expected.per_class).sort());
    for (const [label, [precision, recall, f, support]] of Object.entries(expected.per_class)) {
      nearQuality(scored.perClass.get(label)!, [precision!, recall!, f!], label);
      expect(scored.perClass.get(label)!.support).toBe(support);
    }
    for (const average of averages) nearQuality(scored.averages[average], expected[average], average);
  });

  test("accuracy and the confusion matrix are scikit-learn's", () => {
    const { accuracy, confusion } = score(cases, options);
    near(accuracy, each.accuracy, 'accuracy');
    for (const [actual, predicted, count] of each.confusion) expect(confusion.count(actual, predicted)).toBe(count);
    expect(each.confusion.reduce((sum, [, , count]) => sum + count, 0)).toBe(cases.length);
  });
});

describe.each(golden.rankings.map((each, i) => [i, each] as const))('probabilities, set %i', (_, each) => {
  const { labels, actual, probabilities, per_class } = each;
  const cases = actual.map((truth, i): Ranked => {
    const row = Object.fromEntries(labels.map((label, place) => [label, probabilities[i]![place]!]));
    return { actual: truth, probabilities: row };
  });

  test("areas under both curves are scikit-learn's, per class and averaged", () => {
    const scored = rankingScores(cases, { ...quick, labels });
    for (const label of labels) {
      near(scored.perClass.get(label)!.rocAuc, per_class[label]!.roc_auc, `ROC AUC of ${label}`);
      near(scored.perClass.get(label)!.prAuc, per_class[label]!.pr_auc, `PR AUC of ${label}`);
    }
    for (const average of ['macro', 'weighted'] as const) {
      near(scored[average].rocAuc, each[average][0]!, `ROC AUC, ${average}`);
      near(scored[average].prAuc, each[average][1]!, `PR AUC, ${average}`);
    }
  });

  test("the points of the ROC curve are scikit-learn's", () => {
    for (const label of labels) {
      const points = curveOf(cases, label).map((one) => [one.threshold, one.truePositiveRate, one.falsePositiveRate]);
      expect(points).toHaveLength(per_class[label]!.curve.length);
      for (const [i, point] of per_class[label]!.curve.entries())
        for (const [k, value] of point.entries()) expect(points[i]![k]).toBeCloseTo(value, digits);
    }
  });
});

test.each(golden.calibrations.map((each, i) => [i, each] as const))(
  "the reliability curve and its errors are scikit-learn's, set %i",
  (_, { confidence, right, bins, counts, accuracy, mean_confidence, ece, mce, brier }) => {
    const cases = confidence.map((one, i) => ({ confidence: one, right: right[i]! }));
    const found = calibration(cases, { ...quick, bins })!;
    expect(found.bins.map(({ count }) => count)).toEqual(counts);
    const filled = found.bins.filter(({ count }) => count > 0);
    for (const [i, bin] of filled.entries()) {
      near(bin.accuracy, accuracy[i]!, `accuracy of bin ${i}`);
      expect(bin.confidence).toBeCloseTo(mean_confidence[i]!, digits);
    }
    near(found.expectedError, ece, 'ECE');
    near(found.greatestError, mce, 'greatest error');
    near(found.brier, brier, 'Brier score');
  },
);

describe.each(golden.taggings.map((each, i) => [i, each] as const))('entities, set %i', (_, each) => {
  const cases = each.actual.map((tags, i) => ({
    actual: entitiesOfTags(tags),
    predicted: entitiesOfTags(each.predicted[i]!),
  }));

  test('tags are read as seqeval reads them', () => {
    const spans = cases.map(({ predicted }) => predicted.map(({ label, start, end }) => [label, start, end! - 1]));
    expect(spans).toEqual(each.spans);
  });

  test("strict precision, recall and F are seqeval's", () => {
    const { strict } = entityScores(cases, { ...quick, beta: each.beta });
    for (const [label, [precision, recall, f, support, f1]] of Object.entries(each.strict.per_class)) {
      const found = strict.perClass.get(label)!;
      nearQuality(found, [precision!, recall!, f!], label);
      near(found.f1, f1!, `F1 of ${label}`);
      expect(found.support).toBe(support);
    }
    for (const average of averages) nearQuality(strict.averages[average], each.strict[average], average);
  });

  test('partial matches are counted as nervaluate counts them', () => {
    const { partial } = entityScores(cases, quick);
    expect([...partial.perClass.keys()].sort()).toEqual(each.labels);
    for (const [label, { hits, answered, support }] of Object.entries(each.partial)) {
      const expected = [hits / (answered || 1), hits / (support || 1), (2 * hits) / (answered + support)];
      nearQuality(partial.perClass.get(label)!, expected, label);
    }
  });
});

const textFigures = ['bleu', 'chrf', 'chrfPlusPlus', 'rouge1', 'rouge2', 'rougeL', 'meteor', 'exactMatch'] as const;

test.each(textFigures)("%s of whole tests is the reference package's", (name) => {
  for (const { pairs, ...expected } of golden.corpora) {
    const scored = textScores(
      pairs.map(([predicted, reference]) => ({ predicted, reference })),
      quick,
    );
    near(scored[name], expected[name], JSON.stringify(pairs).slice(0, 80));
  }
});

test("short answers match and overlap as SQuAD's script has it", () => {
  for (const { predicted, references, exact, f1 } of golden.squad) {
    const best = (judge: (text: string, reference: string) => number | boolean): number =>
      Math.max(...references.map((reference) => Number(judge(predicted, reference))));
    expect(best(squadExact), predicted).toBe(exact);
    expect(best(squadF1), predicted).toBeCloseTo(f1, digits);
  }
  const scored = squadScores(golden.squad, quick);
  const average = (of: (each: Golden['squad'][number]) => number): number =>
    golden.squad.reduce((sum, each) => sum + of(each), 0) / golden.squad.length;
  near(scored.exactMatch, average(({ exact }) => exact), 'exact match'); // prettier-ignore
  near(scored.f1, average(({ f1 }) => f1), 'F1'); // prettier-ignore
});

test('perplexity is of all tokens together', () => {
  near(perplexity(golden.perplexity.answers, quick)!.perplexity, golden.perplexity.perplexity, 'perplexity');
});

test('fields of JSON answers are counted as the few lines of Python count them', () => {
  const { cases, valid, equal, fields, per_field } = golden.structured;
  const scored = structuredScores(
    cases.map(([predicted, reference]) => ({ predicted, reference })),
    quick,
  );
  near(scored.valid, valid, 'valid');
  near(scored.equal, equal, 'equal');
  nearQuality(scored.fields, fields, 'fields');
  for (const [name, accuracy] of Object.entries(per_field)) near(scored.perField.get(name)?.accuracy, accuracy, name);
});

test('tool calls are counted as the few lines of Python count them', () => {
  const { cases, calls, ...shares } = golden.tool_calls;
  const scored = callScores(
    cases.map(([predicted, reference]) => ({ predicted, reference })),
    quick,
  );
  for (const name of ['decision', 'names', 'set', 'order', 'arguments'] as const)
    near(scored[name], shares[name], name);
  nearQuality(scored.calls, calls, 'calls');
});

describe('intervals and tests', () => {
  const { comparisons } = golden;

  test("Wilson's intervals are statsmodels'", () => {
    for (const [right, total, low, high] of comparisons.wilson) {
      const estimate = wilson(right, total);
      expect(estimate.low).toBeCloseTo(low, 6); // 1.959964 against all digits of the normal distribution
      expect(estimate.high).toBeCloseTo(high, 6);
    }
  });

  test("the p-values of McNemar's exact test are statsmodels'", () => {
    for (const [lost, won, p] of comparisons.mcnemar) {
      const found = mcnemar(lost, won);
      expect(Math.abs(found - p) / p, `${lost} against ${won}`).toBeLessThan(1e-9);
    }
  });

  test("Holm's correction is statsmodels'", () => {
    for (const [i, p] of holm(comparisons.holm.p).entries())
      expect(p).toBeCloseTo(comparisons.holm.adjusted[i]!, digits);
  });

  test('bootstrap intervals lie where scipy draws them', () => {
    const { scores, low, high } = comparisons.mean;
    const estimate = mean(scores);
    // A percentile of 1,000 draws wavers by about a twentieth of the interval.
    const wavering = (high - low) / 20;
    expect(Math.abs(estimate.low - low)).toBeLessThan(wavering);
    expect(Math.abs(estimate.high - high)).toBeLessThan(wavering);
  });

  test("a paired bootstrap finds scipy's interval and sacrebleu's p-value", () => {
    const { other, low, high, p } = comparisons.paired;
    const { difference, pValue } = compareMeans(comparisons.mean.scores, other);
    const wavering = (high - low) / 20;
    expect(Math.abs(difference.low - low)).toBeLessThan(wavering);
    expect(Math.abs(difference.high - high)).toBeLessThan(wavering);
    expect(Math.abs(pValue - p)).toBeLessThan(0.02); // ± 2 · √(0.06 · 0.94 / 1000)
  });
});
