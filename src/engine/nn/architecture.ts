/**
 * What a Llama is made of, as its GGUF metadata says.
 *
 * Llama here means: RMS norms before attention and feed-forward, rotary positions, grouped-query attention and
 * SwiGLU, no biases. A file that says anything this engine would silently compute wrongly is refused.
 */

import { TunesmithError } from '../../domain/errors.ts';
import type { Gguf } from '../../formats/gguf.ts';

export interface Architecture {
  readonly layers: number;
  /** C, the width of the residual stream. */
  readonly width: number;
  readonly heads: number;
  /** Heads of keys and values; each serves heads / keyHeads query heads. */
  readonly keyHeads: number;
  readonly headSize: number;
  readonly hidden: number;
  readonly vocabulary: number;
  readonly contextTokens: number;
  readonly epsilon: number;
  /** Radians that each pair of numbers of a head turns per position, [headSize / 2]. */
  readonly rotaryFrequencies: Float64Array;
  /** True if logits come from the embedding matrix itself. */
  readonly tiedHead: boolean;
}

/** The linear layers of a block by PEFT's names, with their place in PyTorch's module tree and in GGUF. */
export const modules = {
  q_proj: { path: 'self_attn.q_proj', gguf: 'attn_q' },
  k_proj: { path: 'self_attn.k_proj', gguf: 'attn_k' },
  v_proj: { path: 'self_attn.v_proj', gguf: 'attn_v' },
  o_proj: { path: 'self_attn.o_proj', gguf: 'attn_output' },
  gate_proj: { path: 'mlp.gate_proj', gguf: 'ffn_gate' },
  up_proj: { path: 'mlp.up_proj', gguf: 'ffn_up' },
  down_proj: { path: 'mlp.down_proj', gguf: 'ffn_down' },
} as const;

export type ModuleName = keyof typeof modules;
export const moduleNames = Object.keys(modules) as ModuleName[];

/** Columns and rows of a module's weight [out, in]. */
export function moduleSize(architecture: Architecture, module: ModuleName): { in: number; out: number } {
  const { width, heads, keyHeads, headSize, hidden } = architecture;
  const sizes: Record<ModuleName, { in: number; out: number }> = {
    q_proj: { in: width, out: heads * headSize },
    k_proj: { in: width, out: keyHeads * headSize },
    v_proj: { in: width, out: keyHeads * headSize },
    o_proj: { in: heads * headSize, out: width },
    gate_proj: { in: width, out: hidden },
    up_proj: { in: width, out: hidden },
    down_proj: { in: hidden, out: width },
  };
  return sizes[module];
}

export async function readArchitecture(gguf: Gguf): Promise<Architecture> {
  const { metadata, tensors, path } = gguf;
  const family = metadata.string('general.architecture');
  if (family !== 'llama') throw unsupported(path, `its architecture is "${family}"; "llama" is what can be trained`);
  const number = (key: string, ...otherwise: [] | [number]): number =>
    metadata.number<number>(`llama.${key}`, ...(otherwise as [number]));
  const width = number('embedding_length');
  const heads = number('attention.head_count');
  const headSize = number('attention.key_length', width / heads);
  const embedding = tensors.get('token_embd.weight');
  if (embedding === undefined) throw unsupported(path, 'it has no "token_embd.weight"');
  const architecture: Architecture = {
    layers: number('block_count'),
    width,
    heads,
    keyHeads: number('attention.head_count_kv', heads),
    headSize,
    hidden: number('feed_forward_length'),
    vocabulary: embedding.shape[0]!,
    contextTokens: number('context_length'),
    epsilon: number('attention.layer_norm_rms_epsilon'),
    rotaryFrequencies: await rotaryFrequencies(gguf, headSize),
    tiedHead: !tensors.has('output.weight'),
  };
  check(gguf, architecture);
  return architecture;
}

async function rotaryFrequencies(gguf: Gguf, headSize: number): Promise<Float64Array> {
  const { metadata, tensors, path } = gguf;
  const turned = metadata.number('llama.rope.dimension_count', headSize);
  if (turned !== headSize) throw unsupported(path, `it rotates ${turned} of the ${headSize} numbers of a head`);
  const scaling = metadata.string('llama.rope.scaling.type', 'none');
  if (scaling !== 'none' && scaling !== 'linear') throw unsupported(path, `its rotary scaling is "${scaling}"`);
  const slower = scaling === 'linear' ? metadata.number('llama.rope.scaling.factor') : 1;
  const base = metadata.number('llama.rope.freq_base', 10_000);
  // Llama 3.1 and later stretch some wavelengths: a divisor for each pair, in a tensor of its own.
  const divisors = tensors.has('rope_freqs.weight') ? await gguf.read('rope_freqs.weight') : null;
  return Float64Array.from(
    { length: headSize / 2 },
    (_, i) => base ** ((-2 * i) / headSize) / slower / (divisors?.[i] ?? 1),
  );
}

/** Every tensor that this architecture has is there with its shape, and there is none that it does not have. */
function check({ tensors, path }: Gguf, architecture: Architecture): void {
  const { layers, width, heads, keyHeads, vocabulary } = architecture;
  if (heads % keyHeads !== 0) throw unsupported(path, `${heads} heads cannot share ${keyHeads} key heads evenly`);
  const expected = new Map<string, readonly number[]>([
    ['token_embd.weight', [vocabulary, width]],
    ['output_norm.weight', [width]],
    ['output.weight', [vocabulary, width]],
    ['rope_freqs.weight', [architecture.headSize / 2]],
  ]);
  const optional = new Set(['output.weight', 'rope_freqs.weight']);
  for (let layer = 0; layer < layers; layer++) {
    expected.set(`blk.${layer}.attn_norm.weight`, [width]);
    expected.set(`blk.${layer}.ffn_norm.weight`, [width]);
    for (const module of moduleNames) {
      const size = moduleSize(architecture, module);
      expected.set(`blk.${layer}.${modules[module].gguf}.weight`, [size.out, size.in]);
    }
  }
  for (const [name, shape] of expected) {
    const found = tensors.get(name)?.shape;
    if (found === undefined && optional.has(name)) continue;
    if (found?.join() !== shape.join()) {
      const what = found === undefined ? 'is missing' : `has shape [${found.join(', ')}]`;
      throw unsupported(path, `tensor "${name}" ${what}; expected [${shape.join(', ')}]`);
    }
  }
  for (const name of tensors.keys()) {
    if (!expected.has(name)) throw unsupported(path, `it has a tensor "${name}", which a plain Llama does not`);
  }
}

const unsupported = (path: string, reason: string): TunesmithError =>
  new TunesmithError('invalid', `The model ${path} cannot be trained: ${reason}.`, { code: 'model_unsupported' });
