/**
 * A transformer from token ids to the stream that its head reads, top to bottom. Its family says which parts it has
 * (`families/family.ts`): one program computes them all.
 *
 *   B rows · T tokens a row · N = B T tokens · C width · H heads · D head size
 */

import type { BlockNorm, Design } from '../../families/family.ts';
import { product, type Dim } from '../graph/dims.ts';
import { withGradient } from '../graph/gradient.ts';
import { add, gelu, geluTanh, mul, sigmoid, silu, sub } from '../graph/ops/elementwise.ts';
import { gather, reshape, split, transpose } from '../graph/ops/movement.ts';
import { layerNorm, rmsNorm, rotary } from '../graph/ops/transformer.ts';
import { integers, recomputed, scalar, type Tensor } from '../graph/tensor.ts';
import type { Architecture } from './architecture.ts';
import { attention, attentionBiases } from './attention.ts';
import { linearGroup, type DropoutMask } from './linear.ts';
import type { Detours } from './parameters.ts';
import type { Rotation } from './rotary.ts';
import type { FrozenWeights, Norm } from './weights.ts';

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
  /** The turns of every position: one table for each of the architecture's `rotations`. */
  readonly rotations: readonly Rotation[];
}

export interface Choices {
  /** Into how many chunks attention cuts a row's queries. */
  readonly attentionChunks: number;
  /** Computes wide, cheap values again in the backward pass: norms and the middle of the feed-forward. */
  readonly recompute: boolean;
  /** The same for attention's probabilities, which grow with the square of a row's tokens. */
  readonly recomputeAttention: boolean;
  readonly dropout: DropoutMask | null;
  /** Of what each part of a block adds to the stream; parts count through the network. */
  readonly hiddenDropout: DropoutMask | null;
}

/** Nothing is differentiated. */
export const onlyForward: Choices = {
  attentionChunks: 1,
  recompute: false,
  recomputeAttention: false,
  dropout: null,
  hiddenDropout: null,
};

/** Some of the blocks: from the first on, or from what came out of the one before `first`; up to `end`, or all. */
export interface Stretch {
  readonly from?: { readonly first: number; readonly stream: Tensor } | null;
  readonly end?: number;
}

/** The stream after the last block, before the norm that a family may have at the end: [N, C]. */
export function transformer(
  architecture: Architecture,
  weights: FrozenWeights,
  detours: Detours,
  tokens: TokenInputs,
  choices: Choices,
  { from = null, end = weights.blocks.length }: Stretch = {},
): Tensor {
  const { family, groups, epsilon } = architecture;
  const { placement } = family.design;
  const cheap = choices.recompute ? recomputed : (x: Tensor): Tensor => x;
  const normalise = (x: Tensor, norm: Norm<Tensor>): Tensor => normalised(x, norm, epsilon);
  const biasesOf = biasesByWindow(architecture, tokens, choices.attentionChunks);

  let x = from?.stream ?? embed(architecture, weights, tokens);
  for (const [layer, block] of weights.blocks.entries()) {
    if (layer < (from?.first ?? 0) || layer >= end) continue;
    const { rotation, window } = architecture.layerKinds[layer]!;
    const linears = (group: readonly string[], input: Tensor): readonly Tensor[] => {
      const frozen = group.map((target) => [target, block.linears[target]!] as const);
      return linearGroup(input, frozen, detours.detour(layer, group), choices.dropout);
    };
    const norm = (which: BlockNorm, x: Tensor): Tensor => {
      const found = block.norms[which];
      return found === undefined ? x : cheap(normalise(x, found));
    };
    const attend = (input: Tensor): Tensor => {
      const [q, k, v] = separate(linears(groups.attention, input), architecture);
      const turn = rotation === null ? null : tokens.rotations[rotation]!;
      const heads = (x: Tensor, count: number, which: BlockNorm | null, turn: Rotation | null): Tensor =>
        toHeads(which === null ? x : perHead(x, count, (x) => norm(which, x)), count, tokens, turn);
      const mixed = attention(
        heads(q, architecture.heads, 'query', turn),
        heads(k, architecture.keyHeads, 'key', turn),
        heads(v, architecture.keyHeads, null, null),
        biasesOf(window),
        choices.recomputeAttention,
      );
      return linears(groups.mixed, fromHeads(mixed, cheap))[0]!;
    };
    const feedForward = (input: Tensor): Tensor => {
      const wide = linears(groups.feedForward, input);
      return linears(groups.hidden, activate(wide, family.design, cheap))[0]!;
    };
    // Where a norm is not part of the family, it changes nothing.
    const around = (index: number, before: BlockNorm, part: (x: Tensor) => Tensor, after: BlockNorm): Tensor => {
      const dropped = (y: Tensor): Tensor =>
        choices.hiddenDropout === null ? y : mul(y, choices.hiddenDropout(2 * layer + index, Number(y.shape[1])));
      return placement === 'after'
        ? norm(after, add(x, dropped(part(x))))
        : add(x, dropped(norm(after, part(norm(before, x)))));
    };
    x = around(0, 'attention', attend, 'afterAttention');
    x = around(1, 'feedForward', feedForward, 'afterFeedForward');
  }
  return x;
}

