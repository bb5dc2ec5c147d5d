/**
 * A checkpoint becomes a GGUF, tensor after tensor: names, order of rows and which side comes first as its family's row
 * says, numbers in the precision they came in. Vectors are kept in full precision, as llama.cpp wants them.
 */

import { basename } from 'node:path';
import { toGguf, type Values } from '../../families/row-order.ts';
import { readSizes } from '../../families/sizes.ts';
import { bert } from '../../families/bert.ts';
import { outputName } from '../../families/label-head.ts';
import { embeddingName, headName, ropeDivisors, tensorsOf, type ModelTensor } from '../../families/tensors.ts';
import { writeGguf, type GgufTensorSource } from '../../formats/gguf.ts';
import { GgufMetadata, ggufValue, type GgufValue } from '../../formats/gguf-metadata.ts';
import type { TensorType } from '../../formats/quant.ts';
import { floats } from '../../formats/safetensors.ts';
import { Checkpoint, type CheckpointTensor } from './checkpoint.ts';
import { readConfig, type ModelConfig } from './config.ts';
import { encoderFacts, otherHeads, type EncoderFacts } from './encoder.ts';
import { unusable } from './json-file.ts';
import { tokenizerMetadata } from './tokenizer.ts';

/** Called before each tensor. */
export type OnTensor = (done: number, total: number) => void;

export async function convertCheckpoint(folder: string, path: string, onTensor: OnTensor): Promise<void> {
  await using checkpoint = await Checkpoint.open(folder);
  const model = readConfig(checkpoint.config);
  const find = nameFinder(checkpoint, model);
  const embedding = find(`${model.family.huggingFace.embedding}.weight`);
  if (embedding === null) throw unusable(`the tensor "${model.family.huggingFace.embedding}.weight" is missing`);
  const rows = checkpoint.tensors.get(embedding)!.shape[0] ?? 0;
  const { causal } = model.family.design;
  const encoder = causal ? noEncoder : await encoderFacts(checkpoint);
  const metadata = new GgufMetadata(
    Object.entries<GgufValue>({
      'general.architecture': ggufValue.string(model.family.architecture),
      'general.type': ggufValue.string('model'),
      'general.name': ggufValue.string(basename(folder)),
      ...model.metadata,
      ...(model.family.architecture === 'llama' ? { 'llama.vocab_size': ggufValue.u32(rows) } : {}),
      ...encoder.metadata,
      ...tokenizerMetadata(checkpoint, rows),
    }),
  );
  // The numbers that a file tells by the shapes of its tensors.
  const telling = new Map([[embeddingName, { shape: [rows] }]]);
  if (encoder.outputs > 0) telling.set(`${outputName}.weight`, { shape: [encoder.outputs] });
  const sizes = readSizes({ metadata, tensors: telling }, unusable);
  const places = tensorsOf(model.family, sizes);
  const found = pairUp(checkpoint, model, places, find);
  let done = 0;
  const tensors = found.map(({ place, name }) =>
    sourceOf(checkpoint, place, name, () => onTensor(done++, found.length)),
  );
  if (!causal && model.family.tokenTypes === null) tensors.push(noTokenTypes(sizes.width));
  const divisors = model.divisors;
  if (divisors !== null)
    tensors.push({ name: ropeDivisors, shape: [divisors.length], type: 'F32', data: bytesOf(divisors) });
  await writeGguf(path, { metadata, tensors });
}

const noEncoder: EncoderFacts = { metadata: {}, outputs: 0 };

/** A GGUF of BERT's kind has vectors for two types of tokens; these add nothing. */
function noTokenTypes(width: number): GgufTensorSource {
  const shape = [2, width];
  return { name: `${bert.tokenTypes!.gguf}.weight`, shape, type: 'F32', data: bytesOf(new Float32Array(2 * width)) };
}

type Finder = (wanted: string) => string | null;

/** Checkpoints of the model alone lack what its class puts before every name, e.g. `transformer.`. */
function nameFinder({ tensors }: Checkpoint, { family }: ModelConfig): Finder {
  const prefix = `${family.huggingFace.embedding.split('.')[0]}.`;
  return (wanted) => {
    if (tensors.has(wanted)) return wanted;
    const bare = wanted.startsWith(prefix) ? wanted.slice(prefix.length) : wanted;
    // Early checkpoints of BERT came from TensorFlow.
    const early = (name: string): string =>
      name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta');
    return [bare, early(wanted), early(bare)].find((name) => tensors.has(name)) ?? null;
  };
}

interface Pair {
  readonly place: ModelTensor;
  readonly name: string;
}

/** Every tensor of the family with the checkpoint's own; throws for one that is missing, misshapen or left over. */
function pairUp(
  { tensors }: Checkpoint,
  { tied, family }: ModelConfig,
  places: readonly ModelTensor[],
  find: Finder,
): Pair[] {
  const pairs: Pair[] = [];
  const used = new Set<string>();
  for (const place of places) {
    if (place.huggingFace === null) continue;
    const name = find(place.huggingFace);
    if (name !== null) used.add(name);
    if (place.gguf === headName && tied) continue;
    if (name === null) {
      if (place.optional && place.gguf !== headName) continue;
      throw unusable(`the tensor "${place.huggingFace}" is missing`);
    }
    const expected = place.change.kind === 'transpose' ? place.shape.toReversed() : place.shape;
    const found = tensors.get(name)!;
    if (found.shape.join() !== expected.join())
      throw unusable(
        `the tensor "${name}" is [${found.shape.join(', ')}]; config.json calls for [${expected.join(', ')}]`,
      );
    pairs.push({ place, name });
  }
  for (const name of tensors.keys())
    if (!used.has(name) && !passedOver.test(name) && (family.design.causal || !otherHeads.test(name)))
      throw unusable(`it has a tensor "${name}", which a plain ${family.title} does not`);
  return pairs;
}

/** Tables that older checkpoints keep and that follow from the sizes. */
const passedOver = /(^|\.)(rotary_emb\.inv_freq|attn\.bias|attn\.masked_bias|position_ids)$/;

function sourceOf(
  checkpoint: Checkpoint,
  { gguf, shape, change }: ModelTensor,
  name: string,
  onStart: () => void,
): GgufTensorSource {
  const type = storedAs(checkpoint.tensors.get(name)!, shape, name);
  return {
    name: gguf,
    shape,
    type,
    async *data() {
      onStart();
      const tensor = await checkpoint.read(name);
      const values: Values = type === 'F32' ? floats(tensor) : (tensor.data as Uint16Array);
      yield bytesOf(toGguf(values, shape, change));
    },
  };
}

function storedAs({ dtype }: CheckpointTensor, shape: readonly number[], name: string): TensorType {
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16' && dtype !== 'F64')
    throw unusable(`the tensor "${name}" holds ${dtype} numbers; expected F32, F16 or BF16`);
  return shape.length < 2 || dtype === 'F64' ? 'F32' : dtype;
}

const bytesOf = (values: Values): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
