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

export interface FolderHolder {
  readonly pid: number;
  readonly since: string;
  /** Where its API listens, without `/v1`; null until it does. */
  readonly url: string | null;
}

export interface FolderLock extends AsyncDisposable {
  /** Tells other programs of this machine where the API of this folder is. */
  announce(url: string): Promise<void>;
}

export async function lockFolder(folder: string): Promise<FolderLock> {
  const lock = new DatabaseSync(join(folder, 'lock'), { timeout: 0 });
  try {
    lock.exec('begin exclusive');
  } catch (cause) {
    lock.close();
    if (!isBusy(cause)) throw cause;
    throw alreadyHeld(folder, await readHolder(folder), cause);
  }
  const holder: FolderHolder = { pid: process.pid, since: new Date().toISOString(), url: null };
  const tell = (told: FolderHolder) => writeFile(holderFile(folder), JSON.stringify(told));
  await tell(holder);
  return {
    announce: (url) => tell({ ...holder, url }),
    [Symbol.asyncDispose]: async () => {
      await rm(holderFile(folder), { force: true });
      lock.close();
    },
  };
}

/** Who has the folder, as they told; null when nobody does or they have not told yet. Believe it only of a locked folder. */
export async function readHolder(folder: string): Promise<FolderHolder | null> {
  try {
    return JSON.parse(await readFile(holderFile(folder), 'utf8')) as FolderHolder;
  } catch {
    return null;
  }
}

const holderFile = (folder: string): string => join(folder, 'server.json');

const isBusy = (error: unknown): boolean => (error as { errcode?: number }).errcode === 5;

function alreadyHeld(folder: string, holder: FolderHolder | null, cause: unknown): TunesmithError {
  const who =
    holder === null ? 'another Tunesmith' : `another Tunesmith (process ${holder.pid}, since ${holder.since})`;
  return new TunesmithError(
    'conflict',
    `The data folder ${folder} is in use by ${who}. One server per data folder: stop that one, use it, or choose ` +
      'another folder with TUNESMITH_HOME.',
    { code: 'data_folder_in_use', cause },
  );
}
