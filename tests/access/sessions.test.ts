/** Browsers that sign in with a key, and pages of others that would like to use their cookie. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SignInGuard } from '../../src/access/sign-in-guard.ts';
import type { Session } from '../../src/domain/session.ts';
import { openTestHouse, type TestHouse } from '../house.ts';

const page = { 'sec-fetch-site': 'same-origin' };
const operatorsKey = 'sk-the-operators-own-key';

interface Answer<Body> {
  readonly status: number;
  readonly body: Body & { error?: { code: string | null; message: string; param: string | null } };
  readonly cookie: string | null;
  readonly headers: Headers;
}

async function ask<Body = Session>(
  to: Pick<TestHouse, 'url'>,
  route: string,
  headers: Record<string, string> = {},
  body?: object,
): Promise<Answer<Body>> {
  const [method, path] = route.split(' ') as [string, string];
  const answer = await fetch(new URL(path, to.url), {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    body: (text === '' ? {} : JSON.parse(text)) as Answer<Body>['body'],
    cookie: answer.headers.get('set-cookie'),
    headers: answer.headers,
  };
}

/** The cookie of a browser that has signed in, as it is sent back. */
async function signIn(house: TestHouse, key = operatorsKey): Promise<string> {
  const { cookie } = await ask(house, 'POST /session', page, { key });
  return cookie!.split(';', 1)[0]!;
}

test('where no key is needed there is nothing to sign in to', async () => {
  await using house = await openTestHouse();
  const open = { key_needed: false, signed_in: true, project: 'default', operator: true, key_id: null };
  expect((await ask(house, 'GET /session')).body).toMatchObject(open);
  const { body, cookie } = await ask(house, 'POST /session', page, { key: 'whatever' });
  expect([body.signed_in, cookie]).toEqual([true, null]);
});

test('a key is shown once; from then on a cookie stands for it that scripts and other sites cannot have', async () => {
  await using house = await openTestHouse({ apiKeys: [operatorsKey] });
  expect((await ask(house, 'GET /session')).body).toMatchObject({ key_needed: true, signed_in: false, project: null });
  const { body, cookie, headers } = await ask(house, 'POST /session', page, { key: operatorsKey });
  expect(cookie).toMatch(/^tunesmith_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=2592000$/);
  expect(headers.get('cache-control')).toBe('no-store');
  const whom = { signed_in: true, project: 'default', operator: true, key_name: 'TUNESMITH_API_KEYS' };
  expect(body).toMatchObject(whom);
  const sent = { ...page, cookie: cookie!.split(';', 1)[0]! };
  expect((await ask(house, 'GET /session', sent)).body).toEqual(body);
  expect((await ask(house, 'GET /v1/files', sent)).status).toBe(200);

  const secure = await ask(house, 'POST /session', { ...page, origin: 'https://127.0.0.1' }, { key: operatorsKey });
  expect(secure.status, 'another host is behind that origin').toBe(403);
  const origin = `https://${new URL(house.url).host}`;
  const { cookie: overHttps } = await ask(house, 'POST /session', { ...page, origin }, { key: operatorsKey });
  expect(overHttps).toMatch(/; Secure$/);
});

test('a session survives a restart and is nowhere on disk; signing out ends it for good', async () => {
  await using folder = await openTestHouse();
  const { home } = folder;
  await folder[Symbol.asyncDispose]();
  let cookie: string;
  {
    await using house = await openTestHouse({ home, apiKeys: [operatorsKey] });
    cookie = await signIn(house);
  }
  await using house = await openTestHouse({ home, apiKeys: [operatorsKey] });
  const sent = { ...page, cookie };
  expect((await ask(house, 'GET /v1/files', sent)).status).toBe(200);
  for (const file of ['tunesmith.db', 'tunesmith.db-wal'])
    expect((await readFile(join(home, file))).includes(cookie.split('=')[1]!)).toBe(false);
  const left = await ask(house, 'DELETE /session', sent);
  expect(left.body.signed_in).toBe(false);
  expect(left.cookie).toMatch(/^tunesmith_session=; .*Max-Age=0$/);
  expect(await ask(house, 'GET /v1/files', sent)).toMatchObject({
    status: 401,
    body: { error: { code: 'session_ended' } },
  });
});

