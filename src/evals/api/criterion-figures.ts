/**
 * What a criterion came to over a run's items: how many passed, how the scores lie, and, where it holds answers
 * against references, the figures of such a test: a confusion matrix, the reliability of the probabilities.
 *
 * A criterion's own templates say what was answered and what was wanted, so whatever it compares is what is measured:
 * the whole answer, or a field of it. Pure: rows in, figures out, so that a thread can do it.
 */

import type { Criterion, CriterionOutcome, OutputItem } from '../../domain/eval.ts';
import type { CriterionEvaluation, CriterionReport, EvalRunReport, Reliability } from '../../domain/evaluation.ts';
import type { StringCheckGrader, TextSimilarityGrader } from '../../domain/grader.ts';
import { render } from '../../graders/template.ts';
import type { Answered } from '../ask.ts';
import { evaluate, type Evaluation } from '../evaluate.ts';
import { labelProbabilities, type AnswerToken } from '../labels.ts';
import type { Calibration } from '../metrics/calibration.ts';
import { mean, wilson } from '../metrics/estimate.ts';
import { recogniseTask, textOf } from '../task.ts';
import { rangeOf } from './place.ts';

/** As the rows have them. */
export interface ReportRow {
  readonly object: string;
  readonly tokens: string | null;
}

interface Outcome {
  readonly item: OutputItem;
  readonly tokens: readonly AnswerToken[] | null;
}

/** Figures of more items than that would take long, and hardly be more exact. */
export const itemsEvaluated = 20_000;
const criteriaEvaluated = 8;
/** Of each cell of the confusion matrix. */
const examplesPerCell = 20;
const binsOfScores = 10;

export type Figures = Pick<EvalRunReport, 'criteria' | 'tokens'>;

export function figuresOf(criteria: readonly Criterion[], rows: readonly ReportRow[]): Figures {
  const outcomes = rows.map(({ object, tokens }): Outcome => ({
    item: JSON.parse(object) as OutputItem,
    tokens: tokens === null ? null : (JSON.parse(tokens) as AnswerToken[]),
  }));
  let evaluated = 0;
  return {
    criteria: criteria.map((criterion) => {
      const comparing = comparingOf(criterion);
      const evaluation =
        comparing === null || evaluated++ >= criteriaEvaluated ? null : evaluationOf(comparing, outcomes);
      return { ...countsOf(criterion, outcomes), evaluation };
    }),
    tokens: tokensOf(outcomes),
  };
}

function countsOf(criterion: Criterion, outcomes: readonly Outcome[]): Omit<CriterionReport, 'evaluation'> {
  const results = outcomes.flatMap(({ item }) => item.results.filter(({ name }) => name === criterion.id));
  const judged = results.filter((result) => !isAmiss(result));
  const passed = judged.filter((result) => result.passed).length;
  const scores = judged.map(({ score }) => score).filter(Number.isFinite);
  const chosen = new Map<string, number>();
  for (const { label } of judged as readonly { readonly label?: unknown }[])
    if (typeof label === 'string') chosen.set(label, (chosen.get(label) ?? 0) + 1);
  return {
    id: criterion.id,
    name: criterion.name,
    type: criterion.type,
    pass_threshold: criterion.pass_threshold ?? null,
    passed,
    failed: judged.length - passed,
    errored: outcomes.length - judged.length,
    pass_rate: judged.length === 0 ? null : wilson(passed, judged.length),
    mean_score: scores.length === 0 ? null : mean(scores, { bounded: false }),
    scores: histogram(scores, rangeOf(criterion)),
    labels: [...chosen].map(([label, count]) => ({ label, count })).sort((a, b) => b.count - a.count),
  };
}

const isAmiss = (result: CriterionOutcome): boolean => result['error'] !== undefined;

function histogram(scores: readonly number[], [least, most]: readonly [number, number]): CriterionReport['scores'] {
  if (scores.length === 0) return [];
  // A program may give what it likes.
  const low = scores.reduce((a, b) => Math.min(a, b), least);
  const high = scores.reduce((a, b) => Math.max(a, b), most);
  const width = (high - low) / binsOfScores;
  const counts = Array<number>(binsOfScores).fill(0);
  for (const score of scores) counts[Math.min(binsOfScores - 1, Math.floor((score - low) / width))]! += 1;
  return counts.map((count, i) => ({ from: low + i * width, to: low + (i + 1) * width, count }));
}

