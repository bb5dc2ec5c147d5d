/**
 * The bytes of one file over there, whole or not at all.
 *
 * They stream to `<name>.partial`; when the connection breaks, or the process is killed, the next request asks for the
 * rest (`Range`). A server that sends everything all the same is taken from the start, and so is a rest that does not
 * fit. Only a file that is whole gets its name.
 */

import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { APIError, type OpenAI } from 'openai';
import { flushFolder } from '../formats/atomic-write.ts';
import { hashFile } from './manifest.ts';

export interface Taken {
  readonly sha256: string;
  readonly bytes: number;
  /** What is odd about it. */
  readonly note: string | null;
}

export interface TakingOptions {
  /** As the file object says. */
  readonly bytesExpected: number | null;
  readonly signal: AbortSignal;
  readonly attemptsMax?: number;
  readonly waitMs?: number;
  readonly onBytes?: (bytes: number) => void;
}

export async function takeContent(openai: OpenAI, id: string, path: string, options: TakingOptions): Promise<Taken> {
  const { bytesExpected, signal, attemptsMax = 8, waitMs = 500 } = options;
  const partial = `${path}.partial`;
  let shortEnds = 0;
  let fruitless = 0;
  for (;;) {
    const before = await sizeOf(partial);
    let failure: unknown = null;
    try {
      const end = await takeRest(openai, id, partial, before, options);
      if (end === 'whole') break;
      // A clean end that leaves bytes missing: believed when it comes a second time.
      if ((await sizeOf(partial)) >= (bytesExpected ?? 0) || (shortEnds += 1) > 1) break;
      failure = new Error('the answer ended before the file did');
      await rm(partial, { force: true });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof APIError && error.status !== undefined) throw error;
      failure = error;
    }
    fruitless = (await sizeOf(partial)) > before ? 0 : fruitless + 1;
    if (fruitless >= attemptsMax) throw failure;
    await sleep(Math.min(30_000, waitMs * 2 ** fruitless), undefined, { signal });
  }
  const { sha256, bytes } = await hashFile(partial);
  await rename(partial, path);
  await flushFolder(dirname(path));
  const note = bytesExpected === null || bytes === bytesExpected ? null : `the file object says ${bytesExpected} bytes`;
  return { sha256, bytes, note };
}

/** `whole` where the server's own count says so, `ended` where it gave none. */
async function takeRest(
  openai: OpenAI,
  id: string,
  partial: string,
  have: number,
  options: TakingOptions,
): Promise<'whole' | 'ended'> {
  // The SDK leaves a listener on the signal of every request; with a signal of its own it goes with the request.
  const request = new AbortController();
  const stop = (): void => request.abort(options.signal.reason);
  options.signal.throwIfAborted();
  options.signal.addEventListener('abort', stop);
  try {
    return await receive(openai, id, partial, have, { ...options, signal: request.signal });
  } finally {
    options.signal.removeEventListener('abort', stop);
  }
}

async function receive(
  openai: OpenAI,
  id: string,
  partial: string,
  have: number,
  { signal, onBytes = () => {} }: TakingOptions,
): Promise<'whole' | 'ended'> {
  const response = await ask(openai, id, partial, have, signal);
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  const goesOn = response.status === 206 && range !== null && Number(range[1]) === have;
  if (response.status === 206 && !goesOn) {
    await response.body?.cancel();
    await rm(partial, { force: true });
    throw new Error('the server sent another part than the one asked for');
  }
  const start = goesOn ? have : 0;
  const packed = response.headers.has('content-encoding');
  const length = response.headers.get('content-length');
  const total = goesOn ? Number(range[2]) : length === null || packed ? null : Number(length);
  const file = await open(partial, goesOn ? 'a' : 'w', 0o600);
  let size = start;
  try {
    for await (const chunk of response.body ?? []) {
      signal.throwIfAborted();
      await file.writeFile(chunk);
      onBytes((size += chunk.length));
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (total === null) return 'ended';
  if (size > total) {
    await rm(partial, { force: true });
    throw new Error(`${size} bytes came where ${total} were announced`);
  }
  if (size < total) throw new Error(`the connection ended after ${size} of ${total} bytes`);
  return 'whole';
}

async function ask(openai: OpenAI, id: string, partial: string, have: number, signal: AbortSignal): Promise<Response> {
  const headers = { 'accept-encoding': 'identity', ...(have > 0 && { range: `bytes=${have}-` }) };
  try {
    return await openai.files.content(id, { headers, signal });
  } catch (error) {
    if (!(error instanceof APIError) || error.status !== 416) throw error;
    // Nothing after what we have, or another file than before: from the start, and be sure.
    await rm(partial, { force: true });
    return await openai.files.content(id, { headers: { 'accept-encoding': 'identity' }, signal });
  }
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => null))?.size ?? 0;
