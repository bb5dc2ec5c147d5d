/** Real servers, real files, real SIGKILL: what was acknowledged is there, and memory stays flat. */

import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { programArguments } from '../../src/programs.ts';

let home: string;
beforeEach(async () => void (home = await mkdtemp(join(tmpdir(), 'tunesmith-durability-'))));
afterEach(() => rm(home, { recursive: true, force: true }));

interface Server extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly url: string;
  readonly openai: OpenAI;
  kill(): Promise<void>;
}

/** `tunesmith serve` as a user starts it; killed at the latest when it is disposed of. */
async function serve(): Promise<Server> {
  const child = spawn(process.execPath, [...programArguments('main'), 'serve', '--port', '0', '--home', home], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TUNESMITH_LOG: 'warn' },
  });
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  let said = '';
  for await (const line of createInterface({ input: child.stderr })) {
    said += `${line}\n`;
    const url = /https?:\/\/\S+\/v1/.exec(line)?.[0];
    if (url === undefined) continue;
    child.stderr.resume();
    const openai = new OpenAI({ baseURL: url, apiKey: 'any', maxRetries: 0 });
    return { process: child, url, openai, kill, [Symbol.asyncDispose]: kill };
  }
  throw new Error(`The server did not start:\n${said}`);
}

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

test(
  'every upload and every deletion that was acknowledged survives SIGKILL, and no half of a file appears',
  { timeout: 120_000 },
  async () => {
    const acknowledged = new Map<string, string>();
    const deleted = new Set<string>();
    let sent = 0;
    for (let round = 0; round < 3; round++) {
      await using server = await serve();
      const { files } = server.openai;
      const uploading = Array.from({ length: 3 }, async () => {
        for (;;) {
          const text = `{"n":${sent++},"pad":"${'x'.repeat((sent * 7919) % 60_000)}"}\n`;
          const file = await toFile(Buffer.from(text), 'loop.jsonl');
          const answer = await files.create({ file, purpose: 'fine-tune' }).catch(() => null);
          if (answer === null) return;
          acknowledged.set(answer.id, sha256(text));
          if (sent % 4 !== 0) continue;
          acknowledged.delete(answer.id); // from here on it may be there or not, until the answer comes
          const deletion = await files.delete(answer.id).catch(() => null);
          if (deletion === null) return;
          deleted.add(answer.id);
        }
      });
      const enough = acknowledged.size + 15 + round * 7;
      while (acknowledged.size < enough) await new Promise((resolve) => setTimeout(resolve, 5));
      await server.kill();
      await Promise.all(uploading);
    }

    await using server = await serve();
    const { data } = await server.openai.files.list();
    const listed = new Set(data.map(({ id }) => id));
    expect([...acknowledged.keys()].filter((id) => !listed.has(id))).toEqual([]);
    expect([...deleted].filter((id) => listed.has(id))).toEqual([]);
    expect(deleted.size).toBeGreaterThan(0);
    // Stored but not answered in time is allowed (the client cannot know); half a file is not.
    for (const { id, bytes } of data) {
      const content = new Uint8Array(await (await server.openai.files.content(id)).arrayBuffer());
      expect(content.byteLength, id).toBe(bytes);
      if (acknowledged.has(id)) expect(sha256(content), id).toBe(acknowledged.get(id));
    }
    expect(await readdir(join(home, 'files', 'temporary'))).toEqual([]);
  },
);

test('a second server on the same folder ends with an error that names the first', async () => {
  await using first = await serve();
  await expect(serve()).rejects.toThrow(new RegExp(`in use by another Tunesmith \\(process ${first.process.pid},`));
});

