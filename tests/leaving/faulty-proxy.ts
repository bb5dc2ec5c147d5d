/**
 * A proxy on loopback before a real server, that does to requests what networks and platforms do: refuses, limits,
 * fails, cuts a connection in the middle of a body. What it does is chosen per request; what it saw is kept.
 */

import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Fault {
  /** The proxy's own answer, with this status. */
  readonly answer?: number;
  readonly message?: string;
  /** Of its own answer, or added to the server's. */
  readonly headers?: Record<string, string>;
  /** So many bytes of the body, then the socket is torn. */
  readonly cutAfter?: number;
  /** With `cutAfter`: the socket stays open and silent instead. */
  readonly stall?: boolean;
  /** Sends everything where a part was asked for, as servers that know no ranges do. */
  readonly ignoreRange?: boolean;
  /** A parameter that the server is not told. */
  readonly forget?: string;
  /** What becomes of the server's body. */
  readonly body?: (text: string) => string;
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly atMs: number;
}

export interface FaultyProxy extends AsyncDisposable {
  /** Ends in `/v1`. */
  readonly url: string;
  readonly seen: Seen[];
  /** Asked for each request; null lets it through. */
  fault: (seen: Seen, count: number) => Fault | null;
}

/** What was sent before arrives: an asker that hears of the end at once may forget what it had not read. */
const tear = (outgoing: ServerResponse): void => void setTimeout(() => outgoing.destroy(), 30);

export async function openFaultyProxy(target: string): Promise<FaultyProxy> {
  const origin = new URL(target).origin;
  const counts = new Map<string, number>();
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const seen: Seen = {
      method: incoming.method!,
      path: incoming.url!,
      range: incoming.headers.range,
      atMs: performance.now(),
    };
    proxy.seen.push(seen);
    const key = `${seen.method} ${seen.path}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    const fault = proxy.fault(seen, counts.get(key)!) ?? {};
    if (fault.answer !== undefined) {
      incoming.resume();
      outgoing.writeHead(fault.answer, { 'content-type': 'application/json', ...fault.headers });
      outgoing.end(JSON.stringify({ error: { message: fault.message ?? `made up ${fault.answer}`, type: 'made_up' } }));
      return;
    }
    const url = new URL(seen.path, origin);
    if (fault.forget !== undefined) url.searchParams.delete(fault.forget);
    const passed = forward(url, { method: seen.method, headers: incoming.headers }, (answer) => {
      const headers = { ...answer.headers, ...fault.headers };
      const total = Number(headers['content-length']);
      // Our server sends files whole; the platform in front of which this stands sends parts.
      const from = fault.ignoreRange === true ? 0 : Number(/^bytes=(\d+)-$/.exec(seen.range ?? '')?.[1] ?? 0);
      if (from > 0) {
        headers['content-length'] = String(total - from);
        headers['content-range'] = `bytes ${from}-${total - 1}/${total}`;
      }
      if (fault.body !== undefined) {
        const change = fault.body;
        delete headers['content-length'];
        outgoing.writeHead(answer.statusCode!, headers);
        void text(answer).then((said) => outgoing.end(change(said)));
        return;
      }
      outgoing.writeHead(from > 0 ? 206 : answer.statusCode!, headers);
      let skip = from;
      let left = fault.cutAfter ?? Infinity;
      answer.on('data', (chunk: Buffer) => {
        const part = chunk.subarray(skip).subarray(0, left);
        skip = Math.max(0, skip - chunk.length);
        left -= part.length;
        outgoing.write(part, () => void (left <= 0 && fault.stall !== true && tear(outgoing)));
      });
      answer.on('end', () => void (left <= 0 || outgoing.end()));
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  };
  const server = createServer(handle);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    seen: [],
    fault: () => null,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return proxy;
}
