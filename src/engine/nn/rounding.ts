/**
 * Rounds a model's matrices, once, before training. Eight bits are made by a graph, because the runtime is faster at it.
 */

import type { LinearRole } from '../../families/family.ts';
import { named } from '../graph/dims.ts';
import { emit } from '../graph/emit.ts';
import { int8Product } from '../graph/ops/quantised.ts';
import { openSession, type Session } from '../graph/session.ts';
import { constant, floats, input, scalar } from '../graph/tensor.ts';
import { roundToFourBits } from './four-bits.ts';
import { roundWeight, type Int8Linear } from './int8.ts';
import type { Rounded } from './weights.ts';

export class Rounding implements AsyncDisposable {
  readonly #base: 'int8' | 'int4';
  readonly #levels: number;
  readonly #threads: number;
  /** By the number of columns, which the graph must know. */
  readonly #sessions = new Map<number, Session>();

  private constructor(base: 'int8' | 'int4', levels: number, threads: number) {
    this.#base = base;
    this.#levels = levels;
    this.#threads = threads;
  }

  static async open(base: 'int8' | 'int4', threads: number): Promise<Rounding> {
    return new Rounding(base, await weightLevels(), threads);
  }

  /** Of a matrix [out, in] of so many columns. */
  async round(matrix: Float32Array, columns: number, role: LinearRole): Promise<Rounded<NodeJS.TypedArray>> {
    if (this.#base === 'int4' && (matrix.length / columns) % 2 === 0) {
      const { packed, steps, lows, largest, error } = roundToFourBits(matrix, columns);
      if (error < fourBitErrorMax(role)) {
        const scales = (most: Float32Array): Float32Array => most.map((x) => Math.max(x, 1e-30) / this.#levels);
        // Where products of eight bits lose levels they are slow as well.
        const fast = this.#levels === 127;
        const eight = fast ? { turned: scales(largest.turned), plain: scales(largest.plain) } : null;
        return { kind: 'int4', packed, steps, lows, eight };
      }
    }
    return { kind: 'int8', ...(await this.#toEightBits(matrix, columns)) };
  }

  async #toEightBits(matrix: Float32Array, columns: number): Promise<Int8Linear<NodeJS.TypedArray>> {
    const session = this.#sessions.get(columns) ?? (await this.#open(columns));
    const outputs = await session.run({ w: matrix }, { out: matrix.length / columns });
    return {
      forward: { columns: outputs['forward']!, scales: outputs['forwardScales']! },
      backward: { columns: outputs['backward']!, scales: outputs['backwardScales']! },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions.values()) await session[Symbol.asyncDispose]();
  }

  async #open(columns: number): Promise<Session> {
    const { forward, backward } = roundWeight(input('w', [named('out'), columns]), this.#levels);
    const program = emit({
      forward: forward.columns,
      forwardScales: forward.scales,
      backward: backward.columns,
      backwardScales: backward.scales,
    });
    const session = await openSession(program, { threads: this.#threads, packWeights: true });
    this.#sessions.set(columns, session);
    return session;
  }
}

/**
 * A matrix whose error in four bits is larger stays in eight. A usual one has 0.075. What reads the middle of a feed-forward
 * meets its outlier channels, and was the costliest to round: nearly half of the loss that came of all (docs/lab-notes.md).
 * So it is only taken where it was in four bits before.
 */
const fourBitErrorMax = (role: LinearRole): number => (role === 'down' ? 0.01 : 0.1);

/**
 * How many levels a weight may have on this processor. Those with VNNI, AMX or ARM's dot product add up exactly.
 * Older ones add pairs of products in 16 bits, which 255 x 127 x 2 overflows but 255 x 63 x 2 does not.
 */
async function weightLevels(): Promise<127 | 63> {
  const size = 64;
  const ones = floats(Array.from({ length: size }, () => 1));
  const matrix = constant(new Int8Array(size * size).fill(127), [size, size], 'int8');
  const y = int8Product(
    input('x', [size, size], 'uint8'),
    matrix,
    scalar(1),
    ones,
    constant(Uint8Array.of(0), [], 'uint8'),
  );
  await using session = await openSession(emit({ y }), { threads: 1, packWeights: true });
  const outputs = await session.run({ x: new Uint8Array(size * size).fill(255) });
  return outputs['y']!.every((sum) => sum === 255 * 127 * size) ? 127 : 63;
}
