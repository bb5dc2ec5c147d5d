/**
 * Files from the Hugging Face hub, or a mirror that speaks like it.
 *
 * The hub's answer to HEAD names the commit, the size and the SHA-256 (the LFS id) of the file. The bytes arrive
 * in `<sha256>.incomplete`; a broken connection continues there with a Range request, also in a later pull.
 * The file gets its name only when all of it hashes to the id. The token goes to the endpoint and to nobody
 * else: the hub redirects downloads to other hosts, which must not see it.
 *
 * Being offline is normal: whatever is wrong with the first request ends the attempt at once.
 */

import { createHash } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TunesmithError } from '../../domain/errors.ts';
import type { HubSource } from '../catalogue.ts';
import { assertSpace, nothingReceived, receive, receivedAt, type Fetched, type Watch } from './receive.ts';

export interface HubSettings {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | null;
  /** How long a connection may take to answer, and how long an answer may pause. */
  readonly answerMs: number;
  readonly stallMs: number;
}

/** The variables that every Hugging Face tool honours. */
export function hubSettings(environment: Readonly<Record<string, string | undefined>>): HubSettings {
  return {
    endpoint: (environment['HF_ENDPOINT'] || 'https://huggingface.co').replace(/\/+$/, ''),
    token: environment['HF_TOKEN'] || null,
    answerMs: 10_000,
    stallMs: 30_000,
  };
}

interface Description {
  readonly url: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly commit: string | null;
}

