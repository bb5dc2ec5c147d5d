/**
 * Which rows were there before, word for word, for files of any size: eight bytes of a hash and the line of each row
 * in tables of fixed width.
 *
 * Memory has a bound: after `rowsMax` different rows no more are remembered, though later ones are still compared
 * with those. A hash of 64 bits makes one false match in a thousand files of seven million rows.
 */

import { hash } from 'node:crypto';

const firstSlots = 2 ** 12;
const slotsMax = 2 ** 23;
const fullness = 0.85;
export const rowsMax = Math.floor(slotsMax * fullness);

export class Fingerprints {
  #high = new Uint32Array(firstSlots);
  #low = new Uint32Array(firstSlots);
  /** 0 where a slot is free. */
  #lines = new Uint32Array(firstSlots);
  #count = 0;

  /** The line of the same row seen before; otherwise null, and this row is remembered. */
  add(text: string, line: number): number | null {
    const [high, low] = fingerprint(text);
    const slot = this.#slotOf(high, low);
    if (this.#lines[slot] !== 0) return this.#lines[slot]!;
    if (this.#count >= rowsMax) return null;
    this.#put(slot, high, low, line);
    this.#count += 1;
    if (this.#count > this.#lines.length * fullness) this.#grow();
    return null;
  }

  /** The line of the same row, or null. */
  find(text: string): number | null {
    return this.#lines[this.#slotOf(...fingerprint(text))] || null;
  }

  /** Where this fingerprint is, or the free place where it belongs. */
  #slotOf(high: number, low: number): number {
    const mask = this.#lines.length - 1;
    let slot = low & mask;
    while (this.#lines[slot] !== 0 && (this.#low[slot] !== low || this.#high[slot] !== high)) slot = (slot + 1) & mask;
    return slot;
  }

  #put(slot: number, high: number, low: number, line: number): void {
    this.#high[slot] = high;
    this.#low[slot] = low;
    this.#lines[slot] = line;
  }

  #grow(): void {
    const [high, low, lines] = [this.#high, this.#low, this.#lines];
    if (lines.length === slotsMax) return;
    this.#high = new Uint32Array(lines.length * 2);
    this.#low = new Uint32Array(lines.length * 2);
    this.#lines = new Uint32Array(lines.length * 2);
    for (let i = 0; i < lines.length; i++) {
      if (lines[i] !== 0) this.#put(this.#slotOf(high[i]!, low[i]!), high[i]!, low[i]!, lines[i]!);
    }
  }
}

function fingerprint(text: string): readonly [high: number, low: number] {
  const digest = hash('sha1', text.trim(), 'buffer');
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
}