test(
  'an upload of 300 MB grows the server’s memory by less than 100 MB, and comes back the same',
  { timeout: 180_000 },
  async () => {
    await using server = await serve();
    await server.openai.files.list();
    const before = await residentBytes(server.process.pid!);
    let peak = before;
    const watch = setInterval(() => {
      void residentBytes(server.process.pid!).then((bytes) => (peak = Math.max(peak, bytes)));
    }, 50);
    const hash = createHash('sha256');
    const { status, text } = await uploadOf(300 * 2 ** 20, server.url, { seen: (bytes) => void hash.update(bytes) });
    expect(status, text).toBe(200);
    const file = JSON.parse(text) as OpenAI.FileObject;
    expect(file.bytes).toBe(300 * 2 ** 20);

    const back = createHash('sha256');
    for await (const chunk of (await fetch(`${server.url}/files/${file.id}/content`)).body!) back.update(chunk);
    clearInterval(watch);
    expect(back.digest('hex')).toBe(hash.digest('hex'));
    expect((peak - before) / 2 ** 20).toBeLessThan(100);
  },
);

test(
  'an upload that is larger than allowed is refused with 413 and leaves nothing behind',
  { timeout: 180_000 },
  async () => {
    await using server = await serve();
    const { status, text } = await uploadOf(512 * 2 ** 20 + 1, server.url);
    expect(status, text).toBe(413);
    expect(JSON.parse(text)).toMatchObject({ error: { type: 'invalid_request_error', param: 'file' } });
    expect(await readdir(join(home, 'files'), { recursive: true })).toEqual(['temporary']);
  },
);

test(
  'parts of 64 MiB that come four at once grow the memory by less than 150 MB, and outlive a SIGKILL before they are completed',
  { timeout: 180_000 },
  async () => {
    const partBytes = 64 * 2 ** 20;
    let id = '';
    let part_ids: string[] = [];
    {
      await using server = await serve();
      const request = { filename: 'big.jsonl', purpose: 'fine-tune', bytes: 4 * partBytes, mime_type: 'x' } as const;
      ({ id } = await server.openai.uploads.create(request));
      const before = await residentBytes(server.process.pid!);
      let peak = before;
      const watch = setInterval(() => {
        void residentBytes(server.process.pid!).then((bytes) => (peak = Math.max(peak, bytes)));
      }, 50);
      const parts = Array.from({ length: 4 }, () => uploadOf(partBytes, server.url, { path: `/uploads/${id}/parts` }));
      const answers = await Promise.all(parts);
      clearInterval(watch);
      part_ids = answers.map(({ text }) => (JSON.parse(text) as { id: string }).id);
      expect((peak - before) / 2 ** 20).toBeLessThan(150);
      await server.kill();
    }
    await using server = await serve();
    const hash = createHash('md5');
    for (let i = 0; i < (4 * partBytes) / chunk.length; i++) hash.update(chunk);
    const { file } = await server.openai.uploads.complete(id, { part_ids, md5: hash.digest('hex') });
    expect(file).toMatchObject({ bytes: 4 * partBytes, filename: 'big.jsonl' });
    expect((await readdir(join(home, 'files'))).sort()).toEqual([file!.id, 'temporary'].sort());
  },
);

const chunk = Buffer.alloc(2 ** 20, '{"messages":[]}\n');

interface UploadOptions {
  /** Where to: a new file, or a part of an upload. */
  readonly path?: string;
  /** Is given all bytes. */
  readonly seen?: (bytes: Uint8Array) => void;
}

/** Uploads that many bytes without ever holding them. */
async function uploadOf(
  sizeBytes: number,
  url: string,
  { path = '/files', seen = () => {} }: UploadOptions = {},
): Promise<{ status: number; text: string }> {
  const part = (head: string) => Buffer.from(`--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n`);
  const field = path === '/files' ? 'file' : 'data';
  async function* form(): AsyncIterable<Uint8Array> {
    yield part(`name="${field}"; filename="big.jsonl"`);
    for (let left = sizeBytes; left > 0; left -= chunk.length) {
      const bytes = chunk.subarray(0, Math.min(left, chunk.length));
      seen(bytes);
      yield bytes;
    }
    yield Buffer.concat([Buffer.from('\r\n'), part('name="purpose"'), Buffer.from('fine-tune\r\n--b--\r\n')]);
  }
  const request: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: form(),
    duplex: 'half',
  };
  const answer = await fetch(`${url}${path}`, request);
  return { status: answer.status, text: await answer.text() };
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}
