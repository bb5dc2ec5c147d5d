/**
 * The linear layers of a Llama-family model under their two names, and the one difference in their rows.
 *
 * Hugging Face's rotary embedding turns the pairs (i, i + D/2) of a head, llama.cpp's `llama` architecture turns
 * (2i, 2i + 1). So the rows of query and key weights (and of the B matrix of their adapters) are interleaved on
 * the way into a GGUF, head by head:
 *
 *   Hugging Face   a0 a1 a2 b0 b1 b2        GGUF   a0 b0 a1 b1 a2 b2
 */

import assert from 'node:assert';

export interface LinearLayer {
  /** PEFT's module name. */
  readonly target: string;
  /** Below `model.layers.<n>.` in a Hugging Face checkpoint. */
  readonly module: string;
  /** Below `blk.<n>.` in a GGUF. */
  readonly gguf: string;
  /** Whose heads the rows are rotated in, where they are. */
  readonly rotated: 'heads' | 'kvHeads' | null;
}

export const linearLayers: readonly LinearLayer[] = [
  { target: 'q_proj', module: 'self_attn.q_proj', gguf: 'attn_q', rotated: 'heads' },
  { target: 'k_proj', module: 'self_attn.k_proj', gguf: 'attn_k', rotated: 'kvHeads' },
  { target: 'v_proj', module: 'self_attn.v_proj', gguf: 'attn_v', rotated: null },
  { target: 'o_proj', module: 'self_attn.o_proj', gguf: 'attn_output', rotated: null },
  { target: 'gate_proj', module: 'mlp.gate_proj', gguf: 'ffn_gate', rotated: null },
  { target: 'up_proj', module: 'mlp.up_proj', gguf: 'ffn_up', rotated: null },
  { target: 'down_proj', module: 'mlp.down_proj', gguf: 'ffn_down', rotated: null },
];

/** Rows [out, columns] in Hugging Face's order → the order of a GGUF of architecture `llama`. */
export function interleaveRows(data: Float32Array, columns: number, heads: number): Float32Array {
  return reorderRows(data, columns, heads, (i, half) => (i < half ? 2 * i : 2 * (i - half) + 1));
}

/** The way back. */
export function separateRows(data: Float32Array, columns: number, heads: number): Float32Array {
  return reorderRows(data, columns, heads, (i, half) => (i % 2 === 0 ? i / 2 : half + (i - 1) / 2));
}

/** `to` says where row i of a head goes. */
function reorderRows(
  data: Float32Array,
  columns: number,
  heads: number,
  to: (i: number, half: number) => number,
): Float32Array {
  const half = data.length / columns / heads / 2;
  assert(Number.isInteger(half), `${data.length / columns} rows do not split into ${heads} heads of even size`);
  const result = new Float32Array(data.length);
  for (let head = 0; head < heads; head++) {
    const first = head * 2 * half;
    for (let i = 0; i < 2 * half; i++) {
      const from = first + i;
      result.set(data.subarray(from * columns, (from + 1) * columns), (first + to(i, half)) * columns);
    }
  }
  return result;
}
