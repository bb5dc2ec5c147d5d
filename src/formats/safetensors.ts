/**
 * safetensors, Hugging Face's format for named arrays; our adapters and optimiser states are kept in it.
 *
 *   u64 header length | JSON { name: { dtype, shape, data_offsets: [begin, end] }, __metadata__ } | data
 *
 * Offsets count from the end of the header. The tensors must cover the data without gap or overlap, so
 * every byte of a file belongs to somebody; anything else is refused before it is allocated.
 */

import { open, type FileHandle } from 'node:fs/promises';
import { TunesmithError } from '../domain/errors.ts';
import { writeAtomically } from './atomic-write.ts';
import { readInto, unreadable } from './model-file.ts';
import { halfToFloat } from './quant.ts';

interface ArrayOf {
  readonly F32: Float32Array;
  readonly F64: Float64Array;
  /** Half-precision types as their bits; `floats` reads them. */
  readonly F16: Uint16Array;
  readonly BF16: Uint16Array;
  readonly I64: BigInt64Array;
  readonly I32: Int32Array;
  readonly I16: Int16Array;
  readonly I8: Int8Array;
  readonly U64: BigUint64Array;
  readonly U32: Uint32Array;
  readonly U16: Uint16Array;
  readonly U8: Uint8Array;
  readonly BOOL: Uint8Array;
}

export type Dtype = keyof ArrayOf;

export type SafeTensor = {
  [D in Dtype]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: ArrayOf[D] };
}[Dtype];

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Reads and checks a whole file. */
export async function readSafetensors(path: string): Promise<Safetensors> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { entries, metadata, dataStart } = await readHeader(file, path, size);
    const tensors = new Map<string, SafeTensor>();
    for (const entry of entries) tensors.set(entry.name, await readEntry(file, path, dataStart, entry));
    return { tensors, metadata };
  } finally {
    await file.close();
  }
}

/** Hands out the tensors of a file one after the other, by name, in the order of the file. */
export async function* eachSafetensor(path: string): AsyncGenerator<readonly [name: string, tensor: SafeTensor], void> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { entries, dataStart } = await readHeader(file, path, size);
    for (const entry of entries) yield [entry.name, await readEntry(file, path, dataStart, entry)];
  } finally {
    await file.close();
  }
}

/** Opens a file and checks its header; tensors are read when they are asked for. */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { entries, dataStart } = await readHeader(file, path, size);
    return new SafetensorsFile(path, file, dataStart, new Map(entries.map((entry) => [entry.name, entry])));
  } catch (error) {
    await file.close();
    throw error;
  }
}

export class SafetensorsFile implements AsyncDisposable {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, { readonly dtype: Dtype; readonly shape: readonly number[] }>;
  readonly #file: FileHandle;
  readonly #dataStart: number;
  readonly #entries: ReadonlyMap<string, Entry>;

  constructor(path: string, file: FileHandle, dataStart: number, entries: ReadonlyMap<string, Entry>) {
    this.path = path;
    this.#file = file;
    this.#dataStart = dataStart;
    this.tensors = entries;
    this.#entries = entries;
  }

