/**
 * A finished model's task metrics, before it is announced: what its answers to the validation file come to.
 *
 * Whoever can make models answer hands a judge in; jobs know nothing of answering. A judge that fails, or takes too
 * long, costs the job its metrics and nothing else.
 */

import type { Job } from '../domain/job.ts';
import type { BaseModel } from '../models/base-models.ts';
import type { Workshop } from './workshop.ts';

export interface ModelToJudge {
  readonly job: Job;
  readonly project: string;
  readonly model: string;
  readonly base: BaseModel;
  /** Absolute path of the model's folder. */
  readonly folder: string;
  readonly validationPath: string;
}

export interface TaskMetrics {
  /** In one line, for the event. */
  readonly message: string;
  /** The event's data, and what the model's record keeps. */
  readonly data: object;
  /** The companion of step_metrics.csv. */
  readonly csv: string;
}

/** Null where there is nothing to be said. */
export type JudgeModel = (model: ModelToJudge, signal: AbortSignal) => Promise<TaskMetrics | null>;

/** Longer than a judge gives itself; a hung one must not hold the job. */
const judgeMsMax = 180_000;

export async function judged(
  { judge, log }: Pick<Workshop, 'judge' | 'log'>,
  model: ModelToJudge,
  stop: AbortSignal,
): Promise<{ readonly metrics: TaskMetrics | null; readonly failure: string | null }> {
  if (judge === null) return { metrics: null, failure: null };
  const late = AbortSignal.timeout(judgeMsMax);
  const signal = AbortSignal.any([stop, late]);
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener(
      'abort',
      () => reject(late.aborted ? new Error('it took too long') : new Error('stopped')),
      {
        once: true,
      },
    );
  });
  try {
    signal.throwIfAborted();
    return { metrics: await Promise.race([judge(model, signal), ended]), failure: null };
  } catch (error) {
    if (!stop.aborted) log.warn('job.not_judged', { job: model.job.id, error });
    return { metrics: null, failure: (error as Error).message };
  }
}
