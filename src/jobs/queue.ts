/**
 * Who works on what. The jobs table is the queue, so a restart loses nothing.
 *
 * A worker claims a job by writing its name and a deadline on it (a lease) and renews that while it works. A
 * job whose lease ran out belongs to nobody and is claimed again: steps happen at least once. Everything a
 * worker then records it records through `whileHeld`, inside a transaction that first makes sure that the job
 * is still its own and still wanted: effects happen once.
 */

import { sql, type Transaction } from 'kysely';
import { isFinal, type Job, type JobStatus } from '../domain/job.ts';
import type { Schema } from '../store/schema.ts';
import { findRow, type JobRow, jobOf, type Rows } from './records.ts';

export interface Claimant {
  /** Unique among the workers that share a database. */
  readonly name: string;
  readonly leaseMs: number;
}

/** The next job in one of these statuses that nobody holds: those that already ran first, then the oldest. */
export async function claim(
  database: Rows,
  { name, leaseMs }: Claimant,
  statuses: readonly JobStatus[],
): Promise<JobRow | undefined> {
  const now = Date.now();
  return await database
    .updateTable('jobs')
    .set({ lease_owner: name, lease_until_ms: now + leaseMs })
    .where('seq', '=', (query) =>
      query
        .selectFrom('jobs')
        .select('seq')
        .where('status', 'in', statuses)
        .where((free) => free.or([free('lease_until_ms', 'is', null), free('lease_until_ms', '<', now)]))
        .orderBy(sql`case status when 'running' then 0 else 1 end`)
        .orderBy('seq')
        .limit(1),
    )
    .where((free) => free.or([free('lease_until_ms', 'is', null), free('lease_until_ms', '<', now)]))
    .returningAll()
    .executeTakeFirst();
}

/** The job's status with its lease renewed, or null when it is no longer this worker's. */
export async function renew(database: Rows, { name, leaseMs }: Claimant, id: string): Promise<JobStatus | null> {
  const row = await database
    .updateTable('jobs')
    .set({ lease_until_ms: Date.now() + leaseMs })
    .where('id', '=', id)
    .where('lease_owner', '=', name)
    .returning('status')
    .executeTakeFirst();
  return (row?.status as JobStatus | undefined) ?? null;
}

export async function release(database: Rows, name: string, id: string): Promise<void> {
  await database
    .updateTable('jobs')
    .set({ lease_owner: null, lease_until_ms: null })
    .where('id', '=', id)
    .where('lease_owner', '=', name)
    .execute();
}

/** Drops the leases of a worker that died; only for one that certainly runs no more, such as oneself before the start. */
export async function releaseAll(database: Rows, name: string): Promise<void> {
  await database
    .updateTable('jobs')
    .set({ lease_owner: null, lease_until_ms: null })
    .where('lease_owner', '=', name)
    .execute();
}

/** Does something to a job in one transaction, unless the job has ended meanwhile or is another worker's. */
export async function whileHeld<Result>(
  database: Rows,
  name: string,
  id: string,
  act: (rows: Transaction<Schema>, job: Job, row: JobRow) => Promise<Result>,
): Promise<Result | null> {
  return await database.transaction().execute(async (rows) => {
    const row = await findRow(rows, id);
    if (row === undefined || row.lease_owner !== name) return null;
    const job = jobOf(row);
    return isFinal(job.status) ? null : await act(rows, job, row);
  });
}
