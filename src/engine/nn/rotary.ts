/**
 * Tables of cosines and sines for rotary positions, grown to the longest sequence seen. A model has one rotation, or one
 * for each kind of its layers, or none.
 */

import { input, type Tensor } from '../graph/tensor.ts';
import type { Dim } from '../graph/dims.ts';
import type { Feeds } from '../graph/session.ts';

/** Cosine, sine and minus sine of every position, [positions, D/2] each. */
export interface Rotation {
  readonly cos: Tensor;
  readonly sin: Tensor;
  readonly sinNegated: Tensor;
}

export class RotaryTables {
  readonly #rotations: readonly Float64Array[];
  #made: { readonly count: number; readonly feeds: Feeds } | null = null;

  /** Of each rotation the radians per position, one number for each pair of numbers of a head. */
  constructor(rotations: readonly Float64Array[]) {
    this.#rotations = rotations;
  }

  inputs(positions: Dim): Rotation[] {
    return this.#rotations.map((frequencies, i) => {
      const table = (what: keyof Rotation): Tensor => input(nameOf(i, what), [positions, frequencies.length]);
      return { cos: table('cos'), sin: table('sin'), sinNegated: table('sinNegated') };
    });
  }

  /** Tables of at least so many positions. */
  upTo(positions: number): { readonly count: number; readonly feeds: Feeds } {
    if (this.#made !== null && this.#made.count >= positions) return this.#made;
    const count = 2 ** Math.ceil(Math.log2(Math.max(positions, 512)));
    const feeds: Record<string, Float32Array> = {};
    for (const [i, frequencies] of this.#rotations.entries()) {
      const pairs = frequencies.length;
      const angle = (at: number): number => Math.floor(at / pairs) * frequencies[at % pairs]!;
      const table = (of: (angle: number) => number): Float32Array =>
        Float32Array.from({ length: count * pairs }, (_, at) => of(angle(at)));
      feeds[nameOf(i, 'cos')] = table(Math.cos);
      feeds[nameOf(i, 'sin')] = table(Math.sin);
      feeds[nameOf(i, 'sinNegated')] = table((a) => -Math.sin(a));
    }
    this.#made = { count, feeds };
    return this.#made;
  }
}

const nameOf = (rotation: number, what: keyof Rotation): string => `rotary.${rotation}.${what}`;
