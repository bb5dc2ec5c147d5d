/**
 * Tiny random BERTs in GGUF, the same every time: a WordPiece vocabulary of letters and a few words, and weights that
 * mean nothing but are not degenerate.
 */

import { outputCount } from '../src/domain/label.ts';
import { headEntries, type HeadFacts } from '../src/families/label-head.ts';
import { writeGguf, type GgufTensorSource } from '../src/formats/gguf.ts';
import { GgufMetadata, ggufValue, type GgufValue } from '../src/formats/gguf-metadata.ts';
import { seededRandom } from '../src/random.ts';

export interface TinyEncoderOptions {
  readonly seed?: number;
  readonly layers?: number;
  readonly width?: number;
  readonly heads?: number;
  readonly feedForward?: number;
  readonly contextTokens?: number;
  /** What it tells apart; a base tells nothing apart. */
  readonly head?: HeadFacts | null;
  /** Metadata that replaces or adds to what is written otherwise. */
  readonly metadata?: Readonly<Record<string, GgufValue>>;
}

const defaults = { seed: 1, layers: 2, width: 32, heads: 4, feedForward: 48, contextTokens: 128, head: null };

const letters = Array.from('abcdefghijklmnopqrstuvwxyz0123456789');
const marks = Array.from('!"#$%&\'()*+,-./:;<=>?@[]_{}');
const words = 'the a is in of good bad news buy now free money meeting report ada lovelace paris london works'.split(
  ' ',
);
const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

const vocabulary = [
  ...specials,
  ...[...new Set([...letters, ...marks, ...words])].map((word) => `▁${word}`),
  ...letters,
];

export function tinyEncoderTokenizer(): Record<string, GgufValue> {
  return {
    'tokenizer.ggml.model': ggufValue.string('bert'),
    'tokenizer.ggml.pre': ggufValue.string('default'),
    'tokenizer.ggml.tokens': ggufValue.strings(vocabulary),
    'tokenizer.ggml.token_type': ggufValue.i32s(vocabulary.map((_, id) => (id === 1 ? 2 : id < 5 ? 3 : 1))),
    'tokenizer.ggml.token_type_count': ggufValue.u32(2),
    'tokenizer.ggml.cls_token_id': ggufValue.u32(2),
    'tokenizer.ggml.seperator_token_id': ggufValue.u32(3),
    'tokenizer.ggml.unknown_token_id': ggufValue.u32(1),
    'tokenizer.ggml.padding_token_id': ggufValue.u32(0),
    'tokenizer.ggml.mask_token_id': ggufValue.u32(4),
  };
}

/** Writes an encoder of some hundred kilobytes. */
export async function writeTinyEncoder(path: string, options: TinyEncoderOptions = {}): Promise<void> {
  const { seed, layers, width, heads, feedForward, contextTokens, head, metadata } = {
    ...defaults,
    metadata: {},
    ...options,
  };
  const random = seededRandom(seed);
  const tensors: GgufTensorSource[] = [];
  const add = (name: string, shape: readonly number[], scale: number, around = 0): void => {
    const count = shape.reduce((a, b) => a * b, 1);
    const values = Float32Array.from({ length: count }, () => around + scale * (2 * random() - 1));
    tensors.push({ name, shape, type: 'F32', data: new Uint8Array(values.buffer) });
  };
  const norm = (name: string): void => {
    add(`${name}.weight`, [width], 0.1, 1);
    add(`${name}.bias`, [width], 0.1);
  };
  const linear = (name: string, out: number, from: number): void => {
    add(`${name}.weight`, [out, from], 1.7 / Math.sqrt(from));
    add(`${name}.bias`, [out], 0.1);
  };
  add('token_embd.weight', [vocabulary.length, width], 1);
  add('position_embd.weight', [contextTokens, width], 0.3);
  add('token_types.weight', [2, width], 0.3);
  norm('token_embd_norm');
  for (let layer = 0; layer < layers; layer++) {
    for (const name of ['attn_q', 'attn_k', 'attn_v', 'attn_output']) linear(`blk.${layer}.${name}`, width, width);
    norm(`blk.${layer}.attn_output_norm`);
    linear(`blk.${layer}.ffn_up`, feedForward, width);
    linear(`blk.${layer}.ffn_down`, width, feedForward);
    norm(`blk.${layer}.layer_output_norm`);
  }
  linear('cls', width, width);
  if (head !== null) linear('cls.output', outputCount(head), width);
  const entries = {
    'general.architecture': ggufValue.string('bert'),
    'general.type': ggufValue.string('model'),
    'general.name': ggufValue.string('Tiny encoder'),
    'general.file_type': ggufValue.u32(0),
    'bert.block_count': ggufValue.u32(layers),
    'bert.context_length': ggufValue.u32(contextTokens),
    'bert.embedding_length': ggufValue.u32(width),
    'bert.feed_forward_length': ggufValue.u32(feedForward),
    'bert.attention.head_count': ggufValue.u32(heads),
    'bert.attention.layer_norm_epsilon': ggufValue.f32(1e-12),
    'bert.attention.causal': ggufValue.bool(false),
    'bert.pooling_type': ggufValue.u32(1),
    ...tinyEncoderTokenizer(),
    ...(head === null ? {} : Object.fromEntries(headEntries('bert', head))),
    ...metadata,
  };
  await writeGguf(path, { metadata: new GgufMetadata(Object.entries(entries)), tensors });
}
