/** Words repeat: their ids are worked out once and remembered, within bounds. */

const wordsMax = 100_000;
const wordLengthMax = 64;

/** Text without special tokens to ids, appended to `ids`. `spaced` asks for a space before it. */
export type PlainEncoder = (text: string, spaced: boolean, ids: number[]) => void;

export class WordCache {
  readonly #encode: (word: string) => readonly number[];
  readonly #known = new Map<string, readonly number[]>();

  constructor(encode: (word: string) => readonly number[]) {
    this.#encode = encode;
  }

  append(word: string, ids: number[]): void {
    for (const id of this.#known.get(word) ?? this.#learn(word)) ids.push(id);
  }

  #learn(word: string): readonly number[] {
    const ids = this.#encode(word);
    if (word.length > wordLengthMax) return ids;
    if (this.#known.size === wordsMax) this.#known.clear();
    // A slice keeps alive the whole text that it was cut from; a copy does not.
    this.#known.set(Buffer.from(word, 'utf16le').toString('utf16le'), ids);
    return ids;
  }
}
