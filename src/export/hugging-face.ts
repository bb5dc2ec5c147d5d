/**
 * A model the way Hugging Face keeps it: `config.json`, its tokenizer, and `model.safetensors` under HF's names, with
 * the rows of query and key in HF's order. `readBack` makes a GGUF of such a folder again, to see whether it answers.
 */

import { join } from 'node:path';
import { TunesmithError } from '../domain/errors.ts';
import type { Family } from '../families/family.ts';
import { toGguf, toHuggingFace } from '../families/row-order.ts';
import { families, familyOf } from '../families/table.ts';
import { tensorsOf, type ModelTensor } from '../families/tensors.ts';
import { writeAtomically } from '../formats/atomic-write.ts';
import { writeGguf, type GgufTensorSource } from '../formats/gguf.ts';
import { eachSafetensor, floats, streamSafetensors, type SafeTensorSource } from '../formats/safetensors.ts';
import { sizesOf, type Architecture } from '../models/manifest.ts';
import type { TextCodec } from '../text/codec.ts';
import { bytesOf, toHalf } from './pack.ts';
import type { GgufModel, OnTensor } from './gguf-model.ts';
import { huggingFaceConfig } from './hugging-face-config.ts';
import { generationConfig, tokenizerConfig, tokenizerJson } from './tokenizer-json.ts';
import type { Weights } from './weights.ts';

export interface HuggingFaceModel extends Pick<GgufModel, 'weights' | 'codec' | 'onTensor'> {
  readonly architecture: Architecture;
  readonly type: 'f32' | 'f16';
}

export async function writeHuggingFaceModel(folder: string, model: HuggingFaceModel): Promise<void> {
  const { weights, codec, architecture, type, onTensor } = model;
  const { family, placeOf } = placesIn(architecture);
  const sources = weights.list.flatMap(({ name, shape }): SafeTensorSource[] => {
    const place = placeOf(name);
    if (place.huggingFace === null) return []; // config.json tells it
    return [
      {
        name: place.huggingFace,
        shape: shapeThere(place),
        dtype: type === 'f32' ? 'F32' : 'F16',
        bytes: async () => {
          onTensor(name);
          const ordered = toHuggingFace(await weights.read(name), shape, place.change);
          return bytesOf(type === 'f32' ? ordered : toHalf(ordered, name));
        },
      },
    ];
  });
  await writeJson(join(folder, 'config.json'), await huggingFaceConfig({ weights, codec, architecture, type, family }));
  await writeTokenizer(folder, weights, codec, architecture.contextTokens);
  await streamSafetensors(join(folder, 'model.safetensors'), sources, { format: 'pt' });
}

const shapeThere = ({ shape, change }: ModelTensor): readonly number[] =>
  change.kind === 'transpose' ? shape.toReversed() : shape;

export async function writeTokenizer(
  folder: string,
  { metadata }: Pick<Weights, 'metadata'>,
  codec: TextCodec,
  contextTokens: number,
): Promise<void> {
  await writeJson(join(folder, 'tokenizer.json'), tokenizerJson(metadata, codec));
  await writeJson(join(folder, 'tokenizer_config.json'), tokenizerConfig(metadata, codec, contextTokens));
  await writeJson(join(folder, 'generation_config.json'), generationConfig(metadata, codec));
}

export const writeJson = (path: string, value: unknown): Promise<void> =>
  writeAtomically(path, [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)]);

/** The folder's weights as a GGUF, under the metadata that the weights came with. */
export async function readBack(
  folder: string,
  { weights, architecture, onTensor }: Pick<HuggingFaceModel, 'weights' | 'architecture'> & { onTensor: OnTensor },
  path: string,
): Promise<void> {
  const reading = eachSafetensor(join(folder, 'model.safetensors'));
  const { placeOf } = placesIn(architecture);
  const tensors = weights.list.map(({ name, shape }): GgufTensorSource => {
    const { huggingFace, change } = placeOf(name);
    return {
      name,
      shape,
      type: 'F32',
      async *data() {
        onTensor(name);
        if (huggingFace === null) return yield bytesOf(await weights.read(name));
        const next = await reading.next();
        if (next.done === true || next.value[0] !== huggingFace)
          throw new Error(`${folder} lacks the tensor "${huggingFace}"`);
        return yield bytesOf(toGguf(floats(next.value[1]), shape, change));
      },
    };
  });
  try {
    await writeGguf(path, { metadata: weights.metadata, tensors });
  } finally {
    await reading.return(undefined);
  }
}

/** A model's family, and where each of its GGUF's tensors is in Hugging Face's checkpoint. */
function placesIn(architecture: Architecture): {
  readonly family: Family;
  readonly placeOf: (name: string) => ModelTensor;
} {
  const family = familyOf(architecture.architecture);
  if (family === undefined) {
    const known = families.map(({ architecture }) => architecture).join(', ');
    throw unsupported(`it is of the ${architecture.architecture} architecture; expected one of ${known}`);
  }
  const places = new Map(tensorsOf(family, sizesOf(architecture)).map((tensor) => [tensor.gguf, tensor]));
  return {
    family,
    placeOf: (name) => {
      const place = places.get(name);
      if (place === undefined) throw unsupported(`its tensor "${name}" has no counterpart that Tunesmith knows`);
      return place;
    },
  };
}

/** Throws why the model cannot be written in Hugging Face's layout, before anything is written. */
export function assertHuggingFace({ architecture, list }: { architecture: Architecture; list: Weights['list'] }): void {
  const { placeOf } = placesIn(architecture);
  for (const { name } of list) placeOf(name);
}

const unsupported = (why: string): TunesmithError =>
  new TunesmithError('invalid', `The model cannot be written in Hugging Face's layout: ${why}. Export it as gguf.`, {
    param: 'to',
    code: 'export_unsupported',
  });
