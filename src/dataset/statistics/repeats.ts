/**
 * Texts that occur more than once. Of a text that was seen once only 53 bits of its hash and its line are kept, so
 * that millions fit into memory.
 */

import { createHash } from 'node:crypto';

export interface Repeated {
  /** The beginning of it. */
  readonly text: string;
  readonly count: number;
  /** The first few. */
  readonly lines: readonly number[];
}

const linesKept = 5;
const charactersKept = 200;
/** Beyond so many different texts, new ones are no longer remembered. */
const differentMax = 5_000_000;

export class Repeats {
  #count = 0;
  /** The line of a text that occurred once, by its hash. */
  readonly #once = new Map<number, number>();
  readonly #again = new Map<number, { text: string; length: number; count: number; lines: number[] }>();

  add(text: string, line: number): void {
    this.#count += 1;
    const key = hashOf(text);
    const again = this.#again.get(key);
    const first = this.#once.get(key);
    if (again !== undefined) {
      again.count += 1;
      if (again.lines.length < linesKept) again.lines.push(line);
    } else if (first !== undefined) {
      this.#once.delete(key);
      this.#again.set(key, { text: beginningOf(text), length: text.length, count: 2, lines: [first, line] });
    } else if (this.#once.size < differentMax) this.#once.set(key, line);
  }

  /** How many texts there were, repeated or not. */
  get count(): number {
    return this.#count;
  }

  get different(): number {
    return this.#once.size + this.#again.size;
  }

  /** How many occurred a single time. */
  get single(): number {
    return this.#once.size;
  }

  /** Characters of the longest repeated one. */
  get longestRepeated(): number {
    return [...this.#again.values()].reduce((longest, { length }) => Math.max(longest, length), 0);
  }

  /** Those that occur most, the most frequent first; all of them unless told how many. */
  most(limit = Infinity): Repeated[] {
    return [...this.#again.values()]
      .sort((a, b) => b.count - a.count || a.lines[0]! - b.lines[0]!)
      .slice(0, limit)
      .map(({ text, count, lines }) => ({ text, count, lines }));
  }
}

function hashOf(text: string): number {
  const hash = createHash('sha1').update(text).digest();
  return hash.readUInt32LE(0) * 2 ** 21 + (hash.readUInt32LE(4) >>> 11);
}

/** A copy, as a slice would keep the whole text alive. */
const beginningOf = (text: string): string => Buffer.from(text.slice(0, charactersKept)).toString();
