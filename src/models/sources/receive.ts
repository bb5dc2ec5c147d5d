/** Bytes that arrive from anywhere: written, counted and hashed in one pass, on disk when this returns. */

import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, statfs } from 'node:fs/promises';
import { TunesmithError } from '../../domain/errors.ts';

/** How a pull is watched and stopped. */
export interface Watch {
  readonly signal?: AbortSignal | undefined;
  onBytes(receivedBytes: number, totalBytes: number | null): void;
}

/** A complete file in the pull's own folder, not yet looked into. */
export interface Fetched {
  readonly path: string;
  readonly sha256: string;
  readonly revision: string | null;
}

/** What has been received of a file so far; hashing goes on where it stopped. */
export interface Received {
  readonly hash: Hash;
  bytes: number;
}

export const nothingReceived = (): Received => ({ hash: createHash('sha256'), bytes: 0 });

/** Hashes what an earlier attempt left at `path`, so that the next one can append to it. */
export async function receivedAt(path: string, signal?: AbortSignal): Promise<Received> {
  const received = nothingReceived();
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal }) as AsyncIterable<Buffer>) {
    received.hash.update(chunk);
    received.bytes += chunk.length;
  }
  return received;
}

/**
 * Appends `chunks` to the file at `path`, which holds exactly `received.bytes` bytes. `received` stays true to
 * the file when the source breaks in the middle, so a resumed download continues from it.
 */
export async function receive(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  received: Received,
  totalBytes: number | null,
  watch: Watch,
): Promise<void> {
  const file = await open(path, received.bytes === 0 ? 'w' : 'r+');
  try {
    for await (const chunk of chunks) {
      watch.signal?.throwIfAborted();
      for (let written = 0; written < chunk.length;) {
        written += (await file.write(chunk, written, chunk.length - written, received.bytes + written)).bytesWritten;
      }
      received.hash.update(chunk);
      received.bytes += chunk.length;
      watch.onBytes(received.bytes, totalBytes);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Refuses a download that cannot fit, before it fills the disk. */
export async function assertSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new TunesmithError(
    'internal',
    `${folder} has ${megabytes(freeBytes)} free and the model needs ${megabytes(neededBytes)}.`,
    { code: 'disk_full' },
  );
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
