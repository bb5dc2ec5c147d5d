/**
 * Enough of the ZIP format to take files out of a Python wheel or a spreadsheet, and to put files into one.
 *
 * The central directory at the end of the archive is the truth about names, sizes and checksums. Names are only
 * compared, never used as paths, so an archive cannot choose where anything is written. Encrypted, multi-disk
 * and 64-bit archives are refused: no wheel and no spreadsheet is one.
 *
 *   [local header, data]*  [central header]*  end record (22 bytes and a comment)
 */

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { invalid, type TunesmithError } from '../domain/errors.ts';

export interface ZipEntry {
  readonly name: string;
  readonly sizeBytes: number;
  readonly storedBytes: number;
  readonly crc32: number;
  readonly deflated: boolean;
  /** Of the local header. */
  readonly offset: number;
}

const endSignature = 0x06054b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const endBytes = 22;
const commentBytesMax = 0xffff;
const centralBytesMax = 64 << 20;
const encrypted = 1;

const broken = (path: string, what: string): TunesmithError => invalid(null, `${path}: ${what}`, 'archive_unreadable');

/** Lists what the archive holds, in its own order. */
export async function readZipEntries(path: string): Promise<ZipEntry[]> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const tail = Buffer.alloc(Math.min(size, endBytes + commentBytesMax));
  await file.read(tail, 0, tail.length, size - tail.length);
  const end = findEnd(tail);
  if (end === undefined) throw broken(path, 'not a ZIP archive, or cut off: its end record is missing.');
  const count = end.readUInt16LE(10);
  const bytes = end.readUInt32LE(12);
  const offset = end.readUInt32LE(16);
  if (end.readUInt16LE(4) !== 0 || count === 0xffff || offset === 0xffffffff)
    throw broken(path, 'multi-disk and 64-bit ZIP archives are not supported.');
  if (offset + bytes > size || bytes > centralBytesMax)
    throw broken(path, `its directory (${bytes} bytes at ${offset}) lies outside the file of ${size} bytes.`);
  const directory = Buffer.alloc(bytes);
  await file.read(directory, 0, bytes, offset);
  return parseDirectory(path, directory, count);
}

function findEnd(tail: Buffer): Buffer | undefined {
  for (let at = tail.length - endBytes; at >= 0; at--) {
    if (tail.readUInt32LE(at) === endSignature && at + endBytes + tail.readUInt16LE(at + 20) === tail.length)
      return tail.subarray(at);
  }
  return undefined;
}

function parseDirectory(path: string, directory: Buffer, count: number): ZipEntry[] {
  const entries: ZipEntry[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== centralSignature)
      throw broken(path, `its directory breaks off after ${i} of ${count} entries.`);
    const nameBytes = directory.readUInt16LE(at + 28);
    const name = directory.toString('utf8', at + 46, at + 46 + nameBytes);
    const method = directory.readUInt16LE(at + 10);
    if (directory.readUInt16LE(at + 8) & encrypted) throw broken(path, `${JSON.stringify(name)} is encrypted.`);
    if (method !== 0 && method !== 8)
      throw broken(path, `${JSON.stringify(name)} is compressed with method ${method}; expected 0 or 8 (deflate).`);
    entries.push({
      name,
      deflated: method === 8,
      crc32: directory.readUInt32LE(at + 16),
      storedBytes: directory.readUInt32LE(at + 20),
      sizeBytes: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

/** The entry's bytes. Never more than it declares; fewer, or a wrong checksum, is an error at the end. */
export async function* readZipEntry(path: string, entry: ZipEntry): AsyncGenerator<Buffer> {
  const start = await dataOffset(path, entry);
  let bytes = 0;
  let checksum = 0;
  for await (const chunk of inflated(path, entry, start)) {
    bytes += chunk.length;
    if (bytes > entry.sizeBytes) break;
    checksum = crc32(chunk, checksum);
    yield chunk;
  }
  if (bytes !== entry.sizeBytes)
    throw broken(path, `${JSON.stringify(entry.name)} does not have the ${entry.sizeBytes} bytes that it declares.`);
  if (checksum !== entry.crc32) throw broken(path, `${JSON.stringify(entry.name)} does not match its checksum.`);
}

/** Local headers repeat the name and may carry other extra fields than the directory: the data begins after both. */
async function dataOffset(path: string, entry: ZipEntry): Promise<number> {
  await using file = await open(path, 'r');
  const header = Buffer.alloc(30);
  const { bytesRead } = await file.read(header, 0, 30, entry.offset);
  if (bytesRead < 30 || header.readUInt32LE(0) !== localSignature)
    throw broken(path, `${JSON.stringify(entry.name)} is not where the directory says.`);
  return entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}

async function* inflated(path: string, entry: ZipEntry, start: number): AsyncGenerator<Buffer> {
  if (entry.storedBytes === 0) return;
  const end = start + entry.storedBytes - 1;
  const stored = createReadStream(path, { start, end, highWaterMark: 1 << 18 });
  if (!entry.deflated) {
    yield* stored as AsyncIterable<Buffer>;
    return;
  }
  const inflate = createInflateRaw({ chunkSize: 1 << 18 });
  stored.on('error', (error) => inflate.destroy(error));
  try {
    yield* stored.pipe(inflate) as AsyncIterable<Buffer>;
  } catch (error) {
    throw broken(path, `${JSON.stringify(entry.name)} cannot be unpacked (${(error as Error).message}).`);
  } finally {
    stored.destroy();
  }
}

/** An archive of these files, stored as they are: what it unpacks to is as large as it looks. */
export function storedZip(files: readonly { readonly name: string; readonly data: Buffer }[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data } of files) {
    const fields = Buffer.alloc(26); // what a local and a central header share
    fields.writeUInt16LE(20, 0);
    fields.writeUInt32LE(crc32(data), 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(data.length, 18);
    fields.writeUInt16LE(Buffer.byteLength(name), 22);
    parts.push(uint32(localSignature), fields, Buffer.from(name), data);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(uint32(centralSignature), Buffer.from([20, 0]), fields, rest, Buffer.from(name));
    offset += 30 + Buffer.byteLength(name) + data.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, central, uint32(endSignature), end]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
