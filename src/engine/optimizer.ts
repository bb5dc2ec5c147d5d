/**
 * AdamW (Loshchilov and Hutter, 2019): Adam with bias correction and a weight decay of its own, after
 * clipping the global gradient norm. State is f32 like the parameters; the scalars are f64.
 *
 *   m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2
 *   w <- w (1 - rate decay) - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
 *
 * Knows parameters as named arrays, and nothing of networks, plans or files.
 */

import assert from 'node:assert/strict';
import type { Parameter } from './nn/network.ts';

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

  /** Updates every parameter and leaves the gradients zero; gives their norm before clipping. */
  update(learningRate: number): number {
    const { weightDecay, gradientNormMax, beta1, beta2, epsilon } = this.#options;
    const norm = globalNorm(this.#parameters.map(({ gradient }) => gradient));
    const scale = gradientNormMax > 0 ? Math.min(1, gradientNormMax / (norm + 1e-6)) : 1;
    this.#updates += 1;
    const rate = learningRate / (1 - beta1 ** this.#updates);
    const secondScale = 1 / Math.sqrt(1 - beta2 ** this.#updates);
    this.#parameters.forEach(({ data, gradient, decay }, i) => {
      const keep = decay ? 1 - learningRate * weightDecay : 1;
      adam(data, gradient, this.#moments[i]!, { scale, beta1, beta2, rate, secondScale, epsilon, keep });
      gradient.fill(0);
    });
    return norm;
  }
}

interface Scalars {
  readonly scale: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly rate: number;
  readonly secondScale: number;
  readonly epsilon: number;
  readonly keep: number;
}

/** The hot loop, alone so that it compiles as one: about 7 ns a parameter. */
function adam(data: Float32Array, gradient: Float32Array, { first, second }: Moments, scalars: Scalars): void {
  const { scale, beta1, beta2, rate, secondScale, epsilon, keep } = scalars;
  const fresh1 = 1 - beta1;
  const fresh2 = 1 - beta2;
  for (let i = 0; i < data.length; i++) {
    const g = gradient[i]! * scale;
    const m = beta1 * first[i]! + fresh1 * g;
    const v = beta2 * second[i]! + fresh2 * g * g;
    first[i] = m;
    second[i] = v;
    data[i] = data[i]! * keep - (rate * m) / (Math.sqrt(v) * secondScale + epsilon);
  }
}

/** Euclidean norm of all arrays together, summed in f64. */
export function globalNorm(arrays: readonly Float32Array[]): number {
  let sum = 0;
  for (const array of arrays) sum += squares(array);
  return Math.sqrt(sum);
}

/** Four sums side by side, because each addition waits for the one before it. */
function squares(array: Float32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < array.length; i += 4) {
    a += array[i]! * array[i]!;
    b += array[i + 1]! * array[i + 1]!;
    c += array[i + 2]! * array[i + 2]!;
    d += array[i + 3]! * array[i + 3]!;
  }
  for (; i < array.length; i++) a += array[i]! * array[i]!;
  return a + b + c + d;
}
