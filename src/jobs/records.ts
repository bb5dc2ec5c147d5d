/**
 * The rows of a job and of its events: read and written here and nowhere else.
 *
 * Everything takes the database or a transaction. A job's object is read, changed and written back, so whoever
 * changes one does it inside a transaction; what must happen once per job carries a step or a `once` key, and
 * telling it a second time does nothing.
 */

import type { Kysely, Selectable, Updateable } from 'kysely';
import { newId } from '../domain/ids.ts';
import { isFinal, type Job, type JobEvent, type JobStatus, moves } from '../domain/job.ts';
import type { JobsTable, Schema } from '../store/schema.ts';
import { announce } from '../webhooks/outbox.ts';

export type Rows = Kysely<Schema>;
export type JobRow = Selectable<JobsTable>;

export const unixSeconds = (): number => Math.floor(Date.now() / 1000);

export async function findRow(rows: Rows, id: string): Promise<JobRow | undefined> {
  return await rows.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
}

export const jobOf = (row: Pick<JobRow, 'object'>): Job => JSON.parse(row.object) as Job;

export async function insertJob(rows: Rows, job: Job, project: string): Promise<void> {
  const { id, status, created_at } = job;
  const object = JSON.stringify(job);
  await rows.insertInto('jobs').values({ id, project, status, created_at, object, attempts: 0, step: 0 }).execute();
}

/** The job as changed, and beside it whatever of our own bookkeeping changes with it; its end is announced. */
export async function saveJob(rows: Rows, job: Job, columns: Updateable<JobsTable> = {}): Promise<void> {
  const { project } = await rows
    .updateTable('jobs')
    .set({ ...columns, status: job.status, object: JSON.stringify(job) })
    .where('id', '=', job.id)
    .returning('project')
    .executeTakeFirstOrThrow();
  const { status, id: about } = job;
  if (status === 'succeeded' || status === 'failed' || status === 'cancelled')
    await announce(rows, { project, type: `fine_tuning.job.${status}`, about });
}

/** The job with another status; a move that `moves` does not know is our own mistake. */
export function moved(job: Job, status: JobStatus, changes: Partial<Job> = {}): Job {
  if (!moves[job.status].includes(status)) throw new Error(`${job.id} cannot go from ${job.status} to ${status}`);
  const finished_at = isFinal(status) ? unixSeconds() : job.finished_at;
  return { ...job, estimated_finish: null, finished_at, ...changes, status };
}

/** What an event says; the rest of it (id, time, envelope) is the same for all. */
export interface Telling {
  readonly message: string;
  readonly level?: JobEvent['level'];
  readonly type?: 'message' | 'metrics';
  readonly data?: object | null;
  /** The step whose metrics these are. */
  readonly step?: number;
  /** A key that this job tells only once. */
  readonly once?: string;
}

export async function tell(rows: Rows, jobId: string, telling: Telling): Promise<void> {
  const created_at = unixSeconds();
  const event: JobEvent = {
    object: 'fine_tuning.job.event',
    id: newId('event'),
    created_at,
    level: telling.level ?? 'info',
    message: telling.message,
    data: telling.data === undefined ? {} : telling.data,
    type: telling.type ?? 'message',
  };
  await rows
    .insertInto('job_events')
    .values({
      id: event.id,
      job_id: jobId,
      created_at,
      step: telling.step ?? null,
      once: telling.once ?? null,
      object: JSON.stringify(event),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
