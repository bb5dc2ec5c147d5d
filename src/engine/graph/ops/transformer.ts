/**
 * Ops made for transformers, each one pass over its input in the runtime.
 */

import assert from 'node:assert/strict';
import { apply, applyAll, describe, scalar, type Op, type Tensor } from '../tensor.ts';
import { add, mul, reciprocal, sqrt, sub } from './elementwise.ts';
import { reduceMean, sumTo } from './reduction.ts';

/**
 * y = gain x / rms(x) over the last axis, where rms(x)^2 = mean(x^2) + epsilon. The second output is 1/rms.
 *
 *   dx = r gain dy - x r^2 mean(r gain dy x),  dgain = sum of rows of dy x r
 */
export const RmsNorm: Op<readonly [Tensor, Tensor], { readonly epsilon: number }, readonly [Tensor, Tensor]> = {
  onnx: 'SimplifiedLayerNormalization',
  byproductsFrom: 1,
  shapes: ([x]) => [x.shape, x.shape.with(x.shape.length - 1, 1)],
  attributes: ({ epsilon }) => ({ axis: { int: -1 }, epsilon: { float: epsilon }, stash_type: { int: 1 } }),
  // The WebGPU kernel leaves the second output unwritten, and every gradient through the norm wrong without a word.
  elsewhere: ([x, gain], { epsilon }) => {
    const square = reduceMean(mul(x, x), [x.shape.length - 1], true);
    const r = reciprocal(sqrt(add(square, scalar(epsilon))));
    return [mul(mul(x, r), gain), r];
  },
  gradient: ([dy], [x, gain], [, r]) => {
    const scaled = mul(mul(dy, gain), r);
    const mean = reduceMean(mul(scaled, x), [x.shape.length - 1], true);
    return [sub(scaled, mul(x, mul(mean, mul(r, r)))), sumTo(gain.shape, mul(mul(dy, x), r))];
  },
};
export const rmsNorm = (x: Tensor, gain: Tensor, epsilon: number): Tensor =>
  applyAll(RmsNorm, [x, gain], { epsilon })[0];

/**
 * y = gain (x - mean) r + bias over the last axis, where 1/r^2 = variance + epsilon. More outputs: mean and r.
 *
 *   with h = (x - mean) r and g = gain dy:   dx = r (g - mean(g) - h mean(g h)),  dgain = sum of rows of dy h
 */
export const LayerNorm: Op<
  readonly [Tensor, Tensor, Tensor],
  { readonly epsilon: number },
  readonly [Tensor, Tensor, Tensor]
> = {
  onnx: 'LayerNormalization',
  byproductsFrom: 1,
  shapes: ([x]) => {
    const perRow = x.shape.with(x.shape.length - 1, 1);
    return [x.shape, perRow, perRow];
  },
  attributes: ({ epsilon }) => ({ axis: { int: -1 }, epsilon: { float: epsilon }, stash_type: { int: 1 } }),
  gradient: ([dy], [x, gain, bias], [, mean, r]) => {
    const last = [x.shape.length - 1];
    const h = mul(sub(x, mean), r);
    const g = mul(dy, gain);
    const centred = sub(sub(g, reduceMean(g, last, true)), mul(h, reduceMean(mul(g, h), last, true)));
    return [mul(centred, r), sumTo(gain.shape, mul(dy, h)), sumTo(bias.shape, dy)];
  },
};
export const layerNorm = (x: Tensor, gain: Tensor, bias: Tensor, epsilon: number): Tensor =>
  applyAll(LayerNorm, [x, gain, bias], { epsilon })[0];

type Rotation = readonly [x: Tensor, positions: Tensor, cos: Tensor, sin: Tensor, sinNegated: Tensor];

/**
 * Rotary position embedding, "rotate half": within each head, numbers i and i + D/2 turn together by the angle
 * of their position. x is [B, T, H*D], the tables are [positions, D/2]. Turning back is turning by minus the
 * angle, so the op carries the negated sines for its gradient.
 */
export const Rotary: Op<readonly [Tensor, Tensor, Tensor, Tensor], RotaryOptions, readonly [Tensor]> = {
  onnx: 'RotaryEmbedding',
  domain: 'com.microsoft',
  shapes: ([x, positions]) => {
    assert(x.shape.length === 3 && positions.shape.length === 2, `rotary: ${describe(x)}, ${describe(positions)}`);
    return [x.shape];
  },
  attributes: ({ heads }) => ({ num_heads: { int: heads } }),
  gradient: ([dy], [, positions, cos, sin], _, { heads, sinNegated }) => [
    rotary([dy, positions, cos, sinNegated, sin], heads),
  ],
};

interface RotaryOptions {
  readonly heads: number;
  readonly sinNegated: Tensor;
}

export const rotary = ([x, positions, cos, sin, sinNegated]: Rotation, heads: number): Tensor =>
  apply(Rotary, [x, positions, cos, sin], { heads, sinNegated });
