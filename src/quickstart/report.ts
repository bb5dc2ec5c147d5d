/** The comparison at the end of a quickstart: one row per way of answering, as cells of text. */

import { median, score, type Estimate, type Scores } from '../evals/metrics.ts';
import type { Answer } from './ask.ts';
import type { QuickstartData } from './data.ts';

export interface ReportRow {
  readonly name: string;
  readonly scores: Scores;
  /** Per request, on average; null where no model was asked. */
  readonly promptTokens: number | null;
  readonly medianLatencyMs: number | null;
}

export function judged({ test, positive }: QuickstartData, name: string, answers: readonly Answer[]): ReportRow {
  const cases = test.map(({ label }, i) => ({ actual: label, predicted: answers[i]?.label ?? null }));
  const tokens = answers.reduce((sum, { promptTokens }) => sum + promptTokens, 0);
  return {
    name,
    scores: score(cases, positive === undefined ? {} : { positive }),
    promptTokens: tokens / answers.length,
    medianLatencyMs: median(answers.map(({ latencyMs }) => latencyMs)),
  };
}

/** Always the label that the training set has most of: what anything learned has to beat. */
export function majority({ test, labels, positive }: QuickstartData): ReportRow {
  const [predicted = null] = labels;
  const cases = test.map(({ label }) => ({ actual: label, predicted }));
  const scores = score(cases, positive === undefined ? {} : { positive });
  return { name: `always "${shortened(predicted ?? '')}"`, scores, promptTokens: null, medianLatencyMs: null };
}

export const reportHead = ['', 'ACCURACY', 'PRECISION', 'RECALL', 'F1', 'NO LABEL', 'PROMPT TOKENS', 'MEDIAN LATENCY'];

export function reportCells({ name, scores, promptTokens, medianLatencyMs }: ReportRow): string[] {
  return [
    name,
    estimate(scores.accuracy),
    estimate(scores.precision),
    estimate(scores.recall),
    estimate(scores.f1),
    String(scores.unparsed),
    promptTokens === null ? '-' : promptTokens.toFixed(0),
    medianLatencyMs === null ? '-' : `${medianLatencyMs.toFixed(0)} ms`,
  ];
}

/** `0.970 (0.936-0.986)`. */
const estimate = ({ value, low, high }: Estimate): string =>
  `${value.toFixed(3)} (${low.toFixed(3)}-${high.toFixed(3)})`;

const shortened = (text: string): string => (text.length > 24 ? `${text.slice(0, 23)}…` : text);
