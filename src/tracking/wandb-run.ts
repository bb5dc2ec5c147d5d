/**
 * A job as a run of Weights & Biases: run id and default name are the job's id, and the tags are OpenAI's
 * (specification, §2.5).
 */

import type { Job } from '../domain/job.ts';
import type { Point } from './run.ts';

export interface WandbRun {
  readonly id: string;
  readonly project: string;
  readonly entity: string | null;
  readonly name: string;
  readonly tags: readonly string[];
}

export const wandbOf = (job: Job) => job.integrations?.find(({ type }) => type === 'wandb')?.wandb;

export function wandbRunOf(job: Job): WandbRun {
  const asked = wandbOf(job)!;
  return {
    id: job.id,
    project: asked.project,
    entity: asked.entity ?? null,
    name: asked.name ?? job.id,
    tags: ['openai/finetune', `openai/${job.model}`, `openai/${job.id}`, ...(asked.tags ?? [])],
  };
}

export function historyOf({ step, time, values }: Point, job: Job): Record<string, number> {
  return { ...values, _step: step, _timestamp: time, _runtime: Math.max(0, time - job.created_at) };
}
