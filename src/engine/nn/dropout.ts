/**
 * Dropout, for LoRA's inputs and for what blocks add to the stream, fixed by a seed and cheap to apply.
 *
 * Drawing a fresh mask for every module would cost more than the products it is for. Instead a pool of random rows
 * is drawn once per run, and every module takes its rows from there in an order of its own: within a mask all
 * draws are independent (up to `poolRows` tokens), and no two modules drop the same.
 */

import { input, integers, type Tensor } from '../graph/tensor.ts';
import { gather } from '../graph/ops/movement.ts';
import type { Dim } from '../graph/dims.ts';
import type { Feeds } from '../graph/session.ts';
import { Random, threefry } from '../random.ts';

/** A power of two, so that every odd stride visits all rows. */
const poolRows = 1024;
const choices = 2 ** 16;

export class Dropout {
  readonly #name: string;
  readonly #moduleCount: number;
  /** How many of `choices` draws drop. */
  readonly #dropped: number;
  readonly #rows: Tensor;
  readonly #pools = new Map<number, Tensor>();

  /** `rate` is the share that is dropped, `tokens` the size of the axis of tokens; `name` tells two of a graph apart. */
  constructor(name: string, rate: number, moduleCount: number, tokens: Dim) {
    this.#name = name;
    this.#dropped = Math.round(rate * choices);
    this.#moduleCount = moduleCount;
    this.#rows = input(`${name}.rows`, [moduleCount, tokens], 'int64');
  }

  /** [N, columns]: 0 where module number `module` drops, else what makes up for it on average. */
  mask(module: number, columns: number): Tensor {
    let pool = this.#pools.get(columns);
    if (pool === undefined) {
      pool = input(this.#poolName(columns), [poolRows, columns]);
      this.#pools.set(columns, pool);
    }
    return gather(pool, gather(this.#rows, integers([module], [])));
  }

  /** What run number `run` under this seed must be fed for so many tokens. */
  feeds(seed: number, run: number, tokens: number): Feeds {
    const random = Random.fromSeed(seed).split(run);
    const rows = new BigInt64Array(this.#moduleCount * tokens);
    for (let module = 0; module < this.#moduleCount; module++) {
      const start = random.below(poolRows);
      const stride = random.below(poolRows / 2) * 2 + 1;
      for (let i = 0; i < tokens; i++) rows[module * tokens + i] = BigInt((start + stride * i) % poolRows);
    }
    const feeds: Record<string, NodeJS.TypedArray> = { [`${this.#name}.rows`]: rows };
    for (const columns of this.#pools.keys()) {
      feeds[this.#poolName(columns)] = this.#drawPool(columns, [random.uint32(), random.uint32()]);
    }
    return feeds;
  }

  #poolName(columns: number): string {
    return `${this.#name}.pool.${columns}`;
  }

  #drawPool(columns: number, key: readonly [number, number]): Float32Array {
    const pool = new Float32Array(poolRows * columns);
    const kept = choices / (choices - this.#dropped);
    const draw = (bits: number): number => ((bits & (choices - 1)) < this.#dropped ? 0 : kept);
    for (let i = 0; i < pool.length; i += 4) {
      const [first, second] = threefry(key, [i, 0]);
      pool[i] = draw(first);
      pool[i + 1] = draw(first >>> 16);
      pool[i + 2] = draw(second);
      pool[i + 3] = draw(second >>> 16);
    }
    return pool;
  }
}
