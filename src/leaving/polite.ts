/**
 * A `fetch` for the official SDK that waits as the server asks, and asks again what failed on the way.
 *
 *   429             wait for `retry-after` (or the reset of a limit that is used up), then again; a spent quota is final
 *   408, 5xx        wait longer each time, then again
 *   connection cut  likewise, also in the middle of a body: an answer is handed on only when it is whole
 *   nearly nothing left of a limit by `x-ratelimit-remaining-requests`: the next request waits for the reset
 *
 * A file's bytes are the exception: they stream, and `file-content.ts` goes on where they end. Waits end at once with
 * the signal. The SDK's own retries are off beside it: theirs cannot be stopped, and know nothing of cut bodies.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { TunesmithError } from '../domain/errors.ts';

export interface PoliteOptions {
  readonly signal: AbortSignal;
  /** What really asks. */
  readonly fetch?: typeof fetch;
  /** How often a request is sent before its failure is believed. */
  readonly attemptsMax?: number;
  /** The first wait where the server names none; doubled each time. */
  readonly waitMs?: number;
  /** For the head of an answer. */
  readonly timeoutMs?: number;
  /** Told before each wait. */
  readonly onWait?: (waitMs: number, reason: string) => void;
}

export interface Polite {
  readonly fetch: typeof fetch;
  /** How long the answer with this `x-request-id` took from its own request on, without earlier attempts and waits. */
  readonly elapsedMs: (requestId: string | null | undefined) => number | null;
}

const waitMsMax = 60_000;
/** What a server may ask for; a longer wait is as good as a refusal. */
const askedWaitMsMax = 15 * 60_000;
const bodyBytesMax = 256 * 2 ** 20;

export function politeFetch(options: PoliteOptions): Polite {
  const { signal, attemptsMax = 6, waitMs = 500, timeoutMs = 120_000, onWait = () => {} } = options;
  const fetchOnce = options.fetch ?? fetch;
  const elapsed = new Map<string, number>();
  let openAtMs = 0;
  let unnamed = 0;

  const pause = async (ms: number, reason: string): Promise<void> => {
    onWait(ms, reason);
    await sleep(ms, undefined, { signal });
  };

  const send = async (input: string | URL | Request, init: RequestInit | undefined): Promise<Response> => {
    const untilOpen = openAtMs - Date.now();
    if (untilOpen > 0) await pause(untilOpen, 'the rate limit is used up');
    const startedMs = performance.now();
    const head = new AbortController();
    const timer = setTimeout(() => head.abort(new Error('no answer in time')), timeoutMs);
    const stop = (): void => head.abort(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener('abort', stop);
    const theirs = init?.signal;
    theirs?.addEventListener('abort', stop);
    try {
      const response = await fetchOnce(input, { ...init, signal: head.signal });
      clearTimeout(timer);
      openAtMs = Math.max(openAtMs, Date.now() + closedForMs(response.headers));
      if (isStreamed(init) && response.ok) return response;
      const body = await wholeBody(response);
      const headers = new Headers(response.headers);
      for (const name of ['content-encoding', 'content-length', 'transfer-encoding']) headers.delete(name);
      if (!headers.has('x-request-id')) headers.set('x-request-id', `unnamed-${(unnamed += 1)}`);
      elapsed.set(headers.get('x-request-id')!, performance.now() - startedMs);
      if (elapsed.size > 1000) elapsed.delete(elapsed.keys().next().value!);
      return new Response(body.length === 0 ? null : (body as Uint8Array<ArrayBuffer>), {
        status: response.status,
        statusText: response.statusText,
        headers,
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      // The signal of a stream's request ends it later too, and goes with it.
      if (!isStreamed(init)) theirs?.removeEventListener('abort', stop);
    }
  };

  const polite = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    for (let attempt = 1; ; attempt += 1) {
      let wait = Math.min(waitMsMax, waitMs * 2 ** (attempt - 1));
      let reason: string;
      try {
        const response = await send(input, init);
        if (!isPassing(response.status) || attempt === attemptsMax) return response;
        const kept = response.clone();
        if (response.status === 429 && /insufficient_quota/.test(await response.text())) return kept;
        const asked = askedWaitMs(kept.headers);
        if (asked !== null && asked > askedWaitMsMax) return kept;
        wait = asked ?? wait;
        reason = `the server answered ${response.status}`;
      } catch (error) {
        signal.throwIfAborted();
        if (attempt === attemptsMax || isHopeless(error)) throw error;
        reason = `the connection failed (${causeOf(error)})`;
      }
      await pause(wait, reason);
    }
  };
  return { fetch: polite, elapsedMs: (requestId) => elapsed.get(requestId ?? '') ?? null };
}

/** The SDK asks for the bytes of a file in these words. */
const isStreamed = (init: RequestInit | undefined): boolean =>
  new Headers(init?.headers).get('accept') === 'application/binary';

const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500;

async function wholeBody(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new Hopeless(`an answer is longer than ${bodyBytesMax} bytes`);
  }
  return Buffer.concat(chunks);
}

/** What asking again cannot mend. */
class Hopeless extends Error {}

const hopelessCodes = ['ECONNREFUSED', 'ENOTFOUND', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT'];
const isHopeless = (error: unknown): boolean =>
  error instanceof Hopeless || error instanceof TunesmithError || hopelessCodes.includes(causeOf(error));

function causeOf(error: unknown): string {
  const { cause, message } = error as Error;
  const { code, message: deeper } = (cause ?? {}) as { code?: string; message?: string };
  return code ?? deeper ?? message;
}

/** In milliseconds; null where the server says nothing that can be understood. */
export function askedWaitMs(headers: Headers, nowMs = Date.now()): number | null {
  const milliseconds = Number.parseFloat(headers.get('retry-after-ms') ?? '');
  if (milliseconds >= 0) return milliseconds;
  const after = headers.get('retry-after');
  if (after === null) return null;
  if (/^\s*\d+(\.\d+)?\s*$/.test(after)) return Number(after) * 1000;
  const date = Date.parse(after);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}

/** How long nothing may be asked, by the headers of an answer: until the reset of a limit of which nothing is left. */
function closedForMs(headers: Headers): number {
  let wait = 0;
  for (const kind of ['requests', 'tokens']) {
    const remaining = headers.get(`x-ratelimit-remaining-${kind}`);
    if (remaining === null || Number(remaining) > 0 || Number.isNaN(Number(remaining))) continue;
    wait = Math.max(wait, durationMs(headers.get(`x-ratelimit-reset-${kind}`) ?? ''));
  }
  return Math.min(wait, waitMsMax);
}

/** `6m0s`, `1.5s`, `20ms`, or bare seconds. */
export function durationMs(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) total += Number(count) * units[unit!]!;
  return total;
}
