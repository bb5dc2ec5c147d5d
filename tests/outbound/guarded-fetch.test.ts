/** Requests to URLs of others: where they may lead, how long they may take, how much they may bring. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isInternal } from '../../src/outbound/addresses.ts';
import { guardedFetch, guardedFetcher } from '../../src/outbound/guarded-fetch.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const paths: Record<string, Handler> = {};
const seen: { path: string; authorization: string | undefined; body: string }[] = [];
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    seen.push({ path: request.url!, authorization: request.headers.authorization, body });
    (paths[request.url!] ?? ((_, answer) => void answer.writeHead(404).end()))(request, response);
  });
});
let host = '';
let url = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  url = `http://${host}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
const on = (path: string, handler: Handler): string => {
  paths[path] = handler;
  return url + path;
};
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: { code?: unknown }) => error.code,
  );

describe('addresses', () => {
  test.each([
    '127.0.0.1', '127.255.255.254', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254',
    '0.0.0.0', '100.64.0.1', '100.100.100.200', '168.63.129.16', '224.0.0.1', '255.255.255.255', '198.18.0.1',
    '::1', '::', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::127.0.0.1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd00:ec2::254',
    'ff02::1', '2002:7f00:1::', '2001:0:1::1', '64:ff9b::7f00:1', '64:ff9b:1::1', 'fec0::1', '[::1]', 'not an address', '',
  ])('%s is internal', (address) => expect(isInternal(address)).toBe(true)); // prettier-ignore

  test.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '169.253.0.1', '2606:4700::1111', '[2a00:1450::1]'])(
    '%s is the world',
    (address) => expect(isInternal(address)).toBe(false),
  );
});

test.each([
  'http://127.0.0.1:PORT/', 'http://2130706433:PORT/', 'http://0x7f000001:PORT/', 'http://0177.0.0.1:PORT/',
  'http://127.1:PORT/', 'http://[::1]:PORT/', 'http://[::ffff:127.0.0.1]:PORT/', 'http://localhost:PORT/',
  'http://①②⑦.0.0.1:PORT/', 'http://169.254.169.254/latest/meta-data/', 'http://[fd00:ec2::254]/', 'http://10.0.0.1/', 'http://0/',
])('%s is refused, and nobody is asked', async (address) => {
  const before = seen.length;
  expect(await codeOf(guardedFetch(address.replace('PORT', host.split(':')[1]!), { timeoutMs: 2000 }))).toBe('address_refused');
  expect(seen.length).toBe(before);
}); // prettier-ignore

test.each([
  'file:///etc/passwd',
  'ftp://example.com/',
  'data:text/plain,hi',
  'nonsense',
  'http://me:secret@example.com/',
])('%s is no URL to fetch', async (address) => expect(await codeOf(guardedFetch(address))).toBe('invalid_url'));

test('what is allowed comes back whole: status, headers, body', async () => {
  const at = on('/page', (_, answer) => void answer.writeHead(203, { 'x-own': 'yes' }).end('hello'));
  const response = await guardedFetch(at, { allowInternal: true });
  expect(response).toMatchObject({ url: at, status: 203 });
  expect(response.body.toString()).toBe('hello');
  expect(response.headers.get('x-own')).toBe('yes');
});

test('a redirect to an internal address is refused though the first host was allowed', async () => {
  const { port } = new URL(url);
  const at = on(
    '/leads-in',
    (_, answer) => void answer.writeHead(302, { location: `http://localhost:${port}/page` }).end(),
  );
  expect(await codeOf(guardedFetch(at, { allowInternal: [host] }))).toBe('address_refused');
  expect((await guardedFetch(at, { allowInternal: [host, `localhost:${port}`] })).status).toBe(203);
  const file = on('/to-file', (_, answer) => void answer.writeHead(302, { location: 'file:///etc/passwd' }).end());
  expect(await codeOf(guardedFetch(file, { allowInternal: true }))).toBe('invalid_url');
});

test('redirects are followed so far and no further, and told when none are wanted', async () => {
  const loop = on('/loop', (_, answer) => void answer.writeHead(301, { location: '/loop' }).end());
  expect(await codeOf(guardedFetch(loop, { allowInternal: true }))).toBe('too_many_redirects');
  expect(await guardedFetch(loop, { allowInternal: true, redirectsMax: 0 })).toMatchObject({ status: 301 });
});

test('credentials stay with the origin they were meant for', async () => {
  const { port } = new URL(url);
  on('/target', (_, answer) => void answer.end('there'));
  const away = on(
    '/away',
    (_, answer) => void answer.writeHead(302, { location: `http://localhost:${port}/target` }).end(),
  );
  const home = on('/home', (_, answer) => void answer.writeHead(302, { location: '/target' }).end());
  const headers = { authorization: 'Bearer secret' };
  await guardedFetch(home, { allowInternal: true, headers });
  await guardedFetch(away, { allowInternal: true, headers });
  const arrived = seen.filter(({ path }) => path === '/target').map(({ authorization }) => authorization);
  expect(arrived).toEqual(['Bearer secret', undefined]);
});

test('a body is posted, and a redirect of it is the answer', async () => {
  const at = on('/hook', (_, answer) => void answer.writeHead(307, { location: '/page' }).end());
  const response = await guardedFetch(at, { allowInternal: true, method: 'POST', body: 'prüfen' });
  expect(response.status).toBe(307);
  expect(seen.at(-1)).toMatchObject({ path: '/hook', body: 'prüfen' });
});

test('packed bodies are unpacked, and a bomb is stopped at the limit', async () => {
  const text = 'words '.repeat(100);
  const gzip = on(
    '/gzip',
    (_, answer) => void answer.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text)),
  );
  const brotli = on(
    '/br',
    (_, answer) => void answer.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync(text)),
  );
  for (const at of [gzip, brotli]) expect((await guardedFetch(at, { allowInternal: true })).body.toString()).toBe(text);
  const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20));
  const at = on('/bomb', (_, answer) => void answer.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
  expect(await codeOf(guardedFetch(at, { allowInternal: true, bytesMax: 2 ** 20 }))).toBe('too_large');
  const broken = on(
    '/broken',
    (_, answer) => void answer.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip'),
  );
  expect(await codeOf(guardedFetch(broken, { allowInternal: true }))).toBe('fetch_failed');
});

test('an endless body ends at the limit, a silent server at the timeout, a caller when he likes', async () => {
  const endless = on('/endless', (_, answer) => {
    const write = (): void =>
      void (answer.write(Buffer.alloc(65536)) ? setImmediate(write) : answer.once('drain', write));
    answer.on('close', () => answer.removeAllListeners('drain'));
    write();
  });
  expect(await codeOf(guardedFetch(endless, { allowInternal: true, bytesMax: 2 ** 20 }))).toBe('too_large');
  const silent = on('/silent', () => undefined);
  expect(await codeOf(guardedFetch(silent, { allowInternal: true, timeoutMs: 100 }))).toBe('timeout');
  const drip = on('/drip', (_, answer) => void answer.write('a'));
  expect(await codeOf(guardedFetch(drip, { allowInternal: true, timeoutMs: 100 }))).toBe('timeout');
  const stop = new AbortController();
  const waiting = guardedFetch(silent, { allowInternal: true, signal: stop.signal });
  setTimeout(() => stop.abort(), 50);
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});

test('a host that nobody knows and a port where nobody listens are said in one line', async () => {
  await expect(guardedFetch('http://nobody.invalid/')).rejects.toThrow(/nobody\.invalid\/: cannot be fetched \(/);
  await expect(guardedFetch('http://127.0.0.1:1/', { allowInternal: true })).rejects.toThrow('(ECONNREFUSED)');
});

describe('as a fetch for clients of others', () => {
  const fetchHere = guardedFetcher([]);
  const allowed = (): typeof fetch => guardedFetcher([host]);

  test('an internal address is refused, and one that is allowed is asked', async () => {
    const path = on('/fetched', (request, answer) => {
      answer.writeHead(201, { 'content-type': 'text/plain', 'x-request-id': 'r1' });
      answer.end(`${request.method} ${String(request.headers['x-a'])}`);
    });
    expect(await codeOf(fetchHere(path))).toBe('address_refused');
    const response = await allowed()(path, { method: 'POST', headers: { 'x-a': 'b' }, body: '{}' });
    expect([response.status, response.headers.get('x-request-id'), await response.text()]).toEqual([
      201,
      'r1',
      'POST b',
    ]);
  });

  test('a redirect is an answer, also one that leads elsewhere', async () => {
    const path = on('/away', (_, answer) => answer.writeHead(302, { location: 'http://169.254.169.254/' }).end());
    expect((await allowed()(path)).status).toBe(302);
  });

  test('bodies stream, and end with an error when the connection does', async () => {
    const path = on('/torn', (_, answer) => {
      answer.writeHead(200, { 'content-length': '1000' });
      answer.write('x'.repeat(10), () => setTimeout(() => answer.destroy(), 30));
    });
    const response = await allowed()(path);
    const reader = response.body!.getReader();
    expect((await reader.read()).value).toHaveLength(10);
    await expect(reader.read()).rejects.toThrow();
  });

  test('the caller can stop it, before the answer and in the middle of it', async () => {
    const stop = new AbortController();
    const silent = allowed()(
      on('/silent', () => {}),
      { signal: stop.signal },
    );
    stop.abort(new Error('enough'));
    await expect(silent).rejects.toThrow('enough');
    const later = new AbortController();
    const path = on('/slow', (_, answer) => void answer.writeHead(200).write('a'));
    const response = await allowed()(path, { signal: later.signal });
    const reader = response.body!.getReader();
    await reader.read();
    later.abort();
    await expect(reader.read()).rejects.toThrow();
  });

  test('nobody there is told the way fetch tells it', async () => {
    const error = await guardedFetcher(['127.0.0.1:9'])('http://127.0.0.1:9/').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: 'fetch failed', cause: { code: 'ECONNREFUSED' } });
  });
});
