/**
 * Weighted cross entropy at the supervised positions, and nowhere else: the head is the widest product of all.
 *
 * Rows are taken in chunks, so that two copies of [rows, vocabulary] exist for one chunk at a time, and each chunk
 * makes its gradient on the spot: w (p E - E[target]). The one-hot of the target is never built.
 *
 *   M judged rows · C width · V vocabulary
 */

import { withGradient } from '../graph/gradient.ts';
import { add, and, greater, greaterOrEqual, log, max, mul, neg, sub, where } from '../graph/ops/elementwise.ts';
import { gemm } from '../graph/ops/matmul.ts';
import { concat, gather, gatherElements, reshape, splitEvenly } from '../graph/ops/movement.ts';
import { reduceMax, reduceSum, softmax } from '../graph/ops/reduction.ts';
import { scalar, type Tensor } from '../graph/tensor.ts';

export interface Judged {
  /** Sum of weight x cross entropy. */
  readonly loss: Tensor;
  /** How many rows with a weight had the right most-likely token. */
  readonly correct: Tensor;
}

/** Judges x [M, C] against the frozen head [V, C]; `targets` and `weights` are [M, 1]. */
export function crossEntropy(x: Tensor, head: Tensor, targets: Tensor, weights: Tensor, chunks: number): Judged {
  const [xs, ts, ws] = [x, targets, weights].map((all) => splitEvenly(all, 0, chunks));
  const parts = xs!.map((piece, i) => judge(piece, head, ts![i]!, ws![i]!));
  const loss = withGradient(parts.map((part) => part.loss).reduce(add), [x], (dLoss) => [
    mul(
      concat(
        parts.map((part) => part.dx),
        0,
      ),
      dLoss,
    ),
  ]);
  return { loss, correct: parts.map((part) => part.correct).reduce(add) };
}

function judge(x: Tensor, head: Tensor, targets: Tensor, weights: Tensor): Judged & { readonly dx: Tensor } {
  const p = softmax(gemm(x, head, { transposeB: true }));
  const ofTarget = gatherElements(p, targets);
  const loss = reduceSum(mul(neg(log(max(ofTarget, scalar(1e-30)))), weights), [0, 1]);
  const best = greaterOrEqual(ofTarget, reduceMax(p, [1], true));
  const counted = greater(weights, scalar(0));
  const correct = reduceSum(where(and(best, counted), scalar(1), scalar(0)), [0, 1]);
  const wanted = gather(head, reshape(targets, [targets.shape[0]!]));
  return { loss, correct, dx: mul(sub(gemm(p, head), wanted), weights) };
}
