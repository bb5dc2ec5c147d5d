/** What a trunk made of sequences, in a file: found again by the tokens and by where something is judged. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { countTargets, type MicroBatch } from '../../../dataset/batch.ts';
import type { EncodedExample } from '../../../domain/example.ts';
import { rowsOf, type TrunkPlan } from './trunk.ts';

/** Whether what is kept of sequences takes no more than half of what is free. */
export async function fitsOnDisk(
  { keeps }: TrunkPlan,
  width: number,
  sequences: readonly EncodedExample[],
  folder: string,
): Promise<boolean> {
  const places = keeps === 'judged' ? countTargets(sequences) : sequences.reduce((sum, { ids }) => sum + ids.length, 0);
  const { bavail, bsize } = await statfs(folder);
  return places * width * Float32Array.BYTES_PER_ELEMENT <= (bavail * bsize) / 2;
}

interface Place {
  readonly offset: number;
  readonly count: number;
}

export class TrunkMemory implements Disposable {
  readonly keeps: TrunkPlan['keeps'];
  readonly #file: number;
  readonly #places = new Map<string, Place>();
  #end = 0;

  /** The file has no name from the beginning, so that nothing stays behind. */
  constructor(keeps: TrunkPlan['keeps'], folder: string) {
    this.keeps = keeps;
    const path = join(folder, 'trunk.bin');
    this.#file = openSync(path, 'wx+', 0o600);
    if (process.platform !== 'win32') unlinkSync(path);
  }

  /** Keeps what was made of each row. */
  add(batch: MicroBatch, made: readonly Float32Array[]): void {
    for (const [row, key] of this.#keysOf(batch).entries()) {
      if (this.#places.has(key)) continue;
      const values = made[row]!;
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at, bytes.length - at, this.#end + at);
      this.#places.set(key, { offset: this.#end, count: values.length });
      this.#end += bytes.length;
    }
  }

  /** What was made of each row; all of them must have been added before. */
  of(batch: MicroBatch): Float32Array[] {
    return this.#keysOf(batch).map((key) => {
      const place = this.#places.get(key);
      assert(place !== undefined, 'a sequence was asked for that the frozen layers never read');
      const values = new Float32Array(place.count);
      const bytes = new Uint8Array(values.buffer);
      for (let at = 0; at < bytes.length;) {
        const read = readSync(this.#file, bytes, at, bytes.length - at, place.offset + at);
        assert(read > 0, 'what the frozen layers made of a sequence is cut short');
        at += read;
      }
      return values;
    });
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  #keysOf(batch: MicroBatch): string[] {
    return rowsOf(batch).map(({ tokens, judged }) => {
      const hash = createHash('sha256').update(tokens);
      if (this.keeps === 'judged') hash.update('judged').update(judged);
      return hash.digest('base64');
    });
  }
}
