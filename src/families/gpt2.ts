/** GPT-2: layer norms, learned positions, queries, keys and values in one matrix, no gate, biases everywhere. */

import { biasedLinear as linear, type Family } from './family.ts';

export const gpt2: Family = {
  architecture: 'gpt2',
  title: 'GPT-2',
  design: {
    causal: true,
    norm: 'layer',
    placement: 'before',
    activation: 'gelu-tanh',
    gated: false,
    positions: 'learned',
    scaledEmbedding: false,
    globalEvery: null,
  },
  huggingFace: {
    modelTypes: ['gpt2'],
    className: 'GPT2LMHeadModel',
    embedding: 'transformer.wte',
    head: 'lm_head',
    layers: 'transformer.h',
    transposed: true,
    gainsFromOne: false,
    config: {
      width: 'n_embd',
      layers: 'n_layer',
      heads: 'n_head',
      keyHeads: null,
      headSize: null,
      hidden: 'n_inner',
      contextTokens: 'n_positions',
      epsilon: 'layer_norm_epsilon',
      activation: 'activation_function',
    },
  },
  norms: {
    attention: { path: 'ln_1', gguf: 'attn_norm' },
    feedForward: { path: 'ln_2', gguf: 'ffn_norm' },
  },
  // Two modules are called c_proj: PEFT tells them apart by the name of what they are in.
  linears: [
    linear('c_attn', 'attn.c_attn', 'attn_qkv', 'queryKeyValue'),
    linear('attn.c_proj', 'attn.c_proj', 'attn_output', 'output'),
    linear('c_fc', 'mlp.c_fc', 'ffn_up', 'up'),
    linear('mlp.c_proj', 'mlp.c_proj', 'ffn_down', 'down'),
  ],
  finalNorm: { path: 'transformer.ln_f', gguf: 'output_norm' },
  embeddingNorm: null,
  positions: { path: 'transformer.wpe', gguf: 'position_embd' },
  tokenTypes: null,
};
