/**
 * Ops that work number by number, with numpy's broadcasting.
 */
/* oxlint-disable import/no-cycle -- gradients refer to each other, but only once they are called */

import assert from 'node:assert/strict';
import { sameDim, shapeText, type Shape } from '../dims.ts';
import { apply, scalar, type Op, type Tensor } from '../tensor.ts';
import { sumTo } from './reduction.ts';

type One = readonly [Tensor];
type Two = readonly [Tensor, Tensor];

export const Add: Op<Two, null, One> = {
  onnx: 'Add',
  shapes: ([a, b]) => [broadcast(a.shape, b.shape)],
  gradient: ([dy], [a, b]) => [sumTo(a.shape, dy), sumTo(b.shape, dy)],
};
export const add = (a: Tensor, b: Tensor): Tensor => apply(Add, [a, b], null);

export const Sub: Op<Two, null, One> = {
  onnx: 'Sub',
  shapes: ([a, b]) => [broadcast(a.shape, b.shape)],
  gradient: ([dy], [a, b]) => [sumTo(a.shape, dy), sumTo(b.shape, neg(dy))],
};
export const sub = (a: Tensor, b: Tensor): Tensor => apply(Sub, [a, b], null);

export const Mul: Op<Two, null, One> = {
  onnx: 'Mul',
  shapes: ([a, b]) => [broadcast(a.shape, b.shape)],
  gradient: ([dy], [a, b]) => [sumTo(a.shape, mul(dy, b)), sumTo(b.shape, mul(dy, a))],
};
export const mul = (a: Tensor, b: Tensor): Tensor => apply(Mul, [a, b], null);

export const Neg: Op<One, null, One> = {
  onnx: 'Neg',
  shapes: ([x]) => [x.shape],
  gradient: ([dy]) => [neg(dy)],
};
export const neg = (x: Tensor): Tensor => apply(Neg, [x], null);

export const Log: Op<One, null, One> = {
  onnx: 'Log',
  shapes: ([x]) => [x.shape],
  gradient: ([dy], [x]) => [mul(dy, reciprocal(x))],
};
export const log = (x: Tensor): Tensor => apply(Log, [x], null);

export const Reciprocal: Op<One, null, One> = {
  onnx: 'Reciprocal',
  shapes: ([x]) => [x.shape],
  gradient: ([dy], _, [y]) => [neg(mul(dy, mul(y, y)))],
};
export const reciprocal = (x: Tensor): Tensor => apply(Reciprocal, [x], null);

export const Sqrt: Op<One, null, One> = {
  onnx: 'Sqrt',
  shapes: ([x]) => [x.shape],
  gradient: ([dy], _, [y]) => [mul(dy, mul(scalar(0.5), reciprocal(y)))],
};
export const sqrt = (x: Tensor): Tensor => apply(Sqrt, [x], null);

export const Sigmoid: Op<One, null, One> = {
  onnx: 'Sigmoid',
  shapes: ([x]) => [x.shape],
  gradient: ([dy], _, [y]) => [mul(dy, mul(y, sub(scalar(1), y)))],
};
export const sigmoid = (x: Tensor): Tensor => apply(Sigmoid, [x], null);

export const Tanh: Op<One, null, One> = {
  onnx: 'Tanh',
  shapes: ([x]) => [x.shape],
  gradient: ([dy], _, [y]) => [mul(dy, sub(scalar(1), mul(y, y)))],
};
export const tanh = (x: Tensor): Tensor => apply(Tanh, [x], null);

/** x sigmoid(x). Its slope is y + sigmoid(x) (1 - y): two wide values less to keep than by the product rule. */
export const Silu: Op<One, null, One> = {
  onnx: 'QuickGelu',
  domain: 'com.microsoft',
  shapes: ([x]) => [x.shape],
  attributes: () => ({ alpha: { float: 1 } }),
  gradient: ([dy], [x], [y]) => [mul(dy, add(y, mul(sigmoid(x), sub(scalar(1), y))))],
};
export const silu = (x: Tensor): Tensor => apply(Silu, [x], null);

export const Exp: Op<One, null, One> = {
  onnx: 'Exp',
  shapes: ([x]) => [x.shape],
  gradient: ([dy], _, [y]) => [mul(dy, y)],
};
export const exp = (x: Tensor): Tensor => apply(Exp, [x], null);

