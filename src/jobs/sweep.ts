/** Checkpoints serve a job that may go on; when it has succeeded or was cancelled their space is given back. */

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpointsFolder, type Workshop } from './workshop.ts';

export async function sweepCheckpoints({ database, home }: Workshop): Promise<void> {
  const folders = await readdir(join(home, 'jobs')).catch(() => []);
  for (const id of folders) {
    const over = await database
      .selectFrom('jobs')
      .select('id')
      .where('id', '=', id)
      .where('status', 'in', ['succeeded', 'cancelled'])
      .where('lease_owner', 'is', null)
      .executeTakeFirst();
    if (over !== undefined) await rm(checkpointsFolder(home, id), { recursive: true, force: true });
  }
}
