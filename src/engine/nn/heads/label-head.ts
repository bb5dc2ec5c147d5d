/**
 * What stands on an encoder that tells labels apart: a layer over what it made of the text, or of each word.
 *
 *   classification         pooled text -> one of L labels            softmax
 *   multi_label            pooled text -> any of L labels            a sigmoid each
 *   token_classification   first piece of a word -> one of L tags    softmax
 *
 * A text is pooled as its model does it: `first` is tanh(W h + b) of the first token, BERT's own pooler; `mean` is the
 * mean over the text's tokens, for models that were trained to be used so. Words need no pooling.
 *
 *   B rows · T tokens a row · C width · M judged texts or words · L outputs
 */

import { withGradient } from '../../graph/gradient.ts';
import type { Dim } from '../../graph/dims.ts';
import {
  add,
  equal,
  greater,
  greaterOrEqual,
  log,
  max,
  mul,
  neg,
  reciprocal,
  sigmoid,
  sub,
  tanh,
  where,
} from '../../graph/ops/elementwise.ts';
import { gemm, matmul } from '../../graph/ops/matmul.ts';
import { gather, reshape } from '../../graph/ops/movement.ts';
import { reduceMax, reduceMean, reduceMin, reduceSum, softmax } from '../../graph/ops/reduction.ts';
import { integers, scalar, type Tensor } from '../../graph/tensor.ts';
import type { HeadPlan } from '../../protocol.ts';
import { Random, streams } from '../../random.ts';
import type { Judged } from '../losses.ts';

export interface Dense<W> {
  /** [out, in] */
  readonly weight: W;
  readonly bias: W;
}

export interface LabelHead<W> {
  readonly plan: HeadPlan;
  /** Null where nothing stands between the pooled text and the outputs. */
  readonly pooler: Dense<W> | null;
  readonly output: Dense<W>;
}

/** Texts are judged by their rows, words by their tokens. */
export const judgesRows = ({ pooling }: HeadPlan): boolean => pooling === 'mean';

/** Of the judged texts or words, [M, C], what the head reads. `hidden` is [N, C], `segments` [B, T], `rows` [M]. */
export const readByLabels = (plan: HeadPlan, hidden: Tensor, segments: Tensor, rows: Tensor): Tensor =>
  gather(judgesRows(plan) ? meanOfRows(hidden, segments) : hidden, rows);

/** What each judged text or word is worth to each output, [M, L]. */
export function labelLogits({ pooler, output }: LabelHead<Tensor>, judged: Tensor): Tensor {
  const pooled = pooler === null ? judged : tanh(dense(judged, pooler));
  return dense(pooled, output);
}

const dense = (x: Tensor, { weight, bias }: Dense<Tensor>): Tensor => gemm(x, weight, { transposeB: true, plus: bias });

/** The mean over the tokens of each row, padding left out: [N, C] -> [B, C]. */
export function meanOfRows(hidden: Tensor, segments: Tensor): Tensor {
  const [rows, tokens] = segments.shape as readonly [Dim, Dim];
  const width = hidden.shape[1]!;
  const present = where(greater(segments, integers([0], [])), scalar(1), scalar(0));
  const shares = mul(present, reciprocal(reduceSum(present, [1], true)));
  const mean = matmul(reshape(shares, [rows, 1, tokens]), reshape(hidden, [rows, tokens, width]));
  return reshape(mean, [rows, width]);
}

/** One of the outputs is right for each; `targets` is [M, 1]. Smoothing gives a share of what is wanted to all alike. */
export function judgeOne(logits: Tensor, targets: Tensor, smoothing: number): Judged {
  const count = Number(logits.shape[1]);
  const p = softmax(logits);
  const right = equal(
    targets,
    integers(
      Array.from({ length: count }, (_, i) => i),
      [1, count],
    ),
  );
  const wanted = where(right, scalar(1 - smoothing + smoothing / count), scalar(smoothing / count));
  const logs = log(max(p, scalar(1e-30)));
  const logProbabilities = withGradient(reduceSum(mul(wanted, logs), [1], true), [logits], (d) => [
    mul(sub(wanted, p), d),
  ]);
  const ofTarget = reduceSum(mul(where(right, scalar(1), scalar(0)), p), [1], true);
  const hits = where(greaterOrEqual(ofTarget, reduceMax(p, [1], true)), scalar(1), scalar(0));
  return { logProbabilities, hits };
}

/** Any of the outputs may be right; `targets` is [M, L] of ones and zeros. A hit has all of them on their side of one half. */
export function judgeAny(logits: Tensor, targets: Tensor, smoothing: number): Judged {
  const count = Number(logits.shape[1]);
  const wanted = add(mul(targets, scalar(1 - smoothing)), scalar(smoothing / 2));
  const p = sigmoid(logits);
  const q = sigmoid(neg(logits));
  const safe = (x: Tensor): Tensor => log(max(x, scalar(1e-30)));
  const logs = add(mul(wanted, safe(p)), mul(sub(scalar(1), wanted), safe(q)));
  const logProbabilities = withGradient(reduceMean(logs, [1], true), [logits], (d) => [
    mul(mul(sub(wanted, p), d), scalar(1 / count)),
  ]);
  const sides = mul(sub(mul(targets, scalar(2)), scalar(1)), logits);
  const hits = where(greater(reduceMin(sides, [1], true), scalar(0)), scalar(1), scalar(0));
  return { logProbabilities, hits };
}

/** How wide the numbers of a fresh layer are strewn, as BERT's own were. */
const initialDeviation = 0.02;

/** Where a head begins that nobody has trained yet: small normal weights; biases are zero. */
export function freshWeights(name: string, count: number, seed: number): Float32Array {
  let random = Random.fromSeed(seed).split(streams.adapter);
  for (const letter of name) random = random.split(letter.charCodeAt(0));
  const values = new Float32Array(count);
  const uniform = (): number => (random.uint32() + 1) / 2 ** 32;
  for (let i = 0; i < count; i++) {
    values[i] = initialDeviation * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }
  return values;
}
