/**
 * Ops that make an axis smaller or depend on all of it.
 */
/* oxlint-disable import/no-cycle -- gradients refer to each other, but only once they are called */

import { sameDim, sameShape, sizeOf, type Shape } from '../dims.ts';
import { apply, integers, scalar, type Op, type Tensor } from '../tensor.ts';
import { mul, sub } from './elementwise.ts';
import { expand, reshape } from './movement.ts';

type One = readonly [Tensor];
/** The second input is `axes`, as a tensor. */
type WithAxes = readonly [Tensor, Tensor];

interface Reduction {
  /** From the front, counted from 0. */
  readonly axes: readonly number[];
  readonly keepAxes: boolean;
}

function reducedShape({ shape }: Tensor, { axes, keepAxes }: Reduction): Shape {
  return keepAxes
    ? shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
    : shape.filter((_, i) => !axes.includes(i));
}

const withOnes = ({ shape }: Tensor, axes: readonly number[]): Shape =>
  shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));

const keepdims = ({ keepAxes }: Reduction): { keepdims: { int: number } } => ({ keepdims: { int: keepAxes ? 1 : 0 } });

export const ReduceSum: Op<WithAxes, Reduction, One> = {
  onnx: 'ReduceSum',
  shapes: ([x], reduction) => [reducedShape(x, reduction)],
  attributes: keepdims,
  gradient: ([dy], [x], _, { axes }) => [expand(reshape(dy, withOnes(x, axes)), x.shape)],
};
export const reduceSum = (x: Tensor, axes: readonly number[], keepAxes = false): Tensor =>
  apply(ReduceSum, [x, integers(axes)], { axes, keepAxes });

export const ReduceMean: Op<WithAxes, Reduction, One> = {
  onnx: 'ReduceMean',
  shapes: ([x], reduction) => [reducedShape(x, reduction)],
  attributes: keepdims,
  gradient: ([dy], [x], _, { axes }) => {
    // Means over an axis whose size has a name are not needed, so `sizeOf` may insist on a number.
    const count = axes.reduce((total, axis) => total * sizeOf(x.shape[axis]!, {}), 1);
    return [mul(expand(reshape(dy, withOnes(x, axes)), x.shape), scalar(1 / count))];
  },
};
export const reduceMean = (x: Tensor, axes: readonly number[], keepAxes = false): Tensor =>
  apply(ReduceMean, [x, integers(axes)], { axes, keepAxes });

export const ReduceMax: Op<WithAxes, Reduction, One> = {
  onnx: 'ReduceMax',
  shapes: ([x], reduction) => [reducedShape(x, reduction)],
  attributes: keepdims,
};
export const reduceMax = (x: Tensor, axes: readonly number[], keepAxes = false): Tensor =>
  apply(ReduceMax, [x, integers(axes)], { axes, keepAxes });

export const ReduceMin: Op<WithAxes, Reduction, One> = {
  onnx: 'ReduceMin',
  shapes: ([x], reduction) => [reducedShape(x, reduction)],
  attributes: keepdims,
};
export const reduceMin = (x: Tensor, axes: readonly number[], keepAxes = false): Tensor =>
  apply(ReduceMin, [x, integers(axes)], { axes, keepAxes });

/** Over the last axis. */
export const Softmax: Op<One, null, One> = {
  onnx: 'Softmax',
  shapes: ([x]) => [x.shape],
  attributes: () => ({ axis: { int: -1 } }),
  gradient: ([dy], _, [y]) => [mul(y, sub(dy, reduceSum(mul(dy, y), [y.shape.length - 1], true)))],
};
export const softmax = (x: Tensor): Tensor => apply(Softmax, [x], null);

/** The gradient of broadcasting: sums the axes that broadcasting to `x.shape` had added or stretched. */
export function sumTo(shape: Shape, x: Tensor): Tensor {
  if (sameShape(shape, x.shape)) return x;
  const added = x.shape.length - shape.length;
  const axes = x.shape.flatMap((dim, axis) => (axis < added || !sameDim(dim, shape[axis - added]!) ? [axis] : []));
  const summed = reduceSum(x, axes);
  return sameShape(summed.shape, shape) ? summed : reshape(summed, shape);
}
