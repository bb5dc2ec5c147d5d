/**
 * Pages of the web, as a good guest: robots.txt is kept, a host has one request at a time with a pause after it.
 *
 * Hosts are visited side by side. Every hop of a redirect asks the robots.txt of where it leads and waits its turn
 * there; addresses are checked by the fetch itself. A page that cannot be had is told and left out.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { TunesmithError } from '../domain/errors.ts';
import { guardedFetch, type OutboundResponse } from '../outbound/guarded-fetch.ts';
import type { Found } from './document.ts';
import { Extractor } from './extractor.ts';
import { decodePage, type PageText } from './main-text.ts';
import { Robots } from './robots.ts';

export interface WebOptions {
  /** The first word is the name that robots.txt knows. */
  readonly userAgent: string;
  /** Between the end of a request to a host and the next, unless the host wants more. */
  readonly delayMs: number;
  readonly timeoutMs: number;
  readonly bytesMax: number;
  readonly allowInternal: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Hosts visited at once. */
const hostsMax = 4;
const redirectsMax = 5;
/** How long a host may send us away for ("try again later") and still be asked again. */
const retryMsMax = 120_000;

export async function* collectWeb(urls: readonly string[], options: WebOptions): AsyncGenerator<Found, void> {
  await using extractor = new Extractor();
  const visitor = new Visitor(options, extractor);
  const waiting = byHost(urls);
  const running = new Map<string, Promise<{ host: string; found: Found }>>();
  const next = (host: string): void => {
    const url = waiting.get(host)?.shift();
    if (url === undefined) waiting.delete(host);
    else
      running.set(
        host,
        visitor.visit(url).then((found) => ({ host, found })),
      );
  };
  while (waiting.size > 0 || running.size > 0) {
    for (const host of waiting.keys()) if (!running.has(host) && running.size < hostsMax) next(host);
    if (running.size === 0) continue;
    const { host, found } = await Promise.race(running.values());
    running.delete(host);
    yield found;
    options.signal?.throwIfAborted();
  }
}

function byHost(urls: readonly string[]): Map<string, string[]> {
  const waiting = new Map<string, string[]>();
  for (const url of urls) {
    const host = URL.canParse(url) ? new URL(url).host : '';
    const others = waiting.get(host);
    if (others === undefined) waiting.set(host, [url]);
    else others.push(url);
  }
  return waiting;
}

class Visitor {
  readonly #options: WebOptions;
  readonly #extractor: Extractor;
  readonly #robots: Robots;
  /** Host → when it may be asked again. */
  readonly #freeAtMs = new Map<string, number>();
  /** Host → the pause that it wants itself. */
  readonly #wishes = new Map<string, number>();

  constructor(options: WebOptions, extractor: Extractor) {
    this.#options = options;
    this.#extractor = extractor;
    this.#robots = new Robots(options);
  }

  /** Never fails, but when stopped. */
  async visit(url: string): Promise<Found> {
    try {
      let response = await this.#fetch(url);
      const retryMs = retryAfterMs(response);
      if (retryMs !== null && retryMs <= retryMsMax) {
        await delay(retryMs, undefined, { signal: this.#options.signal });
        response = await this.#fetch(url);
      }
      if (response.status !== 200) throw new Error(`it answers ${response.status}`);
      const { title, text } = await readPage(response, this.#extractor);
      if (text.trim() === '') throw new Error('no text in it');
      return { found: { text, source: url, ...(title !== '' && { title }) } };
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      const code = error instanceof TunesmithError ? error.code : null;
      return { skipped: { source: url, reason: (error as Error).message.replace(`${url}: `, ''), code } };
    }
  }

  /** Every hop is a request like the first: asked for at robots.txt, in turn, its address checked. */
  async #fetch(url: string): Promise<OutboundResponse> {
    const { userAgent, timeoutMs, bytesMax, allowInternal, signal } = this.#options;
    const headers = { 'user-agent': userAgent, accept: 'text/html, text/plain, text/markdown, application/pdf;q=0.8' };
    let at = new URL(url);
    for (let hop = 0; hop <= redirectsMax; hop++) {
      await this.#takeTurn(at);
      const request = { headers, timeoutMs, bytesMax, allowInternal, redirectsMax: 0, signal };
      const response = await guardedFetch(at, request).finally(() => this.#leave(at));
      const location = response.headers.get('location');
      if (response.status < 300 || response.status > 399 || location === null) return response;
      at = new URL(location, at);
    }
    throw new Error(`more than ${redirectsMax} redirects`);
  }

  /** Waits until the host may be asked; throws when its robots.txt forbids the page. */
  async #takeTurn(url: URL): Promise<void> {
    const { allowed, reason, delayMs } = await this.#robots.permission(url);
    if (!allowed) throw new Error(reason);
    const waitMs = (this.#freeAtMs.get(url.host) ?? 0) - Date.now();
    if (waitMs > 0) await delay(waitMs, undefined, { signal: this.#options.signal });
    this.#wishes.set(url.host, delayMs);
  }

  #leave(url: URL): void {
    const pauseMs = Math.max(this.#options.delayMs, this.#wishes.get(url.host) ?? 0);
    this.#freeAtMs.set(url.host, Date.now() + pauseMs);
  }
}

function retryAfterMs({ status, headers }: OutboundResponse): number | null {
  const after = headers.get('retry-after');
  if ((status !== 429 && status !== 503) || after === null) return null;
  const ms = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

async function readPage({ headers, body }: OutboundResponse, extractor: Extractor): Promise<PageText> {
  const contentType = headers.get('content-type') ?? 'text/html';
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'text/plain' || type === 'text/markdown')
    return { title: '', text: decodePage(body, contentType).trim() };
  const kind = type === 'application/pdf' ? 'pdf' : 'html';
  if (kind === 'html' && !/^(text\/html|application\/xhtml\+xml)$/.test(type))
    throw new Error(`it is ${type}, not a page`);
  return await extractor.extract({ kind, bytes: body, contentType });
}
