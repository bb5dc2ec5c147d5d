/** Every tensor of a model of a family, under both of its names. */

import { linearSize, type Family, type LinearModule, type ModelSizes, type TensorNames } from './family.ts';
import { outputName, poolerName } from './label-head.ts';
import type { Change } from './row-order.ts';

export interface ModelTensor {
  /** In a GGUF, e.g. `blk.0.attn_q.weight`. */
  readonly gguf: string;
  /** In a checkpoint, e.g. `model.layers.0.self_attn.q_proj.weight`; null where a config.json tells it instead. */
  readonly huggingFace: string | null;
  /** In a GGUF: a matrix is [out, in]. */
  readonly shape: readonly number[];
  /** A file may lack it. */
  readonly optional: boolean;
  readonly change: Change;
}

/** Llama 3.1 and later: one divisor for each pair that a head rotates. */
export const ropeDivisors = 'rope_freqs.weight';

export const embeddingName = 'token_embd.weight';
export const headName = 'output.weight';

/** In the order in which a GGUF has them. */
export function tensorsOf(family: Family, sizes: ModelSizes): ModelTensor[] {
  const { huggingFace, design } = family;
  const { width, vocabulary, contextTokens } = sizes;
  const whole = (gguf: string, path: string, shape: readonly number[], optional = false): ModelTensor => ({
    gguf,
    huggingFace: path,
    shape,
    optional,
    change: { kind: 'none' },
  });
  const table = (names: TensorNames | null, rows: number): ModelTensor[] =>
    names === null ? [] : [whole(`${names.gguf}.weight`, `${names.path}.weight`, [rows, width])];
  return [
    whole(embeddingName, `${huggingFace.embedding}.weight`, [vocabulary, width]),
    ...table(family.positions, contextTokens),
    ...table(family.tokenTypes, tokenTypeCount),
    ...normTensors(family, family.embeddingNorm, width),
    ...(design.positions === 'rotary'
      ? [{ ...whole(ropeDivisors, '', [sizes.headSize / 2], true), huggingFace: null }]
      : []),
    ...Array.from({ length: sizes.layers }, (_, layer) => blockTensors(family, sizes, layer)).flat(),
    ...normTensors(family, family.finalNorm, width),
    ...(design.causal
      ? [whole(headName, `${huggingFace.head}.weight`, [vocabulary, width], true)]
      : labelHeadTensors(family, sizes)),
  ];
}

/** The pooler, which not every encoder has, and the outputs of one that tells labels apart. */
function labelHeadTensors({ huggingFace }: Family, { width, outputs = 0 }: ModelSizes): ModelTensor[] {
  const dense = (gguf: string, path: string, rows: number): ModelTensor[] =>
    [
      { gguf: `${gguf}.weight`, huggingFace: `${path}.weight`, shape: [rows, width] },
      { gguf: `${gguf}.bias`, huggingFace: `${path}.bias`, shape: [rows] },
    ].map((names) => ({ ...names, optional: true, change: { kind: 'none' } }));
  const pooler = dense(poolerName, 'bert.pooler.dense', width);
  return outputs === 0 ? pooler : [...pooler, ...dense(outputName, huggingFace.head, outputs)];
}

/** First and second text: what BERT's kind of model tells apart. */
const tokenTypeCount = 2;

function blockTensors(family: Family, sizes: ModelSizes, layer: number): ModelTensor[] {
  const inLayer = <Names extends TensorNames>(names: Names): Names => ({
    ...names,
    gguf: `blk.${layer}.${names.gguf}`,
    path: `${family.huggingFace.layers}.${layer}.${names.path}`,
  });
  const norms = Object.entries(family.norms).flatMap(([norm, names]) =>
    normTensors(family, inLayer(names), norm === 'query' || norm === 'key' ? sizes.headSize : sizes.width),
  );
  return [...norms, ...family.linears.flatMap((linear) => linearTensors(family, inLayer(linear), sizes))];
}

function normTensors({ design, huggingFace }: Family, names: TensorNames | null, width: number): ModelTensor[] {
  if (names === null) return [];
  const change: Change = { kind: huggingFace.gainsFromOne ? 'add-one' : 'none' };
  const both = { shape: [width], optional: false };
  const gain = { gguf: `${names.gguf}.weight`, huggingFace: `${names.path}.weight`, change, ...both };
  if (design.norm === 'rms') return [gain];
  return [gain, { gguf: `${names.gguf}.bias`, huggingFace: `${names.path}.bias`, change: { kind: 'none' }, ...both }];
}

function linearTensors({ huggingFace }: Family, linear: LinearModule, sizes: ModelSizes): ModelTensor[] {
  const size = linearSize(linear.role, sizes);
  const rows: Change =
    linear.interleaved === null ? { kind: 'none' } : { kind: 'interleave', heads: sizes[linear.interleaved] };
  const weight: ModelTensor = {
    gguf: `${linear.gguf}.weight`,
    huggingFace: `${linear.path}.weight`,
    shape: [size.out, size.in],
    optional: false,
    change: huggingFace.transposed ? { kind: 'transpose' } : rows,
  };
  if (!linear.bias) return [weight];
  return [
    weight,
    {
      gguf: `${linear.gguf}.bias`,
      huggingFace: `${linear.path}.bias`,
      shape: [size.out],
      optional: false,
      change: rows,
    },
  ];
}
