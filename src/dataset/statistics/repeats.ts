/** Texts that occur more than once. Of a text that was seen once only a fingerprint is kept. */

import { Fingerprints } from '../fingerprints.ts';

export interface Repeated {
  /** The beginning of it. */
  readonly text: string;
  readonly count: number;
  /** The first few. */
  readonly lines: readonly number[];
}

const linesKept = 5;
const charactersKept = 200;

export class Repeats {
  #count = 0;
  #different = 0;
  readonly #seen = new Fingerprints();
  /** Those that came again, by the line where they came first. */
  readonly #again = new Map<number, { text: string; length: number; count: number; lines: number[] }>();

  add(text: string, line: number): void {
    this.#count += 1;
    const first = this.#seen.add(text, line);
    if (first === null) {
      this.#different += 1;
      return;
    }
    const again = this.#again.get(first);
    if (again === undefined) {
      this.#again.set(first, { text: beginningOf(text), length: text.length, count: 2, lines: [first, line] });
      return;
    }
    again.count += 1;
    if (again.lines.length < linesKept) again.lines.push(line);
  }

  /** How many texts there were, repeated or not. */
  get count(): number {
    return this.#count;
  }

  get different(): number {
    return this.#different;
  }

  /** How many occurred a single time. */
  get single(): number {
    return this.#different - this.#again.size;
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

/** A copy, as a slice would keep the whole text alive. */
const beginningOf = (text: string): string => Buffer.from(text.slice(0, charactersKept)).toString();