  async read(name: string): Promise<SafeTensor> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw unreadable(this.path, `there is no tensor "${name}" in it`);
    return await readEntry(this.#file, this.path, this.#dataStart, entry);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** Writes a file in one step: it is there whole, or the old one is. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, SafeTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  // Widest types first, then by name: this keeps every array aligned, and is the order of the reference writer.
  const sources = [...tensors]
    .sort(
      ([a, { dtype: x }], [b, { dtype: y }]) =>
        arrays[y].BYTES_PER_ELEMENT - arrays[x].BYTES_PER_ELEMENT || (a < b ? -1 : 1),
    )
    .map(([name, { dtype, shape, data }]): SafeTensorSource => ({
      name,
      dtype,
      shape,
      bytes: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    }));
  await streamSafetensors(path, sources, metadata);
}

/** A tensor whose bytes are asked for when it is its turn to be written. */
export interface SafeTensorSource {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: () => Uint8Array | Promise<Uint8Array>;
}

/** The same tensor after tensor, in the order given, so that a model never has to be in memory as a whole. */
export async function streamSafetensors(
  path: string,
  sources: readonly SafeTensorSource[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeAtomically(path, fileChunks(sources, metadata));
}

async function* fileChunks(
  sources: readonly SafeTensorSource[],
  metadata: Readonly<Record<string, string>>,
): AsyncGenerator<Uint8Array, void> {
  const header: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) header.push(['__metadata__', metadata]);
  let at = 0;
  for (const { name, dtype, shape } of sources) {
    const end = at + valueCount(shape) * arrays[dtype].BYTES_PER_ELEMENT;
    header.push([name, { dtype, shape, data_offsets: [at, end] }]);
    at = end;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  padded.set(json);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  yield length;
  yield padded;
  for (const { name, dtype, shape, bytes } of sources) {
    const data = await bytes();
    const expected = valueCount(shape) * arrays[dtype].BYTES_PER_ELEMENT;
    if (data.length !== expected)
      throw new Error(`${name}: ${data.length} bytes; [${shape.join(', ')}] of ${dtype} is ${expected}.`);
    yield data;
  }
}

/** The values of a floating-point tensor; an F32 tensor's own array, not a copy. */
export function floats(tensor: SafeTensor): Float32Array {
  switch (tensor.dtype) {
    case 'F32':
      return tensor.data;
    case 'F64':
      return Float32Array.from(tensor.data);
    case 'F16':
      return Float32Array.from(tensor.data, (bits) => halfToFloat[bits]!);
    case 'BF16':
      return new Float32Array(Uint32Array.from(tensor.data, (bits) => bits << 16).buffer);
    default:
      throw new TunesmithError('invalid', `Expected a tensor of floats, found one of ${tensor.dtype}.`, {
        code: 'model_unreadable',
      });
  }
}

const arrays = {
  F32: Float32Array,
  F64: Float64Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const satisfies { [D in Dtype]: new (length: number) => ArrayOf[D] };

/** The reference reader's own limit. */
const headerBytesMax = 100_000_000;

interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

async function readEntry(
  file: FileHandle,
  path: string,
  dataStart: number,
  { dtype, shape, begin, end }: Entry,
): Promise<SafeTensor> {
  const data = new arrays[dtype](valueCount(shape));
  await readInto(file, path, dataStart + begin, new Uint8Array(data.buffer, 0, end - begin));
  return { dtype, shape, data } as SafeTensor;
}

interface Header {
  readonly entries: readonly Entry[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly dataStart: number;
}

async function readHeader(file: FileHandle, path: string, fileBytes: number): Promise<Header> {
  if (fileBytes < 8) throw unreadable(path, `truncated: it has ${fileBytes} bytes, the header length alone needs 8`);
  const length = Buffer.alloc(8);
  await readInto(file, path, 0, length);
  const headerBytes = Number(length.readBigUInt64LE());
  if (headerBytes > headerBytesMax) {
    throw unreadable(path, `not a safetensors file: its header would have ${headerBytes} bytes`);
  }
  if (8 + headerBytes > fileBytes) {
    throw unreadable(path, `truncated: the header needs ${headerBytes} bytes, the file has ${fileBytes}`);
  }
  const json = Buffer.alloc(headerBytes);
  await readInto(file, path, 8, json);
  const dataStart = 8 + headerBytes;
  return { ...parseHeader(json.toString('utf8'), fileBytes - dataStart, path), dataStart };
}

function parseHeader(json: string, dataBytes: number, path: string): Omit<Header, 'dataStart'> {
  let header: unknown;
  try {
    header = JSON.parse(json);
  } catch (error) {
    throw unreadable(path, `not a safetensors file: its header is not JSON (${(error as Error).message})`);
  }
  if (!isObject(header)) throw unreadable(path, 'its header is not a JSON object');
  const { __metadata__: metadata = {}, ...tensors } = header;
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw unreadable(path, 'its __metadata__ is not an object of texts');
  }
  const entries = Object.entries(tensors).map(([name, entry]) => parseEntry(name, entry, path));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== covered) throw unreadable(path, `tensor "${name}" starts at ${begin}; expected ${covered}`);
    covered = end;
  }
  if (covered > dataBytes) throw unreadable(path, `truncated: the tensors need ${covered} bytes, it has ${dataBytes}`);
  if (covered < dataBytes) throw unreadable(path, `${dataBytes - covered} bytes at its end belong to no tensor`);
  return { entries, metadata: metadata as Record<string, string> };
}

function parseEntry(name: string, entry: unknown, path: string): Entry {
  const where = `tensor "${name}"`;
  if (!isObject(entry)) throw unreadable(path, `${where} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(arrays, dtype)) {
    const known = Object.keys(arrays).join(', ');
    throw unreadable(path, `${where} has dtype ${JSON.stringify(dtype)}; expected one of ${known}`);
  }
  if (!isCounts(shape))
    throw unreadable(path, `${where} has shape ${JSON.stringify(shape)}; expected a list of counts`);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw unreadable(path, `${where} has data_offsets ${JSON.stringify(offsets)}; expected [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  const needed = valueCount(shape) * arrays[dtype as Dtype].BYTES_PER_ELEMENT;
  if (end - begin !== needed) {
    throw unreadable(path, `${where} has ${end - begin} bytes; [${shape.join(', ')}] of ${dtype} needs ${needed}`);
  }
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

const valueCount = (shape: readonly number[]): number => shape.reduce((count, size) => count * size, 1);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