function tokensOf(outcomes: readonly Outcome[]): Figures['tokens'] {
  const asked = outcomes.map(({ item }) => item.sample.usage).filter((usage) => usage.total_tokens > 0);
  if (asked.length === 0) return null;
  const meanOf = (of: (usage: (typeof asked)[number]) => number): number =>
    asked.reduce((sum, usage) => sum + of(usage), 0) / asked.length;
  return {
    prompt: meanOf(({ prompt_tokens }) => prompt_tokens),
    completion: meanOf(({ completion_tokens }) => completion_tokens),
    cached: meanOf(({ cached_tokens }) => cached_tokens),
  };
}

type Comparing = StringCheckGrader | TextSimilarityGrader;

/** The criterion as one that holds something of the answer against something of the item; null of others. */
function comparingOf(criterion: Criterion): Comparing | null {
  if (criterion.type !== 'string_check' && criterion.type !== 'text_similarity') return null;
  if (criterion.type === 'string_check' && criterion.operation === 'ne') return null;
  return /\{\{\s*sample\b/.test(criterion.input) && /\{\{\s*item\b/.test(criterion.reference) ? criterion : null;
}

function evaluationOf(criterion: Comparing, all: readonly Outcome[]): CriterionEvaluation | null {
  const stride = Math.max(1, all.length / itemsEvaluated);
  const outcomes = Array.from({ length: Math.floor(all.length / stride) }, (_, i) => all[Math.floor(i * stride)]!);
  const cases = outcomes.flatMap((outcome) => {
    const reference = rendered(criterion.reference, outcome.item, {});
    return reference === null ? [] : [{ ...outcome, reference }];
  });
  if (cases.length === 0) return null;
  const assistant = (content: string) => ({ role: 'assistant', content }) as const;
  const { task, labels, reason } = recogniseTask(cases.map(({ reference }) => assistant(reference)));
  const isWhole = /^\s*\{\{\s*sample\.output_text\s*\}\}\s*$/.test(criterion.input);
  const answered = cases.map(({ item, tokens, reference }): Answered => {
    const text = item.sample.error === null ? rendered(criterion.input, item, sampleOf(item)) : null;
    const probabilities = tokens === null || !isWhole ? null : labelProbabilities(tokens, labels);
    return {
      line: item.datasource_item_id,
      input: [],
      reference: assistant(reference),
      answer: text === null ? null : assistant(text),
      probabilities: labels.length === 0 ? null : probabilities,
      error: text === null ? 'no answer' : null,
      latencyMs: 0,
      promptTokens: 0,
      cachedTokens: 0,
      completionTokens: 0,
    };
  });
  const evaluation = evaluate(task, answered, { labels: labels.length > 0 ? labels : undefined });
  const { count, failed, unparsed, figures, parts, confusion, calibration } = evaluation;
  const ids = cases.map(({ item }) => item.id);
  return {
    task,
    reason,
    count,
    failed,
    unparsed,
    figures,
    parts,
    confusion: confusion === null ? null : { ...confusion, items: examples(confusion, evaluation, answered, ids) },
    reliability: calibration === null ? null : reliabilityOf(calibration),
  };
}

/** Null where the template asks for what is not there. */
function rendered(template: string, item: OutputItem, sample: Readonly<Record<string, unknown>>): string | null {
  try {
    return render(template, { item: item.datasource_item, sample });
  } catch {
    return null;
  }
}

function sampleOf({ sample }: OutputItem): Readonly<Record<string, unknown>> {
  const output_text = sample.output[0]?.content ?? '';
  return { output_text, output_json: parsed(output_text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function examples(
  { labels }: NonNullable<Evaluation['confusion']>,
  { verdicts }: Evaluation,
  answered: readonly Answered[],
  ids: readonly string[],
): string[][][] {
  const found = labels.map(() => Array.from({ length: labels.length + 1 }, (): { id: string; sure: number }[] => []));
  for (const [i, { right, confidence, predicted }] of verdicts.entries()) {
    if (right) continue;
    const row = labels.indexOf(textOf(answered[i]!.reference));
    const column = predicted === null ? labels.length : labels.indexOf(predicted);
    found[row]?.[column]?.push({ id: ids[i]!, sure: confidence ?? 0 });
  }
  return found.map((row) =>
    row.map((cell) =>
      cell
        .sort((a, b) => b.sure - a.sure)
        .slice(0, examplesPerCell)
        .map(({ id }) => id),
    ),
  );
}

export function reliabilityOf({ expectedError, greatestError, brier, bins, skipped }: Calibration): Reliability {
  return {
    expected_error: expectedError,
    greatest_error: greatestError,
    brier,
    bins: bins.map((bin) => ({ ...bin, confidence: bin.count === 0 ? null : bin.confidence })),
    skipped,
  };
}
