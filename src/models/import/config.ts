/**
 * A config.json as the metadata of a GGUF. What a config says and our graph would not compute is refused by name; keys
 * that only steer transformers itself are passed over.
 */

import type { Design, Family } from '../../families/family.ts';
import { divisorsOf, stretchKeys, type StretchedRotation } from '../../families/rope-scaling.ts';
import { distilbert } from '../../families/bert.ts';
import { families } from '../../families/table.ts';
import { ggufValue, type GgufValue } from '../../formats/gguf-metadata.ts';
import { unusable, type Fields } from './json-file.ts';

export type Entries = Record<string, GgufValue>;

export interface ModelConfig {
  readonly family: Family;
  readonly metadata: Entries;
  /** Llama 3.1's divisors, a tensor of the GGUF; null where positions are not stretched so. */
  readonly divisors: Float32Array | null;
  /** Whether logits come from the embeddings. */
  readonly tied: boolean;
}

export function readConfig(config: Fields): ModelConfig {
  const family = familyOf(config);
  assertPlain(config, family);
  const { architecture, design, huggingFace } = family;
  const names = huggingFace.config;
  const width = config.count(names.width);
  const heads = config.count(names.heads);
  const headSize = names.headSize === null ? width / heads : config.count(names.headSize, width / heads);
  const epsilonKey = design.norm === 'rms' ? 'layer_norm_rms_epsilon' : 'layer_norm_epsilon';
  const rotation = design.positions === 'rotary' ? readRotation(config, family, headSize) : null;
  const u32 = (key: string, value: number): Entries => ({ [`${architecture}.${key}`]: ggufValue.u32(value) });
  const f32 = (key: string, value: number): Entries => ({
    [`${architecture}.${key}`]: ggufValue.f32(Math.fround(value)),
  });
  return {
    family,
    tied: config.boolean('tie_word_embeddings', tiedByDefault.has(architecture)),
    divisors: rotation?.divisors ?? null,
    metadata: {
      ...u32('context_length', config.count(names.contextTokens)),
      ...u32('embedding_length', width),
      ...u32('block_count', config.count(names.layers)),
      ...u32('feed_forward_length', config.count(names.hidden, architecture === 'gpt2' ? 4 * width : undefined)),
      ...u32('attention.head_count', heads),
      ...(names.keyHeads === null ? {} : u32('attention.head_count_kv', config.count(names.keyHeads, heads))),
      ...(names.headSize === null
        ? {}
        : { ...u32('attention.key_length', headSize), ...u32('attention.value_length', headSize) }),
      ...f32(`attention.${epsilonKey}`, config.number(names.epsilon, epsilonByDefault[architecture])),
      ...rotation?.metadata,
      ...(design.globalEvery === null ? {} : u32('attention.sliding_window', config.count('sliding_window'))),
    },
  };
}

const tiedByDefault: ReadonlySet<string> = new Set(['gpt2', 'gemma3']);
const epsilonByDefault: Readonly<Record<string, number>> = { gpt2: 1e-5, bert: 1e-12 };

function familyOf(config: Fields): Family {
  const type = config.text('model_type');
  // DistilBERT becomes a BERT.
  const importable = [...families, distilbert];
  const family = importable.find(({ huggingFace }) => huggingFace.modelTypes.includes(type));
  if (family !== undefined) return family;
  const known = importable.flatMap(({ huggingFace }) => huggingFace.modelTypes).join(', ');
  const hint = type === 'gemma3' ? ' (this one also reads pictures; take the text model)' : '';
  throw unusable(`config.json: "model_type" is "${type}"${hint}; expected one of ${known}`);
}

