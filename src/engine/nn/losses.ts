/**
 * Weighted cross entropy at the supervised positions, and nowhere else: the head is the widest product of all.
 *
 * Rows are taken in chunks, so that two copies of [rows, vocabulary] exist for one chunk at a time, and each chunk
 * makes its gradient on the spot: w (p E - E[target]). The one-hot of the target is never built.
 * The head's own gradient, where it is trained, is p^T (w x), less w x in the rows of the targets.
 *
 *   M judged rows · C width · V vocabulary
 */

import { withGradient } from '../graph/gradient.ts';
import { add, and, greater, greaterOrEqual, log, max, mul, neg, sub, where } from '../graph/ops/elementwise.ts';
import { addProduct, gemm } from '../graph/ops/matmul.ts';
import { concat, gather, gatherElements, reshape, scatterRows, splitEvenly } from '../graph/ops/movement.ts';
import { reduceMax, reduceSum, softmax } from '../graph/ops/reduction.ts';
import { scalar, type Tensor } from '../graph/tensor.ts';

export interface Judged {
  /** Sum of weight x cross entropy. */
  readonly loss: Tensor;
  /** How many rows with a weight had the right most-likely token. */
  readonly correct: Tensor;
}

/** Judges x [M, C] against the head [V, C]; `targets` and `weights` are [M, 1]. */
export function crossEntropy(x: Tensor, head: Tensor, targets: Tensor, weights: Tensor, chunks: number): Judged {
  const [xs, ts, ws] = [x, targets, weights].map((all) => splitEvenly(all, 0, chunks));
  const parts = xs!.map((piece, i) => judge(piece, head, ts![i]!, ws![i]!));
  const loss = withGradient(parts.map((part) => part.loss).reduce(add), [x, head], (dLoss) => {
    const dxs = parts.map((part) => part.dx);
    return [mul(concat(dxs, 0), dLoss), head.differentiable ? headGradient(parts, dLoss) : null];
  });
  return { loss, correct: parts.map((part) => part.correct).reduce(add) };
}

interface Part extends Judged {
  readonly dx: Tensor;
  /** Of these, the head's gradient is made: p [m, V], w x [m, C], targets [m]. */
  readonly p: Tensor;
  readonly weighted: Tensor;
  readonly targets: Tensor;
}

function headGradient(parts: readonly Part[], dLoss: Tensor): Tensor {
  const products = parts.map(({ p, weighted }) => gemm(p, mul(weighted, dLoss), { transposeA: true }));
  const [first, ...others] = products as [Tensor, ...Tensor[]];
  const spread = others.reduce((sum, x) => addProduct(sum, x)!, first);
  const scatter = (sum: Tensor, { targets, weighted }: Part): Tensor =>
    scatterRows(sum, reshape(targets, [...targets.shape, 1]), neg(mul(weighted, dLoss)));
  return parts.reduce(scatter, spread);
}

function judge(x: Tensor, head: Tensor, targets: Tensor, weights: Tensor): Part {
  const p = softmax(gemm(x, head, { transposeB: true }));
  const ofTarget = gatherElements(p, targets);
  const loss = reduceSum(mul(neg(log(max(ofTarget, scalar(1e-30)))), weights), [0, 1]);
  const best = greaterOrEqual(ofTarget, reduceMax(p, [1], true));
  const counted = greater(weights, scalar(0));
  const correct = reduceSum(where(and(best, counted), scalar(1), scalar(0)), [0, 1]);
  const rows = reshape(targets, [targets.shape[0]!]);
  const dx = mul(sub(gemm(p, head), gather(head, rows)), weights);
  return { loss, correct, dx, p, weighted: mul(x, weights), targets: rows };
}
