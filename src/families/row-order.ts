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

/** Numbers as floats, or as the bits of half-precision ones. */
export type Values = Float32Array | Uint16Array;

/** Values of a tensor whose GGUF shape is `shape`, from Hugging Face's order to a GGUF's. */
export function toGguf<V extends Values>(values: V, shape: readonly number[], change: Change): V {
  if (change.kind === 'interleave') return interleaveRows(values, columnsOf(shape), change.heads);
  if (change.kind === 'transpose' && shape.length === 2) return transposed(values, shape[1]!, shape[0]!);
  if (change.kind === 'add-one') return shifted(values, 1);
  return values;
}

/** The way back. */
export function toHuggingFace<V extends Values>(values: V, shape: readonly number[], change: Change): V {
  if (change.kind === 'interleave') return separateRows(values, columnsOf(shape), change.heads);
  if (change.kind === 'transpose' && shape.length === 2) return transposed(values, shape[0]!, shape[1]!);
  if (change.kind === 'add-one') return shifted(values, -1);
  return values;
}

/** The numbers in a row; of a vector, 1. */
const columnsOf = (shape: readonly number[]): number => shape[1] ?? 1;

function shifted<V extends Values>(values: V, by: number): V {
  assert(values instanceof Float32Array, 'only floats are shifted');
  return values.map((value) => value + by) as V;
}

/** Rows [out, columns] in Hugging Face's order → the order of a GGUF of architecture `llama`. */
export function interleaveRows<V extends Values>(data: V, columns: number, heads: number): V {
  return reorderRows(data, columns, heads, (i, half) => (i < half ? 2 * i : 2 * (i - half) + 1));
}

/** The way back. */
export function separateRows<V extends Values>(data: V, columns: number, heads: number): V {
  return reorderRows(data, columns, heads, (i, half) => (i % 2 === 0 ? i / 2 : half + (i - 1) / 2));
}

/** `to` says where row i of a head goes. */
function reorderRows<V extends Values>(
  data: V,
  columns: number,
  heads: number,
  to: (i: number, half: number) => number,
): V {
  const half = data.length / columns / heads / 2;
  assert(Number.isInteger(half), `${data.length / columns} rows do not split into ${heads} heads of even size`);
  const result = emptyLike(data);
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
function transposed<V extends Values>(values: V, rows: number, columns: number): V {
  assert(values.length === rows * columns, `${values.length} values are no matrix of ${rows} by ${columns}`);
  const result = emptyLike(values);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column]!;
  }
  return result;
}

const emptyLike = <V extends Values>(values: V): V =>
  (values instanceof Float32Array ? new Float32Array(values.length) : new Uint16Array(values.length)) as V;