/** Throws for what would be computed otherwise than its author meant. */
function assertPlain(config: Fields, { design, huggingFace, architecture, linears, title }: Family): void {
  const must = (name: string, fits: (value: unknown) => boolean, expected: string): void => {
    if (config.has(name) && !fits(config.raw(name))) throw config.wrong(name, `${expected} in a ${title}`);
  };
  const off = (name: string): void => must(name, (value) => value === false, 'false');
  const absent = (name: string): void => must(name, () => false, 'nothing');
  const biased = linears.some(({ bias }) => bias);
  if (!biased) for (const name of ['attention_bias', 'mlp_bias', 'use_bias', 'qkv_bias']) off(name);
  absent('quantization_config');
  absent('num_local_experts');
  must('partial_rotary_factor', (value) => value === 1, '1');
  const allowed = activations[design.activation];
  must(huggingFace.config.activation, (value) => allowed.includes(String(value)), `one of ${allowed.join(', ')}`);
  off('use_sliding_window');
  if (design.globalEvery === null) {
    const every = (value: unknown): boolean =>
      Array.isArray(value) && value.every((layer) => layer === 'full_attention');
    must('layer_types', every, 'full attention in every layer');
    if (architecture === 'llama') absent('sliding_window');
  } else {
    const { globalEvery } = design;
    const alternating = (value: unknown): boolean =>
      Array.isArray(value) &&
      value.every((layer, i) => layer === ((i + 1) % globalEvery === 0 ? 'full_attention' : 'sliding_attention'));
    must('layer_types', alternating, `full attention in every ${globalEvery}th layer and no other`);
    must('sliding_window_pattern', (value) => value === globalEvery, String(globalEvery));
    absent('attn_logit_softcapping');
    absent('final_logit_softcapping');
    off('use_bidirectional_attention');
    must('query_pre_attn_scalar', (value) => value === config.raw('head_dim'), 'the size of a head');
  }
  must('scale_attn_weights', (value) => value === true, 'true');
  off('scale_attn_by_inverse_layer_idx');
  off('add_cross_attention');
  if (!design.causal) {
    off('is_decoder');
    must('position_embedding_type', (value) => value === 'absolute', '"absolute"');
  }
}

const activations: Readonly<Record<Design['activation'], readonly string[]>> = {
  silu: ['silu', 'swish'],
  gelu: ['gelu'],
  'gelu-tanh': ['gelu_pytorch_tanh', 'gelu_new', 'gelu_fast'],
};

interface Rotation {
  readonly metadata: Entries;
  readonly divisors: Float32Array | null;
}

/** transformers 4 has `rope_theta` and `rope_scaling`; 5 has both in `rope_parameters`, for each kind of layer where there are two. */
function readRotation(config: Fields, { architecture, design }: Family, headSize: number): Rotation {
  const all = config.fields('rope_parameters');
  const own = design.globalEvery === null ? all : (all?.fields('full_attention') ?? all);
  const scaling = own ?? config.fields('rope_scaling');
  const base = own?.number('rope_theta', 10_000) ?? config.number('rope_theta', 10_000);
  const type = scaling?.text('rope_type', scaling.text('type', 'default')) ?? 'default';
  const metadata: Entries = {
    [`${architecture}.rope.freq_base`]: ggufValue.f32(Math.fround(base)),
    ...(architecture === 'llama' ? { 'llama.rope.dimension_count': ggufValue.u32(headSize) } : {}),
  };
  if (design.globalEvery !== null) {
    const near =
      all?.fields('sliding_attention')?.number('rope_theta', 10_000) ?? config.number('rope_local_base_freq', 10_000);
    metadata[`${architecture}.rope.freq_base_swa`] = ggufValue.f32(Math.fround(near));
  }
  if (type === 'default') return { metadata, divisors: null };
  if (type === 'linear') {
    const factor = scaling!.number('factor');
    if (!(factor > 0)) throw scaling!.wrong('factor', 'a number above 0');
    metadata[`${architecture}.rope.scaling.type`] = ggufValue.string('linear');
    metadata[`${architecture}.rope.scaling.factor`] = ggufValue.f32(Math.fround(factor));
    return { metadata, divisors: null };
  }
  if (type === 'llama3') {
    const stretch: StretchedRotation = {
      factor: scaling!.number('factor'),
      lowFrequencyFactor: scaling!.number('low_freq_factor'),
      highFrequencyFactor: scaling!.number('high_freq_factor'),
      originalTokens: scaling!.count('original_max_position_embeddings'),
    };
    for (const [name, key] of Object.entries(stretchKeys))
      metadata[key] = ggufValue.f32(Math.fround(stretch[name as keyof StretchedRotation]));
    return { metadata, divisors: divisorsOf(stretch, base, headSize) };
  }
  throw unusable(`config.json: positions are stretched by "${type}"; expected one of default, linear, llama3`);
}
