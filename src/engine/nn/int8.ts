/**
 * Frozen matrices in eight bits: one scale per output column for the weights, one per token for what comes in.
 *
 * x ~ (q - 128) s with q in 0..255 and s = max|x| / 127 for each row, measured anew at every product; the exact
 * 32-bit sums are scaled back by both. Gradients go through a second rounded copy of the matrix, made from its
 * transpose, because their rows differ in size by orders of magnitude. Rounding is taken to have slope 1.
 */

import { openSession } from '../graph/session.ts';
import { emit } from '../graph/emit.ts';
import { withGradient } from '../graph/gradient.ts';
import { max, mul, neg } from '../graph/ops/elementwise.ts';
import { expand, reshape } from '../graph/ops/movement.ts';
import { int8Product, quantiseRows } from '../graph/ops/quantised.ts';
import { reduceMax, reduceMin } from '../graph/ops/reduction.ts';
import { constant, floats, input, scalar, type Tensor } from '../graph/tensor.ts';

/** y = x W: `columns` is W as int8 [in, out] with a scale per column. */
export interface Int8Matrix<W> {
  readonly columns: W;
  readonly scales: W;
}

export interface Int8Linear<W> {
  readonly forward: Int8Matrix<W>;
  /** The transpose, for gradients: [out, in]. */
  readonly backward: Int8Matrix<W>;
}

export interface QuantisedRows {
  readonly of: Tensor;
  readonly rounded: Tensor;
  readonly scales: Tensor;
}

const zero = (): Tensor => constant(Uint8Array.of(128), [], 'uint8');

export function quantise(x: Tensor): QuantisedRows {
  const rows = x.shape[0]!;
  const largest = max(reduceMax(x, [1], true), neg(reduceMin(x, [1], true)));
  // The floor keeps a row of zeros from dividing by zero.
  const scales = mul(max(largest, scalar(1e-30)), scalar(1 / 127));
  return { of: x, scales, rounded: quantiseRows(x, reshape(scales, [rows]), expand(zero(), [rows])) };
}

/** x W for a frozen W; `x` is quantised by the caller, once for all matrices that it meets. */
export function int8Linear(x: QuantisedRows, { forward, backward }: Int8Linear<Tensor>): Tensor {
  return withGradient(product(x, forward), [x.of], (dy) => [product(quantise(dy), backward)]);
}

const product = ({ rounded, scales }: QuantisedRows, matrix: Int8Matrix<Tensor>): Tensor =>
  mul(int8Product(rounded, matrix.columns, scalar(1), matrix.scales, zero()), scales);

export interface RoundedColumns {
  readonly columns: Int8Array;
  readonly scales: Float32Array;
}

/** Rounds a row-major [rows, columns] matrix to -levels..levels per column. */
export function roundColumns(matrix: Float32Array, rows: number, columns: number, levels: number): RoundedColumns {
  const scales = new Float32Array(columns).fill(1e-30);
  for (let row = 0; row < rows; row++) {
    const at = row * columns;
    for (let column = 0; column < columns; column++) {
      const size = Math.abs(matrix[at + column]!);
      if (size > scales[column]!) scales[column] = size;
    }
  }
  const factors = scales.map((largest) => levels / largest);
  const rounded = new Int8Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    const at = row * columns;
    for (let column = 0; column < columns; column++) {
      rounded[at + column] = Math.round(matrix[at + column]! * factors[column]!);
    }
  }
  return { columns: rounded, scales: scales.map((largest) => largest / levels) };
}

/**
 * How many levels a weight may have on this processor. Those with VNNI, AMX or ARM's dot product add up exactly.
 * Older ones add pairs of products in 16 bits, which 255 x 127 x 2 overflows but 255 x 63 x 2 does not.
 */
export async function weightLevels(): Promise<127 | 63> {
  const size = 64;
  const ones = floats(Array.from({ length: size }, () => 1));
  const matrix = constant(new Int8Array(size * size).fill(127), [size, size], 'int8');
  const x = input('x', [size, size], 'uint8');
  const y = int8Product(x, matrix, scalar(1), ones, constant(Uint8Array.of(0), [], 'uint8'));
  await using session = await openSession(emit({ y }), { threads: 1, packWeights: true });
  const outputs = await session.run({ x: new Uint8Array(size * size).fill(255) });
  return outputs['y']!.every((sum) => sum === 255 * 127 * size) ? 127 : 63;
}
