/**
 * Is this GGUF a language model that we can hand to llama.cpp and to our engine without harm?
 *
 * llama.cpp aborts its process on some files that look well (token texts that repeat, no tokenizer, no heads,
 * absurd depth) and is silently wrong on others. Everything of that kind is refused here, by name. What llama.cpp
 * can run and our engine cannot train is accepted and marked.
 */

import { invalid } from '../domain/errors.ts';
import { doubtsAbout } from '../families/doubts.ts';
import { headProblem } from '../families/label-head.ts';
import { readEpsilon, readSizes } from '../families/sizes.ts';
import { familyOf } from '../families/table.ts';
import { headName, tensorsOf } from '../families/tensors.ts';
import type { Gguf } from '../formats/gguf.ts';
import { TextCodec } from '../text/codec.ts';
import { EncoderCodec } from '../text/encoder-codec.ts';
import type { Inspection } from './inspect.ts';
import type { Architecture } from './manifest.ts';

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
  // The one tokenizer and template path must understand it.
  if (familyOf(facts.architecture)?.design.causal === false) {
    EncoderCodec.fromGguf(metadata);
    const problem = headProblem(metadata, gguf.tensors);
    if (problem !== null) throw refusal(problem);
  } else TextCodec.fromGguf(metadata);
  return {
    architecture: { ...facts, servingOnly },
    name: metadata.string('general.name', null),
    licence: metadata.string('general.license', null),
  };
}

const refusal = (what: string): Error => invalid('model', `The model file is not usable: ${what}.`, 'model_unreadable');

function readFacts(gguf: Gguf): Omit<Architecture, 'servingOnly'> {
  const { metadata, tensors } = gguf;
  const architecture = metadata.string('general.architecture');
  const sizes = readSizes(gguf, refusal);
  const ropeBase = metadata.number(`${architecture}.rope.freq_base`, 10_000);
  if (!(Number.isFinite(ropeBase) && ropeBase > 0))
    throw refusal(`"${architecture}.rope.freq_base" is ${ropeBase}; expected a number above 0`);
  return {
    architecture,
    layers: sizes.layers,
    width: sizes.width,
    heads: sizes.heads,
    kvHeads: sizes.keyHeads,
    headWidth: sizes.headSize,
    feedForward: sizes.hidden,
    vocabulary: sizes.vocabulary,
    contextTokens: sizes.contextTokens,
    ropeBase,
    normEpsilon: readEpsilon(gguf, refusal),
    tiedEmbeddings: !tensors.has(headName),
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

/** Holds the tensors of a file against its numbers; returns why it cannot be trained, or null. */
function checkTensors(gguf: Gguf, { architecture }: Omit<Architecture, 'servingOnly'>): string | null {
  const { tensors } = gguf;
  const family = familyOf(architecture);
  if (family === undefined) return `the engine does not train the ${architecture} architecture yet`;
  const expected = tensorsOf(family, readSizes(gguf, refusal));
  for (const { gguf: name, shape, optional } of expected) {
    const found = tensors.get(name)?.shape.join() ?? null;
    if (found === shape.join() || (found === null && optional)) continue;
    const what = found === null ? 'is missing' : `is [${found}]`;
    throw refusal(`the tensor "${name}" ${what}; its numbers call for [${shape.join()}]`);
  }
  const names = new Set(expected.map(({ gguf }) => gguf));
  const reasons = new Set<string>();
  for (const { name, type } of tensors.values()) {
    if (!trainableTypes.has(type)) reasons.add(`the engine does not read ${type} weights`);
    if (!names.has(name)) reasons.add(extraTensor(name, architecture));
  }
  for (const doubt of doubtsAbout(gguf, family)) reasons.add(`the engine ${doubt}`);
  return reasons.size === 0 ? null : [...reasons].join('; ');
}

function extraTensor(name: string, architecture: string): string {
  if (/^blk\.\d+\..*\.bias$/.test(name)) return 'the engine does not know these biases in linear layers';
  throw refusal(`the tensor "${name}" does not belong into a ${architecture} model`);
}
