/**
 * What a model gives the tokens that it should have said, at the judged positions and nowhere else: the head is the
 * widest product of all.
 *
 * Rows are taken in chunks, so that two copies of [rows, vocabulary] exist for one chunk at a time, and each chunk
 * makes what its gradient needs on the spot: E[target] - p E. The one-hot of the target is never built. The head's own
 * gradient, where it is trained, is w x in the rows of the targets less p^T (w x).
 *
 *   M judged rows · C width · V vocabulary · w the gradient of a row's log-probability
 */

import { withGradient } from '../graph/gradient.ts';
import { add, exp, greaterOrEqual, log, max, mul, neg, sigmoid, sub, where } from '../graph/ops/elementwise.ts';
import { addProduct, gemm } from '../graph/ops/matmul.ts';
import { concat, expand, gather, gatherElements, reshape, scatterRows, splitEvenly } from '../graph/ops/movement.ts';
import { reduceMax, reduceMean, reduceSum, softmax } from '../graph/ops/reduction.ts';
import { scalar, type Tensor } from '../graph/tensor.ts';

export interface Judged {
  /** Natural logarithms of the targets' probabilities, [M, 1]. */
  readonly logProbabilities: Tensor;
  /** 1 where the target was the most likely token, else 0, [M, 1]. */
  readonly hits: Tensor;
}

/** Judges x [M, C] against the head [V, C]; `targets` is [M, 1]. */
export function judge(x: Tensor, head: Tensor, targets: Tensor, chunks: number): Judged {
  const [xs, ts] = [splitEvenly(x, 0, chunks), splitEvenly(targets, 0, chunks)];
  const parts = xs.map((piece, i) => judgePart(piece, head, ts[i]!));
  const all = (of: (part: Part) => Tensor): Tensor => concat(parts.map(of), 0);
  const logProbabilities = withGradient(
    all((part) => part.logProbabilities),
    [x, head],
    (dLog) => [
      mul(
        all((part) => part.towards),
        dLog,
      ),
      head.differentiable ? headGradient(parts, dLog) : null,
    ],
  );
  return { logProbabilities, hits: all((part) => part.hits) };
}

/** Sum of weight x cross entropy, both [M, 1]. */
export const crossEntropy = (logProbabilities: Tensor, weights: Tensor): Tensor =>
  neg(reduceSum(mul(logProbabilities, weights), [0, 1]));

/**
 * Log-probabilities as if the target were only 1 - share of what is wanted and every token an equal part of the rest:
 * log p[t] + share (mean over v of z[v], less z[t]), with the logits z = x E^T.
 */
export function smoothed(
  { logProbabilities }: Judged,
  share: number,
  x: Tensor,
  head: Tensor,
  targets: Tensor,
): Tensor {
  const wanted = gather(head, reshape(targets, [targets.shape[0]!]));
  const lost = reduceSum(mul(x, sub(reduceMean(head, [0], true), wanted)), [1], true);
  return add(logProbabilities, mul(lost, scalar(share)));
}

/** [M, 1] each but the last two, which are [S, 1]: see `Pairs`. */
export interface PairInputs {
  readonly of: Tensor;
  readonly signs: Tensor;
  readonly references: Tensor;
  readonly weights: Tensor;
}

/**
 * Direct preference optimisation (Rafailov et al., 2023): the mean of -log sigmoid(z) over pairs of answers, where z is
 * beta times by how much more the model prefers the better answer than the reference does. `margins` are the z, [S, 1].
 */
export function preference(
  logProbabilities: Tensor,
  { of, signs, references, weights }: PairInputs,
  beta: number,
): { readonly loss: Tensor; readonly margins: Tensor } {
  const none = expand(scalar(0), references.shape);
  const leanings = scatterRows(none, of, mul(logProbabilities, signs));
  const margins = mul(sub(leanings, references), scalar(beta));
  const likely = sigmoid(margins);
  // log sigmoid(z), written so that neither a large nor a small z overflows
  const size = max(margins, neg(margins));
  const logs = sub(neg(max(neg(margins), scalar(0))), log(add(exp(neg(size)), scalar(1))));
  const given = withGradient(logs, [margins], (d) => [mul(d, sub(scalar(1), likely))]);
  return { loss: neg(reduceSum(mul(given, weights), [0, 1])), margins };
}

interface Part extends Judged {
  readonly x: Tensor;
  /** [m] */
  readonly targets: Tensor;
  /** [m, V] */
  readonly p: Tensor;
  /** The gradient of a row's log-probability by the row, [m, C]. */
  readonly towards: Tensor;
}

function judgePart(x: Tensor, head: Tensor, targets: Tensor): Part {
  const p = softmax(gemm(x, head, { transposeB: true }));
  const ofTarget = gatherElements(p, targets);
  const best = greaterOrEqual(ofTarget, reduceMax(p, [1], true));
  const rows = reshape(targets, [targets.shape[0]!]);
  return {
    logProbabilities: log(max(ofTarget, scalar(1e-30))),
    hits: where(best, scalar(1), scalar(0)),
    towards: sub(gather(head, rows), gemm(p, head)),
    x,
    targets: rows,
    p,
  };
}

function headGradient(parts: readonly Part[], dLog: Tensor): Tensor {
  const weighted = splitEvenly(dLog, 0, parts.length).map((weights, i) => mul(parts[i]!.x, weights));
  const [first, ...others] = parts.map(({ p }, i) => gemm(p, neg(weighted[i]!), { transposeA: true })) as [
    Tensor,
    ...Tensor[],
  ];
  const away = others.reduce((sum, x) => addProduct(sum, x)!, first);
  return parts.reduce(
    (sum, { targets }, i) => scatterRows(sum, reshape(targets, [...targets.shape, 1]), weighted[i]!),
    away,
  );
}
