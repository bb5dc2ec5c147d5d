/**
 * AdamW (Loshchilov and Hutter, 2019): Adam with bias correction and a weight decay of its own, after
 * clipping the global gradient norm. State and arithmetic are f32 like the parameters; the norm is summed in f64.
 *
 *   m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2
 *   w <- w - w rate decay - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
 *
 * Knows parameters as named arrays, and nothing of networks, plans or files.
 */

import assert from 'node:assert/strict';
import type { Parameter } from './nn/network.ts';
import { adamW, sumOfSquares } from './vectors.ts';

export interface AdamWOptions {
  readonly weightDecay: number;
  /** Gradients are scaled down to this global norm; 0 leaves them as they are. */
  readonly gradientNormMax: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/** First and second moment of one parameter. */
export interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

export class AdamW {
  readonly #parameters: readonly Parameter[];
  readonly #options: Required<AdamWOptions>;
  readonly #moments: readonly Moments[];
  #updates = 0;

  constructor(parameters: readonly Parameter[], options: AdamWOptions) {
    this.#parameters = parameters;
    this.#options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, ...options };
    this.#moments = parameters.map(({ data }) => ({
      first: new Float32Array(data.length),
      second: new Float32Array(data.length),
    }));
  }

  /** Updates made so far; with the moments it is everything that has to be kept to continue. */
  get updates(): number {
    return this.#updates;
  }

  /** Live moments by parameter name, in the order of the parameters. */
  get moments(): ReadonlyMap<string, Moments> {
    return new Map(this.#parameters.map(({ name }, i) => [name, this.#moments[i]!]));
  }

  /** Continues from what another optimiser of the same parameters had reached. */
  restore(updates: number, moments: ReadonlyMap<string, Moments>): void {
    for (const [name, own] of this.moments) {
      const saved = moments.get(name);
      assert(saved, `optimizer state has no moments for ${name}`);
      assert.equal(saved.first.length, own.first.length, `optimizer state of ${name}: sizes differ`);
      own.first.set(saved.first);
      own.second.set(saved.second);
    }
    this.#updates = updates;
  }

  /** Updates every parameter; gives the norm of the gradients before clipping. */
  update(learningRate: number): number {
    const { weightDecay, gradientNormMax, beta1, beta2, epsilon } = this.#options;
    const norm = globalNorm(this.#parameters.map(({ gradient }) => gradient));
    const scale = gradientNormMax > 0 ? Math.min(1, gradientNormMax / (norm + 1e-6)) : 1;
    this.#updates += 1;
    const rate = learningRate / (1 - beta1 ** this.#updates);
    const secondScale = 1 / Math.sqrt(1 - beta2 ** this.#updates);
    this.#parameters.forEach(({ data, gradient, decay: decays }, i) => {
      const { first, second } = this.#moments[i]!;
      const decay = decays ? learningRate * weightDecay : 0;
      adamW(data, gradient, first, second, { scale, beta1, beta2, rate, secondScale, epsilon, decay });
    });
    return norm;
  }
}

/** Euclidean norm of all arrays together, summed in f64. */
export const globalNorm = (arrays: readonly Float32Array[]): number =>
  Math.sqrt(arrays.reduce((sum, array) => sum + sumOfSquares(array), 0));
