/**
 * The bytes before a GGUF file's weights, read and written.
 *
 *   "GGUF"  u32 version  u64 tensor count  u64 value count
 *   values:   string key, u32 type, value             string = u64 length + UTF-8
 *   tensors:  string name, u32 rank, u64 size per axis (innermost first), u32 type, u64 offset
 *   padding to `general.alignment`
 *
 * Files come from strangers. Every count, length and offset is held against the size of the file before
 * anything is allocated for it, so a hostile or torn file costs an error message and nothing else.
 */

import type { TunesmithError } from '../domain/errors.ts';
import { GgufMetadata, type GgufValue, type Scalar, type ScalarType } from './gguf-metadata.ts';
import { unreadable } from './model-file.ts';
import { tensorTypes, type TensorType } from './quant.ts';

export interface GgufTensor {
  readonly name: string;
  /** Row-major, outermost axis first: a linear layer is [out, in]. */
  readonly shape: readonly number[];
  readonly type: TensorType;
  /** From the start of the file. */
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface GgufHeader {
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** Vocabulary and all, real headers stay below 25 MB. */
export const headerBytesMax = 64 * 2 ** 20;

const listElementsMax = 2 ** 24;
const nameBytesMax = 63;
const defaultAlignment = 32;

/** Parses a header from the file's first bytes; `longer` when they end before the header does. */
export function parseHeader(bytes: Buffer, fileBytes: number, path: string): GgufHeader | 'longer' {
  try {
    return parseWhole(new Cursor(bytes, fileBytes, path));
  } catch (error) {
    if (error instanceof BytesEnded) return 'longer';
    throw error;
  }
}

/** A header with its padding. The tensors' offsets follow from their order and sizes. */
export function formatHeader(
  metadata: GgufMetadata,
  tensors: readonly Pick<GgufTensor, 'name' | 'shape' | 'type'>[],
): Buffer {
  const header = new HeaderWriter();
  header.bytes(Buffer.from('GGUF'));
  header.scalar('u32', 3);
  header.scalar('u64', BigInt(tensors.length));
  header.scalar('u64', BigInt(metadata.size));
  for (const [key, value] of metadata.entries()) {
    header.scalar('string', key);
    header.value(value);
  }
  const alignment = alignmentOf(metadata);
  const names = new Set<string>();
  let offset = 0;
  for (const { name, shape, type } of tensors) {
    if (names.has(name)) throw new Error(`Two tensors are called "${name}".`);
    if (Buffer.byteLength(name) > nameBytesMax) throw new Error(`The tensor name "${name}" is too long for GGUF.`);
    names.add(name);
    header.scalar('string', name);
    header.scalar('u32', shape.length);
    for (const size of shape.toReversed()) header.scalar('u64', BigInt(size));
    header.scalar('u32', tensorTypes[type].id);
    header.scalar('u64', BigInt(offset));
    offset = alignUp(offset + tensorBytes(type, shape), alignment);
  }
  header.bytes(Buffer.alloc(alignUp(header.length, alignment) - header.length));
  return header.whole();
}

export const alignmentOf = (metadata: GgufMetadata): number => metadata.number('general.alignment', defaultAlignment);
export const alignUp = (at: number, alignment: number): number => Math.ceil(at / alignment) * alignment;
export const valueCount = (shape: readonly number[]): number => shape.reduce((count, size) => count * size, 1);
export const tensorBytes = (type: TensorType, shape: readonly number[]): number =>
  (valueCount(shape) / tensorTypes[type].values) * tensorTypes[type].bytes;

function parseWhole(cursor: Cursor): GgufHeader {
  const magic = cursor.take(4, 'the magic').toString('latin1');
  if (magic !== 'GGUF') throw cursor.fault(`not a GGUF file: it starts with ${JSON.stringify(magic)}, not "GGUF"`);
  const version = cursor.u32('the version');
  if (version !== 2 && version !== 3) throw cursor.fault(`GGUF version ${version}; expected 2 or 3`);
  const tensorCount = cursor.count('the number of tensors', 24);
  const metadataCount = cursor.count('the number of metadata values', 13);

  const values = new Map<string, GgufValue>();
  for (let i = 0; i < metadataCount; i++) {
    const key = cursor.string(`the key of metadata value ${i + 1} of ${metadataCount}`);
    if (values.has(key)) throw cursor.fault(`metadata key "${key}" appears twice`);
    values.set(key, cursor.value(`metadata value "${key}"`));
  }
  const metadata = new GgufMetadata(values);
  const parts = metadata.number('split.count', 1);
  if (parts > 1) throw cursor.fault(`it is one of the ${parts} parts of a split model; join them first`);
  const alignment = alignmentOf(metadata);
  if (alignment < 1 || alignment > 2 ** 20 || 2 ** Math.round(Math.log2(alignment)) !== alignment) {
    throw cursor.fault(`general.alignment is ${alignment}; expected a power of two`);
  }

  const relative = Array.from({ length: tensorCount }, (_, i) => cursor.tensor(i, tensorCount));
  const dataStart = alignUp(cursor.at, alignment);
  const tensors = new Map<string, GgufTensor>();
  for (const tensor of relative) {
    const { name, sizeBytes } = tensor;
    if (tensors.has(name)) throw cursor.fault(`two tensors are called "${name}"`);
    if (tensor.offset % alignment !== 0) {
      throw cursor.fault(`tensor "${name}" starts at ${tensor.offset}, not a multiple of ${alignment}`);
    }
    const offset = dataStart + tensor.offset;
    if (offset + sizeBytes > cursor.fileBytes) {
      const needs = `tensor "${name}" needs bytes ${offset} to ${offset + sizeBytes}`;
      throw cursor.fault(`truncated: ${needs}, the file has ${cursor.fileBytes}`);
    }
    tensors.set(name, { ...tensor, offset });
  }
  return { metadata, tensors };
}

/** The bytes at hand end inside the header though the file goes on. Never leaves this file. */
class BytesEnded extends Error {}

class Cursor {
  at = 0;
  readonly fileBytes: number;
  readonly #bytes: Buffer;
  readonly #path: string;

  constructor(bytes: Buffer, fileBytes: number, path: string) {
    this.#bytes = bytes;
    this.fileBytes = fileBytes;
    this.#path = path;
  }

  fault(problem: string): TunesmithError {
    return unreadable(this.#path, problem);
  }

  take(length: number, what: string): Buffer {
    this.#demand(length, what);
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  u32(what: string): number {
    return this.take(4, what).readUInt32LE();
  }

  u64(what: string): number {
    return Number(this.take(8, what).readBigUInt64LE());
  }

  /** A u64 that counts things of at least `eachBytes` that are still to come. */
  count(what: string, eachBytes: number): number {
    const count = this.u64(what);
    if (count * eachBytes > this.fileBytes - this.at) {
      throw this.fault(`truncated: ${what} is ${count}, more than a file of ${this.fileBytes} bytes can hold`);
    }
    return count;
  }

  string(what: string): string {
    return this.take(this.count(`the length of ${what}`, 1), what).toString('utf8');
  }

  value(what: string): GgufValue {
    const type = this.#type(what);
    if (type !== 'array') return { type, value: this.#scalar(type, what) } as GgufValue;
    const of = this.#type(what);
    if (of === 'array') throw this.fault(`${what} is a list of lists; expected a list of plain values`);
    const count = this.count(`the length of ${what}`, scalars[of].bytes);
    if (count > listElementsMax) throw this.fault(`${what} has ${count} elements; expected at most ${listElementsMax}`);
    this.#demand(count * scalars[of].bytes, what);
    const value: Scalar[] = [];
    for (let i = 0; i < count; i++) value.push(this.#scalar(of, what));
    return { type, of, value } as GgufValue;
  }

  /** One tensor's entry; its offset is still relative to the start of the weights. */
  tensor(index: number, count: number): GgufTensor {
    const name = this.string(`the name of tensor ${index + 1} of ${count}`);
    const rank = this.u32(`the rank of tensor "${name}"`);
    if (rank < 1 || rank > 4) throw this.fault(`tensor "${name}" has ${rank} dimensions; expected 1 to 4`);
    const shape = Array.from({ length: rank }, () => this.u64(`the shape of tensor "${name}"`)).reverse();
    const id = this.u32(`the type of tensor "${name}"`);
    const type = tensorTypeNames.get(id);
    if (type === undefined) {
      const known = [...tensorTypeNames.values()].join(', ');
      throw this.fault(`tensor "${name}" has the unknown type ${id}; expected one of ${known}`);
    }
    const count64 = valueCount(shape);
    if (!shape.every((size) => Number.isSafeInteger(size) && size > 0) || count64 > this.fileBytes * 8) {
      throw this.fault(
        `tensor "${name}" has the shape [${shape.join(', ')}]; the file has only ${this.fileBytes} bytes`,
      );
    }
    const rowValues = shape.at(-1)!;
    const blockValues = tensorTypes[type].values;
    if (rowValues % blockValues !== 0) {
      throw this.fault(`tensor "${name}" has rows of ${rowValues} values; ${type} needs multiples of ${blockValues}`);
    }
    const offset = this.u64(`the offset of tensor "${name}"`);
    return { name, shape, type, offset, sizeBytes: tensorBytes(type, shape) };
  }

  #scalar(type: ScalarType, what: string): Scalar {
    if (type === 'string') return this.string(what);
    const { bytes, read } = scalars[type];
    return read(this.take(bytes, what));
  }

  #type(what: string): ScalarType | 'array' {
    const id = this.u32(`the type of ${what}`);
    if (id === arrayId) return 'array';
    const type = scalarTypeNames.get(id);
    if (type === undefined) throw this.fault(`${what} has the unknown type ${id}; expected 0 to 12`);
    return type;
  }

  #demand(length: number, what: string): void {
    if (this.at + length > this.fileBytes) {
      const needs = `${what} needs ${length} bytes at ${this.at}`;
      throw this.fault(`truncated: ${needs}, the file ends at ${this.fileBytes}`);
    }
    if (this.at + length > this.#bytes.length) throw new BytesEnded();
  }
}

class HeaderWriter {
  length = 0;
  #buffer = Buffer.alloc(2 ** 16);

  whole(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length).set(bytes);
  }

  scalar(type: ScalarType, value: Scalar): void {
    if (type !== 'string') {
      const { bytes, write } = scalars[type];
      write(this.#reserve(bytes), value);
      return;
    }
    const bytes = Buffer.from(value as string);
    this.scalar('u64', BigInt(bytes.length));
    this.bytes(bytes);
  }

  value(value: GgufValue): void {
    if (value.type !== 'array') {
      this.scalar('u32', scalars[value.type].id);
      this.scalar(value.type, value.value);
      return;
    }
    this.scalar('u32', arrayId);
    this.scalar('u32', scalars[value.of].id);
    this.scalar('u64', BigInt(value.value.length));
    for (const element of value.value) this.scalar(value.of, element);
  }

  #reserve(length: number): Buffer {
    while (this.length + length > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.#buffer, Buffer.alloc(this.#buffer.length)]);
    }
    this.length += length;
    return this.#buffer.subarray(this.length - length, this.length);
  }
}

interface ScalarCodec {
  readonly id: number;
  /** Of a string: its length field, the least that it can take. */
  readonly bytes: number;
  readonly read: (bytes: Buffer) => Scalar;
  readonly write: (bytes: Buffer, value: Scalar) => void;
}

const arrayId = 9;
const elsewhere = (): never => {
  throw new Error('A string has no fixed size.');
};

const scalars: Readonly<Record<ScalarType, ScalarCodec>> = {
  u8: { id: 0, bytes: 1, read: (b) => b.readUInt8(), write: (b, v) => b.writeUInt8(v as number) },
  i8: { id: 1, bytes: 1, read: (b) => b.readInt8(), write: (b, v) => b.writeInt8(v as number) },
  u16: { id: 2, bytes: 2, read: (b) => b.readUInt16LE(), write: (b, v) => b.writeUInt16LE(v as number) },
  i16: { id: 3, bytes: 2, read: (b) => b.readInt16LE(), write: (b, v) => b.writeInt16LE(v as number) },
  u32: { id: 4, bytes: 4, read: (b) => b.readUInt32LE(), write: (b, v) => b.writeUInt32LE(v as number) },
  i32: { id: 5, bytes: 4, read: (b) => b.readInt32LE(), write: (b, v) => b.writeInt32LE(v as number) },
  f32: { id: 6, bytes: 4, read: (b) => b.readFloatLE(), write: (b, v) => b.writeFloatLE(v as number) },
  bool: { id: 7, bytes: 1, read: (b) => b.readUInt8() !== 0, write: (b, v) => b.writeUInt8(v === true ? 1 : 0) },
  string: { id: 8, bytes: 8, read: elsewhere, write: elsewhere },
  u64: { id: 10, bytes: 8, read: (b) => b.readBigUInt64LE(), write: (b, v) => b.writeBigUInt64LE(v as bigint) },
  i64: { id: 11, bytes: 8, read: (b) => b.readBigInt64LE(), write: (b, v) => b.writeBigInt64LE(v as bigint) },
  f64: { id: 12, bytes: 8, read: (b) => b.readDoubleLE(), write: (b, v) => b.writeDoubleLE(v as number) },
};

const scalarTypeNames = new Map(Object.entries(scalars).map(([name, { id }]) => [id, name as ScalarType]));
const tensorTypeNames = new Map<number, TensorType>(
  Object.entries(tensorTypes).map(([name, { id }]) => [id, name as TensorType]),
);
