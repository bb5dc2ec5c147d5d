/** What reading any model file needs: exact reads, and one way to say that a file is not what it should be. */

import type { FileHandle } from 'node:fs/promises';
import { TunesmithError } from '../domain/errors.ts';

/** The caller's mistake: this file is torn, hostile or of another kind. */
export function unreadable(path: string, problem: string): TunesmithError {
  return new TunesmithError('invalid', `${path}: ${problem}.`, { code: 'model_unreadable' });
}

/** Fills `bytes` from `position` on; the caller has checked that the file is long enough. */
export async function readInto(file: FileHandle, path: string, position: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesRead } = await file.read(bytes, at, Math.min(bytes.length - at, 2 ** 30), position + at);
    if (bytesRead === 0) throw unreadable(path, `the file ended at ${position + at} while it was being read`);
    at += bytesRead;
  }
}