/** 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x. */
export const Erf: Op<One, null, One> = {
  onnx: 'Erf',
  shapes: ([x]) => [x.shape],
  gradient: ([dy], [x]) => [mul(dy, mul(exp(neg(mul(x, x))), scalar(2 / Math.sqrt(Math.PI))))],
};
export const erf = (x: Tensor): Tensor => apply(Erf, [x], null);

/** x times the normal distribution's integral up to x. Its slope is that integral and x times the density. */
export const Gelu: Op<One, null, One> = {
  onnx: 'Gelu',
  domain: 'com.microsoft',
  shapes: ([x]) => [x.shape],
  gradient: ([dy], [x]) => {
    const integral = add(mul(erf(mul(x, scalar(Math.SQRT1_2))), scalar(0.5)), scalar(0.5));
    const density = mul(exp(mul(mul(x, x), scalar(-0.5))), scalar(1 / Math.sqrt(2 * Math.PI)));
    return [mul(dy, add(integral, mul(x, density)))];
  },
};
export const gelu = (x: Tensor): Tensor => apply(Gelu, [x], null);

/**
 * GELU as GPT-2 and Gemma approximate it: x s with s = sigmoid(2 k (x + c x^3)), k = sqrt(2 / pi), c = 0.044715.
 * Its slope is s + (y - y s) (2 k + 6 k c x^2).
 */
export const GeluTanh: Op<One, null, One> = {
  onnx: 'FastGelu',
  domain: 'com.microsoft',
  shapes: ([x]) => [x.shape],
  gradient: ([dy], [x], [y]) => {
    const k = Math.sqrt(2 / Math.PI);
    const c = 0.044715;
    const squared = mul(x, x);
    const s = sigmoid(mul(x, add(mul(squared, scalar(2 * k * c)), scalar(2 * k))));
    const inner = add(mul(squared, scalar(6 * k * c)), scalar(2 * k));
    return [mul(dy, add(s, mul(sub(y, mul(y, s)), inner)))];
  },
};
export const geluTanh = (x: Tensor): Tensor => apply(GeluTanh, [x], null);

/** The larger of two. Not differentiated: we only use it to keep logarithms and scales away from zero. */
export const Max: Op<Two, null, One> = { onnx: 'Max', shapes: ([a, b]) => [broadcast(a.shape, b.shape)] };
export const max = (a: Tensor, b: Tensor): Tensor => apply(Max, [a, b], null);

export const Equal: Op<Two, null, One> = {
  onnx: 'Equal',
  element: () => 'bool',
  shapes: ([a, b]) => [broadcast(a.shape, b.shape)],
};
export const equal = (a: Tensor, b: Tensor): Tensor => apply(Equal, [a, b], null);

export const GreaterOrEqual: Op<Two, null, One> = {
  onnx: 'GreaterOrEqual',
  element: () => 'bool',
  shapes: ([a, b]) => [broadcast(a.shape, b.shape)],
};
export const greaterOrEqual = (a: Tensor, b: Tensor): Tensor => apply(GreaterOrEqual, [a, b], null);

export const Greater: Op<Two, null, One> = {
  onnx: 'Greater',
  element: () => 'bool',
  shapes: ([a, b]) => [broadcast(a.shape, b.shape)],
};
export const greater = (a: Tensor, b: Tensor): Tensor => apply(Greater, [a, b], null);

export const And: Op<Two, null, One> = { onnx: 'And', shapes: ([a, b]) => [broadcast(a.shape, b.shape)] };
export const and = (a: Tensor, b: Tensor): Tensor => apply(And, [a, b], null);

/** `a` where the condition holds, else `b`; for masks, so not differentiated. */
export const Where: Op<readonly [Tensor, Tensor, Tensor], null, One> = {
  onnx: 'Where',
  element: () => 'float32',
  shapes: ([condition, a, b]) => [broadcast(condition.shape, broadcast(a.shape, b.shape))],
};
export const where = (condition: Tensor, a: Tensor, b: Tensor): Tensor => apply(Where, [condition, a, b], null);

/** Numpy's rule: aligned at the last axis, sizes are equal or one of them is 1. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    assert(
      left === 1 || right === 1 || sameDim(left, right),
      `broadcast: [${shapeText(a)}] with [${shapeText(b)}]: axis ${axis} differs`,
    );
    return left === 1 ? right : left;
  });
}
