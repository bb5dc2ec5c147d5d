/**
 * Matrix products. Both take their operands transposed for free, so a gradient never moves a matrix.
 */

import assert from 'node:assert/strict';
import { sameDim } from '../dims.ts';
import { apply, describe, scalar, type Op, type Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { transpose } from './movement.ts';
import { sumTo } from './reduction.ts';

interface Transposes {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Factor of the product (not of `c`). */
  readonly alpha?: number;
}

type OnnxTransposes = { transA: { int: number }; transB: { int: number }; alpha: { float: number } };

const attributes = ({ transposeA, transposeB, alpha }: Transposes): OnnxTransposes => ({
  transA: { int: transposeA ? 1 : 0 },
  transB: { int: transposeB ? 1 : 0 },
  alpha: { float: alpha ?? 1 },
});

/** alpha a b + c on matrices; the third input c is optional. */
export const Gemm: Op<readonly Tensor[], Transposes, readonly [Tensor]> = {
  onnx: 'Gemm',
  shapes: (inputs, { transposeA, transposeB }) => {
    const [a, b] = inputs as readonly [Tensor, Tensor];
    assert(a.shape.length === 2 && b.shape.length === 2, `gemm: ${describe(a)} x ${describe(b)}: not matrices`);
    const [m, k] = transposeA ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
    const [k2, n] = transposeB ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
    assert(sameDim(k, k2), `gemm: ${describe(a)} x ${describe(b)}: inner sizes differ`);
    return [[m, n]];
  },
  attributes,
  gradient: ([dy], inputs, _, { transposeA = false, transposeB = false, alpha = 1 }) => {
    const [a, b, c] = inputs as readonly [Tensor, Tensor, Tensor | undefined];
    const da = transposeA
      ? gemm(b, dy, { transposeA: transposeB, transposeB: true, alpha })
      : gemm(dy, b, { transposeB: !transposeB, alpha });
    const db = transposeB
      ? gemm(dy, a, { transposeA: true, transposeB: transposeA, alpha })
      : gemm(a, dy, { transposeA: !transposeA, alpha });
    return c === undefined ? [da, db] : [da, db, sumTo(c.shape, dy)];
  },
};

export function gemm(a: Tensor, b: Tensor, options: Transposes & { readonly plus?: Tensor } = {}): Tensor {
  const { plus, ...transposes } = options;
  return apply(Gemm, plus === undefined ? [a, b] : [a, b, plus], transposes);
}

/** `sum + x`, where a fresh product takes the sum as its third operand and saves a pass over both. */
export function addProduct(sum: Tensor, x: Tensor): Tensor | undefined {
  if (x.origin.kind !== 'result') return undefined;
  const { op, inputs, options } = x.origin.application;
  if (op !== (Gemm as unknown as Op) || inputs.length !== 2) return undefined;
  return gemm(inputs[0]!, inputs[1]!, { ...(options as Transposes), plus: sum });
}

/** alpha a b on stacks of matrices: the first axes are equal and stay; a single a that is not trained serves a whole stack. */
export const MatMul: Op<readonly [Tensor, Tensor], Transposes, readonly [Tensor]> = {
  onnx: 'FusedMatMul',
  domain: 'com.microsoft',
  shapes: ([a, b], { transposeA, transposeB }) => {
    const rank = a.shape.length;
    const stack = b.shape.slice(0, -2);
    assert(
      rank === b.shape.length && stack.every((dim, axis) => sameDim(dim, a.shape[axis]!) || a.shape[axis] === 1),
      `matmul: ${describe(a)} x ${describe(b)}: stacks differ`,
    );
    const m = a.shape[transposeA ? rank - 1 : rank - 2]!;
    const k = a.shape[transposeA ? rank - 2 : rank - 1]!;
    const k2 = b.shape[transposeB ? rank - 1 : rank - 2]!;
    const n = b.shape[transposeB ? rank - 2 : rank - 1]!;
    assert(sameDim(k, k2), `matmul: ${describe(a)} x ${describe(b)}: inner sizes differ`);
    return [[...stack, m, n]];
  },
  attributes,
  // No other device has this kernel: the processor would do it, with copies there and back.
  elsewhere: ([a, b], { transposeA, transposeB, alpha }) => {
    const product = apply(PlainMatMul, [transposeA ? transposeLast(a) : a, transposeB ? transposeLast(b) : b], null);
    return [alpha === undefined ? product : mul(product, scalar(alpha))];
  },
  gradient: ([dy], [a, b], _, { transposeA = false, transposeB = false, alpha = 1 }) => [
    transposeA
      ? matmul(b, dy, { transposeA: transposeB, transposeB: true, alpha })
      : matmul(dy, b, { transposeB: !transposeB, alpha }),
    transposeB
      ? matmul(dy, a, { transposeA: true, transposeB: transposeA, alpha })
      : matmul(a, dy, { transposeA: !transposeA, alpha }),
  ],
};

/** The same without extras. */
const PlainMatMul: Op<readonly [Tensor, Tensor], null, readonly [Tensor]> = {
  onnx: 'MatMul',
  shapes: ([a, b]) => [[...a.shape.slice(0, -1), b.shape.at(-1)!]],
};

function transposeLast(x: Tensor): Tensor {
  const [row, column] = [x.shape.length - 2, x.shape.length - 1];
  return transpose(x, [...x.shape.keys()].with(row, column).with(column, row));
}

export const matmul = (a: Tensor, b: Tensor, options: Transposes = {}): Tensor => apply(MatMul, [a, b], options);
