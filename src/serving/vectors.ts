/** What a runtime finds out about texts, on its way: a report per text, in any order, until all are there. */

import type { EmbedCommand, EmbeddingReport, LogitsReport } from './protocol.ts';

export type VectorsRequest = Omit<EmbedCommand, 'type' | 'id'>;

export class Vectors {
  readonly complete: Promise<Float64Array[]>;
  readonly #vectors: Float64Array[] = [];
  #missing: number;
  #resolve: (vectors: Float64Array[]) => void = () => {};
  #reject: (reason: unknown) => void = () => {};

  constructor(count: number) {
    this.#missing = count;
    this.complete = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  push({ input, vector }: EmbeddingReport): void {
    this.#vectors[input] = vector;
    this.#missing -= 1;
    if (this.#missing === 0) this.#resolve(this.#vectors);
  }

  fail(reason: unknown): void {
    this.#reject(reason);
  }
}

/** What an encoder's outputs are worth to one text, on its way. */
export class Reading {
  readonly complete: Promise<Float32Array>;
  #resolve: (logits: Float32Array) => void = () => {};
  #reject: (reason: unknown) => void = () => {};

  constructor() {
    this.complete = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  push({ logits }: LogitsReport): void {
    this.#resolve(logits);
  }

  fail(reason: unknown): void {
    this.#reject(reason);
  }
}

/** The same direction, of length 1, so that a product of two is the cosine of their angle. */
export function ofUnitLength(vector: ArrayLike<number>): Float32Array {
  const length = Math.sqrt(Array.from(vector).reduce((sum, value) => sum + value * value, 0));
  return Float32Array.from(vector, (value) => (length === 0 ? 0 : value / length));
}
