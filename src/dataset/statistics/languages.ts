/** Which languages a set is in, told from an even sample of its examples. */

import type { LanguageReader } from '../findings/language.ts';

export interface LanguageShare {
  /** ISO 639-1; null where a text is too short or too strange to tell. */
  readonly code: string | null;
  readonly count: number;
  readonly share: number;
}

export interface Languages {
  readonly sampled: number;
  /** The most frequent first. */
  readonly shares: readonly LanguageShare[];
}

const sampleMax = 1000;

/** Every example at first; whenever the sample is full, every second one of it goes and half as many come. */
export class LanguageSample {
  readonly #reader: LanguageReader;
  #seen = 0;
  #stride = 1;
  #sample: (string | null)[] = [];

  constructor(reader: LanguageReader) {
    this.#reader = reader;
  }

  add(text: string): void {
    if (this.#seen++ % this.#stride !== 0) return;
    if (this.#sample.length === sampleMax) {
      this.#sample = this.#sample.filter((_, i) => i % 2 === 0);
      this.#stride *= 2;
      if ((this.#seen - 1) % this.#stride !== 0) return;
    }
    this.#sample.push(this.#reader.languageOf(text));
  }

  languages(): Languages {
    const counts = new Map<string | null, number>();
    for (const code of this.#sample) counts.set(code, (counts.get(code) ?? 0) + 1);
    const sampled = this.#sample.length;
    const shares = [...counts].map(([code, count]) => ({ code, count, share: count / sampled }));
    return { sampled, shares: shares.sort((a, b) => b.count - a.count) };
  }
}
