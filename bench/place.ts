/** Where a benchmark finds its model and leaves its files. */

import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { BaseModels, type BaseModel } from '../src/models/base-models.ts';

export interface Place {
  readonly base: BaseModel;
  readonly threads: number;
  /** For files of this run; removed at the end. */
  readonly folder: string;
}

/** The reference model, fetched if it is not there yet. */
export async function settingsFromEnvironment(): Promise<Omit<Place, 'folder'>> {
  const home = process.env['TUNESMITH_HOME'] ?? join(homedir(), '.tunesmith');
  const bases = await BaseModels.open(home);
  const base = await bases.pull('smollm2-135m-instruct');
  return { base, threads: availableParallelism() };
}