/** Small files of a repository lie in Git itself: the hub names the hash of Git's object instead of the bytes' own. */
export async function fetchSmallFromHub(
  source: HubSource,
  settings: HubSettings,
  watch: Watch,
): Promise<{ readonly bytes: Buffer; readonly commit: string | null } | null> {
  const described = await describeAny(source, settings, watch);
  if (described === null) return null;
  const { url, hash, sizeBytes, commit } = described;
  if (sizeBytes > smallBytesMax)
    throw failure(`${source.file} has ${sizeBytes} bytes; expected at most ${smallBytesMax}.`);
  await using request = await follow(url, 0, settings, watch);
  if (request.response.status !== 200) throw failure(explain(request.response.status, source, settings));
  const chunks: Uint8Array[] = [];
  for await (const chunk of bounded(request.chunks(), 0, sizeBytes)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const found =
    hash.length === 64
      ? createHash('sha256').update(bytes).digest('hex')
      : createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  if (found !== hash) throw failure(`${source.file} hashes to ${found}, not to ${hash}: damaged on the way.`);
  return { bytes, commit };
}

/** tokenizer.json of a vocabulary of 260,000 tokens has 33 MB. */
const smallBytesMax = 256 * 2 ** 20;

export async function fetchFromHub(
  source: HubSource,
  settings: HubSettings,
  folder: string,
  sha256: string | null,
  watch: Watch,
  /** Where an earlier pull may have left the whole file. */
  kept: string | null = null,
): Promise<Fetched> {
  const description = await describe(source, settings, watch);
  if (sha256 !== null && description.sha256 !== sha256)
    throw failure(`the hub offers SHA-256 ${description.sha256}; the catalogue pins ${sha256}.`);
  const incomplete = join(folder, `${description.sha256}.incomplete`);
  if (kept !== null) await rename(kept, incomplete).catch(() => undefined); // it is hashed like what broke off
  const found = await download(description, settings, incomplete, watch);
  if (found !== description.sha256) {
    await rm(incomplete);
    throw failure(`the bytes hash to ${found}, not to ${description.sha256}: damaged on the way, thrown away.`);
  }
  const path = join(folder, 'from-hub.gguf');
  await rename(incomplete, path);
  return { path, sha256: found, revision: description.commit };
}

const failure = (reason: string): TunesmithError => new TunesmithError('internal', reason, { code: 'hub_failed' });

async function describe(source: HubSource, settings: HubSettings, watch: Watch): Promise<Description> {
  const found = await describeAny(source, settings, watch);
  if (found === null) throw failure(explain(404, source, settings));
  const { url, hash, sizeBytes, commit } = found;
  if (hash.length !== 64)
    throw failure('the hub names no SHA-256 and size for this file, so it could not be verified.');
  return { url, sha256: hash, sizeBytes, commit };
}

interface AnyDescription extends Omit<Description, 'sha256'> {
  /** SHA-256 of the bytes, or SHA-1 of Git's object. */
  readonly hash: string;
}

/**
 * Null where there is no such file. Follows the hub's own redirects (renamed repositories) but not the one to the
 * storage: its headers matter here.
 */
async function describeAny(source: HubSource, settings: HubSettings, watch: Watch): Promise<AnyDescription | null> {
  const file = source.file.split('/').map(encodeURIComponent).join('/');
  let url = `${settings.endpoint}/${source.repository}/resolve/${encodeURIComponent(source.revision)}/${file}`;
  for (let hop = 0; hop < redirectsMax; hop++) {
    await using request = await ask(url, 'HEAD', {}, settings, watch);
    const { headers, status } = request.response;
    const hash = [headers.get('x-linked-etag'), headers.get('etag')].map(hashIn).find((hash) => hash !== null);
    const next = redirectOf(request.response, url);
    if ((hash === undefined || hash.length !== 64) && next !== null && new URL(next).origin === new URL(url).origin) {
      url = next;
      continue;
    }
    if (next === null && status === 404) return null;
    if (next === null && status !== 200) throw failure(explain(status, source, settings));
    const sizeBytes = Number(headers.get('x-linked-size') ?? headers.get('content-length') ?? Number.NaN);
    if (hash === undefined || !Number.isSafeInteger(sizeBytes))
      throw failure('the hub names no SHA-256 and size for this file, so it could not be verified.');
    return { url, hash, sizeBytes, commit: headers.get('x-repo-commit') };
  }
  throw failure(`more than ${redirectsMax} redirects.`);
}

const redirectsMax = 5;

/** `"<64 hex digits>"`, as LFS ids are sent, or 40 of Git's own. */
const hashIn = (etag: string | null): string | null =>
  /^(?:W\/)?"?([0-9a-f]{64}|[0-9a-f]{40})"?$/.exec(etag ?? '')?.[1] ?? null;

function redirectOf(response: Response, url: string): string | null {
  const location = response.headers.get('location');
  if (response.status < 300 || response.status >= 400 || location === null) return null;
  const next = new URL(location, url);
  if (next.protocol !== 'https:' && new URL(url).protocol === 'https:')
    throw failure(`it redirects from https to ${next.protocol}//${next.host}, which is refused.`);
  return next.href;
}

function explain(status: number, { repository, file, revision }: HubSource, { token }: HubSettings): string {
  const where = `${repository}/${file} at ${revision}`;
  const credentials = token === null ? 'set HF_TOKEN' : 'check HF_TOKEN';
  if (status === 401 || status === 403)
    return `${where} needs permission (${status}): ${credentials} and accept the licence on the model's page.`;
  if (status === 404) return `${where} does not exist there, or is private (404): ${credentials} if it is yours.`;
  return `it answered ${status} for ${where}.`;
}

/** Receives into `path` until the file is whole, and returns its SHA-256. Progress earns another attempt. */
async function download(about: Description, settings: HubSettings, path: string, watch: Watch): Promise<string> {
  const left = await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
  let received = left > 0 && left <= about.sizeBytes ? await receivedAt(path, watch.signal) : nothingReceived();
  await assertSpace(join(path, '..'), about.sizeBytes - received.bytes);
  for (let failures = 0; received.bytes < about.sizeBytes;) {
    const before = received.bytes;
    try {
      await using request = await follow(about.url, before, settings, watch);
      const { response } = request;
      if (response.status === 200 && before > 0)
        received = nothingReceived(); // no ranges here: from the start
      else if (response.status === 206) assertRange(response, before, about.sizeBytes);
      else if (response.status !== 200) throw failure(`it answered ${response.status} in the middle of the file.`);
      await receive(path, bounded(request.chunks(), received.bytes, about.sizeBytes), received, about.sizeBytes, watch);
      if (received.bytes < about.sizeBytes) throw failure('the connection ended early');
    } catch (error) {
      watch.signal?.throwIfAborted();
      failures = received.bytes > before ? 0 : failures + 1;
      if (isOurs(error)) throw error;
      if (failures >= failuresMax)
        throw failure(`broke off at ${received.bytes} of ${about.sizeBytes} bytes (${causeOf(error)}).`);
      await delay(pauseMs, undefined, { signal: watch.signal });
    }
  }
  return received.hash.digest('hex');
}

/** Attempts in a row that bring not one byte. */
const failuresMax = 3;
const pauseMs = 300;

/** Disk errors do not get better by asking the hub again. */
const isOurs = (error: unknown): boolean =>
  error instanceof Error &&
  ['ENOSPC', 'EDQUOT', 'EACCES', 'EROFS', 'EIO'].includes((error as { code?: string }).code ?? '');

function assertRange(response: Response, start: number, sizeBytes: number): void {
  const range = response.headers.get('content-range') ?? '';
  if (range.startsWith(`bytes ${start}-`) && range.endsWith(`/${sizeBytes}`)) return;
  throw failure(`asked for bytes ${start}- of ${sizeBytes}, got "${range}".`);
}

async function* bounded(
  chunks: AsyncIterable<Uint8Array>,
  start: number,
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  let bytes = start;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > sizeBytes) throw failure(`it sends more than the ${sizeBytes} bytes it announced.`);
    yield chunk;
  }
}

