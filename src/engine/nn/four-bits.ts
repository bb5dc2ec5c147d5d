/**
 * Rounds a matrix to four bits, once, before training: every block of 32 numbers of a row has a grid of sixteen of its own.
 *
 *   w ~ low + step x q,     q in 0..15, step and low in half precision for each block
 *
 * A model that comes in four bits is given back exactly, as it has grids like these: a block's largest and smallest
 * number lie on its grid, so some whole number of steps between them finds it. Of other blocks the grid with the smallest
 * squared error is taken, which may cut off their outermost numbers.
 */

import { halvesOf } from '../../formats/half.ts';
import { halfToFloat } from '../../formats/quant.ts';
import { spreadBlock } from './int8.ts';

export interface FourBits {
  /** [columns, rows / 2]: the transpose, two numbers a byte; the low four bits are of the first half of the rows. */
  readonly packed: Uint8Array;
  /** [blocks, rows], half precision. */
  readonly steps: Uint16Array;
  readonly lows: Uint16Array;
  /** [rows]: the largest magnitude of each row, and once `spread` has turned it. */
  readonly largest: { readonly plain: Float32Array; readonly turned: Float32Array };
  /** Root of the mean squared error over the root of the mean square. */
  readonly error: number;
}

const digitMax = 15;
/** How many steps a block that comes in four bits may have between its smallest and its largest number. */
const stepsMin = 8;
/** What is left of a block's range when its outermost numbers are cut off. */
const shares = [0.95, 0.9, 0.85];
/** A squared error of so much of the square is rounding. */
const exact = 1e-6;

/** Of how many numbers a block is, in rows of so many. */
export function blockOf(columns: number): number {
  let block = 1;
  while (block < 32 && columns % (2 * block) === 0) block *= 2;
  return block;
}

/** Of a matrix [rows, columns] with an even number of rows. */
export function roundToFourBits(matrix: Float32Array, columns: number): FourBits {
  const rows = matrix.length / columns;
  const [half, block] = [rows / 2, blockOf(columns)];
  const blocks = columns / block;
  const packed = new Uint8Array(columns * half);
  const [steps, lows] = [new Uint16Array(blocks * rows), new Uint16Array(blocks * rows)];
  const largest = { plain: new Float32Array(rows), turned: new Float32Array(rows) };
  const grids = { steps: new Float32Array(blocks), lows: new Float32Array(blocks) };
  const rounded = new Float32Array(columns);
  let [error, square] = [0, 0];
  for (let r = 0; r < rows; r++) {
    const row = matrix.subarray(r * columns, (r + 1) * columns);
    for (let b = 0; b < blocks; b++) findGrid(row, b * block, (b + 1) * block, b, grids);
    const [rowSteps, rowLows] = [halvesOf(grids.steps), halvesOf(grids.lows)];
    const [into, shift] = r < half ? [r, 0] : [r - half, 4];
    for (let b = 0; b < blocks; b++) {
      steps[b * rows + r] = rowSteps[b]!;
      lows[b * rows + r] = rowLows[b]!;
      const [step, low] = [halfToFloat[rowSteps[b]!]!, halfToFloat[rowLows[b]!]!];
      for (let i = b * block; i < (b + 1) * block; i++) {
        const x = row[i]!;
        const q = step === 0 ? 0 : digit((x - low) / step);
        packed[i * half + into]! |= q << shift;
        rounded[i] = low + step * q;
        error += (x - rounded[i]!) ** 2;
        square += x * x;
      }
    }
    largest.plain[r] = largestOf(rounded);
    turn(rounded, spreadBlock(columns));
    largest.turned[r] = largestOf(rounded);
  }
  return { packed, steps, lows, largest, error: Math.sqrt(error / Math.max(square, 1e-30)) };
}

function findGrid(
  row: Float32Array,
  from: number,
  to: number,
  b: number,
  grids: { readonly steps: Float32Array; readonly lows: Float32Array },
): void {
  let [least, most, square] = [Infinity, -Infinity, 0];
  for (let i = from; i < to; i++) {
    const x = row[i]!;
    if (x < least) least = x;
    if (x > most) most = x;
    square += x * x;
  }
  const range = most - least;
  let best = Infinity;
  /** Takes a grid if its error is below both limits. */
  const look = (low: number, step: number, errorMax: number): void => {
    const limit = Math.min(best, errorMax);
    const error = errorOf(row, from, to, low, step, limit);
    if (error > limit) return;
    best = error;
    grids.steps[b] = step;
    grids.lows[b] = low;
  };
  look(least, range / digitMax, Infinity);
  for (let count = digitMax - 1; count >= stepsMin; count--) {
    if (best <= exact * square) return;
    look(least, range / count, exact * square);
  }
  if (best <= exact * square) return;
  for (const share of shares) look(least + (range * (1 - share)) / 2, (range * share) / digitMax, Infinity);
}

/** The squared error of a grid, or more than `most` as soon as that is sure. */
function errorOf(row: Float32Array, from: number, to: number, low: number, step: number, most: number): number {
  if (step === 0) return 0;
  const perStep = 1 / step;
  let error = 0;
  for (let i = from; i < to && error <= most; i++) {
    const x = row[i]!;
    const off = x - low - digit((x - low) * perStep) * step;
    error += off * off;
  }
  return error;
}

function digit(x: number): number {
  const q = Math.floor(x + 0.5);
  return q > digitMax ? digitMax : q < 0 ? 0 : q;
}

function largestOf(row: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < row.length; i++) largest = Math.max(largest, Math.abs(row[i]!));
  return largest;
}

/** Hadamard's matrix times each block of a row, in log2(block) rounds of sums and differences. */
function turn(row: Float32Array, block: number): void {
  for (let width = 1; width < block; width *= 2) {
    for (let from = 0; from < row.length; from += 2 * width) {
      for (let i = from; i < from + width; i++) {
        const a = row[i]!;
        const b = row[i + width]!;
        row[i] = a + b;
        row[i + width] = a - b;
      }
    }
  }
  const scale = 1 / Math.sqrt(block);
  for (let i = 0; i < row.length; i++) row[i]! *= scale;
}
