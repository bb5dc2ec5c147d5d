/**
 * A job as the trackers see it: what it is, and the numbers of its steps.
 *
 * Trackers are places outside the house where people watch training: TensorBoard, MLflow, Weights & Biases. They get
 * the points of `job_events`, in order and from a position that survives a restart, so nothing is lost and nothing
 * is told twice, and a tracker that is down never holds up a job.
 */

import type { Job, StepMetrics } from '../domain/job.ts';

export interface Point {
  readonly step: number;
  /** Unix seconds. */
  readonly time: number;
  readonly values: Readonly<Record<string, number>>;
}

export type Outcome = 'succeeded' | 'failed' | 'cancelled';

/** What is new about one job. */
export interface News {
  readonly job: Job;
  readonly points: readonly Point[];
  /** Null while the job goes on. */
  readonly outcome: Outcome | null;
}

export interface Tracker<State> {
  readonly name: string;
  /** Whether this job is to be followed; throws when its request asks for what cannot be. */
  follows(job: Job): boolean;
  /**
   * Tells the news and gives the state to hand over with the next. `state` is null at first. Called again with the
   * same news and state after a failure or a crash, so what it did before must not show twice.
   */
  tell(news: News, state: State | null, signal: AbortSignal): Promise<State>;
}

/** The configuration that a job ran with, flat, as trackers list it. */
export function settingsOf(job: Job): Record<string, string | number> {
  const { model, training_file, validation_file, seed, hyperparameters } = job;
  const plain = Object.entries(hyperparameters ?? {}).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(',') : value,
  ]);
  return {
    model,
    training_file,
    ...(validation_file !== null && { validation_file }),
    seed,
    ...(Object.fromEntries(plain) as Record<string, string | number>),
  };
}

/** The numbers of a step that belong on a curve. */
export function pointOf(metrics: StepMetrics, time: number): Point {
  const { step, total_steps: _, ...values } = metrics;
  const finite = Object.entries(values).filter(([, value]) => Number.isFinite(value));
  return { step, time, values: Object.fromEntries(finite) };
}
