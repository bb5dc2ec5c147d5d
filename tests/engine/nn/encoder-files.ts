/** The goldens' encoders as GGUF files, with goldens beside them (tests/goldens/make_encoders.py). */

import { join } from 'node:path';
import { openGguf, writeGguf, type GgufTensorSource } from '../../../src/formats/gguf.ts';
import { GgufMetadata, type GgufValue } from '../../../src/formats/gguf-metadata.ts';
import { convertCheckpoint } from '../../../src/models/import/convert.ts';
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

/** Imports the checkpoint, with metadata that replaces or adds to what it says; gives the path. */
export async function importEncoder(
  name: EncoderName,
  into: string,
  more: readonly [string, GgufValue][] = [],
): Promise<string> {
  const path = join(into, `${name}-${written++}.gguf`);
  await convertCheckpoint(join(folder, name), path, () => undefined);
  if (more.length === 0) return path;
  const changed = join(into, `${name}-${written++}.gguf`);
  await using gguf = await openGguf(path);
  const tensors: GgufTensorSource[] = [];
  for (const { name, shape, type } of gguf.tensors.values())
    tensors.push({ name, shape, type, data: await gguf.readBytes(name) });
  await writeGguf(changed, { metadata: new GgufMetadata([...gguf.metadata.entries(), ...more]), tensors });
  return changed;
}
