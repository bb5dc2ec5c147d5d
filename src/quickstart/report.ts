/** The comparison at the end of a quickstart: one row per way of answering, as cells of text. */

import { score, type Scores } from '../evals/metrics/classification.ts';
import { median, type Estimate } from '../evals/metrics/estimate.ts';
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

export const reportHead = ['%', 'ACCURACY', 'PRECISION', 'RECALL', 'F1', 'UNPARSED', 'PROMPT', 'LATENCY'];

/** What the columns of the report are. */
export function reportCaption({ test, positive }: QuickstartData): string {
  const about = positive === undefined ? 'precision, recall and F1 averaged over the labels' : `positive: ${positive}`;
  return `${test.length} held-out examples, ${about}; in brackets 95 % intervals; unparsed: answers without a label; prompt tokens and median latency per request`;
}

export function reportCells({ name, scores, promptTokens, medianLatencyMs }: ReportRow): string[] {
  return [
    name,
    estimate(scores.accuracy),
    estimate(scores.precision),
    estimate(scores.recall),
    estimate(scores.f1),
    String(scores.unparsed),
    promptTokens === null ? '-' : `${promptTokens.toFixed(0)} tokens`,
    medianLatencyMs === null ? '-' : `${medianLatencyMs.toFixed(0)} ms`,
  ];
}

/** `97.0 (93-99)`, in per cent. */
const estimate = ({ value, low, high }: Estimate): string =>
  `${(100 * value).toFixed(1)} (${(100 * low).toFixed(0)}-${(100 * high).toFixed(0)})`;

const shortened = (text: string): string => (text.length > 24 ? `${text.slice(0, 23)}…` : text);
