/** Words repeat: their ids are worked out once and remembered, within bounds. */

import { WordTable } from './word-table.ts';

/** Text without special tokens to ids, appended to `ids`. `spaced` asks for a space before it. */
export type PlainEncoder = (text: string, spaced: boolean, ids: number[]) => void;

const usualLength = 1 << 20;
const usual = new Uint16Array(usualLength);

/** The character codes of a text, and perhaps something behind them; good until the next text is asked for. */
export function codesOf(text: string): Uint16Array {
  const { length } = text;
  const codes = length > usualLength ? new Uint16Array(length) : usual;
  for (let i = 0; i < length; i++) codes[i] = text.charCodeAt(i);
  return codes;
}

const idsMax = 1 << 20;

export class WordIds {
  readonly #encode: (word: string) => readonly number[];
  /** Where a word's ids begin in `#ids`, which has their number first. */
  readonly #places = new WordTable();
  readonly #ids = new Int32Array(idsMax);
  /** Place 0 would be no number for a word. */
  #end = 1;

  constructor(encode: (word: string) => readonly number[]) {
    this.#encode = encode;
  }

  /** Appends the ids of the word between two places of a text, whose `codes` these are. */
  append(text: string, codes: Uint16Array, start: number, end: number, ids: number[]): void {
    const place = this.#places.get(codes, start, end);
    if (place === 0) {
      for (const id of this.#learn(text, codes, start, end)) ids.push(id);
      return;
    }
    const known = this.#ids;
    const last = place + known[place]!;
    for (let at = place + 1; at <= last; at++) ids.push(known[at]!);
  }

  #learn(text: string, codes: Uint16Array, start: number, end: number): readonly number[] {
    const ids = this.#encode(text.slice(start, end));
    if (ids.length > idsOfWordMax) return ids;
    if (this.#places.full || this.#end + idsOfWordMax >= idsMax) {
      this.#places.forget();
      this.#end = 1;
    }
    this.#places.learn(codes, start, end, this.#end);
    this.#ids[this.#end] = ids.length;
    this.#ids.set(ids, this.#end + 1);
    this.#end += 1 + ids.length;
    return ids;
  }
}

/** More than the bytes of any word that the table takes. */
const idsOfWordMax = 256;
