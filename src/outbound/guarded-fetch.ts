/**
 * One request to a URL that somebody else chose, without being led to where only we can go.
 *
 * A name is resolved once, every address it has is checked, and the socket connects to a checked one: no second
 * answer of the name server can slip in between. URL parsing turns every spelling of an address (2130706433, 0x7f.1,
 * 0177.0.0.1, [::ffff:7f00:1]) into the usual one first. A redirect is a new URL and is checked like one. Time
 * and size have limits, the size also when unpacked. Proxies of the environment are not used: they would resolve
 * names for us.
 */

import { lookup as resolveName, type LookupAddress, type LookupOptions } from 'node:dns';
import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { TunesmithError, invalid, type ErrorKind } from '../domain/errors.ts';
import { isInternal } from './addresses.ts';

export interface OutboundRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** True for every internal address, or the hosts (`name:port`, as in the URL) that may have one. */
  readonly allowInternal?: boolean | readonly string[];
  /** For everything: name, connection, redirects, body. */
  readonly timeoutMs?: number;
  /** Of the body, unpacked. A longer one is an error, and not read any further. */
  readonly bytesMax?: number;
  /** Redirects of GET and HEAD that are followed; with 0 the redirect itself is the answer. */
  readonly redirectsMax?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What came back, whatever its status. */
export interface OutboundResponse {
  /** Where it came from in the end. */
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

const defaults = { timeoutMs: 30_000, bytesMax: 16 * 2 ** 20, redirectsMax: 5 };

/** Throws a TunesmithError for what is refused (`address_refused`), too long, too slow or not there (`fetch_failed`). */
export async function guardedFetch(url: string | URL, request: OutboundRequest = {}): Promise<OutboundResponse> {
  const { timeoutMs = defaults.timeoutMs, redirectsMax = defaults.redirectsMax, signal } = request;
  signal?.throwIfAborted();
  const stop = new AbortController();
  const forward = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  let at = parseUrl(url);
  const timer = setTimeout(
    () => stop.abort(failure(at, 'timeout', `no full answer within ${timeoutMs / 1000} s.`)),
    timeoutMs,
  );
  const mayFollow = (request.method ?? 'GET') !== 'POST' && redirectsMax > 0;
  try {
    let { headers = {} } = request;
    for (let hop = 0; ; hop++) {
      const response = await ask(at, { ...request, headers }, stop.signal);
      const location = response.headers.get('location');
      if (!mayFollow || response.status < 300 || response.status > 399 || location === null) return response;
      if (hop === redirectsMax) throw failure(at, 'too_many_redirects', `more than ${redirectsMax} redirects.`);
      const next = parseUrl(location, at);
      if (next.origin !== at.origin) headers = withoutCredentials(headers);
      at = next;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw stop.signal.aborted && stop.signal.reason instanceof TunesmithError ? stop.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', forward);
  }
}

/** Only what can be asked over HTTP; a name and password inside a URL belong to nobody here. */
function parseUrl(url: string | URL, base?: URL): URL {
  const text = String(url);
  if (!URL.canParse(text, base?.href)) throw invalid(null, `"${text.slice(0, 200)}" is not a URL.`, 'invalid_url');
  const parsed = new URL(text, base);
  if (!/^https?:$/.test(parsed.protocol))
    throw invalid(null, `${parsed.href}: only http and https are fetched.`, 'invalid_url');
  if (parsed.username !== '' || parsed.password !== '')
    throw invalid(null, `${parsed.host}: a URL with a name and password in it is not fetched.`, 'invalid_url');
  parsed.hash = '';
  return parsed;
}

/**
 * A `fetch` for clients of others, the official SDK's for one, that is led nowhere internal: bodies stream, a redirect
 * is an answer, and only the caller's signal ends a request. What the network does is told the way `fetch` tells it.
 */
export function guardedFetcher(allowInternal: boolean | readonly string[]): typeof fetch {
  return async (input, init = {}) => {
    const url = parseUrl(input instanceof Request ? input.url : input);
    const { method = 'GET', body, signal } = init;
    if (body != null && typeof body !== 'string') throw new TypeError('only a text can be sent');
    signal?.throwIfAborted();
    const request = { headers: Object.fromEntries(new Headers(init.headers)), allowInternal };
    try {
      const sent = { ...request, ...(body != null && { body }) };
      const message = await reach(url, method, sent, signal ?? new AbortController().signal);
      const status = message.statusCode ?? 0;
      const isEmpty = status === 204 || status === 304;
      if (isEmpty) message.resume();
      const stream = isEmpty ? null : (Readable.toWeb(Readable.from(unpacked(message))) as ReadableStream<Uint8Array>);
      return new Response(stream, { status, statusText: message.statusMessage ?? '', headers: headersOf(message) });
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof TunesmithError) throw error;
      throw new TypeError('fetch failed', { cause: error });
    }
  };
}

const withoutCredentials = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(authorization|cookie)$/i.test(name)));

