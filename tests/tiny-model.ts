/**
 * Tiny random Llama models in GGUF, the same every time, that llama.cpp loads: real tokenizers of a few hundred
 * tokens learnt from a few sentences, a ChatML template, and weights that mean nothing but are not degenerate.
 */

import { writeGguf, type GgufTensorSource } from '../src/formats/gguf.ts';
import { GgufMetadata, ggufValue, type GgufValue } from '../src/formats/gguf-metadata.ts';
import { preTokenizers } from '../src/text/pre-tokenizers.ts';
import { byteAlphabet, tokenTypes } from '../src/text/vocabulary.ts';

export type TinyTokenizer = 'smollm' | 'gpt-2' | 'qwen2' | 'llama-bpe' | 'sentence-piece';

export interface TinyModelOptions {
  readonly seed?: number;
  readonly tokenizer?: TinyTokenizer;
  /** Tokens; the byte-level tokenizers need at least 262. */
  readonly vocabularySize?: number;
  /** Null leaves the model without one. */
  readonly chatTemplate?: string | null;
  readonly layers?: number;
  readonly width?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly headSize?: number;
  readonly feedForward?: number;
  readonly contextTokens?: number;
  /** Whether the output layer is the embedding table. */
  readonly tied?: boolean;
  /** Metadata that replaces or adds to what is written otherwise. */
  readonly metadata?: Readonly<Record<string, GgufValue>>;
}

const defaults = {
  seed: 1,
  tokenizer: 'smollm',
  vocabularySize: 400,
  layers: 2,
  width: 32,
  heads: 4,
  kvHeads: 2,
  headSize: 8,
  feedForward: 48,
  contextTokens: 512,
  tied: true,
} as const satisfies TinyModelOptions;

/** Writes a model of some hundred kilobytes. */
export async function writeTinyLlama(path: string, options: TinyModelOptions = {}): Promise<void> {
  const shape = { ...defaults, ...options };
  const metadata = new GgufMetadata(
    Object.entries({
      'general.architecture': ggufValue.string('llama'),
      'general.type': ggufValue.string('model'),
      'general.name': ggufValue.string('Tiny'),
      'general.file_type': ggufValue.u32(0),
      'llama.block_count': ggufValue.u32(shape.layers),
      'llama.context_length': ggufValue.u32(shape.contextTokens),
      'llama.embedding_length': ggufValue.u32(shape.width),
      'llama.feed_forward_length': ggufValue.u32(shape.feedForward),
      'llama.attention.head_count': ggufValue.u32(shape.heads),
      'llama.attention.head_count_kv': ggufValue.u32(shape.kvHeads),
      'llama.attention.key_length': ggufValue.u32(shape.headSize),
      'llama.attention.value_length': ggufValue.u32(shape.headSize),
      'llama.attention.layer_norm_rms_epsilon': ggufValue.f32(Math.fround(1e-5)),
      'llama.rope.freq_base': ggufValue.f32(100_000),
      'llama.rope.dimension_count': ggufValue.u32(shape.headSize),
      'llama.vocab_size': ggufValue.u32(shape.vocabularySize),
      ...tinyTokenizerMetadata(options),
      ...options.metadata,
    }),
  );
  await writeGguf(path, { metadata, tensors: randomTensors(shape) });
}

/** The tokenizer and template keys alone, enough for a `TextCodec`. */
export function tinyTokenizerMetadata(options: TinyModelOptions = {}): Record<string, GgufValue> {
  const { tokenizer, vocabularySize } = { ...defaults, ...options };
  const { chatTemplate = chatMl } = options;
  return {
    ...(tokenizer === 'sentence-piece' ? sentencePiece(vocabularySize) : byteLevel(tokenizer, vocabularySize)),
    ...(chatTemplate === null ? {} : { 'tokenizer.chat_template': ggufValue.string(chatTemplate) }),
  };
}

