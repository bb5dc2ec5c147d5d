/** The goldens' encoders as GGUF files, with goldens beside them (tests/goldens/make_encoders.py). */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bert } from '../../../src/families/bert.ts';
import { tensorsOf } from '../../../src/families/tensors.ts';
import { writeGguf, type GgufTensorSource } from '../../../src/formats/gguf.ts';
import { GgufMetadata, ggufValue, type GgufValue } from '../../../src/formats/gguf-metadata.ts';
import { wordPieceEntries } from '../../../src/models/import/word-piece.ts';
import { floats, readSafetensors, type SafeTensor } from '../../../src/formats/safetensors.ts';

const folder = new URL('../../goldens/families/', import.meta.url).pathname;

export type EncoderName = 'bert' | 'distilbert';

export interface EncoderGoldens {
  readonly folder: string;
  readonly metadata: Readonly<Record<string, string>>;
  floats(name: string): Float32Array;
  integers(name: string): Int32Array;
  readonly names: readonly string[];
}

export async function encoderGoldens(name: EncoderName): Promise<EncoderGoldens> {
  const { tensors, metadata } = await readSafetensors(join(folder, name, 'goldens.safetensors'));
  const tensor = (of: string): SafeTensor => {
    const found = tensors.get(of);
    if (found === undefined) throw new Error(`there is no golden ${of}`);
    return found;
  };
  return {
    folder: join(folder, name),
    metadata,
    floats: (of) => floats(tensor(of)),
    integers: (of) => {
      const { data } = tensor(of);
      return new Int32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
    },
    names: [...tensors.keys()],
  };
}

export const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

const distilNames: readonly (readonly [RegExp, string])[] = [
  [/^distilbert\.embeddings\./, 'bert.embeddings.'],
  [/^distilbert\.transformer\.layer\.(\d+)\.attention\.q_lin\./, 'bert.encoder.layer.$1.attention.self.query.'],
  [/^distilbert\.transformer\.layer\.(\d+)\.attention\.k_lin\./, 'bert.encoder.layer.$1.attention.self.key.'],
  [/^distilbert\.transformer\.layer\.(\d+)\.attention\.v_lin\./, 'bert.encoder.layer.$1.attention.self.value.'],
  [/^distilbert\.transformer\.layer\.(\d+)\.attention\.out_lin\./, 'bert.encoder.layer.$1.attention.output.dense.'],
  [/^distilbert\.transformer\.layer\.(\d+)\.sa_layer_norm\./, 'bert.encoder.layer.$1.attention.output.LayerNorm.'],
  [/^distilbert\.transformer\.layer\.(\d+)\.ffn\.lin1\./, 'bert.encoder.layer.$1.intermediate.dense.'],
  [/^distilbert\.transformer\.layer\.(\d+)\.ffn\.lin2\./, 'bert.encoder.layer.$1.output.dense.'],
  [/^distilbert\.transformer\.layer\.(\d+)\.output_layer_norm\./, 'bert.encoder.layer.$1.output.LayerNorm.'],
];

/** A DistilBERT's name for a weight as BERT has it. */
export const bertName = (name: string): string =>
  distilNames.reduce((found, [pattern, other]) => found.replace(pattern, other), name);

let written = 0;

interface Config {
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
}

/** Writes the checkpoint as a GGUF; gives its path. */
export async function importEncoder(
  name: EncoderName,
  into: string,
  more: readonly [string, GgufValue][] = [],
): Promise<string> {
  const from = join(folder, name);
  const path = join(into, `${name}-${written++}.gguf`);
  const { tensors } = await readSafetensors(join(from, 'model.safetensors'));
  const found = new Map([...tensors].map(([name, tensor]) => [bertName(name), tensor]));
  const { vocab_size, max_position_embeddings } = readJson(join(from, 'config.json')) as Config;
  const sizes = { layers: 2, width: 16, heads: 2, keyHeads: 2, headSize: 8, hidden: 24 };
  const all = tensorsOf(bert, { ...sizes, vocabulary: vocab_size, contextTokens: max_position_embeddings, outputs: 3 });
  const entries: [string, GgufValue][] = [
    ['general.architecture', ggufValue.string('bert')],
    ['general.name', ggufValue.string(name)],
    ['bert.block_count', ggufValue.u32(2)],
    ['bert.context_length', ggufValue.u32(max_position_embeddings)],
    ['bert.embedding_length', ggufValue.u32(16)],
    ['bert.feed_forward_length', ggufValue.u32(24)],
    ['bert.attention.head_count', ggufValue.u32(2)],
    ['bert.attention.layer_norm_epsilon', ggufValue.f32(1e-12)],
    ...wordPieceEntries(readJson(join(from, 'tokenizer.json')), vocab_size),
    ...more,
  ];
  const weights = all.flatMap(({ gguf, huggingFace, shape, optional }): GgufTensorSource[] => {
    const tensor = found.get(huggingFace!);
    if (tensor === undefined && optional) return [];
    const values = tensor === undefined ? new Float32Array(shape.reduce((a, b) => a * b, 1)) : floats(tensor);
    return [
      { name: gguf, shape, type: 'F32', data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) },
    ];
  });
  await writeGguf(path, { metadata: new GgufMetadata(entries), tensors: weights });
  return path;
}
