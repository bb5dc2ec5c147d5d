/**
 * BERT and MiniLM: they read whole texts, with norms after each part, learned positions and biases everywhere.
 * DistilBERT is the same without token types and with other names.
 */

import { biasedLinear as linear, type Family } from './family.ts';

export const bert: Family = {
  architecture: 'bert',
  title: 'BERT',
  design: {
    causal: false,
    norm: 'layer',
    placement: 'after',
    activation: 'gelu',
    gated: false,
    positions: 'learned',
    scaledEmbedding: false,
    globalEvery: null,
  },
  huggingFace: {
    modelTypes: ['bert'],
    className: 'BertModel',
    embedding: 'bert.embeddings.word_embeddings',
    head: 'classifier',
    layers: 'bert.encoder.layer',
    transposed: false,
    gainsFromOne: false,
    config: {
      width: 'hidden_size',
      layers: 'num_hidden_layers',
      heads: 'num_attention_heads',
      keyHeads: null,
      headSize: null,
      hidden: 'intermediate_size',
      contextTokens: 'max_position_embeddings',
      epsilon: 'layer_norm_eps',
      activation: 'hidden_act',
    },
  },
  norms: {
    afterAttention: { path: 'attention.output.LayerNorm', gguf: 'attn_output_norm' },
    afterFeedForward: { path: 'output.LayerNorm', gguf: 'layer_output_norm' },
  },
  // Three layers are called dense: PEFT tells them apart by the names of what they are in.
  linears: [
    linear('query', 'attention.self.query', 'attn_q', 'query'),
    linear('key', 'attention.self.key', 'attn_k', 'key'),
    linear('value', 'attention.self.value', 'attn_v', 'value'),
    linear('attention.output.dense', 'attention.output.dense', 'attn_output', 'output'),
    linear('intermediate.dense', 'intermediate.dense', 'ffn_up', 'up'),
    linear('output.dense', 'output.dense', 'ffn_down', 'down'),
  ],
  finalNorm: null,
  embeddingNorm: { path: 'bert.embeddings.LayerNorm', gguf: 'token_embd_norm' },
  positions: { path: 'bert.embeddings.position_embeddings', gguf: 'position_embd' },
  tokenTypes: { path: 'bert.embeddings.token_type_embeddings', gguf: 'token_types' },
};

/** How checkpoints of DistilBERT call the same parts; their GGUFs are BERT's, with token types that add nothing. */
export const distilbert: Family = {
  ...bert,
  title: 'DistilBERT',
  huggingFace: {
    ...bert.huggingFace,
    modelTypes: ['distilbert'],
    className: 'DistilBertModel',
    embedding: 'distilbert.embeddings.word_embeddings',
    layers: 'distilbert.transformer.layer',
    config: {
      ...bert.huggingFace.config,
      width: 'dim',
      layers: 'n_layers',
      heads: 'n_heads',
      hidden: 'hidden_dim',
      activation: 'activation',
    },
  },
  norms: {
    afterAttention: { path: 'sa_layer_norm', gguf: 'attn_output_norm' },
    afterFeedForward: { path: 'output_layer_norm', gguf: 'layer_output_norm' },
  },
  linears: [
    linear('q_lin', 'attention.q_lin', 'attn_q', 'query'),
    linear('k_lin', 'attention.k_lin', 'attn_k', 'key'),
    linear('v_lin', 'attention.v_lin', 'attn_v', 'value'),
    linear('out_lin', 'attention.out_lin', 'attn_output', 'output'),
    linear('lin1', 'ffn.lin1', 'ffn_up', 'up'),
    linear('lin2', 'ffn.lin2', 'ffn_down', 'down'),
  ],
  embeddingNorm: { path: 'distilbert.embeddings.LayerNorm', gguf: 'token_embd_norm' },
  positions: { path: 'distilbert.embeddings.position_embeddings', gguf: 'position_embd' },
  tokenTypes: null,
};
