/**
 * Frozen matrices in eight bits: one scale per output column for the weights, one per token for what comes in.
 *
 * x ~ (q - 128) s with q in 0..255 and s = max|x| / 127 for each row, measured anew at every product; the exact
 * 32-bit sums are scaled back by both. A trained network has a few columns that are a hundred times larger than
 * the others, and they would leave the others no bits; so x is first turned within blocks of columns by a matrix
 * that spreads each of them over its block (Hadamard's; Ashkboos et al., "QuaRot", 2024). W was turned the same
 * way before it was rounded, and the product is that of x and W:   x W = (x H) (H W), H H = 1.
 *
 * Gradients go through a second rounded copy of the matrix, made from its transpose, with a scale per token too:
 * their rows differ in size by orders of magnitude. Rounding is taken to have slope 1.
 */

import { withGradient } from '../graph/gradient.ts';
import { max, mul, neg } from '../graph/ops/elementwise.ts';
import { gemm } from '../graph/ops/matmul.ts';
import { expand, reshape, transpose } from '../graph/ops/movement.ts';
import { int8Product, quantiseRows } from '../graph/ops/quantised.ts';
import { reduceMax, reduceMin } from '../graph/ops/reduction.ts';
import { constant, floats, scalar, type Tensor } from '../graph/tensor.ts';
import { part, product as productOf } from '../graph/dims.ts';

/** y = x W: `columns` is W as int8 [in, out] with a scale per column. */
export interface Int8Matrix<W> {
  readonly columns: W;
  readonly scales: W;
}

export interface Int8Linear<W> {
  /** Turned by `spread`. */
  readonly forward: Int8Matrix<W>;
  /** The transpose, for gradients: [out, in]. */
  readonly backward: Int8Matrix<W>;
}

export interface RoundedRows {
  readonly of: Tensor;
  readonly rounded: Tensor;
  readonly scales: Tensor;
}

/** What reads a linear layer's input: shared by all matrices that read the same. */
export const roundInput = (x: Tensor): RoundedRows => ({ ...roundRows(spread(x)), of: x });

/** x W for a frozen W. */
export function int8Linear(x: RoundedRows, { forward, backward }: Int8Linear<Tensor>): Tensor {
  return withGradient(rowsProduct(x, forward), [x.of], (dy) => [rowsProduct(roundRows(dy), backward)]);
}

/** The rounded copies of w [out, in], to be computed once; `levels` as `weightLevels` says. */
export function roundWeight(w: Tensor, levels: number): Int8Linear<Tensor> {
  return { forward: roundColumns(spread(w), levels), backward: roundColumns(transpose(w, [1, 0]), levels) };
}

const zero = (): Tensor => constant(Uint8Array.of(128), [], 'uint8');

export function roundRows(x: Tensor): RoundedRows {
  const { rounded, scales } = byRow(x, 127, zero());
  return { of: x, rounded, scales };
}

/** Of the transpose of w, because the runtime only rounds rows fast. */
function roundColumns(w: Tensor, levels: number): Int8Matrix<Tensor> {
  const { rounded, scales } = byRow(w, levels, constant(Int8Array.of(0), [], 'int8'));
  return { columns: transpose(rounded, [1, 0]), scales: reshape(scales, [w.shape[0]!]) };
}

/** The scale of a row is its largest magnitude over the number of levels; a floor keeps zeros from dividing by zero. */
function byRow(x: Tensor, levels: number, zero: Tensor): Pick<RoundedRows, 'rounded' | 'scales'> {
  const rows = [x.shape[0]!];
  const largest = max(reduceMax(x, [1], true), neg(reduceMin(x, [1], true)));
  const scales = mul(max(largest, scalar(1e-30)), scalar(1 / levels));
  return { scales, rounded: quantiseRows(x, reshape(scales, rows), expand(zero, rows)) };
}

/** The rows times a matrix; its scales may be one for all columns. */
export const rowsProduct = ({ rounded, scales }: RoundedRows, matrix: Int8Matrix<Tensor>): Tensor =>
  mul(int8Product(rounded, matrix.columns, scalar(1), matrix.scales, zero()), scales);

/** How many of so many columns are spread over each other. */
export function spreadBlock(columns: number): number {
  let block = 1;
  while (block < 64 && columns % (2 * block) === 0) block *= 2;
  return block;
}

/** Multiplies each block of columns of x [N, columns] by Hadamard's matrix, which is its own inverse. */
function spread(x: Tensor): Tensor {
  const [rows, columns] = x.shape as readonly [Tensor['shape'][number], number];
  const block = spreadBlock(columns);
  return reshape(gemm(reshape(x, [productOf(rows, part(columns, block)), block]), hadamard(block)), x.shape);
}

/** Rows are orthogonal and of length 1; entries differ in sign only, by the parity of the bits that i and j share. */
export function hadamard(size: number): Tensor {
  const sign = (bits: number): number => (bits === 0 ? 1 : -sign(bits & (bits - 1)));
  const entries = Array.from({ length: size * size }, (_, k) => sign(Math.floor(k / size) & (k % size)));
  return floats(
    entries.map((x) => x / Math.sqrt(size)),
    [size, size],
  );
}