function failure(url: URL, code: string, what: string, kind: ErrorKind = 'internal', cause?: unknown): TunesmithError {
  return new TunesmithError(kind, `${url.href}: ${what}`, { code, cause });
}

/** The head of an answer; the caller reads the body, or destroys it. */
async function reach(
  url: URL,
  method: string,
  { headers = {}, body, allowInternal = false }: OutboundRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const mayBeInternal = allowInternal === true || (allowInternal !== false && allowInternal.includes(url.host));
  const address = url.hostname.replace(/^\[|\]$/g, '');
  if (!mayBeInternal && isIP(address) !== 0 && isInternal(address)) throw refused(url, address);
  const options: RequestOptions = {
    method,
    headers: {
      'accept-encoding': 'gzip, deflate, br',
      ...headers,
      ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
    },
    agent: false, // a pooled socket may lead elsewhere
    signal,
    lookup: (name, wanted, done) => lookupChecked(url, name, wanted, mayBeInternal, done),
  };
  return await send(url, options, body);
}

async function ask(url: URL, request: OutboundRequest, signal: AbortSignal): Promise<OutboundResponse> {
  const { method = 'GET', bytesMax = defaults.bytesMax } = request;
  try {
    const message = await reach(url, method, request, signal);
    try {
      return {
        url: url.href,
        status: message.statusCode ?? 0,
        headers: headersOf(message),
        body: method === 'HEAD' ? Buffer.alloc(0) : await readBody(url, message, bytesMax),
      };
    } finally {
      message.destroy();
    }
  } catch (error) {
    if (error instanceof TunesmithError) throw error;
    throw failure(url, 'fetch_failed', `cannot be fetched (${reasonOf(error)}).`, 'internal', error);
  }
}

type LookupDone = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/** Gives the socket the addresses that were checked, in the form it asked for. One internal among them refuses all. */
function lookupChecked(url: URL, name: string, wanted: LookupOptions, mayBeInternal: boolean, done: LookupDone): void {
  resolveName(name, { ...wanted, all: true }, (error, addresses) => {
    if (error !== null) return done(error, []);
    const bad = mayBeInternal ? undefined : addresses.find(({ address }) => isInternal(address));
    if (bad !== undefined) return done(refused(url, bad.address), []);
    const [first] = addresses;
    if (wanted.all === true || first === undefined) done(null, addresses);
    else done(null, first.address, first.family);
  });
}

const refused = (url: URL, address: string): Error =>
  failure(
    url,
    'address_refused',
    `leads to ${address}, an internal address, and is refused; internal addresses must be allowed explicitly.`,
    'forbidden',
  );

function send(url: URL, options: RequestOptions, body: string | Uint8Array | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options);
    request.on('response', resolve).on('error', reject).end(body);
  });
}

/** Sizes are counted after unpacking, so a small answer cannot become a large one. */
async function readBody(url: URL, message: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of unpacked(message)) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw failure(url, 'too_large', `is larger than ${bytesMax} bytes.`, 'too_large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function unpacked(message: IncomingMessage): AsyncIterable<Buffer> {
  const unpackers: Record<string, () => NodeJS.ReadWriteStream> = {
    gzip: createGunzip,
    'x-gzip': createGunzip,
    deflate: createInflate,
    br: createBrotliDecompress,
  };
  const encoding = message.headers['content-encoding']?.trim().toLowerCase() ?? '';
  const unpacker = Object.hasOwn(unpackers, encoding) ? unpackers[encoding]?.() : undefined;
  if (unpacker === undefined) return message;
  // Whoever reads the end of it sees the error; this listener only keeps it from being nobody's.
  return pipeline(message, unpacker, () => undefined) as unknown as AsyncIterable<Buffer>;
}

function headersOf(message: IncomingMessage): Headers {
  const headers = new Headers();
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    try {
      headers.append(message.rawHeaders[i] ?? '', message.rawHeaders[i + 1] ?? '');
    } catch {
      // A header that breaks HTTP's rules says nothing to us.
    }
  }
  return headers;
}

/** Several addresses failing give an aggregate without words of its own. */
function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const { code, message } = first as { code?: string; message?: string };
  return code === 'ENOTFOUND' ? 'no such host' : (code ?? message ?? String(first));
}
