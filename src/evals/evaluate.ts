/**
 * The figures of one contender on one test: those that fit the kind of task, per class and over all, with 95 %
 * intervals, and a verdict on every single answer.
 *
 * Everything here is plain data that goes into JSON as it is. `figures[0]` is the main figure: what contenders are
 * compared and mistakes are ranked by. A question that failed counts as answered wrongly.
 */

import type { ConfusionMatrix, Figure, PartScores } from '../domain/evaluation.ts';
import type { Answered } from './ask.ts';
import { findLabel } from './labels.ts';
import { calibration, confidences, type Calibration } from './metrics/calibration.ts';
import { confusionOf, fStatistic, score } from './metrics/classification.ts';
import { entityScores, entityStatistic, type EntityCase } from './metrics/entities.ts';
import { entitiesOfJson } from './metrics/entity-reading.ts';
import { median, percentile, type Estimate, type Statistic } from './metrics/estimate.ts';
import { readJson } from './metrics/json.ts';
import type { Quality } from './metrics/quality.ts';
import { rankingScores } from './metrics/ranking.ts';
import { squadScores } from './metrics/squad.ts';
import { fieldStatistic, structuredScores } from './metrics/structured.ts';
import { textScores, textStatistics } from './metrics/text.ts';
import { callScores, callStatistic } from './metrics/tool-calls.ts';
import { callsOf, labelsOf, textOf, type Task } from './task.ts';

export type { Figure, PartScores };

export interface Verdict {
  readonly line: number;
  readonly right: boolean;
  /** How near the answer came, from 0 to 1. */
  readonly score: number;
  /** How probable the answered label was among all labels; null where the server does not tell, and without a label. */
  readonly confidence: number | null;
  /** The label that was answered; null where there are no labels, and where the answer has none. */
  readonly predicted: string | null;
}

