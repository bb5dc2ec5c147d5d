/** A model's `config.json`, in the words of transformers 4 and of 5. */

import { TunesmithError } from '../domain/errors.ts';
import type { ConfigNames, Design, Family } from '../families/family.ts';
import { stretchBehind, type StretchedRotation } from '../families/rope-scaling.ts';
import { ropeDivisors } from '../families/tensors.ts';
import type { GgufMetadata } from '../formats/gguf-metadata.ts';
import type { Architecture } from '../models/manifest.ts';
import type { TextCodec } from '../text/codec.ts';
import type { Weights } from './weights.ts';

export interface ConfigSource {
  readonly weights: Pick<Weights, 'metadata' | 'list' | 'read'>;
  readonly codec: TextCodec;
  readonly architecture: Architecture;
  readonly family: Family;
  readonly type: 'f32' | 'f16';
}

type Json = Readonly<Record<string, unknown>>;

export async function huggingFaceConfig(source: ConfigSource): Promise<Json> {
  const { weights, codec, architecture, family, type } = source;
  const { modelTypes, className, config } = family.huggingFace;
  return {
    architectures: [className],
    model_type: modelTypes[0],
    vocab_size: architecture.vocabulary,
    ...sizes(config, architecture),
    [config.activation]: activations[family.design.activation],
    tie_word_embeddings: architecture.tiedEmbeddings,
    ...(family.design.positions === 'rotary' ? await rotation(source) : {}),
    ...particulars[family.architecture]?.(architecture, weights.metadata),
    bos_token_id: codec.tokenizer.bosId,
    eos_token_id: codec.tokenizer.eosId,
    pad_token_id: weights.metadata.number('tokenizer.ggml.padding_token_id', null),
    torch_dtype: type === 'f32' ? 'float32' : 'float16',
    use_cache: true,
  };
}

function sizes(names: ConfigNames, architecture: Architecture): Json {
  return {
    [names.width]: architecture.width,
    [names.hidden]: architecture.feedForward,
    [names.layers]: architecture.layers,
    [names.heads]: architecture.heads,
    ...(names.keyHeads === null ? {} : { [names.keyHeads]: architecture.kvHeads }),
    ...(names.headSize === null ? {} : { [names.headSize]: architecture.headWidth }),
    [names.contextTokens]: architecture.contextTokens,
    [names.epsilon]: architecture.normEpsilon,
  };
}

const activations: Readonly<Record<Design['activation'], string>> = {
  silu: 'silu',
  gelu: 'gelu',
  'gelu-tanh': 'gelu_pytorch_tanh',
};

/** What a family's config says beside the sizes. */
const particulars: Readonly<Record<string, (architecture: Architecture, metadata: GgufMetadata) => Json>> = {
  llama: () => ({ attention_bias: false, mlp_bias: false }),
  qwen2: () => ({ use_sliding_window: false }),
  qwen3: () => ({ attention_bias: false, use_sliding_window: false }),
  gemma3: ({ headWidth }, metadata) => ({
    attention_bias: false,
    query_pre_attn_scalar: headWidth,
    sliding_window: metadata.number('gemma3.attention.sliding_window'),
    attn_logit_softcapping: null,
    final_logit_softcapping: null,
  }),
  gpt2: () => ({ activation_function: 'gelu_new', scale_attn_weights: true }),
};

async function rotation({ weights, architecture, family }: ConfigSource): Promise<Json> {
  const { ropeBase, layers } = architecture;
  const { globalEvery } = family.design;
  const scaling = await scalingOf(weights, architecture);
  const parameters = { rope_theta: ropeBase, ...(scaling ?? { rope_type: 'default' }) };
  if (globalEvery === null) return { rope_theta: ropeBase, rope_scaling: scaling, rope_parameters: parameters };
  const nearBase = weights.metadata.number(`${family.architecture}.rope.freq_base_swa`, 10_000);
  return {
    rope_theta: ropeBase,
    rope_scaling: scaling,
    rope_local_base_freq: nearBase,
    rope_parameters: {
      full_attention: parameters,
      sliding_attention: { rope_theta: nearBase, rope_type: 'default' },
    },
    layer_types: Array.from({ length: layers }, (_, i) =>
      (i + 1) % globalEvery === 0 ? 'full_attention' : 'sliding_attention',
    ),
  };
}

async function scalingOf(
  weights: ConfigSource['weights'],
  { architecture, ropeBase, headWidth }: Architecture,
): Promise<Json | null> {
  const { metadata, list } = weights;
  if (metadata.string(`${architecture}.rope.scaling.type`, 'none') === 'linear')
    return { rope_type: 'linear', factor: metadata.number(`${architecture}.rope.scaling.factor`, 1) };
  if (!list.some(({ name }) => name === ropeDivisors)) return null;
  const stretch = stretchBehind(await weights.read(ropeDivisors), metadata, ropeBase, headWidth);
  if (stretch !== null) return llama3(stretch);
  throw new TunesmithError(
    'invalid',
    `The model cannot be written in Hugging Face's layout: how its positions are stretched ("${ropeDivisors}") has no name there. Export it as gguf.`,
    { param: 'to', code: 'export_unsupported' },
  );
}

const llama3 = (stretch: StretchedRotation): Json => ({
  rope_type: 'llama3',
  factor: stretch.factor,
  low_freq_factor: stretch.lowFrequencyFactor,
  high_freq_factor: stretch.highFrequencyFactor,
  original_max_position_embeddings: stretch.originalTokens,
});
