/** What is worth a mark on a job's curves: its best checkpoint, and the step at which it stopped before its time. */

import type { MetricColumn } from '../../../../src/domain/job-metrics.ts';
import type { Job } from '../../../../src/domain/job.ts';
import type { Marker } from '../../parts/chart/chart.tsx';
import type { Curves } from '../../parts/training/curves.ts';
import { hyperParametersOf } from '../../parts/training/jobs.ts';

/** By what early stopping judges, which is the loss unless it was told otherwise. */
const measures: Readonly<Record<string, readonly [MetricColumn, words: string, isBetterLarger: boolean]>> = {
  loss: ['full_valid_loss', 'lowest validation loss', false],
  token_accuracy: ['full_valid_mean_token_accuracy', 'most validation tokens right', true],
  exact_answers: ['full_valid_exact_answers', 'most validation answers right', true],
};

export interface BestStep {
  readonly step: number;
  readonly value: number;
  /** By which measure. */
  readonly words: string;
}

/** Null where the validation set was never looked at as a whole. */
export function bestStepOf(job: Job, { steps, columns }: Curves): BestStep | null {
  const { early_stopping: stopping } = hyperParametersOf(job);
  const metric = typeof stopping === 'object' ? (stopping.metric ?? 'loss') : 'loss';
  const [column, words, isBetterLarger] = measures[metric] ?? measures['loss']!;
  let best: BestStep | null = null;
  for (const [i, value] of (columns[column] ?? []).entries()) {
    if (value === null) continue;
    if (best === null || (isBetterLarger ? value > best.value : value < best.value))
      best = { step: steps[i]!, value, words };
  }
  return best;
}

export function placesOf(job: Job, curves: Curves): Marker[] {
  const { steps, totalSteps } = curves;
  const last = steps.at(-1) ?? 0;
  const best = bestStepOf(job, curves);
  const stopped = job.status === 'succeeded' && totalSteps !== null && last < totalSteps;
  return [
    ...(best === null ? [] : [{ x: best.step, name: 'Best checkpoint' }]),
    ...(stopped ? [{ x: last, name: 'Stopped early' }] : []),
  ];
}
