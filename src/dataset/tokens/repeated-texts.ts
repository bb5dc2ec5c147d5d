/** Counts of texts that most examples of a file share, as what the system says: worked out once and remembered. */

const textsMax = 100;

export class RepeatedTexts {
  readonly #count: (text: string) => number;
  readonly #known = new Map<string, number>();

  constructor(count: (text: string) => number) {
    this.#count = count;
  }

  count(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const count = this.#count(text);
    if (this.#known.size === textsMax) this.#known.clear();
    this.#known.set(text, count);
    return count;
  }
}
