import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readZipEntries, readZipEntry } from '../../src/formats/zip.ts';
import { writeZip, type ZipFile } from './write-zip.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zip-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function archive(bytes: Buffer): Promise<string> {
  const path = join(folder, 'archive.zip');
  await writeFile(path, bytes);
  return path;
}

async function contents(path: string, index: number): Promise<Buffer> {
  const entry = (await readZipEntries(path))[index]!;
  const chunks: Buffer[] = [];
  for await (const chunk of readZipEntry(path, entry)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const compressible = Buffer.from('spam '.repeat(200_000));
const files: ZipFile[] = [
  { name: 'package/__init__.py', data: Buffer.from('print(1)\n') },
  { name: 'package/model.gguf', data: compressible },
  { name: 'package/stored.bin', data: randomBytes(100_000), deflate: false },
  { name: 'package/empty', data: Buffer.alloc(0), deflate: false },
];

test('every file comes out as it went in, deflated or stored', async () => {
  const path = await archive(writeZip(files));
  expect((await readZipEntries(path)).map(({ name }) => name)).toEqual(files.map(({ name }) => name));
  for (const [index, { data }] of files.entries()) expect((await contents(path, index)).equals(data)).toBe(true);
});

test('a comment at the end does not hide the directory', async () => {
  const bytes = writeZip(files);
  bytes.writeUInt16LE(9, bytes.length - 2);
  const path = await archive(Buffer.concat([bytes, Buffer.from('a comment')]));
  expect(await readZipEntries(path)).toHaveLength(4);
});

test('a cut archive is refused as such', async () => {
  const bytes = writeZip(files);
  for (const length of [0, 10, 1000, bytes.length - 1]) {
    const path = await archive(bytes.subarray(0, length));
    await expect(readZipEntries(path)).rejects.toThrow(/not a ZIP archive, or cut off/);
  }
});

test('a directory that lies outside the file, or ends early, is refused', async () => {
  const outside = writeZip(files);
  outside.writeUInt32LE(outside.length, outside.length - 6);
  await expect(readZipEntries(await archive(outside))).rejects.toThrow(/lies outside the file/);
  const short = writeZip(files);
  short.writeUInt16LE(5, short.length - 12);
  await expect(readZipEntries(await archive(short))).rejects.toThrow(/breaks off after 4 of 5/);
});

test('a file never gives more bytes than it declares', async () => {
  const path = await archive(writeZip([{ name: 'bomb', data: compressible, claims: { sizeBytes: 1000 } }]));
  const entry = (await readZipEntries(path))[0]!;
  let bytes = 0;
  const read = async (): Promise<void> => {
    for await (const chunk of readZipEntry(path, entry)) bytes += chunk.length;
  };
  await expect(read()).rejects.toThrow(/does not have the 1000 bytes/);
  expect(bytes).toBeLessThanOrEqual(1000);
});

test('wrong sizes, wrong checksums and garbage are noticed', async () => {
  const data = randomBytes(5000);
  const bad = (file: Partial<ZipFile>) => archive(writeZip([{ name: 'file', data, ...file }]));
  await expect(contents(await bad({ claims: { sizeBytes: 5001 } }), 0)).rejects.toThrow(/does not have the 5001 bytes/);
  await expect(contents(await bad({ claims: { crc32: 1 } }), 0)).rejects.toThrow(/does not match its checksum/);
  const garbage = writeZip([{ name: 'file', data: compressible }]);
  garbage.fill(0xff, 34, 60);
  await expect(contents(await archive(garbage), 0)).rejects.toThrow(/cannot be unpacked|does not/);
});
