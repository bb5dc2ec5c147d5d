/** Which languages a set is in, told from an even sample of its examples. */

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

/** A detector takes about half a millisecond a text. */
const sampleMax = 500;
const charactersMax = 300;

/** Those that most training data is in; among more, short texts are taken for languages hardly anybody writes. */
const known =
  'ar bg bn cs da de el en es et fa fi fr he hi hu hy id is it ja ka ko lt lv mk nl no pl pt ro ru sk sr sv ta te th tr uk ur vi zh'.split(
    ' ',
  );

/** The language of a text, or null when it does not tell. */
export type Detect = (text: string) => string | null;

/** The detector's tables are read when the first text asks for them. */
export async function openDetector(): Promise<Detect> {
  const { detect } = await import('tinyld');
  return (text) => detect(text.slice(0, charactersMax), { only: known }) || null;
}

/** Every example at first; whenever the sample is full, every second one of it goes and half as many come. */
export class LanguageSample {
  readonly #detect: Detect;
  #seen = 0;
  #stride = 1;
  #sample: (string | null)[] = [];

  constructor(detect: Detect) {
    this.#detect = detect;
  }

  add(text: string): void {
    if (this.#seen++ % this.#stride !== 0) return;
    if (this.#sample.length === sampleMax) {
      this.#sample = this.#sample.filter((_, i) => i % 2 === 0);
      this.#stride *= 2;
      if ((this.#seen - 1) % this.#stride !== 0) return;
    }
    this.#sample.push(this.#detect(text));
  }

  languages(): Languages {
    const counts = new Map<string | null, number>();
    for (const code of this.#sample) counts.set(code, (counts.get(code) ?? 0) + 1);
    const sampled = this.#sample.length;
    const shares = [...counts].map(([code, count]) => ({ code, count, share: count / sampled }));
    return { sampled, shares: shares.sort((a, b) => b.count - a.count) };
  }
}
