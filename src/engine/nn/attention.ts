/**
 * Attention within segments, with grouped-query heads, by hand rather than by a fused op: backward needs
 * the probabilities, which fused ops keep to themselves.
 *
 * Queries are cut into chunks of C tokens, and chunk c sees only the keys up to its own end: with four chunks
 * that is 10/16 of the square. Query heads that share keys are stacked, so keys are never repeated.
 *
 *   B rows · T tokens a row · H heads · K key heads · G = H/K · D head size · C = T/chunks · L = (c+1) C keys
 */

import assert from 'node:assert/strict';
import { withGradient } from '../graph/gradient.ts';
import { part, product, type Dim } from '../graph/dims.ts';
import { add, and, equal, greater, greaterOrEqual, mul, sub, where } from '../graph/ops/elementwise.ts';
import { matmul } from '../graph/ops/matmul.ts';
import { concat, reshape, splitEvenly } from '../graph/ops/movement.ts';
import { reduceSum, softmax } from '../graph/ops/reduction.ts';
import { integers, recomputed, scalar, type Tensor } from '../graph/tensor.ts';

export interface Sight {
  /** How many chunks of queries; tokens that see ahead of themselves take one. */
  readonly chunks: number;
  /** Whether tokens see only what is before them. */
  readonly causal: boolean;
  /** How many tokens a token sees, itself included; null is no limit. */
  readonly window: number | null;
}

/**
 * What each chunk of queries may not see, as numbers to add to its scores [B, 1, C, L]: 0 where the key is of the
 * query's segment, not after it and within its window, else so low that nothing is left of it. `order` counts the
 * tokens of a row; those of an example lie next to each other.
 */
export function attentionBiases(segments: Tensor, order: Tensor, { chunks, causal, window }: Sight): Tensor[] {
  assert(causal || chunks === 1, `attention: ${chunks} chunks of tokens that see ahead`);
  const [rows, tokens] = segments.shape as readonly [Dim, Dim];
  const querySegments = splitEvenly(reshape(segments, [rows, 1, tokens, 1]), 2, chunks);
  const queryOrders = splitEvenly(reshape(order, [1, 1, tokens, 1]), 2, chunks);
  const keySegments = prefixes(reshape(segments, [rows, 1, 1, tokens]), 3, chunks);
  const keyOrders = prefixes(reshape(order, [1, 1, 1, tokens]), 3, chunks);
  return querySegments.map((segment, c) => {
    const [query, key] = [queryOrders[c]!, keyOrders[c]!];
    let seen = equal(segment, keySegments[c]!);
    if (causal) seen = and(seen, greaterOrEqual(query, key));
    if (window !== null) seen = and(seen, greater(key, sub(query, integers([window], []))));
    return where(seen, scalar(0), scalar(-1e9));
  });
}

/** q [B, H, T, D], k and v [B, K, T, D] -> [B, H, T, D]. There are as many chunks as biases. */
export function attention(q: Tensor, k: Tensor, v: Tensor, biases: readonly Tensor[], recompute: boolean): Tensor {
  const [rows, heads, tokens, headSize] = q.shape as readonly [Dim, number, Dim, number];
  const keyHeads = Number(k.shape[1]);
  const chunks = biases.length;
  const alpha = 1 / Math.sqrt(headSize);
  const stack = product(rows, keyHeads);
  const stacked = product(heads / keyHeads, part(tokens, chunks));

  const cutQueries = (x: Tensor): Tensor[] =>
    splitEvenly(x, 2, chunks).map((piece) => reshape(piece, [stack, stacked, x.shape[3]!]));
  const joinQueries = (pieces: readonly Tensor[]): Tensor =>
    concat(
      pieces.map((piece) => reshape(piece, [rows, heads, part(tokens, chunks), piece.shape[2]!])),
      2,
    );
  const cutKeys = (x: Tensor): Tensor[] => prefixes(reshape(x, [stack, tokens, headSize]), 1, chunks);

  const queries = cutQueries(q);
  const keys = cutKeys(k);
  const values = cutKeys(v);
  const cheap = recompute ? recomputed : (x: Tensor): Tensor => x;
  const probabilities = queries.map((query, c) => {
    const scores = cheap(matmul(query, keys[c]!, { transposeB: true, alpha }));
    const seen = product(part(tokens, chunks), c + 1);
    const square = cheap(reshape(scores, [rows, heads, part(tokens, chunks), seen]));
    const biased = cheap(add(square, biases[c]!));
    return cheap(reshape(cheap(softmax(biased)), scores.shape));
  });
  const out = joinQueries(probabilities.map((p, c) => matmul(p, values[c]!)));

  return withGradient(out, [q, k, v, out, ...probabilities], (dOut, [, , , outAgain, ...kept]) => {
    // rowsum(P dP) = rowsum(dO O): the same number for far less work.
    const sums = cutQueries(reduceSum(mul(dOut, outAgain!), [3], true));
    const dOuts = cutQueries(dOut);
    const dQueries: Tensor[] = [];
    const dKeys: Tensor[] = [];
    const dValues: Tensor[] = [];
    for (let c = 0; c < chunks; c++) {
      const p = kept[c]!;
      const dScores = mul(p, sub(matmul(dOuts[c]!, values[c]!, { transposeB: true }), sums[c]!));
      dQueries.push(matmul(dScores, keys[c]!, { alpha }));
      dKeys.push(matmul(dScores, queries[c]!, { transposeA: true, alpha }));
      dValues.push(matmul(p, dOuts[c]!, { transposeA: true }));
    }
    return [joinQueries(dQueries), reshape(addPrefixes(dKeys, 1), k.shape), reshape(addPrefixes(dValues, 1), v.shape)];
  });
}

/** The first 1, 2, ... of `parts` equal parts of an axis. */
function prefixes(x: Tensor, axis: number, parts: number): Tensor[] {
  const pieces = splitEvenly(x, axis, parts);
  return pieces.map((_, c) => (c + 1 === parts ? x : concat(pieces.slice(0, c + 1), axis)));
}

/** The reverse of `prefixes`: adds up what the prefixes have in common. */
function addPrefixes(grown: readonly Tensor[], axis: number): Tensor {
  const pieces = grown.map((x, c) => splitEvenly(x, axis, c + 1));
  return concat(
    pieces.map((_, i) =>
      pieces
        .slice(i)
        .map((row) => row[i]!)
        .reduce(add),
    ),
    axis,
  );
}
