/**
 * Linear layers that read the same input: frozen matrices, with LoRA's detours beside those that have one.
 */

import { gemm } from '../graph/ops/matmul.ts';
import { add, mul } from '../graph/ops/elementwise.ts';
import { split } from '../graph/ops/movement.ts';
import type { Tensor } from '../graph/tensor.ts';
import { int4Linear } from './int4.ts';
import { int8Linear, roundInput, type RoundedRows } from './int8.ts';
import type { Detour } from './parameters.ts';
import type { Linear, Rounded } from './weights.ts';

/** What an input of so many columns is multiplied by before the detour of module number `module`. */
export type DropoutMask = (module: number, columns: number) => Tensor;

/** y of each module for the input x [N, in]: [N, out]. */
export function linearGroup(
  x: Tensor,
  frozen: readonly (readonly [string, Linear<Tensor>])[],
  detour: Detour | null,
  dropout: DropoutMask | null,
): Tensor[] {
  const thin = detour === null ? new Map<string, Thin>() : thinProducts(x, detour, dropout);
  const rows = frozen.some(([, { kind }]) => kind !== 'f32') ? roundInput(x) : null;
  return frozen.map(([name, matrix]) => {
    const y = matrix.kind === 'f32' ? product(x, matrix) : plus(rounded(rows!, matrix), matrix.bias);
    const side = thin.get(name);
    return side === undefined ? y : gemm(side.xa, side.b, { transposeB: true, alpha: detour!.scale, plus: y });
  });
}

const rounded = (rows: RoundedRows, matrix: Rounded<Tensor>): Tensor =>
  matrix.kind === 'int8' ? int8Linear(rows, matrix) : int4Linear(rows, matrix);

const plus = (y: Tensor, bias: Tensor | null): Tensor => (bias === null ? y : add(y, bias));

const product = (x: Tensor, { weight, bias }: Extract<Linear<Tensor>, { kind: 'f32' }>): Tensor =>
  gemm(x, weight, bias === null ? { transposeB: true } : { transposeB: true, plus: bias });

interface Thin {
  /** A x, [N, rank] */
  readonly xa: Tensor;
  readonly b: Tensor;
}

/** A x for every module of a detour. Without dropout all A's meet x in one product. */
function thinProducts(x: Tensor, detour: Detour, dropout: DropoutMask | null): Map<string, Thin> {
  const { a, modules, rank } = detour;
  const pieces = modules.map(() => rank);
  const xas =
    dropout === null
      ? split(gemm(x, a, { transposeB: true }), 1, pieces)
      : split(a, 0, pieces).map((one, i) => {
          const mask = dropout(modules[i]!.index, Number(x.shape[1]));
          return gemm(mul(x, mask), one, { transposeB: true });
        });
  return new Map(modules.map(({ name, b }, i) => [name, { xa: xas[i]!, b }]));
}
