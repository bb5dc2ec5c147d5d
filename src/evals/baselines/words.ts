/**
 * Texts as bags of words: what a text says of single words and pairs of neighbours, rare ones weighing more.
 *
 * The weights are the usual ones (TF-IDF with a logarithm on counts, vectors of length 1), so the product of two
 * vectors is how alike their texts are, from 0 to 1. Words are known from the texts that a space was learnt from;
 * others are nothing. The same texts make the same space.
 */

export interface SparseVector {
  readonly places: Int32Array;
  readonly values: Float64Array;
}

const termsMax = 20_000;

export class WordSpace {
  readonly #places: ReadonlyMap<string, number>;
  readonly #weights: Float64Array;

  private constructor(places: ReadonlyMap<string, number>, weights: Float64Array) {
    this.#places = places;
    this.#weights = weights;
  }

  static learn(texts: readonly string[]): WordSpace {
    const holders = new Map<string, number>();
    for (const text of texts)
      for (const term of new Set(termsOf(text))) holders.set(term, (holders.get(term) ?? 0) + 1);
    const kept = [...holders].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, termsMax);
    const weights = Float64Array.from(kept, ([, count]) => Math.log((1 + texts.length) / (1 + count)) + 1);
    return new WordSpace(new Map(kept.map(([term], place) => [term, place])), weights);
  }

  get size(): number {
    return this.#weights.length;
  }

  vectorOf(text: string): SparseVector {
    const counts = new Map<number, number>();
    for (const term of termsOf(text)) {
      const place = this.#places.get(term);
      if (place !== undefined) counts.set(place, (counts.get(place) ?? 0) + 1);
    }
    const entries = [...counts].sort(([a], [b]) => a - b);
    const values = Float64Array.from(entries, ([place, count]) => (1 + Math.log(count)) * this.#weights[place]!);
    const length = Math.hypot(...values) || 1;
    return { places: Int32Array.from(entries, ([place]) => place), values: values.map((value) => value / length) };
  }
}

/** Words and numbers in lower case, and each with the one after it. */
function termsOf(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return [...words, ...words.slice(1).map((word, i) => `${words[i]} ${word}`)];
}

/** How alike two texts are, from 0 (no word in common) to 1. */
export function similarity(a: SparseVector, b: SparseVector): number {
  let sum = 0;
  for (let i = 0, j = 0; i < a.places.length && j < b.places.length;) {
    const apart = a.places[i]! - b.places[j]!;
    if (apart === 0) sum += a.values[i]! * b.values[j]!;
    if (apart <= 0) i++;
    if (apart >= 0) j++;
  }
  return sum;
}