async function follow(first: string, start: number, settings: HubSettings, watch: Watch): Promise<Asked> {
  let url = first;
  for (let hop = 0; hop < redirectsMax; hop++) {
    const request = await ask(url, 'GET', start > 0 ? { range: `bytes=${start}-` } : {}, settings, watch);
    const next = redirectOf(request.response, url);
    if (next === null) return request;
    await request[Symbol.asyncDispose]();
    url = next;
  }
  throw failure(`more than ${redirectsMax} redirects.`);
}

interface Asked extends AsyncDisposable {
  readonly response: Response;
  /** The body; a pause longer than the stall limit ends it with an error. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** One request. Redirects are the caller's decision; the token goes only to the endpoint's own origin. */
async function ask(
  url: string,
  method: 'HEAD' | 'GET',
  headers: Record<string, string>,
  settings: HubSettings,
  watch: Watch,
): Promise<Asked> {
  watch.signal?.throwIfAborted();
  const stop = new AbortController();
  const forward = (): void => stop.abort(watch.signal?.reason);
  watch.signal?.addEventListener('abort', forward, { once: true });
  const impatience = (ms: number): NodeJS.Timeout =>
    setTimeout(() => stop.abort(failure(`no answer within ${ms / 1000} s.`)), ms);
  let timer = impatience(settings.answerMs);
  const close = (): void => {
    clearTimeout(timer);
    watch.signal?.removeEventListener('abort', forward);
  };
  const ours = new URL(url).origin === new URL(settings.endpoint).origin;
  const sent = new Headers({ 'accept-encoding': 'identity', ...headers });
  if (ours && settings.token !== null) sent.set('authorization', `Bearer ${settings.token}`);
  try {
    const response = await fetch(url, {
      method,
      headers: sent,
      redirect: 'manual',
      signal: stop.signal,
    });
    clearTimeout(timer);
    return {
      response,
      async *chunks() {
        timer = impatience(settings.stallMs);
        for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
          yield chunk;
          timer.refresh();
        }
      },
      async [Symbol.asyncDispose]() {
        close();
        stop.abort();
        await response.body?.cancel().catch(() => undefined);
      },
    };
  } catch (error) {
    close();
    watch.signal?.throwIfAborted();
    throw error instanceof TunesmithError ? error : failure(`cannot be reached (${causeOf(error)}).`);
  }
}

/** `fetch failed` hides the interesting part in its cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as { code?: string }).code;
  const host = (cause as { hostname?: string }).hostname;
  return [code ?? (cause as Error).message, host].filter((part) => part !== undefined).join(' ');
}
