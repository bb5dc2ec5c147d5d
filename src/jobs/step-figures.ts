/**
 * Each step's measurements once more, in few bytes: what curves are drawn from.
 *
 * Events tell a step in words and with every name; a hundred thousand of those are a hundred megabytes. Here a step is
 * the text of a JSON list, in the order of `metricColumns`, and an answer is these texts put together, unparsed.
 * Written in the transaction that tells the event, so both always have the same steps.
 */

import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import { metricColumns } from '../domain/job-metrics.ts';
import type { JobEvent, StepMetrics } from '../domain/job.ts';
import { type Rows, unixSeconds } from './records.ts';

/** Beyond this digit nobody sees a curve move. */
const digits = 6;
/** Read at a time, between two turns of the event loop. */
const pageRows = 5000;

export async function recordFigures(rows: Rows, jobId: string, metrics: StepMetrics): Promise<void> {
  const { step } = metrics;
  const figures = figuresOf(metrics, unixSeconds());
  await rows
    .insertInto('job_figures')
    .values({ job_id: jobId, step, figures })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** What is not there at the end of the row is left out. */
export function figuresOf(metrics: StepMetrics, createdAt: number): string {
  const values = metricColumns.map((name) => {
    if (name === 'step') return metrics.step;
    if (name === 'created_at') return createdAt;
    const value = metrics[name];
    return value === undefined || !Number.isFinite(value) ? null : Number(value.toPrecision(digits));
  });
  const last = values.findLastIndex((value) => value !== null);
  return JSON.stringify(values.slice(0, last + 1));
}

export interface FiguresPage {
  /** JSON lists with commas between them, the earliest step first. */
  readonly text: string;
  readonly hasMore: boolean;
}

/** The database puts the texts together: a row each through our hands would take most of the time. */
export async function readFigures(rows: Rows, jobId: string, after: number, limit: number): Promise<FiguresPage> {
  const texts: string[] = [];
  let [last, left] = [after, limit];
  while (left > 0) {
    const page = await rows
      .selectFrom((from) =>
        from
          .selectFrom('job_figures')
          .select(['step', 'figures'])
          .where('job_id', '=', jobId)
          .where('step', '>', last)
          .orderBy('step')
          .limit(Math.min(pageRows, left))
          .as('page'),
      )
      .select([
        sql<number>`count(*)`.as('count'),
        sql<number>`max(step)`.as('last'),
        sql<string>`string_agg(figures, ',' order by step)`.as('text'),
      ])
      .executeTakeFirstOrThrow();
    const { count } = page;
    if (count === 0) break;
    texts.push(page.text);
    last = page.last;
    left -= count;
    await setImmediate();
  }
  return { text: texts.join(','), hasMore: left === 0 && (await hasAfter(rows, jobId, last)) };
}

async function hasAfter(rows: Rows, jobId: string, step: number): Promise<boolean> {
  const query = rows.selectFrom('job_figures').select('step').where('job_id', '=', jobId).where('step', '>', step);
  return (await query.limit(1).executeTakeFirst()) !== undefined;
}

/** How many steps the job was going to make when it last told one. */
export async function totalSteps(rows: Rows, jobId: string): Promise<number | null> {
  const newest = await rows
    .selectFrom('job_events')
    .select('object')
    .where('job_id', '=', jobId)
    .where('step', 'is not', null)
    .orderBy('step', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (newest === undefined) return null;
  return ((JSON.parse(newest.object) as JobEvent).data as StepMetrics).total_steps;
}
