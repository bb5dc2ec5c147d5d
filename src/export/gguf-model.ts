/** A whole model as one GGUF: weights in one of our types, the base's tokenizer, template and ends of turns. */

import { writeGguf, type GgufTensorSource } from '../formats/gguf.ts';
import { GgufMetadata, ggufValue, type GgufValue } from '../formats/gguf-metadata.ts';
import type { TensorType } from '../formats/quant.ts';
import type { TextCodec } from '../text/codec.ts';
import { bytesOf, type ExportType, toHalf, toQ8 } from './pack.ts';
import type { Weight, Weights } from './weights.ts';

/** Called before every tensor. */
export type OnTensor = (name: string) => void;

export interface GgufModel {
  readonly weights: Weights;
  readonly codec: TextCodec;
  readonly type: ExportType;
  /** `general.name`. */
  readonly name: string;
  readonly onTensor: OnTensor;
}

export async function writeGgufModel(path: string, { weights, codec, type, name, onTensor }: GgufModel): Promise<void> {
  const tensors = weights.list.map((weight): GgufTensorSource => {
    const stored = storedAs(weight, type);
    return {
      ...weight,
      type: stored,
      async *data() {
        onTensor(weight.name);
        yield packed(await weights.read(weight.name), stored, weight.name);
      },
    };
  });
  await writeGguf(path, { metadata: metadataOf(weights.metadata, codec, type, name), tensors });
}

/**
 * Vectors stay exact, and rows that are no whole blocks of 32 are kept in half precision. So are rows of a single block,
 * which llama.cpp accepts and computes wrongly.
 */
function storedAs({ shape }: Weight, type: ExportType): Extract<TensorType, 'F32' | 'F16' | 'Q8_0'> {
  if (shape.length < 2 || type === 'f32') return 'F32';
  const columns = shape.at(-1)!;
  return type === 'q8_0' && columns % 32 === 0 && columns > 32 ? 'Q8_0' : 'F16';
}

function packed(values: Float32Array, type: ReturnType<typeof storedAs>, name: string): Uint8Array {
  if (type === 'Q8_0') return toQ8(values, name);
  return bytesOf(type === 'F16' ? toHalf(values, name) : values);
}

/** llama.cpp's numbers for `general.file_type`. */
const fileTypes: Readonly<Record<ExportType, number>> = { f32: 0, f16: 1, q8_0: 7 };

function metadataOf(base: GgufMetadata, codec: TextCodec, type: ExportType, name: string): GgufMetadata {
  const changes: [string, GgufValue][] = [
    ['general.name', ggufValue.string(name)],
    ['general.file_type', ggufValue.u32(fileTypes[type])],
    ['general.quantization_version', ggufValue.u32(2)],
    ['tokenizer.chat_template', ggufValue.string(codec.template.source)],
  ];
  const { eosId } = codec.tokenizer;
  const end = [...codec.endOfTurnIds].find((id) => id !== eosId);
  // Otherwise llama.cpp would know only by luck that the model ends its turns so.
  if (end !== undefined && !base.has('tokenizer.ggml.eot_token_id'))
    changes.push(['tokenizer.ggml.eot_token_id', ggufValue.u32(end)]);
  return new GgufMetadata([...base.entries(), ...changes]);
}
