/**
 * A model the way Hugging Face keeps it: `config.json`, its tokenizer, and `model.safetensors` under HF's names, with
 * the rows of query and key in HF's order. `readBack` makes a GGUF of such a folder again, to see whether it answers.
 */

import { join } from 'node:path';
import { TunesmithError } from '../domain/errors.ts';
import { writeAtomically } from '../formats/atomic-write.ts';
import { writeGguf, type GgufTensorSource } from '../formats/gguf.ts';
import { eachSafetensor, floats, streamSafetensors, type SafeTensorSource } from '../formats/safetensors.ts';
import type { Architecture } from '../models/manifest.ts';
import { interleaveRows, linearLayers, separateRows } from '../models/tensor-names.ts';
import type { TextCodec } from '../text/codec.ts';
import { bytesOf, toHalf } from './pack.ts';
import type { GgufModel, OnTensor } from './gguf-model.ts';
import { generationConfig, tokenizerConfig, tokenizerJson } from './tokenizer-json.ts';
import type { Weights } from './weights.ts';

export interface HuggingFaceModel extends Pick<GgufModel, 'weights' | 'codec' | 'onTensor'> {
  readonly architecture: Architecture;
  readonly type: 'f32' | 'f16';
}

export async function writeHuggingFaceModel(folder: string, model: HuggingFaceModel): Promise<void> {
  const { weights, codec, architecture, type, onTensor } = model;
  const sources = weights.list.map(({ name, shape }): SafeTensorSource => {
    const { hf, heads } = placeOf(name, architecture);
    return {
      name: hf,
      shape,
      dtype: type === 'f32' ? 'F32' : 'F16',
      bytes: async () => {
        onTensor(name);
        const values = await weights.read(name);
        const ordered = heads === null ? values : separateRows(values, shape[1]!, heads);
        return bytesOf(type === 'f32' ? ordered : toHalf(ordered, name));
      },
    };
  });
  await writeJson(join(folder, 'config.json'), configOf(model));
  await writeTokenizer(folder, weights, codec, architecture.contextTokens);
  await streamSafetensors(join(folder, 'model.safetensors'), sources, { format: 'pt' });
}

export async function writeTokenizer(
  folder: string,
  { metadata }: Pick<Weights, 'metadata'>,
  codec: TextCodec,
  contextTokens: number,
): Promise<void> {
  await writeJson(join(folder, 'tokenizer.json'), tokenizerJson(metadata, codec));
  await writeJson(join(folder, 'tokenizer_config.json'), tokenizerConfig(metadata, codec, contextTokens));
  await writeJson(join(folder, 'generation_config.json'), generationConfig(metadata, codec));
}

export const writeJson = (path: string, value: unknown): Promise<void> =>
  writeAtomically(path, [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)]);

/** The folder's weights as a GGUF, under the metadata that the weights came with. */
export async function readBack(
  folder: string,
  { weights, architecture, onTensor }: Pick<HuggingFaceModel, 'weights' | 'architecture'> & { onTensor: OnTensor },
  path: string,
): Promise<void> {
  const reading = eachSafetensor(join(folder, 'model.safetensors'));
  const tensors = weights.list.map(({ name, shape }): GgufTensorSource => {
    const { hf, heads } = placeOf(name, architecture);
    return {
      name,
      shape,
      type: 'F32',
      async *data() {
        onTensor(name);
        const next = await reading.next();
        if (next.done === true || next.value[0] !== hf) throw new Error(`${folder} lacks the tensor "${hf}"`);
        const values = floats(next.value[1]);
        yield bytesOf(heads === null ? values : interleaveRows(values, shape[1]!, heads));
      },
    };
  });
  try {
    await writeGguf(path, { metadata: weights.metadata, tensors });
  } finally {
    await reading.return(undefined);
  }
}

const norms: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  ffn_norm: 'post_attention_layernorm',
};
const singles: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};

/** A GGUF tensor's name in HF's checkpoint, and in how many heads its rows are rotated, if they are. */
function placeOf(name: string, architecture: Architecture): { readonly hf: string; readonly heads: number | null } {
  const single = singles[name];
  if (single !== undefined) return { hf: single, heads: null };
  const [, layer, part] = /^blk\.(\d+)\.(\w+)\.weight$/.exec(name) ?? [];
  const norm = norms[part ?? ''];
  if (norm !== undefined) return { hf: `model.layers.${layer}.${norm}.weight`, heads: null };
  const linear = linearLayers.find(({ gguf }) => gguf === part);
  if (linear === undefined) throw unsupported(`its tensor "${name}" has no counterpart that Tunesmith knows`);
  const heads = linear.rotated === null ? null : architecture[linear.rotated];
  return { hf: `model.layers.${layer}.${linear.module}.weight`, heads };
}

/** Throws why the model cannot be written in Hugging Face's layout, before anything is written. */
export function assertHuggingFace({ architecture, list }: { architecture: Architecture; list: Weights['list'] }): void {
  if (architecture.architecture !== 'llama')
    throw unsupported(`it is of the ${architecture.architecture} architecture; expected llama`);
  for (const { name } of list) placeOf(name, architecture);
}

const unsupported = (why: string): TunesmithError =>
  new TunesmithError('invalid', `The model cannot be written in Hugging Face's layout: ${why}. Export it as gguf.`, {
    param: 'to',
    code: 'export_unsupported',
  });

function configOf({ weights: { metadata }, codec, architecture, type }: HuggingFaceModel): Record<string, unknown> {
  const rope = ropeOf(metadata, architecture);
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: architecture.vocabulary,
    hidden_size: architecture.width,
    intermediate_size: architecture.feedForward,
    num_hidden_layers: architecture.layers,
    num_attention_heads: architecture.heads,
    num_key_value_heads: architecture.kvHeads,
    head_dim: architecture.headWidth,
    max_position_embeddings: architecture.contextTokens,
    rms_norm_eps: architecture.normEpsilon,
    hidden_act: 'silu',
    attention_bias: false,
    mlp_bias: false,
    tie_word_embeddings: architecture.tiedEmbeddings,
    ...rope,
    bos_token_id: codec.tokenizer.bosId,
    eos_token_id: codec.tokenizer.eosId,
    pad_token_id: metadata.number('tokenizer.ggml.padding_token_id', null),
    torch_dtype: type === 'f32' ? 'float32' : 'float16',
    use_cache: true,
  };
}

/** In the words of transformers 4 and of 5. */
function ropeOf(metadata: Weights['metadata'], { ropeBase }: Architecture): Record<string, unknown> {
  const linear = metadata.string('llama.rope.scaling.type', 'none') === 'linear';
  const scaling = linear ? { rope_type: 'linear', factor: metadata.number('llama.rope.scaling.factor', 1) } : null;
  return {
    rope_theta: ropeBase,
    rope_scaling: scaling,
    rope_parameters: { rope_theta: ropeBase, ...(scaling ?? { rope_type: 'default' }) },
  };
}
