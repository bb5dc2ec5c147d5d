/**
 * A hub on loopback: answers HEAD with the LFS headers and redirects GET to a second origin, as the real one does,
 * with the mishaps of real networks on demand.
 */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Mishaps {
  /** Each download breaks after so many bytes, this many times. */
  readonly breakAfterBytes?: number;
  breaks?: number;
  /** This byte arrives wrong. */
  readonly flippedByte?: number;
  readonly token?: string;
  /** Serve whole files only, whatever is asked. */
  readonly noRanges?: boolean;
  /** HEAD names no LFS id. */
  readonly noChecksum?: boolean;
  /** Files that lie in Git itself: named by Git's hash, and sent by the hub. */
  readonly gitFiles?: RegExp;
  /** So many bytes are sent every 20 ms. */
  readonly slowBytes?: number;
  /** The storage sends nothing after the headers. */
  readonly silent?: boolean;
}

export interface SeenRequest {
  readonly origin: 'hub' | 'storage';
  readonly method: string;
  readonly url: string;
  readonly range: string | null;
  readonly authorization: string | null;
}

export interface MockHub extends AsyncDisposable {
  readonly endpoint: string;
  readonly requests: SeenRequest[];
}

export const mockCommit = 'c0ffee'.padEnd(40, '0');

/** Serves `files` by their path on the hub, e.g. `owner/name/resolve/main/model.gguf`. */
export async function openMockHub(files: Readonly<Record<string, Buffer>>, mishaps: Mishaps = {}): Promise<MockHub> {
  const requests: SeenRequest[] = [];
  const note = (origin: SeenRequest['origin'], request: IncomingMessage): void => {
    requests.push({
      origin,
      method: request.method!,
      url: request.url!,
      range: request.headers.range ?? null,
      authorization: request.headers.authorization ?? null,
    });
  };
  const storage = createServer((request, response) => {
    note('storage', request);
    sendBytes(files[decodeURIComponent(request.url!.slice(1))]!, request, response, mishaps);
  });
  const storageUrl = await listen(storage);
  const hub = createServer((request, response) => {
    note('hub', request);
    const file = files[decodeURIComponent(request.url!.slice(1))];
    const allowed = mishaps.token === undefined || request.headers.authorization === `Bearer ${mishaps.token}`;
    if (!allowed || file === undefined) {
      response.writeHead(allowed ? 404 : 401).end();
      return;
    }
    if (mishaps.gitFiles?.test(request.url!) === true) {
      const sha1 = createHash('sha1').update(`blob ${file.length}\0`).update(file).digest('hex');
      response.setHeader('etag', `"${sha1}"`).setHeader('x-repo-commit', mockCommit);
      if (request.method === 'GET') return sendBytes(file, request, response, mishaps);
      response.writeHead(200, { 'content-length': file.length }).end();
      return;
    }
    const sha256 = createHash('sha256').update(file).digest('hex');
    response.writeHead(302, {
      location: `${storageUrl}${request.url}`,
      'x-repo-commit': mockCommit,
      'x-linked-size': file.length,
      ...(mishaps.noChecksum ? { etag: `"${'ab'.repeat(20)}"` } : { 'x-linked-etag': `"${sha256}"` }),
    });
    response.end();
  });
  const endpoint = await listen(hub);
  return {
    endpoint,
    requests,
    async [Symbol.asyncDispose]() {
      for (const server of [hub, storage]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function sendBytes(file: Buffer, request: IncomingMessage, response: ServerResponse, mishaps: Mishaps): void {
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const start = asked === null || mishaps.noRanges ? 0 : Number(asked[1]);
  const bytes = Buffer.from(file.subarray(start));
  if (mishaps.flippedByte !== undefined && mishaps.flippedByte >= start) bytes[mishaps.flippedByte - start]! ^= 1;
  const range = { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` };
  response.writeHead(start > 0 ? 206 : 200, { 'content-length': bytes.length, ...(start > 0 ? range : {}) });
  if (mishaps.silent) return response.flushHeaders();
  if (mishaps.breakAfterBytes !== undefined && (mishaps.breaks ?? 0) > 0) {
    mishaps.breaks! -= 1;
    response.write(bytes.subarray(0, mishaps.breakAfterBytes), () => setTimeout(() => response.destroy(), 50));
    return;
  }
  if (mishaps.slowBytes === undefined) response.end(bytes);
  else void sendSlowly(bytes, mishaps.slowBytes, response);
}

async function sendSlowly(bytes: Buffer, pieceBytes: number, response: ServerResponse): Promise<void> {
  for (let start = 0; start < bytes.length && !response.destroyed; start += pieceBytes) {
    response.write(bytes.subarray(start, start + pieceBytes));
    await sleep(20);
  }
  response.end();
}
