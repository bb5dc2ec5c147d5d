/**
 * One server per data folder.
 *
 * The lock is SQLite's own exclusive lock on an empty file: the operating system drops it when its holder dies,
 * however that happens, so there is no stale lock to recognise and no race in taking it. `server.json` beside it
 * only tells people who holds it; it must stay a file of its own, since closing any handle on the locked one would
 * drop the lock.
 */

import { DatabaseSync } from '@photostructure/sqlite';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TunesmithError } from '../domain/errors.ts';

interface Holder {
  readonly pid: number;
  readonly since: string;
}

export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  const holderFile = join(folder, 'server.json');
  const lock = new DatabaseSync(join(folder, 'lock'), { timeout: 0 });
  try {
    lock.exec('begin exclusive');
  } catch (cause) {
    lock.close();
    if (!isBusy(cause)) throw cause;
    throw await alreadyHeld(folder, holderFile, cause);
  }
  const holder: Holder = { pid: process.pid, since: new Date().toISOString() };
  await writeFile(holderFile, JSON.stringify(holder));
  return {
    [Symbol.asyncDispose]: async () => {
      await rm(holderFile, { force: true });
      lock.close();
    },
  };
}

const isBusy = (error: unknown): boolean => (error as { errcode?: number }).errcode === 5;

async function alreadyHeld(folder: string, holderFile: string, cause: unknown): Promise<TunesmithError> {
  const holder = await readFile(holderFile, 'utf8').then(
    (text) => JSON.parse(text) as Holder,
    () => null,
  );
  const who =
    holder === null ? 'another Tunesmith' : `another Tunesmith (process ${holder.pid}, since ${holder.since})`;
  return new TunesmithError(
    'conflict',
    `The data folder ${folder} is in use by ${who}. One server per data folder: stop that one, use it, or choose ` +
      'another folder with TUNESMITH_HOME.',
    { code: 'data_folder_in_use', cause },
  );
}
