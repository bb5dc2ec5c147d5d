/** The trials of a sweep: how each did on its rungs, and who is ahead. */

import { join } from 'node:path';
import type { Comparison } from '../evals/metrics/paired.ts';
import type { Task } from '../evals/task.ts';
import { ranked, type Rung } from './halving.ts';
import type { Measured, Metric } from './measure.ts';
import type { PartFile } from './parts.ts';
import type { Values } from './space.ts';
import type { Kept } from './state.ts';

/** What became of a trial on one rung. */
export interface Result {
  readonly job: string | null;
  readonly model: string | null;
  readonly examples: number;
  /** Null where the training failed; then `reason` says why. */
  readonly measured: Measured | null;
  readonly reason: string | null;
  readonly trainedTokens: number | null;
}

export interface Trial {
  readonly id: string;
  readonly values: Values;
  /** One of each rung that it was on. */
  readonly results: readonly Result[];
}

export interface SweepState extends Kept {
  readonly metric: Metric;
  readonly task: Task;
  readonly rungs: readonly Rung[];
  /** Of each rung. */
  readonly parts: readonly PartFile[];
  readonly validation: string;
  readonly validationExamples: number;
  readonly trials: readonly Trial[];
  readonly winner: string | null;
  /** The winner against the one after it, on the validation set. */
  readonly comparison: Comparison | null;
  /** The winner on the test set. */
  readonly test: { readonly value: number; readonly low: number; readonly high: number; readonly n: number } | null;
}

export const statePath = (folder: string): string => join(folder, 'sweep.json');

type Standing = Pick<SweepState, 'trials' | 'rungs' | 'metric'>;

/** Who trains on a rung: all on the first, then the best of the one before. */
export function climbersOf(state: Standing, rung: number): readonly Trial[] {
  if (rung === 0) return state.trials;
  return rankedOn(state, rung - 1)
    .filter(({ results }) => results[rung - 1]!.measured !== null)
    .slice(0, state.rungs[rung]!.trials);
}

export const rankedOn = (state: Standing, rung: number): Trial[] => byFigure(state, climbersOf(state, rung), rung);

/** All trials, the winner first: by the rung they reached, then by the figure there. */
export function standings(state: Standing): Trial[] {
  const { trials, rungs } = state;
  const reached = ({ results }: Trial): number => results.filter(({ measured }) => measured !== null).length;
  return rungs
    .flatMap((_, back) => back)
    .concat(rungs.length)
    .reverse()
    .flatMap((count) => byFigure(state, trials.filter((trial) => reached(trial) === count), count - 1)); // prettier-ignore
}

function byFigure({ trials, metric }: Standing, some: readonly Trial[], rung: number): Trial[] {
  // Losses of different base models count different tokens.
  const comparable = new Set(trials.map(({ values }) => values['model'])).size <= 1;
  const scored = some.map((trial) => {
    const measured = trial.results[rung]?.measured ?? null;
    const loss = comparable ? (measured?.validationLoss ?? null) : null;
    return { id: trial.id, value: measured?.value ?? null, loss, trial };
  });
  return ranked(scored, metric.lowerIsBetter).map(({ trial }) => trial);
}
