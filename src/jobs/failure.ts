/** A job that cannot go on says why, in its `error` and as its last event. */

import { TunesmithError } from '../domain/errors.ts';
import { whileHeld } from './queue.ts';
import { moved, type Rows, saveJob, tell, unixSeconds } from './records.ts';

export interface Failure {
  /** Machine-readable, e.g. `invalid_training_file`, `disk_full`, `server_error`. */
  readonly code: string;
  readonly message: string;
  /** The request's field that is to blame, or null. */
  readonly param: string | null;
}

export async function failJob(database: Rows, worker: string, id: string, failure: Failure): Promise<void> {
  const { code, message, param } = failure;
  await whileHeld(database, worker, id, async (rows, job) => {
    await tell(rows, id, { level: 'error', message });
    // OpenAI shows no finishing time for a job that never began
    const finished_at = job.status === 'validating_files' ? null : unixSeconds();
    await saveJob(rows, moved(job, 'failed', { finished_at, error: { code, message, param } }));
  });
}

/** What a user is told about an error that nobody expected; its details are in the log. */
export function failureOf(error: unknown): Failure {
  if (error instanceof TunesmithError)
    return { code: error.code ?? 'server_error', message: error.message, param: error.param };
  const { code, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { code: '', message: '' };
  if (code === 'ENOSPC')
    return { code: 'disk_full', message: `The job failed: no space is left on the disk (${message}).`, param: null };
  return { code: 'server_error', message: `The job failed because of an internal error: ${message}`, param: null };
}
