/**
 * Byte-pair merging: of all neighbours that may become one token, the best-ranked pair does, again and again.
 *
 * Pairs wait in a heap, so a word of n symbols costs n log n however long it is. A heap entry is one number,
 * rank first and position second, which makes the leftmost of equals win. An entry is out of date when the
 * pair at its position no longer has its rank.
 */

/** Which two symbols become which, and how early. Symbols are small non-negative integers. */
export interface Merges {
  /** The rank of a pair, lower ones first, or -1 when it never merges. */
  rank(left: number, right: number): number;
  /** What a pair that merges becomes. */
  result(left: number, right: number): number;
}

export class MergeTable implements Merges {
  readonly #mask: number;
  /** Four numbers per slot: left + 1 (0 is an empty slot), right, rank, result. */
  readonly #slots: Int32Array;

  constructor(mergesMax: number) {
    const slots = 2 ** Math.ceil(Math.log2(2 * mergesMax + 2));
    this.#mask = slots - 1;
    this.#slots = new Int32Array(4 * slots);
  }

  /** The first rule for a pair stays. */
  add(left: number, right: number, rank: number, result: number): void {
    const slot = this.#slot(left, right);
    if (this.#slots[slot] !== 0) return;
    this.#slots.set([left + 1, right, rank, result], slot);
  }

  rank(left: number, right: number): number {
    const slot = this.#slot(left, right);
    return this.#slots[slot] === 0 ? -1 : this.#slots[slot + 2]!;
  }

  result(left: number, right: number): number {
    return this.#slots[this.#slot(left, right) + 3]!;
  }

  #slot(left: number, right: number): number {
    const slots = this.#slots;
    let at = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 0;
    at ^= at >>> 15;
    for (; ; at++) {
      const slot = 4 * (at & this.#mask);
      const found = slots[slot]!;
      if (found === 0 || (found === left + 1 && slots[slot + 1] === right)) return slot;
    }
  }
}

const positions = 2 ** 31;
/** Stands where a symbol was taken into its left neighbour. */
const merged = -1;

/** Merges symbols as far as the table goes, in place, and returns the same array. */
export function merge(symbols: number[], table: Merges): number[] {
  const count = symbols.length;
  if (count < 2) return symbols;
  const { next, previous, heap } = count > commonLength ? new Workspace(count) : common;
  const consider = (at: number): void => {
    if (at < 0 || next[at]! >= count) return;
    const rank = table.rank(symbols[at]!, symbols[next[at]!]!);
    if (rank >= 0) heap.push(rank * positions + at);
  };
  for (let i = 0; i < count; i++) {
    next[i] = i + 1; // `count` ends the list
    previous[i] = i - 1;
  }
  for (let i = 0; i + 1 < count; i++) consider(i);

  while (heap.size > 0) {
    const entry = heap.pop();
    const at = entry % positions;
    const right = next[at]!;
    if (symbols[at] === merged || right >= count) continue;
    if (table.rank(symbols[at]!, symbols[right]!) !== (entry - at) / positions) continue;
    symbols[at] = table.result(symbols[at]!, symbols[right]!);
    symbols[right] = merged;
    const after = next[right]!;
    next[at] = after;
    if (after < count) previous[after] = at;
    consider(previous[at]!);
    consider(at);
  }

  let kept = 0;
  for (let i = 0; i < count; i = next[i]!) symbols[kept++] = symbols[i]!;
  symbols.length = kept;
  return symbols;
}

/** The smallest of up to `capacity` numbers, again and again. */
class Heap {
  size = 0;
  readonly #values: Float64Array;

  constructor(capacity: number) {
    this.#values = new Float64Array(capacity);
  }

  push(value: number): void {
    const values = this.#values;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (values[parent]! <= value) break;
      values[at] = values[parent]!;
      at = parent;
    }
    values[at] = value;
  }

  pop(): number {
    const values = this.#values;
    const top = values[0]!;
    const size = --this.size;
    const value = values[size]!;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && values[child + 1]! < values[child]!) child++;
      if (values[child]! >= value) break;
      values[at] = values[child]!;
      at = child;
    }
    values[at] = value;
    return top;
  }
}

/** The links between the symbols that are left, and the heap of their pairs. */
class Workspace {
  readonly next: Int32Array;
  readonly previous: Int32Array;
  readonly heap: Heap;

  constructor(symbols: number) {
    this.next = new Int32Array(symbols);
    this.previous = new Int32Array(symbols);
    // A pair for every neighbour at first, then at most two new ones per merge.
    this.heap = new Heap(3 * symbols);
  }
}

/** Nearly all words fit into one workspace, which saves making it for each. */
const commonLength = 256;
const common = new Workspace(commonLength);