test('a session dies with its key, and sees the project of its key', async () => {
  await using house = await openTestHouse();
  const { keyring } = house.house;
  const limits = { requestsPerMinute: 1, tokensPerMinute: null };
  const made = await keyring.create({ project: 'research', name: 'laptop', ...limits });
  const sent = { ...page, cookie: await signIn(house, made.value) };
  const { body } = await ask(house, 'GET /session', sent);
  expect(body).toMatchObject({ project: 'research', operator: false, key_id: made.id, key_name: 'laptop' });
  for (let i = 0; i < 5; i++) {
    const { status } = await ask(house, 'GET /v1/files', sent);
    expect(status, 'looking costs nothing of what the key may ask').toBe(200);
  }
  expect((await keyring.list())[0]!.last_used_at).toBeCloseTo(Date.now() / 1000, -1);
  await keyring.revoke(made.id);
  expect((await ask(house, 'GET /session', sent)).body.signed_in).toBe(false);
  expect((await ask(house, 'GET /v1/files', sent)).status).toBe(401);
});

test.each<[string, Record<string, string>]>([
  ['another site', { 'sec-fetch-site': 'cross-site' }],
  ['another port of this machine', { 'sec-fetch-site': 'same-site' }],
  ['nowhere, such as an address that was typed', { 'sec-fetch-site': 'none' }],
  ['another site, in a browser that tells the origin only', { origin: 'https://evil.example' }],
  ['nobody knows where', {}],
])('the cookie opens nothing to a page of %s', async (_, headers) => {
  await using house = await openTestHouse({ apiKeys: [operatorsKey] });
  const cookie = await signIn(house);
  for (const route of ['GET /v1/files', 'POST /v1/batches', 'DELETE /session']) {
    const { status, body } = await ask(house, route, { cookie, ...headers });
    expect([status, body.error?.code], route).toEqual([403, 'foreign_origin']);
  }
  const named = { corsOrigins: ['https://evil.example'], apiKeys: [operatorsKey] };
  await using open = await openTestHouse(named);
  const theirs = { ...headers, origin: 'https://evil.example' };
  const refused = await ask(open, 'POST /session', theirs, { key: operatorsKey });
  expect([refused.status, refused.cookie], 'nor does it get one, even where it is named').toEqual([403, null]);
});

test('a browser that tells no site is known by the origin, or by what the SDK adds', async () => {
  await using house = await openTestHouse({ apiKeys: [operatorsKey] });
  const cookie = await signIn(house);
  const origin = new URL(house.url).origin;
  expect((await ask(house, 'GET /v1/files', { cookie, origin })).status).toBe(200);
  expect((await ask(house, 'GET /v1/files', { cookie, 'x-stainless-lang': 'js' })).status).toBe(200);
});

test('a key that is sent counts before the cookie', async () => {
  await using house = await openTestHouse({ apiKeys: [operatorsKey] });
  const sent = { ...page, cookie: await signIn(house), authorization: 'Bearer sk-a-wrong-key' };
  expect((await ask(house, 'GET /v1/files', sent)).status).toBe(401);
});

test('what another site embeds is refused, with keys and without', async () => {
  await using house = await openTestHouse();
  const { status, body } = await ask(house, 'GET /v1/files', { 'sec-fetch-site': 'cross-site' });
  expect([status, body.error?.code]).toEqual([403, 'foreign_origin']);
});

test('whoever tries keys one after the other waits, even with the right one', async () => {
  await using house = await openTestHouse({ apiKeys: [operatorsKey] });
  for (let i = 0; i < 5; i++) {
    const { status, body } = await ask(house, 'POST /session', page, { key: `sk-a-wrong-guess-${i}` });
    expect(status).toBe(401);
    expect(body.error).toMatchObject({ code: 'invalid_api_key', param: 'key' });
    expect(body.error!.message, 'not even a wrong key is repeated').not.toContain('guess');
  }
  const { status, headers, body } = await ask(house, 'POST /session', page, { key: operatorsKey });
  expect([status, body.error?.code]).toEqual([429, 'rate_limit_exceeded']);
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
});

test('an address that was refused gets a try back every ten seconds; others are not held up', () => {
  let now = 0;
  const guard = new SignInGuard(() => now);
  for (let i = 0; i < 5; i++) guard.wrong('10.0.0.1');
  expect(() => guard.admit('10.0.0.1')).toThrow(/again in 10s/);
  guard.admit('10.0.0.2');
  now += 10_000;
  guard.admit('10.0.0.1');
  guard.wrong('10.0.0.1');
  expect(() => guard.admit('10.0.0.1')).toThrow(/again in 10s/);
});

test.each([{}, { key: 5 }, { key: '' }, { key: 'x', more: 1 }])('a body that is none is told so: %j', async (body) => {
  await using house = await openTestHouse({ apiKeys: [operatorsKey] });
  expect((await ask(house, 'POST /session', page, body)).status).toBe(400);
});
