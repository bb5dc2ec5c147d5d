/**
 * The learning rate of every step: a straight warm-up, then a decay that ends above zero, so that no step is
 * wasted. With w warm-up steps of n, step s (from 1) gets
 *
 *   peak x s / (w + 1)          while s <= w
 *   peak x decay(p)             afterwards, where p = (s - w - 1) / (n - w) runs from 0 to just below 1
 */

import type { TrainingPlan } from './protocol.ts';

export interface Schedule {
  readonly kind: TrainingPlan['schedule'];
  readonly peak: number;
  readonly totalSteps: number;
  /** Share of all steps spent warming up, from 0 to 1. */
  readonly warmupRatio: number;
}

const decays: Record<Schedule['kind'], (progress: number) => number> = {
  constant: () => 1,
  linear: (progress) => 1 - progress,
  cosine: (progress) => (1 + Math.cos(Math.PI * progress)) / 2,
};

export function learningRateAt(step: number, { kind, peak, totalSteps, warmupRatio }: Schedule): number {
  const warmupSteps = Math.min(Math.ceil(warmupRatio * totalSteps), totalSteps - 1);
  if (step <= warmupSteps) return (peak * step) / (warmupSteps + 1);
  return peak * decays[kind]((step - warmupSteps - 1) / (totalSteps - warmupSteps));
}