/** ChatML with a default system message, the way SmolLM2's template does it. */
const chatMl =
  "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}" +
  "{{ '<|im_start|>system\nYou are a small test model.<|im_end|>\n' }}{% endif %}" +
  "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const sentences = [
  'You are a small test model. You are a helpful assistant who answers every question of the user.',
  'The quick brown fox jumps over the lazy dog, and then the other animals of the forest sing in the morning.',
  "Once upon a time there was a little robot who liked to learn new things; it couldn't stop reading books.",
  'Is this message spam or ham? Buy cheap tickets now, free offer, click here! Dear friend, see you at the meeting.',
  'function add(a, b) {\n    return a + b; // the sum\n}\nlet answer = add(1, 2);\n\n    if (answer === 3) {\n',
  'Äpfel, Öl und Übermut: größer, schöner, weißer. Où est le garçon? ¿Dónde está el niño? Привет, мир! 你好，世界。',
];

function byteLevel(pre: Exclude<TinyTokenizer, 'sentence-piece'>, size: number): Record<string, GgufValue> {
  const control = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|tool|>', '<|unused|>'];
  const userDefined = ['<think>'];
  const tokens = [...control, ...userDefined, ...byteAlphabet];
  const merges = learnMerges(preTokenizers.get(pre)!.pattern, size - tokens.length);
  tokens.push(...merges.map((rule) => rule.replace(' ', '')));
  const types = tokens.map((_, id) => {
    if (id < control.length) return tokenTypes.control;
    return id < control.length + userDefined.length ? tokenTypes.userDefined : tokenTypes.normal;
  });
  return {
    'tokenizer.ggml.model': ggufValue.string('gpt2'),
    'tokenizer.ggml.pre': ggufValue.string(pre),
    'tokenizer.ggml.tokens': ggufValue.strings(tokens),
    'tokenizer.ggml.token_type': ggufValue.i32s(types),
    'tokenizer.ggml.merges': ggufValue.strings(merges),
    'tokenizer.ggml.bos_token_id': ggufValue.u32(1),
    'tokenizer.ggml.eos_token_id': ggufValue.u32(2),
    'tokenizer.ggml.padding_token_id': ggufValue.u32(2),
    'tokenizer.ggml.add_bos_token': ggufValue.bool(false),
  };
}

/** The `count` most frequent pairs, one after the other, as byte-pair encoding learns them. */
function learnMerges(pattern: RegExp, count: number): string[] {
  let words = sentences
    .flatMap((sentence) => sentence.match(pattern) ?? [])
    .map((word) => Array.from(Buffer.from(word), (byte) => byteAlphabet[byte]!));
  const merges: string[] = [];
  const made = new Set<string>();
  while (merges.length < count) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const rule = `${word[i - 1]} ${word[i]}`;
        if (!made.has(rule.replace(' ', ''))) counts.set(rule, (counts.get(rule) ?? 0) + 1);
      }
    }
    const [best] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    if (best === undefined) throw new Error(`The sentences are too few for ${count} merges.`);
    const [left, right] = best[0].split(' ') as [string, string];
    merges.push(best[0]);
    made.add(left + right);
    words = words.map((word) => mergePair(word, left, right));
  }
  return merges;
}

function mergePair(word: readonly string[], left: string, right: string): string[] {
  const out: string[] = [];
  for (let i = 0; i < word.length; i++) {
    if (word[i] === left && word[i + 1] === right) {
      out.push(left + right);
      i++;
    } else out.push(word[i]!);
  }
  return out;
}

