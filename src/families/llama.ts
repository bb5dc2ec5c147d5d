/** Llama and its likes: SmolLM2, TinyLlama, Llama 3.x, Mistral. Also the parts that Qwen and Gemma share with it. */

import type { ConfigNames, Design, Family, HuggingFaceNames, LinearModule, LinearRole } from './family.ts';

export const llamaDesign: Design = {
  causal: true,
  norm: 'rms',
  placement: 'before',
  activation: 'silu',
  gated: true,
  positions: 'rotary',
  scaledEmbedding: false,
  globalEvery: null,
};

export const llamaConfig: ConfigNames = {
  width: 'hidden_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  keyHeads: 'num_key_value_heads',
  headSize: 'head_dim',
  hidden: 'intermediate_size',
  contextTokens: 'max_position_embeddings',
  epsilon: 'rms_norm_eps',
  activation: 'hidden_act',
};

export const llamaNames: Omit<HuggingFaceNames, 'modelTypes' | 'className'> = {
  embedding: 'model.embed_tokens',
  head: 'lm_head',
  layers: 'model.layers',
  transposed: false,
  gainsFromOne: false,
  config: llamaConfig,
};

export const llamaNorms = {
  attention: { path: 'input_layernorm', gguf: 'attn_norm' },
  feedForward: { path: 'post_attention_layernorm', gguf: 'ffn_norm' },
} as const;

/** The same modules in every one of them; Qwen2 has biases at the first three. */
export function llamaLinears(choices: { readonly biases: boolean; readonly interleaved: boolean }): LinearModule[] {
  const { biases, interleaved } = choices;
  const linear = (
    target: string,
    parent: 'self_attn' | 'mlp',
    gguf: string,
    role: LinearRole,
    more: Partial<LinearModule> = {},
  ): LinearModule => ({ target, path: `${parent}.${target}`, gguf, role, bias: false, interleaved: null, ...more });
  return [
    linear('q_proj', 'self_attn', 'attn_q', 'query', { bias: biases, interleaved: interleaved ? 'heads' : null }),
    linear('k_proj', 'self_attn', 'attn_k', 'key', { bias: biases, interleaved: interleaved ? 'keyHeads' : null }),
    linear('v_proj', 'self_attn', 'attn_v', 'value', { bias: biases }),
    linear('o_proj', 'self_attn', 'attn_output', 'output'),
    linear('gate_proj', 'mlp', 'ffn_gate', 'gate'),
    linear('up_proj', 'mlp', 'ffn_up', 'up'),
    linear('down_proj', 'mlp', 'ffn_down', 'down'),
  ];
}

export const llama: Family = {
  architecture: 'llama',
  title: 'Llama',
  design: llamaDesign,
  huggingFace: { modelTypes: ['llama', 'mistral'], className: 'LlamaForCausalLM', ...llamaNames },
  norms: llamaNorms,
  linears: llamaLinears({ biases: false, interleaved: true }),
  finalNorm: { path: 'model.norm', gguf: 'output_norm' },
  embeddingNorm: null,
  positions: null,
  tokenTypes: null,
};
