/**
 * Ops that move numbers without changing them.
 */
/* oxlint-disable import/no-cycle -- gradients refer to each other, but only once they are called */

import assert from 'node:assert/strict';
import { part, product, sameDim, sameShape, shapeText, sum, type Shape } from '../dims.ts';
import { apply, applyAll, describe, integers, scalar, sizes, type Op, type Tensor } from '../tensor.ts';
import { sumTo } from './reduction.ts';

type One = readonly [Tensor];
type Two = readonly [Tensor, Tensor];

/** The second input is the new shape. */
export const Reshape: Op<Two, { readonly shape: Shape }, One> = {
  onnx: 'Reshape',
  shapes: ([x], { shape }) => {
    assert(
      sameDim(product(...x.shape), product(...shape)),
      `reshape: ${describe(x)} to [${shapeText(shape)}]: counts differ`,
    );
    return [shape];
  },
  gradient: ([dy], [x]) => [reshape(dy, x.shape)],
};

export function reshape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  // At most one unknown size can be left to the runtime (-1); with more, the shape itself is fed at every run.
  const unknown = shape.filter((dim) => typeof dim !== 'number').length;
  const target = unknown > 1 ? sizes(shape) : integers(shape.map((dim) => (typeof dim === 'number' ? dim : -1)));
  return apply(Reshape, [x, target], { shape });
}

export const Transpose: Op<One, { readonly order: readonly number[] }, One> = {
  onnx: 'Transpose',
  shapes: ([x], { order }) => [order.map((axis) => x.shape[axis]!)],
  attributes: ({ order }) => ({ perm: { ints: order } }),
  gradient: ([dy], _, __, { order }) => [transpose(dy, inverse(order))],
};
export const transpose = (x: Tensor, order: readonly number[]): Tensor => apply(Transpose, [x], { order });

const inverse = (order: readonly number[]): number[] => order.map((_, axis) => order.indexOf(axis));

/** Repeats axes of size 1; the second input is the new shape. */
export const Expand: Op<Two, { readonly shape: Shape }, One> = {
  onnx: 'Expand',
  shapes: (_, { shape }) => [shape],
  gradient: ([dy], [x]) => [sumTo(x.shape, dy)],
};
export const expand = (x: Tensor, shape: Shape): Tensor =>
  sameShape(x.shape, shape) ? x : apply(Expand, [x, sizes(shape)], { shape });

/** Cuts an axis into pieces of the given sizes (second input), or into equal parts. */
export const Split: Op<readonly Tensor[], { readonly axis: number; readonly pieces: Shape }> = {
  onnx: 'Split',
  shapes: ([x], { axis, pieces }) => pieces.map((dim) => x!.shape.with(axis, dim)),
  attributes: ({ axis, pieces }, inputs) => ({
    axis: { int: axis },
    ...(inputs.length === 1 ? { num_outputs: { int: pieces.length } } : {}),
  }),
  gradient: (dys, _, __, { axis }) => [concat(dys, axis)],
};

export function split(x: Tensor, axis: number, pieces: readonly number[]): readonly Tensor[] {
  if (pieces.length === 1) return [x];
  assert(sameDim(x.shape[axis]!, sum(pieces)!), `split: axis ${axis} of ${describe(x)} is not ${pieces.join(' + ')}`);
  return applyAll(Split, [x, integers(pieces)], { axis, pieces });
}

/** Equal parts of an axis whose size may only be known at run time; it must then be a multiple of `parts`. */
export function splitEvenly(x: Tensor, axis: number, parts: number): readonly Tensor[] {
  if (parts === 1) return [x];
  const piece = part(x.shape[axis]!, parts);
  return applyAll(Split, [x], { axis, pieces: Array.from({ length: parts }, () => piece) });
}

export const Concat: Op<readonly Tensor[], { readonly axis: number }, One> = {
  onnx: 'Concat',
  shapes: (pieces, { axis }) => {
    const size = sum(pieces.map((x) => x.shape[axis]!));
    assert(size !== undefined, `concat: sizes of axis ${axis} do not add up: ${pieces.map(describe).join(', ')}`);
    return [pieces[0]!.shape.with(axis, size)];
  },
  attributes: ({ axis }) => ({ axis: { int: axis } }),
  gradient: ([dy], pieces, _, { axis }) => {
    const dims = pieces.map((x) => x.shape[axis]!);
    if (dims.every((dim) => sameDim(dim, dims[0]!))) return splitEvenly(dy, axis, pieces.length);
    return applyAll(Split, [dy, sizes(dims)], { axis, pieces: dims });
  },
};
export const concat = (pieces: readonly Tensor[], axis: number): Tensor =>
  pieces.length === 1 ? pieces[0]! : apply(Concat, pieces, { axis });

/** Rows of a table: `indices` picks along the first axis. Its gradient adds rows that were picked twice. */
export const Gather: Op<Two, null, One> = {
  onnx: 'Gather',
  shapes: ([table, indices]) => [[...indices.shape, ...table.shape.slice(1)]],
  gradient: ([dy], [table, indices]) => [
    scatterRows(expand(scalar(0), table.shape), reshape(indices, [...indices.shape, 1]), dy),
  ],
};
export const gather = (table: Tensor, indices: Tensor): Tensor => apply(Gather, [table, indices], null);

/** Adds `rows[i]` to row `indices[i][0]` of a table. */
export const ScatterRows: Op<readonly [Tensor, Tensor, Tensor], null, One> = {
  onnx: 'ScatterND',
  shapes: ([table]) => [table.shape],
  attributes: () => ({ reduction: { text: 'add' } }),
  gradient: ([dy], [, indices]) => [dy, null, gather(dy, reshape(indices, indices.shape.slice(0, -1)))],
};
export const scatterRows = (table: Tensor, indices: Tensor, rows: Tensor): Tensor =>
  apply(ScatterRows, [table, indices, rows], null);

/** sum + scattered, where `scattered` is rows that were added to zeros; undefined where it is not. */
export function addScattered(sum: Tensor, scattered: Tensor): Tensor | undefined {
  const { origin } = scattered;
  if (origin.kind !== 'result' || origin.application.op !== ScatterRows) return undefined;
  const [table, indices, rows] = origin.application.inputs as readonly [Tensor, Tensor, Tensor];
  return isZeros(table) ? scatterRows(sum, indices, rows) : undefined;
}

function isZeros({ origin }: Tensor): boolean {
  if (origin.kind !== 'result' || origin.application.op !== Expand) return false;
  const [value] = origin.application.inputs;
  return value!.origin.kind === 'constant' && value!.origin.data.every((byte) => byte === 0);
}

/** One number of every row: `indices` is [rows, 1]. */
export const GatherElements: Op<Two, null, One> = {
  onnx: 'GatherElements',
  shapes: ([, indices]) => [indices.shape],
  attributes: () => ({ axis: { int: 1 } }),
};
export const gatherElements = (x: Tensor, indices: Tensor): Tensor => apply(GatherElements, [x, indices], null);
