/**
 * Is this GGUF a language model that we can hand to llama.cpp and to our engine without harm?
 *
 * llama.cpp aborts its process on some files that look well (token texts that repeat, no tokenizer, no heads,
 * absurd depth) and is silently wrong on others. Everything of that kind is refused here, by name. What llama.cpp
 * can run and our engine cannot train is accepted and marked.
 */

import { invalid } from '../domain/errors.ts';
import type { Gguf } from '../formats/gguf.ts';
import { TextCodec } from '../text/codec.ts';
import type { Inspection } from './inspect.ts';
import type { Architecture } from './manifest.ts';
import { linearLayers } from './tensor-names.ts';

type Shape = readonly number[];

/** What the engine reads; the others are llama.cpp's alone. */
const trainableTypes = new Set(['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q4_K', 'Q5_K', 'Q6_K']);

/** Throws what is wrong with the file, or tells what it is. */
export function checkModel(gguf: Gguf): Inspection {
  const { metadata } = gguf;
  const type = metadata.string('general.type', 'model');
  if (type !== 'model') throw refusal(`its general.type is "${type}"; expected "model"`);
  const facts = readFacts(gguf);
  checkTokenizer(gguf, facts);
  const servingOnly = checkTensors(gguf, facts);
  TextCodec.fromGguf(metadata); // the one tokenizer and template path must understand it
  return {
    architecture: { ...facts, servingOnly },
    name: metadata.string('general.name', null),
    licence: metadata.string('general.license', null),
  };
}

const refusal = (what: string): Error => invalid('model', `The model file is not usable: ${what}.`, 'model_unreadable');

function readFacts({ metadata, tensors }: Gguf): Omit<Architecture, 'servingOnly'> {
  const architecture = metadata.string('general.architecture');
  const count = (key: string, max: number, absent?: number): number => {
    const full = `${architecture}.${key}`;
    const value = absent === undefined ? metadata.number(full) : metadata.number(full, absent);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw refusal(`"${full}" is ${value}; expected a whole number from 1 to ${max}`);
  };
  const positive = (key: string, absent?: number): number => {
    const full = `${architecture}.${key}`;
    const value = absent === undefined ? metadata.number(full) : metadata.number(full, absent);
    if (Number.isFinite(value) && value > 0) return value;
    throw refusal(`"${full}" is ${value}; expected a number above 0`);
  };
  const width = count('embedding_length', 65_536);
  const heads = count('attention.head_count', 1024);
  const kvHeads = count('attention.head_count_kv', 1024, heads);
  if (heads % kvHeads !== 0) throw refusal(`its ${heads} heads cannot share ${kvHeads} key and value heads`);
  const headWidth = count('attention.key_length', 65_536, width / heads);
  if (headWidth % 2 !== 0) throw refusal(`its heads are ${headWidth} wide; expected an even number`);
  return {
    architecture,
    layers: count('block_count', 512),
    width,
    heads,
    kvHeads,
    headWidth,
    feedForward: count('feed_forward_length', 1 << 20),
    vocabulary: tensors.get('token_embd.weight')?.shape[0] ?? 0,
    contextTokens: count('context_length', 1 << 24),
    ropeBase: positive('rope.freq_base', 10_000),
    normEpsilon: positive('attention.layer_norm_rms_epsilon'),
    tiedEmbeddings: !tensors.has('output.weight'),
    parameters: [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    tensorTypes: countTypes([...tensors.values()]),
  };
}

function countTypes(tensors: readonly { readonly type: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of tensors) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

function checkTokenizer({ metadata }: Gguf, { vocabulary }: Pick<Architecture, 'vocabulary'>): void {
  const model = metadata.string('tokenizer.ggml.model', 'none');
  if (model === 'none' || model === 'no_vocab') throw refusal('it has no tokenizer');
  const tokens = metadata.strings('tokenizer.ggml.tokens');
  if (tokens.length !== vocabulary)
    throw refusal(`it has ${tokens.length} tokens and embeddings for ${vocabulary}; expected as many`);
  const seen = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    const earlier = seen.get(token);
    if (earlier !== undefined) throw refusal(`tokens ${earlier} and ${id} have the same text ${JSON.stringify(token)}`);
    seen.set(token, id);
  }
  for (const role of ['bos', 'eos', 'eot']) {
    const id = metadata.number(`tokenizer.ggml.${role}_token_id`, null);
    if (id !== null && !(id >= 0 && id < tokens.length))
      throw refusal(`its ${role} token is number ${id} of ${tokens.length}`);
  }
}

/** Holds the tensors of a `llama` file against its numbers; returns why it cannot be trained, or null. */
function checkTensors({ metadata, tensors }: Gguf, facts: Omit<Architecture, 'servingOnly'>): string | null {
  const { architecture, headWidth } = facts;
  if (architecture !== 'llama') return `the engine does not train the ${architecture} architecture yet`;
  const expected = llamaTensors(facts);
  if (tensors.has(ropeDivisors)) expected.set(ropeDivisors, [headWidth / 2]);
  for (const [name, shape] of expected) {
    const found = tensors.get(name)?.shape.join() ?? null;
    if (found === shape.join()) continue;
    const what = found === null ? 'is missing' : `is [${found}]`;
    throw refusal(`the tensor "${name}" ${what}; its numbers call for [${shape.join()}]`);
  }
  const reasons = new Set<string>();
  for (const { name, type } of tensors.values()) {
    if (!trainableTypes.has(type)) reasons.add(`the engine does not read ${type} weights`);
    if (!expected.has(name)) reasons.add(extraTensor(name));
  }
  const scaling = metadata.string('llama.rope.scaling.type', 'none');
  if (scaling !== 'none' && scaling !== 'linear')
    reasons.add(`the engine does not know the position scaling "${scaling}"`);
  if (metadata.number('llama.rope.dimension_count', headWidth) !== headWidth)
    reasons.add('the engine does not rotate parts of a head');
  return reasons.size === 0 ? null : [...reasons].join('; ');
}

/** Llama 3.1 and later: one divisor for each pair that a head rotates. */
const ropeDivisors = 'rope_freqs.weight';

function extraTensor(name: string): string {
  if (/^blk\.\d+\..*\.bias$/.test(name)) return 'the engine does not know biases in linear layers yet';
  throw refusal(`the tensor "${name}" does not belong into a llama model`);
}

function llamaTensors(facts: Omit<Architecture, 'servingOnly'>): Map<string, Shape> {
  const { width, heads, kvHeads, headWidth, feedForward, vocabulary } = facts;
  const shapes: Readonly<Record<string, Shape>> = {
    attn_q: [heads * headWidth, width],
    attn_k: [kvHeads * headWidth, width],
    attn_v: [kvHeads * headWidth, width],
    attn_output: [width, heads * headWidth],
    ffn_gate: [feedForward, width],
    ffn_up: [feedForward, width],
    ffn_down: [width, feedForward],
  };
  const tensors = new Map<string, Shape>([
    ['token_embd.weight', [vocabulary, width]],
    ['output_norm.weight', [width]],
  ]);
  if (!facts.tiedEmbeddings) tensors.set('output.weight', [vocabulary, width]);
  for (let layer = 0; layer < facts.layers; layer++) {
    tensors.set(`blk.${layer}.attn_norm.weight`, [width]);
    tensors.set(`blk.${layer}.ffn_norm.weight`, [width]);
    for (const { gguf } of linearLayers) tensors.set(`blk.${layer}.${gguf}.weight`, shapes[gguf]!);
  }
  return tensors;
}