/** What the head reads of rows of the stream: normalised where the family has a norm at the end. */
export const lastNorm = ({ epsilon }: Architecture, { finalNorm }: FrozenWeights, x: Tensor): Tensor =>
  finalNorm === null ? x : normalised(x, finalNorm, epsilon);

const normalised = (x: Tensor, { gain, bias }: Norm<Tensor>, epsilon: number): Tensor =>
  bias === null ? rmsNorm(x, gain, epsilon) : layerNorm(x, gain, bias, epsilon);

function embed(architecture: Architecture, weights: FrozenWeights, tokens: TokenInputs): Tensor {
  const { embeddingNorm } = weights;
  const x = embedded(architecture, weights, tokens);
  return embeddingNorm === null ? x : normalised(x, embeddingNorm, architecture.epsilon);
}

function embedded({ family, width }: Architecture, weights: FrozenWeights, tokens: TokenInputs): Tensor {
  const words = gather(weights.embedding, tokens.ids);
  const scaled = family.design.scaledEmbedding ? mul(words, scalar(Math.fround(Math.sqrt(width)))) : words;
  if (weights.positions === null) return scaled;
  const placed = add(scaled, gather(weights.positions, reshape(tokens.positions, tokens.ids.shape)));
  // Every token is of the first text: nothing here has a second.
  return weights.tokenTypes === null ? placed : add(placed, gather(weights.tokenTypes, integers([0], [])));
}

/** What tokens may not see, made once for all layers with the same window. */
function biasesByWindow(
  { family }: Architecture,
  { segments, order }: TokenInputs,
  chunks: number,
): (window: number | null) => readonly Tensor[] {
  const made = new Map<number | null, readonly Tensor[]>();
  return (window) => {
    const biases =
      made.get(window) ?? attentionBiases(segments, order, { chunks, window, causal: family.design.causal });
    made.set(window, biases);
    return biases;
  };
}

/** Queries, keys and values, also where one matrix makes all three. */
function separate(made: readonly Tensor[], { heads, keyHeads, headSize }: Architecture): [Tensor, Tensor, Tensor] {
  const pieces = [heads, keyHeads, keyHeads].map((count) => count * headSize);
  const [q, k, v] = made.length === 1 ? split(made[0]!, 1, pieces) : made;
  return [q!, k!, v!];
}

/** Does something to each head of x [N, H*D] for itself. */
function perHead(x: Tensor, heads: number, change: (x: Tensor) => Tensor): Tensor {
  const [tokens, columns] = x.shape as readonly [Dim, number];
  const apart = reshape(x, [product(tokens, heads), columns / heads]);
  const changed = change(apart);
  return changed === apart ? x : reshape(changed, x.shape);
}

function activate(wide: readonly Tensor[], design: Design, cheap: (x: Tensor) => Tensor): Tensor {
  if (!design.gated) return cheap(activations[design.activation](wide[0]!));
  const [gate, up] = wide as readonly [Tensor, Tensor];
  if (design.activation === 'silu') return swiglu(gate, up, cheap);
  return cheap(mul(cheap(activations[design.activation](gate)), up));
}

const activations: Readonly<Record<Design['activation'], (x: Tensor) => Tensor>> = {
  silu,
  gelu,
  'gelu-tanh': geluTanh,
};

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

/** [N, H*D] -> [B, H, T, D], turned by position where there is a rotation. */
function toHeads(x: Tensor, heads: number, { positions }: TokenInputs, rotation: Rotation | null): Tensor {
  const [rows, tokens] = positions.shape as readonly [Dim, Dim];
  const columns = Number(x.shape[1]);
  const perRow = reshape(x, [rows, tokens, columns]);
  const placed =
    rotation === null ? perRow : rotary([perRow, positions, rotation.cos, rotation.sin, rotation.sinNegated], heads);
  return transpose(reshape(placed, [rows, tokens, heads, columns / heads]), [0, 2, 1, 3]);
}

/** [B, H, T, D] -> [N, H*D] */
function fromHeads(x: Tensor, cheap: (x: Tensor) => Tensor): Tensor {
  const [rows, heads, tokens, headSize] = x.shape as readonly [Dim, number, Dim, number];
  return cheap(reshape(cheap(transpose(x, [0, 2, 1, 3])), [product(rows, tokens), heads * headSize]));
}
