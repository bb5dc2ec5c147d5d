/**
 * Random numbers that depend on nothing but a seed and a count: Threefry-2x32 with 20 rounds
 * (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
 *
 * A generator is a 64-bit key and a counter, so its whole state is three numbers in a checkpoint. `split`
 * derives an independent generator without advancing this one: the order of epoch 7 is the same whether or not
 * epochs 1 to 6 were drawn in this process.
 *
 *   Random.fromSeed(42).split(streams.shuffle).split(7).permutation(examples)
 */

export interface RandomState {
  readonly key: readonly [number, number];
  readonly counter: number;
}

/** What randomness is spent on; every purpose has a stream of its own under the plan's seed. */
export const streams = { shuffle: 1, dropout: 2, validation: 3, adapter: 4, split: 5 } as const;

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const keyParity = 0x1bd11bda;

export class Random {
  readonly #key: readonly [number, number];
  #counter: number;

  private constructor(key: readonly [number, number], counter: number) {
    this.#key = key;
    this.#counter = counter;
  }

  /** Seeds are whole numbers from 0 to 2^53 - 1. */
  static fromSeed(seed: number): Random {
    return new Random([seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0], 0);
  }

  static fromState(state: RandomState): Random {
    return new Random([state.key[0], state.key[1]], state.counter);
  }

  get state(): RandomState {
    return { key: [this.#key[0], this.#key[1]], counter: this.#counter };
  }

  /** An independent generator named by a whole number; the same name gives the same generator. */
  split(name: number): Random {
    // The top bit of the block's second word tells names from counts, so a child never repeats its parent.
    return new Random(threefry(this.#key, [name >>> 0, 0x80000000]), 0);
  }

  /** The next whole number in [0, 2^32). */
  uint32(): number {
    const count = this.#counter++;
    const block = threefry(this.#key, [(count >>> 0) & ~1, Math.floor(count / 2 ** 32)]);
    return block[(count & 1) as 0 | 1];
  }

  /** A whole number in [0, limit), every one equally likely; `limit` is at most 2^32. */
  below(limit: number): number {
    const unfairFrom = 2 ** 32 - (2 ** 32 % limit);
    let number = this.uint32();
    while (number >= unfairFrom) number = this.uint32();
    return number % limit;
  }

  /** The numbers 0 to length - 1 in random order (Fisher and Yates). */
  permutation(length: number): Uint32Array {
    const order = Uint32Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const moved = order[i]!;
      order[i] = order[j]!;
      order[j] = moved;
    }
    return order;
  }
}

/** One block of the cipher: 64 bits of counter under 64 bits of key. */
export function threefry(key: readonly [number, number], counter: readonly [number, number]): [number, number] {
  const schedule = [key[0], key[1], keyParity ^ key[0] ^ key[1]] as const;
  let left = (counter[0] + key[0]) | 0;
  let right = (counter[1] + key[1]) | 0;
  for (let round = 0; round < 20; round++) {
    const rotation = rotations[(round % 8) as 0];
    left = (left + right) | 0;
    right = ((right << rotation) | (right >>> (32 - rotation))) ^ left;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      left = (left + schedule[(injection % 3) as 0]) | 0;
      right = (right + schedule[((injection + 1) % 3) as 0] + injection) | 0;
    }
  }
  return [left >>> 0, right >>> 0];
}
