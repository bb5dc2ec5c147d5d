/**
 * GGUF files, the one-file model format of llama.cpp: metadata, tokenizer and weights.
 *
 * Opening reads and checks the header (`gguf-header.ts`); the weights stay on disk until they are asked for.
 * What the weights mean is not known here.
 */

import { open, type FileHandle } from 'node:fs/promises';
import { writeAtomically } from './atomic-write.ts';
import {
  alignmentOf,
  alignUp,
  formatHeader,
  headerBytesMax,
  parseHeader,
  tensorBytes,
  valueCount,
  type GgufHeader,
  type GgufTensor,
} from './gguf-header.ts';
import type { GgufMetadata } from './gguf-metadata.ts';
import { readInto, unreadable } from './model-file.ts';
import { dequantise, tensorTypes, type TensorType } from './quant.ts';

/** Opens a GGUF file, or says what is wrong with it. */
export async function openGguf(path: string): Promise<Gguf> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    return new Gguf(file, path, size, await readHeader(file, path, size));
  } catch (error) {
    await file.close();
    throw error;
  }
}

export class Gguf implements AsyncDisposable {
  readonly path: string;
  readonly sizeBytes: number;
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  readonly #file: FileHandle;

  constructor(file: FileHandle, path: string, sizeBytes: number, { metadata, tensors }: GgufHeader) {
    this.#file = file;
    this.path = path;
    this.sizeBytes = sizeBytes;
    this.metadata = metadata;
    this.tensors = tensors;
  }

  /** The tensor's values as floats, row-major. */
  async read(name: string): Promise<Float32Array> {
    const { type, shape, offset, sizeBytes } = this.#tensor(name);
    const values = new Float32Array(valueCount(shape));
    const block = tensorTypes[type];
    // Piece by piece, so that a large tensor never needs its bytes and its floats at once.
    const pieceBytes = Math.ceil((4 * 2 ** 20) / block.bytes) * block.bytes;
    for (let at = 0; at < sizeBytes; at += pieceBytes) {
      const piece = await readExactly(this.#file, this.path, offset + at, Math.min(pieceBytes, sizeBytes - at));
      const first = (at / block.bytes) * block.values;
      dequantise(type, piece, (piece.length / block.bytes) * block.values, values.subarray(first));
    }
    return values;
  }

  /** The tensor's bytes as they are in the file. */
  async readBytes(name: string): Promise<Uint8Array> {
    const { offset, sizeBytes } = this.#tensor(name);
    return await readExactly(this.#file, this.path, offset, sizeBytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  #tensor(name: string): GgufTensor {
    const tensor = this.tensors.get(name);
    if (tensor !== undefined) return tensor;
    throw unreadable(this.path, `there is no tensor "${name}" among the ${this.tensors.size} in the file`);
  }
}

export interface GgufTensorSource {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: TensorType;
  readonly data: Uint8Array | (() => Iterable<Uint8Array> | AsyncIterable<Uint8Array>);
}

/** Writes a GGUF file, tensor after tensor, so that a model never has to be in memory as a whole. */
export async function writeGguf(
  path: string,
  content: { readonly metadata: GgufMetadata; readonly tensors: readonly GgufTensorSource[] },
): Promise<void> {
  await writeAtomically(path, fileChunks(content.metadata, content.tensors));
}

async function* fileChunks(metadata: GgufMetadata, tensors: readonly GgufTensorSource[]): AsyncGenerator<Uint8Array> {
  yield formatHeader(metadata, tensors);
  const alignment = alignmentOf(metadata);
  for (const { name, shape, type, data } of tensors) {
    let written = 0;
    for await (const chunk of typeof data === 'function' ? data() : [data]) {
      written += chunk.length;
      yield chunk;
    }
    const expected = tensorBytes(type, shape);
    if (written !== expected)
      throw new Error(`${name}: got ${written} bytes; [${shape.join(', ')}] of ${type} is ${expected}.`);
    yield Buffer.alloc(alignUp(written, alignment) - written);
  }
}

/** Headers run from a few kilobytes to some megabytes, mostly vocabulary: more is read until it is whole. */
async function readHeader(file: FileHandle, path: string, fileBytes: number): Promise<GgufHeader> {
  for (let length = 2 ** 20; length <= headerBytesMax; length *= 8) {
    const bytes = await readExactly(file, path, 0, Math.min(length, fileBytes));
    const header = parseHeader(bytes, fileBytes, path);
    if (header !== 'longer') return header;
  }
  throw unreadable(path, `the header is longer than ${headerBytesMax} bytes, more than any model needs`);
}

async function readExactly(file: FileHandle, path: string, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await readInto(file, path, position, bytes);
  return bytes;
}
