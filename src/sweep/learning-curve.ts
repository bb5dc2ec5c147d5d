/**
 * The figure at 10, 25, 50 and 100 % of the data, each from a training of its own, and what more data would bring.
 *
 * The parts lie within each other and the validation set is the same for all. With several trainings per size each has
 * another cut and another seed, so that their luck is in the interval as well.
 */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { invalid } from '../domain/errors.ts';
import { extrapolate, type Extrapolation } from '../evals/learning-curve.ts';
import { drawsOf, type Statistic } from '../evals/metrics/estimate.ts';
import { readTest, recogniseTask, taskAsSet, type Task } from '../evals/task.ts';
import type { View } from '../evals/view.ts';
import { seededRandom } from '../random.ts';
import { assertMetric, drawnFigure, measure, metricOf, Unmeasured, type Judge, type Measured, type Metric } from './measure.ts'; // prettier-ignore
import { automaticAt, examplesMin, prepareParts, type PartFile } from './parts.ts';
import type { Values } from './space.ts';
import { fingerprintOf, hashOf, readState, writeState, type Kept } from './state.ts';
import { ended, startTraining, uploadOnce } from './trainings.ts';

export interface CurveOptions {
  readonly training: string;
  readonly validation: string | null;
  /** `model` among them, the rest hyper-parameters. */
  readonly values: Values;
  /** Shares of the training set, growing, the last one 1. */
  readonly shares: readonly number[];
  /** Trainings per share. */
  readonly repeats: number;
  readonly metric?: string | undefined;
  readonly task?: Task | undefined;
  readonly seed: number;
  readonly folder: string;
  readonly fresh: boolean;
  readonly retry: boolean;
  readonly openai: OpenAI;
  readonly server: string;
  readonly answersFolder: string;
  readonly signal: AbortSignal;
  readonly view: View;
  /** As in sweeps. */
  readonly id?: string;
  readonly onState?: (state: CurveState) => void;
}

export interface CurvePoint extends PartFile {
  readonly share: number;
  readonly repeat: number;
  readonly job: string | null;
  readonly model: string | null;
  readonly measured: Measured | null;
  readonly reason: string | null;
}

export interface CurveState extends Kept {
  readonly metric: Metric;
  readonly task: Task;
  readonly values: Values;
  readonly validation: string;
  readonly validationExamples: number;
  readonly points: readonly CurvePoint[];
}

export interface LearningCurve extends CurveState {
  /** By the number of examples; the mean over its trainings. */
  readonly means: readonly { readonly examples: number; readonly value: number; readonly low: number | null; readonly high: number | null }[]; // prettier-ignore
  /** Of errors: 1 less the figure, or the figure where lower is better. */
  readonly extrapolation: Extrapolation;
}

export const curveStatePath = (folder: string): string => join(folder, 'learning-curve.json');

export async function runLearningCurve(options: CurveOptions): Promise<LearningCurve> {
  const { folder, fresh, retry, openai, server, answersFolder, signal, view, task, seed } = options;
  const path = curveStatePath(folder);
  if (fresh) await rm(path, { force: true });
  const asked = await askedOf(options);
  let state = (await readState<CurveState>(path, asked)) ?? (await begin(options, asked));
  const save = async (i: number, change: Partial<CurvePoint>): Promise<void> => {
    state = { ...state, points: state.points.map((point, at) => (at === i ? { ...point, ...change } : point)) };
    await writeState(path, state);
    options.onState?.(state);
  };
  options.onState?.(state);
  const items = await readTest(state.validation, { signal });
  const recognised =
    task === undefined ? recogniseTask(items.map(({ reference }) => reference)) : taskAsSet(task, items);
  assertMetric(state.metric, recognised, items);
  const onProgress = (text: string): void => view.live(`  ${text}`);
  const judge: Judge = { openai, items, recognised, metric: state.metric, folder: answersFolder, server, signal, onProgress }; // prettier-ignore
  view.note(
    `${state.metric.name} on ${items.length} validation examples after training on ${state.points.map(({ examples }) => examples).join(', ')} examples.`,
  );

  const validationFile = await uploadOnce(openai, state.validation, `curve-${state.id}-validation.jsonl`, signal);
  const open = new Map<string, number>();
  for (const [i, point] of state.points.entries()) {
    if (point.measured !== null || (point.reason !== null && !retry)) continue;
    const trainingFile = await uploadOnce(openai, point.path, `curve-${state.id}-${point.repeat}-${point.examples}.jsonl`, signal); // prettier-ignore
    const name = { sweep: state.id, trial: `p${i + 1}`, rung: 'curve' };
    const request = { name, values: state.values, trainingFile, validationFile, seed: seed + point.repeat };
    const started = await startTraining(openai, request, { retry, signal });
    if ('refused' in started) throw invalid(null, started.refused);
    open.set(started.id, i);
  }
  try {
    const onLook = (left: readonly unknown[], news: string | null): void =>
      view.live(`  ${open.size - left.length} of ${open.size} trained  ${news ?? ''}`);
    for await (const job of ended(openai, { sweep: state.id, rung: 'curve' }, [...open.keys()], signal, onLook)) {
      const i = open.get(job.id)!;
      const { examples } = state.points[i]!;
      if (job.status !== 'succeeded') {
        const reason = job.error?.message ?? `the job was ${job.status}`;
        await save(i, { job: job.id, reason });
        view.note(`  ${examples} examples: failed: ${reason}`);
        continue;
      }
      const model = job.fine_tuned_model;
      try {
        const measured = await measure(judge, job);
        await save(i, { job: job.id, model, measured, reason: null });
        view.note(`  ${examples} examples: ${state.metric.name} ${measured.value.toFixed(4)}`);
      } catch (error) {
        if (!(error instanceof Unmeasured)) throw error;
        await save(i, { job: job.id, model, reason: error.message });
      }
    }
    return await concluded(state, judge, seed);
  } finally {
    view.live('');
  }
}

