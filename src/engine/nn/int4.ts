/**
 * Frozen matrices in four bits (four-bits.ts): a sixth of what they take in f32, kept once and shared by all lanes.
 *
 * The runtime's own four-bit product is no faster than one of f32, and there is none for gradients. So a matrix is opened
 * right before each product and forgotten after it: to f32 where products shall be exact or the processor has no fast
 * ones of eight bits, otherwise to eight bits in the way of int8.ts, turned by H:
 *
 *   y = round(x H) round(W H / s)^T s        dx = round(dy t) round(W / t)        s and t for each row of W
 */

import { withGradient } from '../graph/gradient.ts';
import { add, mul, reciprocal, sub } from '../graph/ops/elementwise.ts';
import { gemm, matmul } from '../graph/ops/matmul.ts';
import { concat, reshape, transpose } from '../graph/ops/movement.ts';
import { quantise, shiftRight, toFloat } from '../graph/ops/quantised.ts';
import { constant, scalar, type Tensor } from '../graph/tensor.ts';
import { hadamard, roundRows, rowsProduct, spreadBlock, type RoundedRows } from './int8.ts';

/** Of a matrix [out, in]. */
export interface Int4Linear<W> {
  /** [in, out / 2] */
  readonly packed: W;
  /** [blocks, 1, out] */
  readonly steps: W;
  readonly lows: W;
  /** [out]: s and t; null where products are of f32. */
  readonly eight: { readonly turned: W; readonly plain: W } | null;
}

/** x W^T for a frozen W. */
export function int4Linear(rows: RoundedRows, matrix: Int4Linear<Tensor>): Tensor {
  const { of: x } = rows;
  const { eight } = matrix;
  if (eight === null) {
    const y = gemm(x, opened(matrix));
    return withGradient(y, [x], (dy) => [gemm(dy, opened(matrix), { transposeB: true })]);
  }
  const y = rowsProduct(rows, { columns: toEight(turned(openedOver(matrix, eight.turned))), scales: eight.turned });
  return withGradient(y, [x], (dy) => {
    const columns = transpose(toEight(openedOver(matrix, eight.plain)), [1, 0]);
    return [rowsProduct(roundRows(mul(dy, eight.plain)), { columns, scales: scalar(1) })];
  });
}

const openedOver = (matrix: Int4Linear<Tensor>, scales: Tensor): Tensor => opened(matrix, reciprocal(scales));

/** W^T, [in, out], times `factor` for each of its columns: anew for each use, so that it need not be kept in between. */
function opened({ packed, steps, lows }: Int4Linear<Tensor>, factor: Tensor | null = null): Tensor {
  const [columns, half] = packed.shape as readonly [number, number];
  const [blocks] = steps.shape as readonly [number];
  const scaled = (halves: Tensor): Tensor => (factor === null ? toFloat(halves) : mul(toFloat(halves), factor));
  const high = shiftRight(packed, constant(Uint8Array.of(4), [], 'uint8'));
  const low = sub(packed, mul(high, constant(Uint8Array.of(16), [], 'uint8')));
  const digits = reshape(toFloat(concat([low, high], 1)), [blocks, columns / blocks, 2 * half]);
  return reshape(add(mul(digits, scaled(steps)), scaled(lows)), [columns, 2 * half]);
}

/** As `spread` does it, of the columns of a transpose. */
function turned(w: Tensor): Tensor {
  const [columns, out] = w.shape as readonly [number, number];
  const block = spreadBlock(columns);
  const stack = reshape(w, [columns / block, block, out]);
  return reshape(matmul(reshape(hadamard(block), [1, block, block]), stack), w.shape);
}

const toEight = (w: Tensor): Tensor => quantise(w, scalar(1), constant(Int8Array.of(0), [], 'int8'));
