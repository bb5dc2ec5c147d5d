import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Blobs } from '../../src/store/blobs.ts';

let folder: string;
let blobs: Blobs;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tunesmith-blobs-'));
  blobs = await Blobs.open(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function* chunks(...texts: string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
const all = async (): Promise<string[]> => (await readdir(folder, { recursive: true })).sort();

test('what was kept is read back, with its size and hash', async () => {
  await using arrived = await blobs.receive(chunks('one ', '', 'two'));
  await arrived.keep('file-abc');
  expect(arrived).toMatchObject({ sizeBytes: 7, sha256: createHash('sha256').update('one two').digest('hex') });
  expect((await buffer(await blobs.read('file-abc'))).toString()).toBe('one two');
});

test('what was not kept is gone', async () => {
  {
    await using _arrived = await blobs.receive(chunks('one'));
    expect(await readdir(join(folder, 'temporary'))).toHaveLength(1);
  }
  expect(await all()).toEqual(['temporary']);
});

test('a source that breaks off leaves nothing behind', async () => {
  async function* broken(): AsyncIterable<Uint8Array> {
    yield Buffer.from('half');
    throw new Error('the line went dead');
  }
  await expect(blobs.receive(broken())).rejects.toThrow('the line went dead');
  expect(await all()).toEqual(['temporary']);
});

test('content may be as large as the limit and no larger', async () => {
  await using fits = await blobs.receive(chunks('1234', '5678'), 8);
  expect(fits.sizeBytes).toBe(8);
  await expect(blobs.receive(chunks('1234', '56789'), 8)).rejects.toMatchObject({ kind: 'too_large' });
  expect(await readdir(join(folder, 'temporary'))).toHaveLength(1);
});

test('nothing from outside the folder is read or deleted, whatever the id says', async () => {
  await writeFile(`${folder}-secret`, 'secret');
  for (const id of [`../${folder.split('/').at(-1)}-secret`, '/etc/passwd', '..', '', 'a\0b', 'temporary/x']) {
    await expect(blobs.read(id)).rejects.toThrow('not an id of ours');
    await expect(blobs.delete(id)).rejects.toThrow('not an id of ours');
  }
  await rm(`${folder}-secret`);
});

test('reading what is not there fails before the first byte; deleting it is no error', async () => {
  await expect(blobs.read('file-nobody')).rejects.toMatchObject({ code: 'ENOENT' });
  await blobs.delete('file-nobody');
});

test('a reader finishes a blob that is deleted meanwhile', async () => {
  await using arrived = await blobs.receive(chunks('x'.repeat(1_000_000)));
  await arrived.keep('file-abc');
  const reading = await blobs.read('file-abc');
  await blobs.delete('file-abc');
  expect(await buffer(reading)).toHaveLength(1_000_000);
});

test('what was on its way when a process died is swept at the next opening, and the rest stays', async () => {
  await using arrived = await blobs.receive(chunks('kept'));
  await arrived.keep('file-abc');
  await writeFile(join(folder, 'temporary', 'half'), 'half');
  await Blobs.open(folder);
  expect(await all()).toEqual(['file-abc', 'temporary']);
});
