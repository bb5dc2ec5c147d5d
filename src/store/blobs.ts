/**
 * Bytes in a folder, each blob a file named by an id that we made.
 *
 * Content arrives in `temporary/`, is hashed on the way and flushed, and gets its name by a rename, so a blob
 * is whole or absent, also after a power cut. What was underway when a process died is swept at the next
 * opening. Ids are checked against the alphabet of our own ids: no path from outside is ever followed.
 * Knows nothing of what the bytes mean, nor of the rows that point at them.
 */

import assert from 'node:assert';
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { TunesmithError } from '../domain/errors.ts';

/** Content that is on disk and has no name yet; without one it vanishes when it is disposed of. */
export interface ArrivedBlob extends AsyncDisposable {
  readonly sizeBytes: number;
  /** Where it is until then, for readers that need a path. */
  readonly path: string;
  /** SHA-256, hex. */
  readonly sha256: string;
  keep(id: string): Promise<void>;
}

export class Blobs {
  readonly #folder: string;
  readonly #temporary: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#temporary = join(folder, 'temporary');
  }

  static async open(folder: string): Promise<Blobs> {
    const blobs = new Blobs(folder);
    await rm(blobs.#temporary, { recursive: true, force: true });
    await mkdir(blobs.#temporary, { recursive: true });
    return blobs;
  }

  /**
   * Takes in a whole stream without knowing yet what it is for. More than `sizeBytesMax` bytes are refused.
   */
  async receive(content: AsyncIterable<Uint8Array>, sizeBytesMax = Infinity): Promise<ArrivedBlob> {
    const path = join(this.#temporary, randomUUID());
    const hash = createHash('sha256');
    let sizeBytes = 0;
    const file = await open(path, 'wx');
    try {
      for await (const chunk of content) {
        sizeBytes += chunk.length;
        if (sizeBytes > sizeBytesMax) throw tooLarge(sizeBytesMax);
        hash.update(chunk);
        await writeAll(file, chunk);
      }
      await file.sync();
      await file.close();
    } catch (error) {
      await file.close().catch(() => undefined); // it may be the closing that failed
      await rm(path, { force: true });
      throw error;
    }
    return {
      sizeBytes,
      path,
      sha256: hash.digest('hex'),
      keep: (id) => this.#keep(path, id),
      [Symbol.asyncDispose]: () => rm(path, { force: true }),
    };
  }

  /** Where the blob's file is, for readers that need a path, such as a trainer. */
  path(id: string): string {
    assert(/^[A-Za-z0-9_-]{1,64}$/.test(id), `not an id of ours: ${id}`);
    return join(this.#folder, id);
  }

  /** The blob's bytes; fails here, not in the middle of an answer, when the blob cannot be opened. */
  async read(id: string): Promise<Readable> {
    const file = await open(this.path(id), 'r');
    return file.createReadStream();
  }

  async delete(id: string): Promise<void> {
    await rm(this.path(id), { force: true });
  }

  async #keep(path: string, id: string): Promise<void> {
    await rename(path, this.path(id));
    await syncFolder(this.#folder);
  }
}

function tooLarge(sizeBytesMax: number): TunesmithError {
  const limit = `${Math.floor(sizeBytesMax / 2 ** 20)} MB (${sizeBytesMax} bytes)`;
  return new TunesmithError('too_large', `The content is larger than the maximum of ${limit}.`, { param: 'file' });
}

/** A write may take fewer bytes than it was given. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done)).bytesWritten;
}

/** Makes a rename in this folder survive a power cut. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
