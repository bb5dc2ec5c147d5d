/**
 * Eight-bit products, and what opens smaller numbers for them. None is differentiated: rounding is flat, so whoever uses them says what the gradient is.
 */

import { elementCodes } from '../../../formats/onnx.ts';
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

/** round(x / scale) + zero with one scale and zero for all, in the zero's element type. */
export const Quantise: Op<Three, null, readonly [Tensor]> = {
  onnx: 'QuantizeLinear',
  element: ([, , zero]) => zero.element,
  shapes: ([x]) => [x.shape],
};
export const quantise = (x: Tensor, scale: Tensor, zero: Tensor): Tensor => apply(Quantise, [x, scale, zero], null);

/** (a - aZero) b, times aScale, times bScale per column. Inputs: a uint8 [M, K], b int8 [K, N], aScale, bScale, aZero. */
export const Int8Product: Op<readonly [Tensor, Tensor, Tensor, Tensor, Tensor], null, readonly [Tensor]> = {
  onnx: 'MatMulIntegerToFloat',
  domain: 'com.microsoft',
  element: () => 'float32',
  shapes: ([a, b]) => [[a.shape[0]!, b.shape[1]!]],
};
export const int8Product = (a: Tensor, b: Tensor, aScale: Tensor, bScale: Tensor, aZero: Tensor): Tensor =>
  apply(Int8Product, [a, b, aScale, bScale, aZero], null);

/** Of whole numbers without a sign, by as many bits as the second input says. */
export const ShiftRight: Op<readonly [Tensor, Tensor], null, readonly [Tensor]> = {
  onnx: 'BitShift',
  shapes: ([x]) => [x.shape],
  attributes: () => ({ direction: { text: 'RIGHT' } }),
};
export const shiftRight = (x: Tensor, bits: Tensor): Tensor => apply(ShiftRight, [x, bits], null);

/** The same numbers, of whatever element. */
export const ToFloat: Op<readonly [Tensor], null, readonly [Tensor]> = {
  onnx: 'Cast',
  element: () => 'float32',
  shapes: ([x]) => [x.shape],
  attributes: () => ({ to: { int: elementCodes.float32 } }),
};
export const toFloat = (x: Tensor): Tensor => apply(ToFloat, [x], null);
