/**
 * Tables of cosines and sines for rotary positions, grown to the longest sequence seen.
 */

import { input, type Tensor } from '../graph/tensor.ts';
import type { Dim } from '../graph/dims.ts';
import type { Feeds } from '../graph/session.ts';

export class RotaryTables {
  readonly #frequencies: Float64Array;
  #made: { readonly count: number; readonly feeds: Feeds } | null = null;

  /** `frequencies` are radians per position, one for each pair of numbers of a head. */
  constructor(frequencies: Float64Array) {
    this.#frequencies = frequencies;
  }

  /** [positions, D/2] each */
  inputs(positions: Dim): { cos: Tensor; sin: Tensor; sinNegated: Tensor } {
    const shape = [positions, this.#frequencies.length];
    return {
      cos: input('rotary.cos', shape),
      sin: input('rotary.sin', shape),
      sinNegated: input('rotary.sinNegated', shape),
    };
  }

  /** Tables of at least so many positions. */
  upTo(positions: number): { readonly count: number; readonly feeds: Feeds } {
    if (this.#made !== null && this.#made.count >= positions) return this.#made;
    const count = 2 ** Math.ceil(Math.log2(Math.max(positions, 512)));
    const pairs = this.#frequencies.length;
    const angle = (i: number): number => Math.floor(i / pairs) * this.#frequencies[i % pairs]!;
    const table = (of: (angle: number) => number): Float32Array =>
      Float32Array.from({ length: count * pairs }, (_, i) => of(angle(i)));
    this.#made = {
      count,
      feeds: {
        'rotary.cos': table(Math.cos),
        'rotary.sin': table(Math.sin),
        'rotary.sinNegated': table((a) => -Math.sin(a)),
      },
    };
    return this.#made;
  }
}
