/** A server that is killed between making a thing and saying so, and the official client's own retries. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programArguments } from '../../src/programs.ts';
import { tinyHome, upload } from '../jobs/tiny-house.ts';

let folder: Awaited<ReturnType<typeof tinyHome>>;
let server: AsyncDisposable;
let openai: OpenAI;
let marker = '';
beforeAll(async () => {
  folder = await tinyHome();
  marker = join(folder.home, 'died');
  const port = await freePort();
  server = keepServing(port);
  openai = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'any', maxRetries: 8 });
  await openai.models.list(); // retried until it answers
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** A server that is started again whenever it dies, as a service manager would. */
function keepServing(port: number): AsyncDisposable {
  const preload = pathToFileURL(join(import.meta.dirname, 'die-after-commit.mjs')).href;
  const words = ['serve', '--port', String(port), '--home', folder.home];
  const start = () =>
    spawn(process.execPath, ['--import', preload, ...programArguments('main'), ...words], {
      stdio: 'ignore',
      env: { ...process.env, TUNESMITH_LOG: 'silent', DIE_AFTER_COMMIT: marker },
    });
  let child = start();
  let startsLeft = 10;
  const watch = (): void => {
    child.once('exit', () => {
      if (--startsLeft <= 0) return;
      child = start();
      watch();
    });
  };
  watch();
  return {
    [Symbol.asyncDispose]: async () => {
      startsLeft = 0;
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Does it while the server is ready to die, and makes sure that it died. */
async function withDeath<Made>(act: () => Promise<Made>): Promise<Made> {
  await rm(marker, { force: true });
  const made = await act();
  expect(existsSync(marker), 'the server was to die on the way').toBe(true);
  return made;
}

test('the file that was stored is found by the retry', { timeout: 60_000 }, async () => {
  const file = await withDeath(async () =>
    openai.files.create({ file: await toFile(Buffer.from('{"messages":[]}\n'), 'a.jsonl'), purpose: 'fine-tune' }),
  );
  expect((await openai.files.list()).data.map(({ id }) => id)).toEqual([file.id]);
  expect(await (await openai.files.content(file.id)).text()).toBe('{"messages":[]}\n');
});

test('the job that was made is found by the retry', { timeout: 60_000 }, async () => {
  const training_file = await upload(openai, ['not even JSON']);
  const job = await withDeath(() => openai.fineTuning.jobs.create({ model: 'tiny', training_file }));
  expect((await openai.fineTuning.jobs.list()).data.map(({ id }) => id)).toEqual([job.id]);
});

test('the upload that was completed is found by the retry, with one file', { timeout: 60_000 }, async () => {
  const { id } = await openai.uploads.create({
    filename: 'b.jsonl',
    purpose: 'fine-tune',
    bytes: 3,
    mime_type: 'text/jsonl',
  });
  const part = await openai.uploads.parts.create(id, { data: await toFile(Buffer.from('abc'), 'part') });
  const completed = await withDeath(() => openai.uploads.complete(id, { part_ids: [part.id] }));
  expect(completed.status).toBe('completed');
  const files = (await openai.files.list()).data.filter(({ filename }) => filename === 'b.jsonl');
  expect(files.map((file) => file.id)).toEqual([completed.file!.id]);
});