/** Llama 2's kind: specials, all bytes, then letters and the beginnings of words, commoner ones scoring higher. */
function sentencePiece(size: number): Record<string, GgufValue> {
  const special = ['<unk>', '<s>', '</s>', '<|im_start|>', '<|im_end|>'];
  const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
  const counts = new Map<string, number>();
  const count = (piece: string): void => void counts.set(piece, (counts.get(piece) ?? 0) + 1);
  for (const word of sentences.join(' ').replaceAll(' ', ' ▁').split(' ')) {
    const letters = Array.from(word);
    for (const letter of letters) count(letter);
    for (let end = 2; end <= letters.length; end++) count(letters.slice(0, end).join(''));
    for (let start = 1; start < letters.length - 1; start++) count(letters.slice(start).join(''));
  }
  for (const piece of ['▁▁', '▁▁▁▁', '.▁', 'ing▁']) counts.set(piece, 50);
  const pieces = [...counts]
    .sort(([a, x], [b, y]) => Array.from(a).length - Array.from(b).length || y - x || (a < b ? -1 : 1))
    .slice(0, size - special.length - bytes.length);
  if (special.length + bytes.length + pieces.length < size) throw new Error(`Too few pieces for ${size} tokens.`);
  const tokens = [...special, ...bytes, ...pieces.map(([piece]) => piece)];
  const scores = [...special.map(() => 0), ...bytes.map(() => 0), ...pieces.map(([, count]) => count - 1000)];
  const types = tokens.map((_, id) => {
    if (id === 0) return tokenTypes.unknown;
    if (id < special.length) return tokenTypes.control;
    return id < special.length + bytes.length ? tokenTypes.byte : tokenTypes.normal;
  });
  return {
    'tokenizer.ggml.model': ggufValue.string('llama'),
    'tokenizer.ggml.pre': ggufValue.string('default'),
    'tokenizer.ggml.tokens': ggufValue.strings(tokens),
    'tokenizer.ggml.scores': ggufValue.f32s(scores),
    'tokenizer.ggml.token_type': ggufValue.i32s(types),
    'tokenizer.ggml.bos_token_id': ggufValue.u32(1),
    'tokenizer.ggml.eos_token_id': ggufValue.u32(2),
    'tokenizer.ggml.unknown_token_id': ggufValue.u32(0),
    'tokenizer.ggml.add_bos_token': ggufValue.bool(true),
  };
}

type Shape = Required<Omit<TinyModelOptions, 'metadata' | 'chatTemplate'>>;

function randomTensors(shape: Shape): GgufTensorSource[] {
  const { width, heads, kvHeads, headSize, feedForward, layers, vocabularySize } = shape;
  const normal = normalNumbers(shape.seed);
  const tensor = (name: string, shape: readonly number[], draw: () => number): GgufTensorSource => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, draw);
    return { name, shape, type: 'F32', data: new Uint8Array(values.buffer) };
  };
  const matrix = (name: string, out: number, into: number): GgufTensorSource =>
    tensor(name, [out, into], () => (1.5 * normal()) / Math.sqrt(into));
  const scale = (name: string): GgufTensorSource => tensor(name, [width], () => 1 + 0.2 * normal());
  return [
    tensor('token_embd.weight', [vocabularySize, width], () => 0.6 * normal()),
    ...Array.from({ length: layers }, (_, layer) => [
      scale(`blk.${layer}.attn_norm.weight`),
      matrix(`blk.${layer}.attn_q.weight`, heads * headSize, width),
      matrix(`blk.${layer}.attn_k.weight`, kvHeads * headSize, width),
      matrix(`blk.${layer}.attn_v.weight`, kvHeads * headSize, width),
      matrix(`blk.${layer}.attn_output.weight`, width, heads * headSize),
      scale(`blk.${layer}.ffn_norm.weight`),
      matrix(`blk.${layer}.ffn_gate.weight`, feedForward, width),
      matrix(`blk.${layer}.ffn_up.weight`, feedForward, width),
      matrix(`blk.${layer}.ffn_down.weight`, width, feedForward),
    ]).flat(),
    scale('output_norm.weight'),
    ...(shape.tied ? [] : [matrix('output.weight', vocabularySize, width)]),
  ];
}

/** Normally distributed numbers from a 32-bit generator (mulberry32) and Box and Muller's transform. */
function normalNumbers(seed: number): () => number {
  let state = seed | 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