export interface Costs {
  readonly latencyMs: { readonly p50: number; readonly p95: number };
  /** Means per question that was answered. */
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

export interface Evaluation {
  readonly task: Task;
  readonly count: number;
  /** Questions that failed, and answers in which nothing of the kind was found. */
  readonly failed: number;
  readonly unparsed: number;
  readonly figures: readonly Figure[];
  readonly parts: readonly PartScores[];
  readonly confusion: ConfusionMatrix | null;
  readonly calibration: Calibration | null;
  readonly costs: Costs;
  /** In the order of the test. */
  readonly verdicts: readonly Verdict[];
}

export interface EvaluateOptions {
  /** The closed set of labels, where the references do not show all of it. */
  readonly labels?: readonly string[] | undefined;
  /** Also F-beta: above 1 recall weighs more, below 1 precision. */
  readonly beta?: number | undefined;
}

type Judged = Pick<Evaluation, 'figures' | 'parts' | 'confusion' | 'calibration' | 'unparsed'> & {
  readonly right: readonly boolean[];
  readonly scores: readonly number[];
  readonly confidences?: readonly (number | null)[];
  readonly predicted?: readonly (string | null)[];
};

export function evaluate(task: Task, items: readonly Answered[], options: EvaluateOptions = {}): Evaluation {
  if (items.length === 0) throw new Error('There is nothing to evaluate: the test has no questions.');
  const { right, scores, confidences: sure, predicted, ...judged } = judges[task](items, options);
  return {
    task,
    count: items.length,
    failed: items.filter(({ answer }) => answer === null).length,
    ...judged,
    costs: costsOf(items),
    verdicts: items.map(({ line }, i) => ({
      line,
      right: right[i]!,
      score: scores[i]!,
      confidence: sure?.[i] ?? null,
      predicted: predicted?.[i] ?? null,
    })),
  };
}

/** The main figure as a statistic of drawn cases, to compare two contenders on the same test. */
export function mainStatistic(task: Task, items: readonly Answered[], options: EvaluateOptions = {}): Statistic {
  if (task === 'classification') return fStatistic(labelCases(items, options));
  if (task === 'tool_calls') return callStatistic(callCases(items));
  if (task === 'text') return textStatistics(textCases(items)).rougeL;
  const entities = entityCases(items);
  return entities === null ? fieldStatistic(textCases(items)) : entityStatistic(entities);
}

const judges: Readonly<Record<Task, (items: readonly Answered[], options: EvaluateOptions) => Judged>> = {
  classification: judgeLabels,
  extraction: judgeExtraction,
  text: judgeTexts,
  tool_calls: judgeCalls,
};

function judgeLabels(items: readonly Answered[], options: EvaluateOptions): Judged {
  const cases = labelCases(items, options);
  const { beta } = options;
  const scored = score(cases, { beta });
  const { averages, perClass } = scored;
  const ranked = items.map(({ probabilities }, i) => ({ actual: cases[i]!.actual, probabilities }));
  const areas = rankingScores(ranked);
  const calibrated = calibration(confidences(ranked));
  const { labels, count } = confusionOf(cases);
  const right = cases.map(({ actual, predicted }) => actual === predicted);
  return {
    figures: [
      figure('f1_macro', 'F1, macro', averages.macro.f1),
      figure('accuracy', 'Accuracy', scored.accuracy),
      figure('precision_macro', 'Precision, macro', averages.macro.precision),
      figure('recall_macro', 'Recall, macro', averages.macro.recall),
      figure('f1_weighted', 'F1, weighted', averages.weighted.f1),
      figure('f1_micro', 'F1, micro', averages.micro.f1),
      ...known('f_beta_macro', `F${beta}, macro`, averages.macro.fBeta),
      ...known('roc_auc_macro', 'ROC AUC, macro', areas.macro.rocAuc),
      ...known('pr_auc_macro', 'PR AUC, macro', areas.macro.prAuc),
      ...known('ece', 'Calibration error (0 is best)', calibrated?.expectedError ?? null),
      ...known('brier', 'Brier score (0 is best)', calibrated?.brier ?? null),
    ],
    parts: [...perClass].map(([name, each]) => {
      const { rocAuc = null, prAuc = null } = areas.perClass.get(name) ?? {};
      return { ...part(name, each), rocAuc, prAuc };
    }),
    confusion: {
      labels,
      rows: labels.map((actual) => [...labels, null].map((predicted) => count(actual, predicted))),
    },
    calibration: calibrated,
    unparsed: scored.unparsed,
    right,
    // A wrong answer given with little doubt is the worse mistake.
    scores: right.map((one, i) => {
      if (one) return 1;
      const { probabilities } = items[i]!;
      return probabilities === null ? 0 : (probabilities[cases[i]!.actual] ?? 0);
    }),
    confidences: cases.map(({ predicted }, i) =>
      predicted === null ? null : (items[i]!.probabilities?.[predicted] ?? null),
    ),
    predicted: cases.map(({ predicted }) => predicted),
  };
}

function judgeExtraction(items: readonly Answered[], { beta }: EvaluateOptions): Judged {
  const cases = textCases(items);
  const structured = structuredScores(cases);
  const entities = entityCases(items);
  const found = entities === null ? null : entityScores(entities, { beta });
  const micro = found?.strict.averages.micro;
  const fields: PartScores[] = [...structured.perField].map(([name, { accuracy }]) => ({
    ...noFigures,
    name: name === '' ? '(whole)' : name,
    support: accuracy.n,
    accuracy,
  }));
  return {
    figures: [
      ...(micro === undefined
        ? []
        : [
            figure('entity_f1', 'Entity F1, strict', micro.f1),
            figure('entity_precision', 'Entity precision, strict', micro.precision),
            figure('entity_recall', 'Entity recall, strict', micro.recall),
            figure('entity_f1_partial', 'Entity F1, partial', found!.partial.averages.micro.f1),
            figure('entity_precision_partial', 'Entity precision, partial', found!.partial.averages.micro.precision),
            figure('entity_recall_partial', 'Entity recall, partial', found!.partial.averages.micro.recall),
            ...known('entity_f_beta', `Entity F${beta}, strict`, micro.fBeta),
          ]),
      figure('field_f1', 'Field F1', structured.fields.f1),
      figure('field_accuracy', 'Field accuracy, mean', structured.fieldAccuracy),
      figure('json_valid', 'Valid JSON', structured.valid),
      figure('exact_match', 'Equal to the reference', structured.equal),
    ],
    parts:
      found === null
        ? fields
        : [...found.strict.perClass].map(([name, each]) => ({
            ...part(name, each),
            f1Partial: found.partial.perClass.get(name)!.f1,
          })),
    confusion: null,
    calibration: null,
    unparsed: cases.filter(({ predicted }) => predicted !== null && readJson(predicted) === null).length,
    right: structured.exact,
    scores: cases.map((each) => fieldStatistic([each])([1])),
  };
}

function judgeTexts(items: readonly Answered[]): Judged {
  const cases = textCases(items);
  const scored = textScores(cases);
  const squad = squadScores(cases.map(({ predicted, reference }) => ({ predicted, references: [reference] })));
  return {
    figures: [
      figure('rouge_l', 'ROUGE-L', scored.rougeL),
      figure('exact_match', 'Exact match', scored.exactMatch),
      figure('squad_em', 'SQuAD exact match', squad.exactMatch),
      figure('squad_f1', 'SQuAD F1', squad.f1),
      figure('bleu', 'BLEU', scored.bleu),
      figure('chrf', 'chrF', scored.chrf),
      figure('chrf_plus_plus', 'chrF++', scored.chrfPlusPlus),
      figure('rouge_1', 'ROUGE-1', scored.rouge1),
      figure('rouge_2', 'ROUGE-2', scored.rouge2),
      figure('meteor', 'METEOR', scored.meteor),
    ],
    parts: [],
    confusion: null,
    calibration: null,
    unparsed: cases.filter(({ predicted }) => predicted === '').length,
    right: squad.exact,
    scores: squad.f1s,
  };
}

function judgeCalls(items: readonly Answered[]): Judged {
  const cases = callCases(items);
  const scored = callScores(cases);
  return {
    figures: [
      figure('call_f1', 'Call F1', scored.calls.f1),
      figure('calls_exact', 'Same calls, same order', scored.order),
      figure('calls_set', 'Same calls, any order', scored.set),
      figure('tool_names', 'Same tools', scored.names),
      figure('call_decision', 'Calls only where due', scored.decision),
      ...known('call_arguments', 'Arguments right, given the tool', scored.arguments),
      ...known('arguments_valid', 'Arguments are a JSON object', scored.valid),
      figure('call_precision', 'Call precision', scored.calls.precision),
      figure('call_recall', 'Call recall', scored.calls.recall),
    ],
    parts: [...scored.perTool].map(([name, each]) => part(name, each)),
    confusion: null,
    calibration: null,
    unparsed: 0,
    right: scored.exact,
    scores: cases.map((each, i) => (scored.exact[i] ? 1 : callStatistic([each])([1]))),
  };
}

const figure = (name: string, title: string, estimate: Estimate): Figure => ({ name, title, estimate });
const known = (name: string, title: string, estimate: Estimate | null): Figure[] =>
  estimate === null ? [] : [figure(name, title, estimate)];

const noFigures = {
  answered: null,
  precision: null,
  recall: null,
  f1: null,
  fBeta: null,
  f1Partial: null,
  accuracy: null,
  rocAuc: null,
  prAuc: null,
};

function part(name: string, each: Quality & { readonly support: number; readonly answered: number }): PartScores {
  const { support, answered, precision, recall, f1, fBeta } = each;
  return { ...noFigures, name, support, answered, precision, recall, f1, fBeta };
}

function labelCases(
  items: readonly Answered[],
  { labels }: EvaluateOptions,
): { actual: string; predicted: string | null }[] {
  const known = labels ?? labelsOf(items.map(({ reference }) => textOf(reference)));
  return items.map(({ reference, answer }) => ({
    actual: textOf(reference),
    predicted: answer === null ? null : findLabel(textOf(answer), known),
  }));
}

const textCases = (items: readonly Answered[]): { predicted: string | null; reference: string }[] =>
  items.map(({ reference, answer }) => ({
    predicted: answer === null ? null : textOf(answer),
    reference: textOf(reference),
  }));

const callCases = (items: readonly Answered[]) =>
  items.map(({ reference, answer }) => ({
    predicted: answer === null ? null : callsOf(answer),
    reference: callsOf(reference),
  }));

/**
 * References and answers as lists of entities; null where a reference is none, so that fields are compared instead.
 * Flat records (`{"name": "Ada", "age": 36}`) in all references are fields too: labels of entities can have several.
 */
function entityCases(items: readonly Answered[]): EntityCase[] | null {
  const cases: EntityCase[] = [];
  let lists = false;
  for (const { reference, answer } of items) {
    const value = readJson(textOf(reference))?.value;
    const actual = entitiesOfJson(value);
    if (actual === null) return null;
    lists ||= Array.isArray(value) || Object.values(value as object).some((each) => Array.isArray(each));
    const parsed = answer === null ? null : readJson(textOf(answer));
    cases.push({ actual, predicted: parsed === null ? null : entitiesOfJson(parsed.value) });
  }
  return lists ? cases : null;
}

function costsOf(items: readonly Answered[]): Costs {
  const answered = items.filter(({ answer }) => answer !== null);
  const mean = (of: (item: Answered) => number): number =>
    answered.length === 0 ? 0 : answered.reduce((sum, item) => sum + of(item), 0) / answered.length;
  const latencies = answered.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
  const at = (part: number): number => (latencies.length === 0 ? 0 : percentile(latencies, part));
  return {
    latencyMs: { p50: latencies.length === 0 ? 0 : median(latencies), p95: at(0.95) },
    promptTokens: mean(({ promptTokens }) => promptTokens),
    cachedTokens: mean(({ cachedTokens }) => cachedTokens),
    completionTokens: mean(({ completionTokens }) => completionTokens),
  };
}
