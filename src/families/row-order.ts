/**
 * What differs between Hugging Face's checkpoints and GGUF beside the names: the order of rows, which side of a
 * matrix comes first, and where gains begin.
 *
 *   interleave   Hugging Face   a0 a1 a2 b0 b1 b2        GGUF   a0 b0 a1 b1 a2 b2       head by head
 */

import assert from 'node:assert';

/** What happens to a tensor on its way into a GGUF. */
export type Change =
  | { readonly kind: 'none' }
  | { readonly kind: 'interleave'; readonly heads: number }
  /** [in, out] becomes [out, in]. */
  | { readonly kind: 'transpose' }
  | { readonly kind: 'add-one' };

/** Values of a tensor whose GGUF shape is `shape`, from Hugging Face's order to a GGUF's. */
export function toGguf(values: Float32Array, shape: readonly number[], change: Change): Float32Array {
  switch (change.kind) {
    case 'none':
      return values;
    case 'interleave':
      return interleaveRows(values, shape[1] ?? 1, change.heads);
    case 'transpose':
      return transposed(values, shape[1]!, shape[0]!);
    case 'add-one':
      return values.map((value) => value + 1);
  }
}

/** The way back. */
export function toHuggingFace(values: Float32Array, shape: readonly number[], change: Change): Float32Array {
  switch (change.kind) {
    case 'none':
      return values;
    case 'interleave':
      return separateRows(values, shape[1] ?? 1, change.heads);
    case 'transpose':
      return transposed(values, shape[0]!, shape[1]!);
    case 'add-one':
      return values.map((value) => value - 1);
  }
}

/** Rows [out, columns] in Hugging Face's order → the order of a GGUF of architecture `llama`. */
export function interleaveRows(data: Float32Array, columns: number, heads: number): Float32Array {
  return reorderRows(data, columns, heads, (i, half) => (i < half ? 2 * i : 2 * (i - half) + 1));
}

/** The way back. */
export function separateRows(data: Float32Array, columns: number, heads: number): Float32Array {
  return reorderRows(data, columns, heads, (i, half) => (i % 2 === 0 ? i / 2 : half + (i - 1) / 2));
}

/** `to` says where row i of a head goes. */
function reorderRows(
  data: Float32Array,
  columns: number,
  heads: number,
  to: (i: number, half: number) => number,
): Float32Array {
  const half = data.length / columns / heads / 2;
  assert(Number.isInteger(half), `${data.length / columns} rows do not split into ${heads} heads of even size`);
  const result = new Float32Array(data.length);
  for (let head = 0; head < heads; head++) {
    const first = head * 2 * half;
    for (let i = 0; i < 2 * half; i++) {
      const from = first + i;
      result.set(data.subarray(from * columns, (from + 1) * columns), (first + to(i, half)) * columns);
    }
  }
  return result;
}

/** A matrix of so many rows and columns, with the columns as rows. */
function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  assert(values.length === rows * columns, `${values.length} values are no matrix of ${rows} by ${columns}`);
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column]!;
  }
  return result;
}
