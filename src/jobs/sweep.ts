/**
 * What a job leaves behind when it is over and nobody works on it any more is given back: the trainer's working
 * files, the checkpoints (a failed job keeps them, they may be all that is left of its work), and models that
 * were being written while the job was cancelled.
 */

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpointsFolder, jobFolder, modelsFolder, type Workshop } from './workshop.ts';

type Over = 'succeeded' | 'failed' | 'cancelled';

export async function sweepJobs({ database, home }: Pick<Workshop, 'database' | 'home'>): Promise<void> {
  const folders = await readdir(join(home, 'jobs')).catch(() => []);
  for (const id of folders) {
    const row = await database
      .selectFrom('jobs')
      .select('status')
      .where('id', '=', id)
      .where('status', 'in', Object.keys(leftovers))
      .where('lease_owner', 'is', null)
      .executeTakeFirst();
    if (row === undefined) continue;
    for (const path of leftovers[row.status as Over](home, id)) await rm(path, { recursive: true, force: true });
  }
}

const workFolder = (home: string, id: string): string => join(jobFolder(home, id), 'work');

const leftovers: Record<Over, (home: string, id: string) => string[]> = {
  succeeded: (home, id) => [workFolder(home, id), checkpointsFolder(home, id)],
  failed: (home, id) => [workFolder(home, id)],
  cancelled: (home, id) => [workFolder(home, id), checkpointsFolder(home, id), join(home, modelsFolder(id))],
};
