/**
 * Which rows were there before, word for word, for files of any size: eight bytes of a hash and the line of each row
 * in tables of fixed width.
 *
 * Memory has a bound: after `rowsMax` different rows no more are remembered, though later ones are still compared
 * with those. A hash of 64 bits makes one false match in three thousand files of three million rows.
 */

const firstSlots = 2 ** 12;
const slotsMax = 2 ** 22;
const fullness = 0.85;
const rowsMax = Math.floor(slotsMax * fullness);

export class Fingerprints {
  #high = new Uint32Array(firstSlots);
  #low = new Uint32Array(firstSlots);
  /** 0 where a slot is free. */
  #lines = new Uint32Array(firstSlots);
  #count = 0;

  /** The line of the same row seen before; otherwise null, and this row is remembered. */
  add(text: string, line: number): number | null {
    const { high, low } = fingerprint(text);
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
    const { high, low } = fingerprint(text);
    return this.#lines[this.#slotOf(high, low)] || null;
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

/**
 * Two hashes of 32 bits: each turns its bits, takes a character and multiplies by an odd number of its own. Many
 * times faster than a cryptographic one on short texts, and nobody gains by making two rows look alike.
 */
function fingerprint(text: string): { readonly high: number; readonly low: number } {
  const trimmed = text.trim();
  let high = 0x2545f491 ^ trimmed.length;
  let low = 0x1b873593;
  for (let i = 0; i < trimmed.length; i++) {
    const code = trimmed.charCodeAt(i);
    high = Math.imul(((high << 5) | (high >>> 27)) ^ code, 0x9e3779b1);
    low = Math.imul(((low << 7) | (low >>> 25)) ^ code, 0x85ebca6b);
  }
  return { high: spread(high), low: spread(low) };
}

/** Lets every bit depend on every other, so that the low ones make a good place in a table. */
function spread(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return (bits ^ (bits >>> 16)) >>> 0;
}
