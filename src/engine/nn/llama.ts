/**
 * A Llama from token ids to what its head reads, top to bottom.
 *
 *   B rows · T tokens a row · N = B T tokens · C width
 */

import { product, type Dim } from '../graph/dims.ts';
import { withGradient } from '../graph/gradient.ts';
import { add, mul, sigmoid, silu, sub } from '../graph/ops/elementwise.ts';
import { gather, reshape, transpose } from '../graph/ops/movement.ts';
import { rmsNorm, rotary } from '../graph/ops/transformer.ts';
import { recomputed, type Tensor } from '../graph/tensor.ts';
import type { Architecture, ModuleName } from './architecture.ts';
import { attention, attentionBiases } from './attention.ts';
import { linearGroup, type DropoutMask } from './linear.ts';
import { groups, type Detours } from './parameters.ts';
import type { Block, FrozenWeights } from './weights.ts';

/** What a run is about. */
export interface TokenInputs {
  /** [N] */
  readonly ids: Tensor;
  /** [B, T]: where in its example a token stands. */
  readonly positions: Tensor;
  /** [B, T]: which example of its row a token belongs to; 0 is padding. */
  readonly segments: Tensor;
  /** [T]: 0, 1, 2, ... */
  readonly order: Tensor;
  /** Cosine, sine and minus sine of every position, [positions, D/2]. */
  readonly rotation: { readonly cos: Tensor; readonly sin: Tensor; readonly sinNegated: Tensor };
}

export interface Choices {
  /** Into how many chunks attention cuts a row's queries. */
  readonly attentionChunks: number;
  /** Computes wide, cheap values again in the backward pass: norms and the middle of the feed-forward. */
  readonly recompute: boolean;
  /** The same for attention's probabilities, which grow with the square of a row's tokens. */
  readonly recomputeAttention: boolean;
  readonly dropout: DropoutMask | null;
}

/** The normalised last hidden state, [N, C]. */
export function llama(
  architecture: Architecture,
  weights: FrozenWeights,
  adapter: Detours,
  tokens: TokenInputs,
  choices: Choices,
): Tensor {
  const biases = attentionBiases(tokens.segments, tokens.order, choices.attentionChunks);
  const cheap = choices.recompute ? recomputed : (x: Tensor): Tensor => x;
  const norm = (x: Tensor, gain: Tensor): Tensor => cheap(rmsNorm(x, gain, architecture.epsilon));

  let x = gather(weights.embedding, tokens.ids);
  for (const [layer, block] of weights.blocks.entries()) {
    const linears = (group: (typeof groups)[number], input: Tensor): Tensor[] => {
      const frozen = group.map((module): [ModuleName, Block<Tensor>['linears'][ModuleName]] => [
        module,
        block.linears[module],
      ]);
      return linearGroup(input, frozen, adapter.detour(layer, group), choices.dropout);
    };
    const [q, k, v] = linears(groups[0], norm(x, block.attentionGain)) as [Tensor, Tensor, Tensor];
    const mixed = attention(
      toHeads(q, architecture.heads, tokens),
      toHeads(k, architecture.keyHeads, tokens),
      toHeads(v, architecture.keyHeads, tokens, false),
      biases,
      choices.recomputeAttention,
    );
    const [attended] = linears(groups[1], fromHeads(mixed, cheap)) as [Tensor];
    x = add(x, attended);
    const [gate, up] = linears(groups[2], norm(x, block.feedForwardGain)) as [Tensor, Tensor];
    const [down] = linears(groups[3], swiglu(gate, up, cheap)) as [Tensor];
    x = add(x, down);
  }
  return rmsNorm(x, weights.finalGain, architecture.epsilon);
}

/**
 * silu(gate) up. The gradient of the gate is rearranged so that it needs one wide value less than the product rule:
 *
 *   dh up (s + g (1 - s)) = dh (h + s (up - h))      where s = sigmoid(gate), g = silu(gate), h = g up
 */
function swiglu(gate: Tensor, up: Tensor, cheap: (x: Tensor) => Tensor): Tensor {
  const g = cheap(silu(gate));
  const h = cheap(mul(g, up));
  return cheap(
    withGradient(h, [gate, up, g, h], (dh, [gate, up, g, h]) => [
      mul(dh, add(h!, mul(sigmoid(gate!), sub(up!, h!)))),
      mul(dh, g!),
    ]),
  );
}

/** [N, H*D] -> [B, H, T, D], turned by position unless told otherwise. */
function toHeads(x: Tensor, heads: number, { positions, rotation }: TokenInputs, turned = true): Tensor {
  const [rows, tokens] = positions.shape as readonly [Dim, Dim];
  const columns = Number(x.shape[1]);
  const { cos, sin, sinNegated } = rotation;
  const perRow = reshape(x, [rows, tokens, columns]);
  const placed = turned ? rotary([perRow, positions, cos, sin, sinNegated], heads) : perRow;
  return transpose(reshape(placed, [rows, tokens, heads, columns / heads]), [0, 2, 1, 3]);
}

/** [B, H, T, D] -> [N, H*D] */
function fromHeads(x: Tensor, cheap: (x: Tensor) => Tensor): Tensor {
  const [rows, heads, tokens, headSize] = x.shape as readonly [Dim, number, Dim, number];
  return cheap(reshape(cheap(transpose(x, [0, 2, 1, 3])), [product(rows, tokens), heads * headSize]));
}
