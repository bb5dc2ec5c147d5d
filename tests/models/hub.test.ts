import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchFromHub, hubSettings } from '../../src/models/sources/hub.ts';
import { mockCommit, openMockHub, type MockHub } from './mock-hub.ts';

const source = { type: 'hub', repository: 'owner/name', file: 'some model.gguf', revision: 'main' } as const;
const path = 'owner/name/resolve/main/some model.gguf';
const bytes = randomBytes(300_000);
const sha256 = createHash('sha256').update(bytes).digest('hex');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hub-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const settingsFor = (hub: MockHub, token?: string) => hubSettings({ HF_ENDPOINT: `${hub.endpoint}/`, HF_TOKEN: token });
const ignore = { onBytes: () => undefined };

test('a file arrives whole, with the commit it is from', async () => {
  await using hub = await openMockHub({ [path]: bytes });
  const seen: number[] = [];
  const fetched = await fetchFromHub(source, settingsFor(hub), folder, sha256, {
    onBytes: (received, total) => {
      expect(total).toBe(bytes.length);
      seen.push(received);
    },
  });
  expect(fetched).toMatchObject({ sha256, revision: mockCommit });
  expect((await readFile(fetched.path)).equals(bytes)).toBe(true);
  expect(seen.at(-1)).toBe(bytes.length);
  expect(await readdir(folder)).toEqual(['from-hub.gguf']);
});

test('a connection that breaks in the middle goes on where it stopped', async () => {
  await using hub = await openMockHub({ [path]: bytes }, { breakAfterBytes: 70_000, breaks: 4 });
  const fetched = await fetchFromHub(source, settingsFor(hub), folder, null, ignore);
  expect(fetched.sha256).toBe(sha256);
  const ranges = hub.requests.filter(({ origin }) => origin === 'storage').map(({ range }) => range);
  expect(ranges).toEqual([null, 'bytes=70000-', 'bytes=140000-', 'bytes=210000-', 'bytes=280000-']);
});

test('a later pull goes on with what an earlier one left', async () => {
  await writeFile(join(folder, `${sha256}.incomplete`), bytes.subarray(0, 123_456));
  await using hub = await openMockHub({ [path]: bytes });
  const fetched = await fetchFromHub(source, settingsFor(hub), folder, null, ignore);
  expect((await readFile(fetched.path)).equals(bytes)).toBe(true);
  expect(hub.requests.at(-1)).toMatchObject({ origin: 'storage', range: 'bytes=123456-' });
});

test('a server that knows no ranges is asked for the whole file again', async () => {
  await using hub = await openMockHub({ [path]: bytes }, { noRanges: true, breakAfterBytes: 70_000, breaks: 1 });
  const fetched = await fetchFromHub(source, settingsFor(hub), folder, null, ignore);
  expect((await readFile(fetched.path)).equals(bytes)).toBe(true);
});

test('one wrong byte is noticed, the file is thrown away and never gets its name', async () => {
  await using hub = await openMockHub({ [path]: bytes }, { flippedByte: 200_000 });
  await expect(fetchFromHub(source, settingsFor(hub), folder, null, ignore)).rejects.toThrow(/hash to .*not to/);
  expect(await readdir(folder)).toEqual([]);
});

test('leftovers that are longer than the file, or wrong, do not survive', async () => {
  await using hub = await openMockHub({ [path]: bytes });
  await writeFile(join(folder, `${sha256}.incomplete`), Buffer.alloc(bytes.length + 5));
  expect((await fetchFromHub(source, settingsFor(hub), folder, null, ignore)).sha256).toBe(sha256);
  await writeFile(join(folder, `${sha256}.incomplete`), Buffer.alloc(1000));
  await expect(fetchFromHub(source, settingsFor(hub), folder, null, ignore)).rejects.toThrow(/hash to/);
  expect((await fetchFromHub(source, settingsFor(hub), folder, null, ignore)).sha256).toBe(sha256);
});

test('the token goes to the hub and not to the host that it redirects to', async () => {
  await using hub = await openMockHub({ [path]: bytes }, { token: 'hf_secret' });
  await fetchFromHub(source, settingsFor(hub, 'hf_secret'), folder, null, ignore);
  for (const { origin, authorization } of hub.requests)
    expect(authorization).toBe(origin === 'hub' ? 'Bearer hf_secret' : null);
  expect(hub.requests.map(({ origin }) => origin)).toContain('storage');
});

test('without the token that a file needs, the error says what to do', async () => {
  await using hub = await openMockHub({ [path]: bytes }, { token: 'hf_secret' });
  await expect(fetchFromHub(source, settingsFor(hub), folder, null, ignore)).rejects.toThrow(
    /needs permission \(401\): set HF_TOKEN and accept the licence/,
  );
  await expect(fetchFromHub(source, settingsFor(hub, 'hf_wrong'), folder, null, ignore)).rejects.toThrow(
    /check HF_TOKEN/,
  );
});

test('a file that is not there is named', async () => {
  await using hub = await openMockHub({});
  await expect(fetchFromHub(source, settingsFor(hub), folder, null, ignore)).rejects.toThrow(
    /owner\/name\/some model\.gguf at main does not exist there, or is private \(404\)/,
  );
});

test('a file without a checksum is not taken, because nothing could be verified', async () => {
  await using hub = await openMockHub({ [path]: bytes }, { noChecksum: true });
  await expect(fetchFromHub(source, settingsFor(hub), folder, null, ignore)).rejects.toThrow(/names no SHA-256/);
});

test('another file than the pinned one is refused before a byte of it is loaded', async () => {
  await using hub = await openMockHub({ [path]: bytes });
  await expect(fetchFromHub(source, settingsFor(hub), folder, 'a'.repeat(64), ignore)).rejects.toThrow(
    new RegExp(`offers SHA-256 ${sha256}; the catalogue pins aaaa`),
  );
  expect(hub.requests.filter(({ origin }) => origin === 'storage')).toEqual([]);
});

test('a machine without internet hears so at once', async () => {
  const settings = { ...hubSettings({}), endpoint: 'http://hub.invalid' };
  const startedMs = Date.now();
  await expect(fetchFromHub(source, settings, folder, null, ignore)).rejects.toThrow(
    /cannot be reached \(E\w+ hub\.invalid\)/,
  );
  expect(Date.now() - startedMs).toBeLessThan(11_000);
});

test('a storage that falls silent is given up after a few attempts', async () => {
  await using hub = await openMockHub({ [path]: bytes }, { silent: true });
  const settings = { ...settingsFor(hub), stallMs: 100 };
  await expect(fetchFromHub(source, settings, folder, null, ignore)).rejects.toThrow(/broke off at 0 of 300000 bytes/);
  expect(hub.requests.filter(({ origin }) => origin === 'storage')).toHaveLength(3);
});

test('a pull that is stopped in the middle stops, and keeps what it has', async () => {
  await using hub = await openMockHub({ [path]: bytes }, { breakAfterBytes: 70_000, breaks: 1 });
  const stop = new AbortController();
  const watch = { signal: stop.signal, onBytes: () => stop.abort(new Error('enough')) };
  await expect(fetchFromHub(source, settingsFor(hub), folder, null, watch)).rejects.toThrow('enough');
  expect(await readdir(folder)).toEqual([`${sha256}.incomplete`]);
});
