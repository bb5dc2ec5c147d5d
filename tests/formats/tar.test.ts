/** Archives are read by the system's own tar. */

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tar, tarBytes, type TarEntry } from '../../src/formats/tar.ts';

const run = promisify(execFile);

const entry = (name: string, content: Buffer, sizeBytes = content.length): TarEntry => ({
  name,
  sizeBytes,
  changedAt: 1_700_000_000,
  content: (async function* () {
    yield content.subarray(0, 3);
    yield content.subarray(3);
  })(),
});

async function archive(entries: readonly TarEntry[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar(entries)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('what goes in comes out: names with folders, with letters of the world, beyond a hundred bytes; any length', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tar-'));
  try {
    const contents: Record<string, Buffer> = {
      'empty.txt': Buffer.alloc(0),
      'gguf/model.gguf': Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251)),
      'exactly-a-block': Buffer.alloc(512, 7),
      'Grüße/日本.txt': Buffer.from('hello'),
      [`${'long/'.repeat(30)}name.txt`]: Buffer.from('deep'),
      // Lengths at which a pax record's own length gains a digit.
      ...Object.fromEntries(
        [87, 88, 89, 90, 91].map((n) => [`${'ä'.repeat(Math.floor(n / 2))}${'x'.repeat(n % 2)}`, Buffer.from('x')]),
      ),
    };
    const entries = Object.entries(contents);
    const bytes = await archive(entries.map(([name, content]) => entry(name, content)));
    expect(bytes.length).toBe(tarBytes(entries.map(([name, content]) => ({ name, sizeBytes: content.length }))));
    await writeFile(join(folder, 'a.tar'), bytes);
    await run('tar', ['-xf', 'a.tar'], { cwd: folder, env: { ...process.env, LC_ALL: 'C.UTF-8' } });
    await rm(join(folder, 'a.tar'));
    for (const [name, content] of entries) expect(await readFile(join(folder, name)), name).toEqual(content);
    const found = await readdir(folder, { recursive: true, withFileTypes: true });
    expect(found.filter((each) => each.isFile())).toHaveLength(entries.length);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('sizes beyond 8 GiB are told in a header of their own', () => {
  const small = tarBytes([{ name: 'a', sizeBytes: 8 * 2 ** 30 - 512 }]);
  const large = tarBytes([{ name: 'a', sizeBytes: 8 * 2 ** 30 }]);
  expect(large - small).toBe(512 + 2 * 512);
});

test('a file that changes while it is read breaks the archive off instead of spoiling it', async () => {
  await expect(archive([entry('a', Buffer.from('hello'), 4)])).rejects.toThrow(/changed while it was read/);
  await expect(archive([entry('a', Buffer.from('hello'), 6)])).rejects.toThrow(/changed while it was read/);
});