async function askedOf({ training, validation, values, shares, repeats, metric, task, seed }: CurveOptions) {
  const hashes = {
    training: await hashOf(training),
    validation: validation === null ? null : await hashOf(validation),
  };
  return { ...hashes, values, shares, repeats, metric: metric ?? null, task: task ?? null, seed };
}

async function begin(options: CurveOptions, asked: Kept['asked']): Promise<CurveState> {
  const { values, shares, repeats, metric, task, seed, folder, fresh, signal, view } = options;
  const sizes = (examples: number): number[] => {
    const counts = shares.map((share) => Math.round(share * examples));
    if (counts[0]! < examplesMin)
      throw invalid(
        null,
        `${100 * shares[0]!} % of ${examples} examples to train on are ${counts[0]}; at least ${examplesMin} are needed. Begin with a greater share, such as --parts 25,50,100, or bring more data.`,
      );
    return counts;
  };
  view.live('  cutting the training set');
  const cutting = { ...options, sizes, signal };
  const first = await prepareParts({ ...cutting, folder: join(folder, 'data') });
  const whole = first.parts.at(-1)!;
  const cuts = [first.parts];
  for (let repeat = 1; repeat < repeats; repeat++) {
    const { parts } = await prepareParts({
      ...cutting,
      training: whole.path,
      validation: first.validation,
      seed: seed + repeat,
      folder: join(folder, `data-${repeat + 1}`),
    });
    cuts.push(parts);
  }
  view.live('');
  const items = await readTest(first.validation, { signal });
  const kind = task ?? recogniseTask(items.map(({ reference }) => reference)).task;
  const open = { job: null, model: null, measured: null, reason: null } as const;
  const state: CurveState = {
    version: 1,
    id: options.id ?? (fresh ? `${fingerprintOf(asked)}-${Date.now().toString(36)}` : fingerprintOf(asked)),
    asked,
    metric: metricOf(metric, kind),
    task: kind,
    values: { ...automaticAt(whole.examples), ...values },
    validation: first.validation,
    validationExamples: items.length,
    points: cuts.flatMap((parts, repeat) => parts.map((part, i) => ({ ...part, share: shares[i]!, repeat, ...open }))),
  };
  await writeState(curveStatePath(folder), state);
  return state;
}

/** Twice and four times as much as there is. */
const targetsOf = (largest: number): number[] => [2 * largest, 4 * largest];
const draws = 1000;

interface Trained {
  readonly value: number;
  readonly statistic: Statistic | null;
}

async function concluded(state: CurveState, judge: Judge, seed: number): Promise<LearningCurve> {
  const { metric, points } = state;
  const shares = [...new Set(points.map(({ share }) => share))].sort((a, b) => a - b);
  const groups: { examples: number; trained: Trained[] }[] = [];
  for (const share of shares) {
    const there = points.filter((point) => point.share === share);
    const trained: Trained[] = [];
    for (const { model, measured } of there)
      if (model !== null && measured !== null)
        trained.push({ value: measured.value, statistic: await drawnFigure(judge, model) });
    const examples = Math.round(meanOf(there.map((point) => point.examples)));
    if (trained.length > 0) groups.push({ examples, trained });
  }
  if (groups.length === 0)
    throw new Error(`Nothing was trained and measured: ${points.find(({ reason }) => reason !== null)?.reason ?? ''}`);
  const errorOf = (value: number): number => (metric.lowerIsBetter ? value : 1 - value);
  const drawn = drawnGroups(groups, judge.items.length, seed);
  const sizes = groups.map(({ examples }) => examples);
  const extrapolation = extrapolate(
    {
      sizes,
      errors: groups.map(({ trained }) => errorOf(meanOf(trained.map(({ value }) => value)))),
      draws: drawn.map((row) => row.map(errorOf)),
    },
    targetsOf(Math.max(...sizes)),
  );
  const means = groups.map(({ examples, trained }, i) => {
    const own = trained.length === 1 ? points.find((point) => point.measured?.value === trained[0]!.value)?.measured : null; // prettier-ignore
    const sorted = drawn.map((row) => row[i]!).sort((a, b) => a - b);
    const at = (part: number): number | null => sorted[Math.round(part * (sorted.length - 1))] ?? null;
    return {
      examples,
      value: meanOf(trained.map(({ value }) => value)),
      low: own?.low ?? at(0.025),
      high: own?.high ?? at(0.975),
    };
  });
  return { ...state, means, extrapolation };
}

/**
 * Figures as they might have been: the same questions drawn anew for all sizes, and of each size's trainings as many
 * drawn anew. Empty where neither can be drawn.
 */
function drawnGroups(groups: readonly { readonly trained: readonly Trained[] }[], questions: number, seed: number) {
  const asked = groups.every(({ trained }) => trained.every(({ statistic }) => statistic !== null));
  if (!asked && groups.some(({ trained }) => trained.length < 2)) return [];
  const random = seededRandom(seed);
  const rows: number[][] = [];
  for (const counts of drawsOf(questions, { seed, draws })) {
    const row = groups.map(({ trained }) =>
      meanOf(
        trained.map(() => {
          const { statistic, value } = trained[Math.floor(random() * trained.length)]!;
          return statistic === null ? value : statistic(counts);
        }),
      ),
    );
    if (row.every((value) => !Number.isNaN(value))) rows.push(row);
  }
  return rows;
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;
