/** How a fine-tuned model came about, from the rows of its house: its job, plan, files, steps. Nothing is written. */

import type { Kysely } from 'kysely';
import type { Job, JobEvent, StepMetrics } from '../domain/job.ts';
import type { LineageFile } from '../domain/lineage.ts';
import { dataOf } from '../models/lineage.ts';
import type { Schema } from '../store/schema.ts';

export interface Story {
  readonly job: Job;
  readonly step: number | null;
  /** Hyper-parameters as they were resolved. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** Up to the checkpoint's step, oldest first. */
  readonly steps: readonly StepMetrics[];
  readonly files: readonly LineageFile[];
  /** How the model did on its validation file; null where nobody judged it. */
  readonly taskMetrics: TaskMetrics | null;
}

export interface TaskMetrics {
  readonly task: string;
  readonly count: number;
  readonly figures: Readonly<Record<string, TaskFigure>>;
}

/** A figure with its 95 % interval. */
interface TaskFigure {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Too few cases for the interval to be more than a hint; models of earlier days do not tell. */
  readonly small?: boolean;
}

/** The project that has the fine-tuned model of that name; null when there is none of that name. */
export async function projectOf(rows: Kysely<Schema>, model: string): Promise<string | null> {
  const row = await rows.selectFrom('models').select('project').where('id', '=', model).executeTakeFirst();
  return row?.project ?? null;
}

/** Null for a base model. */
export async function storyOf(rows: Kysely<Schema>, model: string): Promise<Story | null> {
  const row = await rows
    .selectFrom('models')
    .select(['job_id', 'folder', 'object'])
    .where('id', '=', model)
    .executeTakeFirst();
  if (row === undefined) return null;
  const found = await rows
    .selectFrom('jobs')
    .select(['object', 'plan'])
    .where('id', '=', row.job_id)
    .executeTakeFirst();
  if (found === undefined) return null;
  const job = JSON.parse(found.object) as Job;
  const step = Number(/step-(\d+)$/.exec(row.folder)?.[1] ?? Number.NaN);
  const until = Number.isNaN(step) ? null : step;
  return {
    job,
    step: until,
    settings: found.plan === null ? {} : settingsOf(JSON.parse(found.plan) as Record<string, unknown>),
    steps: await stepsOf(rows, job.id, until),
    files: await dataOf(rows, job),
    taskMetrics: (JSON.parse(row.object) as { task_metrics?: TaskMetrics }).task_metrics ?? null,
  };
}

/** Where and with which data a job ran is not what it was told to do. */
const placesOfPlan = new Set([
  'version',
  'jobId',
  'threads',
  'snapshotSeconds',
  'initialAdapter',
  'trainingFile',
  'validationFile',
  'model',
]);

function settingsOf(plan: Readonly<Record<string, unknown>>, prefix = ''): Record<string, string | number | boolean> {
  const settings: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(plan)) {
    if (prefix === '' && placesOfPlan.has(name)) continue;
    if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean')
      settings[prefix + name] = value;
    else if (Array.isArray(value)) settings[prefix + name] = value.join(', ');
    else if (typeof value === 'object' && value !== null)
      Object.assign(settings, settingsOf(value as Record<string, unknown>, `${name}.`));
  }
  return settings;
}

async function stepsOf(rows: Kysely<Schema>, jobId: string, until: number | null): Promise<StepMetrics[]> {
  const events = await rows
    .selectFrom('job_events')
    .select(['step', 'object'])
    .where('job_id', '=', jobId)
    .where('step', 'is not', null)
    .orderBy('step')
    .execute();
  return events
    .filter(({ step }) => until === null || step! <= until)
    .map(({ object }) => (JSON.parse(object) as JobEvent).data as StepMetrics);
}
