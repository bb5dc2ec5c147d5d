/** Gemma 3, text only: norms on both sides, most layers see only a window, embeddings scaled by the width. */

import type { Family } from './family.ts';
import { llama, llamaConfig, llamaDesign, llamaLinears, llamaNames, llamaNorms } from './llama.ts';

export const gemma3: Family = {
  ...llama,
  architecture: 'gemma3',
  title: 'Gemma 3',
  design: { ...llamaDesign, placement: 'around', activation: 'gelu-tanh', scaledEmbedding: true, globalEvery: 6 },
  huggingFace: {
    ...llamaNames,
    modelTypes: ['gemma3_text'],
    className: 'Gemma3ForCausalLM',
    gainsFromOne: true,
    config: { ...llamaConfig, activation: 'hidden_activation' },
  },
  norms: {
    attention: llamaNorms.attention,
    query: { path: 'self_attn.q_norm', gguf: 'attn_q_norm' },
    key: { path: 'self_attn.k_norm', gguf: 'attn_k_norm' },
    afterAttention: { path: 'post_attention_layernorm', gguf: 'post_attention_norm' },
    feedForward: { path: 'pre_feedforward_layernorm', gguf: 'ffn_norm' },
    afterFeedForward: { path: 'post_feedforward_layernorm', gguf: 'post_ffw_norm' },
  },
  linears: llamaLinears({ biases: false, interleaved: false }),
};
