/**
 * What a trained model is worth by the chosen figure, on the validation set.
 *
 * A loss stands in the job's events. So do figures of the task, where the server took them on the whole set; else
 * the model is asked, and answers are remembered.
 */

import type OpenAI from 'openai';
import { invalid } from '../domain/errors.ts';
import type { Answered } from '../evals/ask.ts';
import { evaluate, mainStatistic, type Evaluation } from '../evals/evaluate.ts';
import { compareFigures, compareRight, type Comparison } from '../evals/metrics/paired.ts';
import { meanStatistic, type Estimate, type Statistic } from '../evals/metrics/estimate.ts';
import { askUnknown } from '../evals/remembered.ts';
import { textOf, type Recognised, type Task, type TestItem } from '../evals/task.ts';
import { newsAtEnd, type Job, type JobNews } from './trainings.ts';

export interface Metric {
  readonly name: string;
  readonly lowerIsBetter: boolean;
}

/** Of a job's own curve; everything else is a figure of `tunesmith eval`. */
const curveMetrics: Readonly<
  Record<string, { readonly lower: boolean; readonly read: (news: JobNews) => number | null }>
> = {
  valid_loss: { lower: true, read: ({ validationLoss }) => validationLoss },
  valid_token_accuracy: { lower: false, read: ({ validationAccuracy }) => validationAccuracy },
};

/** The figure that ranks when nobody names one: the main one of the kind of task. */
const usual: Readonly<Record<Task, string>> = {
  classification: 'f1_macro',
  extraction: 'field_f1',
  text: 'rouge_l',
  tool_calls: 'call_f1',
};

/** Figures whose best is 0. */
const lowerBetter = new Set(['ece', 'brier']);

export const metricOf = (name: string | undefined, task: Task): Metric => {
  const chosen = name ?? usual[task];
  return { name: chosen, lowerIsBetter: curveMetrics[chosen]?.lower ?? lowerBetter.has(chosen) };
};

export interface Measured {
  readonly value: number;
  /** Null where the figure has no interval: a loss. */
  readonly low: number | null;
  readonly high: number | null;
  readonly n: number;
  readonly trainLoss: number | null;
  readonly validationLoss: number | null;
}

/** Nothing can be said of one model; others are not affected. */
export class Unmeasured extends Error {}

/** Refuses a figure that there will not be, before anything is trained for it. */
export function assertMetric({ name }: Metric, { task, labels }: Recognised, items: readonly TestItem[]): void {
  if (curveMetrics[name] !== undefined) return;
  const flawless = items.map((item): Answered => ({
    ...item,
    answer: item.reference,
    probabilities: labels.length === 0 ? null : Object.fromEntries(labels.map((label) => [label, label === textOf(item.reference) ? 1 : 0])), // prettier-ignore
    error: null,
    latencyMs: 0,
    promptTokens: 0,
    cachedTokens: 0,
    completionTokens: 0,
  }));
  figureOf(evaluate(task, flawless, { labels: labels.length > 0 ? labels : undefined }), {
    name,
    lowerIsBetter: false,
  });
}

export interface Judge {
  readonly openai: OpenAI;
  readonly items: readonly TestItem[];
  readonly recognised: Recognised;
  readonly metric: Metric;
  /** Where answers are remembered. */
  readonly folder: string;
  readonly server: string;
  readonly signal: AbortSignal;
  /** Told what is being asked, for the line that shows progress. */
  readonly onProgress?: (text: string) => void;
}

export async function measure(judge: Judge, job: Job): Promise<Measured> {
  const { metric, items } = judge;
  const news = await newsAtEnd(judge.openai, job.id, judge.signal);
  const { trainLoss, validationLoss } = news;
  const curve = curveMetrics[metric.name];
  if (curve !== undefined) {
    const value = curve.read(news);
    if (value === null) throw new Unmeasured(`The server tells no ${metric.name} of ${job.id}.`);
    return { value, low: null, high: null, n: items.length, trainLoss, validationLoss };
  }
  const told = news.figures[metric.name];
  if (told !== undefined && news.figuresCount === items.length)
    return { ...told, n: items.length, trainLoss, validationLoss };
  const { value, low, high } = figureOf(await evaluated(judge, job.fine_tuned_model!), metric);
  return { value, low, high, n: items.length, trainLoss, validationLoss };
}

export function figureOf({ figures, task }: Evaluation, { name }: Metric): Estimate {
  const found = figures.find((figure) => figure.name === name);
  if (found !== undefined) return found.estimate;
  const known = [...Object.keys(curveMetrics), ...figures.map((figure) => figure.name)].join(', ');
  throw invalid(null, `There is no figure "${name}" of a ${task.replace('_', ' ')}; one of ${known} was expected.`);
}

export async function evaluated(judge: Judge, model: string): Promise<Evaluation> {
  return evaluate(judge.recognised.task, await answersOf(judge, model), labelsOption(judge));
}

async function answersOf(judge: Judge, model: string): Promise<Answered[]> {
  const { openai, items, recognised, folder, server, signal, onProgress = () => {} } = judge;
  const answers: Answered[] = [];
  const asking = { labels: recognised.labels, signal };
  for await (const answered of askUnknown(openai, model, items, { folder, server }, asking)) {
    answers.push(answered);
    onProgress(`asking ${model}: ${answers.length} of ${items.length}`);
  }
  if (answers.every(({ error }) => error !== null))
    throw new Unmeasured(`${model} answered not one question: ${answers[0]?.error ?? 'the server gave no reason'}`);
  return answers;
}

/** The figure as a function of drawn questions, to say how else it might have come out; null where it has none. */
export async function drawnFigure(judge: Judge, model: string): Promise<Statistic | null> {
  const { metric, recognised } = judge;
  const { task } = recognised;
  if (metric.name === usual[task] && task !== 'extraction')
    return mainStatistic(task, await answersOf(judge, model), labelsOption(judge));
  if (metric.name !== 'accuracy') return null;
  const { verdicts } = await evaluated(judge, model);
  return meanStatistic(verdicts.map(({ right }) => Number(right)));
}

/** The second less the first, on the same questions; null where the figure has no paired test. */
export async function comparedModels(judge: Judge, first: string, second: string): Promise<Comparison | null> {
  const { metric, recognised, items } = judge;
  const { task } = recognised;
  const isMain = metric.name === usual[task] && task !== 'extraction';
  if (!isMain && metric.name !== 'accuracy') return null;
  const answers = [await answersOf(judge, first), await answersOf(judge, second)] as const;
  if (isMain) {
    const [one, other] = answers.map((each) => mainStatistic(task, each, labelsOption(judge)));
    return compareFigures(items.length, one!, other!);
  }
  const [one, other] = answers.map((each) =>
    evaluate(task, each, labelsOption(judge)).verdicts.map(({ right }) => right),
  );
  return compareRight(one!, other!);
}

const labelsOption = ({ recognised: { labels } }: Judge) => ({ labels: labels.length > 0 ? labels : undefined });
