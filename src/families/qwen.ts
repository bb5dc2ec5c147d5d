/** Qwen2 and 2.5: Llama with biases at queries, keys and values. Qwen3: with norms of query and key heads instead. */

import type { Family } from './family.ts';
import { llama, llamaLinears, llamaNames, llamaNorms } from './llama.ts';

export const qwen2: Family = {
  ...llama,
  architecture: 'qwen2',
  title: 'Qwen2',
  huggingFace: { modelTypes: ['qwen2'], className: 'Qwen2ForCausalLM', ...llamaNames },
  linears: llamaLinears({ biases: true, interleaved: false }),
};

export const qwen3: Family = {
  ...llama,
  architecture: 'qwen3',
  title: 'Qwen3',
  huggingFace: { modelTypes: ['qwen3'], className: 'Qwen3ForCausalLM', ...llamaNames },
  norms: {
    ...llamaNorms,
    query: { path: 'self_attn.q_norm', gguf: 'attn_q_norm' },
    key: { path: 'self_attn.k_norm', gguf: 'attn_k_norm' },
  },
  linears: llamaLinears({ biases: false, interleaved: false }),
};
