/**
 * Eight-bit products. None is differentiated: rounding is flat, so whoever uses them says what the gradient is.
 */

import { apply, type Op, type Tensor } from '../tensor.ts';

type Three = readonly [Tensor, Tensor, Tensor];

/** round(x / scale) + zero, with a scale and a zero for each row of the matrix x, in the zeros' element type. */
export const QuantiseRows: Op<Three, null, readonly [Tensor]> = {
  onnx: 'QuantizeLinear',
  element: ([, , zero]) => zero.element,
  shapes: ([x]) => [x.shape],
  // Along the other axis the runtime takes twenty times as long.
  attributes: () => ({ axis: { int: 0 } }),
};
export const quantiseRows = (x: Tensor, scale: Tensor, zero: Tensor): Tensor =>
  apply(QuantiseRows, [x, scale, zero], null);

/** (a - aZero) b, times aScale, times bScale per column. Inputs: a uint8 [M, K], b int8 [K, N], aScale, bScale, aZero. */
export const Int8Product: Op<readonly [Tensor, Tensor, Tensor, Tensor, Tensor], null, readonly [Tensor]> = {
  onnx: 'MatMulIntegerToFloat',
  domain: 'com.microsoft',
  element: () => 'float32',
  shapes: ([a, b]) => [[a.shape[0]!, b.shape[1]!]],
};
export const int8Product = (a: Tensor, b: Tensor, aScale: Tensor, bScale: Tensor, aZero: Tensor): Tensor =>
  apply(Int8Product, [a, b, aScale, bScale, aZero], null);
