import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import type { IncomingHttpHeaders } from 'node:http';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';

let house: TestHouse;
beforeAll(async () => void (house = await openTestHouse({ organization: 'acme' })));
afterAll(() => house[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A request exactly as written: `fetch` would refuse some headers and tidy up paths. */
function ask(
  method: string,
  path: string,
  { headers = {}, body, to = house }: { headers?: Record<string, string>; body?: string; to?: TestHouse } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(to.url);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ method, path, hostname, port, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

const json = { 'content-type': 'application/json' };

describe('every answer', () => {
  test.each([
    ['a list', 'GET', '/v1/files', 200],
    ['an error', 'GET', '/v1/files/file-nobody', 404],
    ['an unknown address', 'GET', '/v1/nowhere', 404],
    ['a wrong verb', 'PUT', '/v1/files', 405],
    ['an address that cannot be decoded', 'GET', '/v1/files/%zz', 400],
  ])('carries the common headers: %s', async (_, method, path, status) => {
    const answer = await ask(method, path);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      'x-request-id': expect.stringMatching(/^req_[0-9a-f]{32}$/),
      'openai-version': '2020-10-01',
      'openai-organization': 'acme',
      'openai-processing-ms': expect.stringMatching(/^\d+$/),
      'content-type': expect.stringContaining('application/json'),
    });
  });

  test('has an id of its own, which the SDK shows', async () => {
    const first = await house.openai.files.list().withResponse();
    const second = await house.openai.files.list().withResponse();
    expect(first.request_id).toMatch(/^req_/);
    expect(second.request_id).not.toBe(first.request_id);
  });
});

describe('an error', () => {
  const notJson = { type: 'invalid_request_error', param: null, code: null };
  test.each<[string, string, string, { headers?: Record<string, string>; body?: string }, number, object]>([
    ['an unknown address', 'POST', '/v1/x', {}, 404, { ...notJson, message: 'Invalid URL (POST /v1/x)' }],
    [
      'an unknown address with a query',
      'GET',
      '/v1/x?key=secret',
      {},
      404,
      { ...notJson, message: 'Invalid URL (GET /v1/x)' },
    ],
    ['no path at all', 'POST', '/', {}, 405, { ...notJson, code: 'method_not_supported' }],
    [
      'a wrong verb',
      'PATCH',
      '/v1/files',
      {},
      405,
      {
        type: 'invalid_request_error',
        param: null,
        code: 'method_not_supported',
        message: expect.stringContaining('GET, HEAD, POST'),
      },
    ],
    ['a wrong verb below an id', 'POST', '/v1/files/file-abc', {}, 405, { code: 'method_not_supported' }],
    [
      'a file nobody has',
      'GET',
      '/v1/files/file-x',
      {},
      404,
      { type: 'invalid_request_error', param: 'id', code: null, message: 'No such File object: file-x' },
    ],
    ['a path for an id', 'GET', '/v1/files/..%2F..%2Flock', {}, 404, { param: 'id', code: null }],
    ['a path for an id, with content', 'GET', '/v1/files/..%2Flock/content', {}, 404, { param: 'id', code: null }],
    [
      'a model nobody has',
      'GET',
      '/v1/models/gpt-9',
      {},
      404,
      {
        type: 'invalid_request_error',
        param: 'model',
        code: 'model_not_found',
        message: "The model 'gpt-9' does not exist",
      },
    ],
    [
      'a body that is not JSON',
      'POST',
      '/v1/files',
      { headers: json, body: '{"purpose":' },
      400,
      { ...notJson, message: expect.stringContaining('We could not parse the JSON body of your request.') },
    ],
    [
      'a body of an unknown type',
      'POST',
      '/v1/files',
      { headers: { 'content-type': 'text/plain' }, body: 'hello' },
      400,
      { code: 'unsupported_content_type', param: null },
    ],
    [
      'a client request id that is too long',
      'GET',
      '/v1/files',
      { headers: { 'x-client-request-id': 'x'.repeat(513) } },
      400,
      { type: 'invalid_request_error' },
    ],
    [
      'a client request id beyond ASCII',
      'GET',
      '/v1/files',
      { headers: { 'x-client-request-id': 'é' } },
      400,
      { type: 'invalid_request_error' },
    ],
    ['an address that cannot be decoded', 'GET', '/v1/files/%zz', {}, 400, { type: 'invalid_request_error' }],
    [
      'a body that is too large',
      'POST',
      '/v1/files',
      { headers: json, body: `"${'x'.repeat(17 * 2 ** 20)}"` },
      413,
      { type: 'invalid_request_error' },
    ],
  ])('has the four keys of OpenAI’s envelope: %s', async (_, method, path, options, status, expected) => {
    const answer = await ask(method, path, options);
    const body = JSON.parse(answer.text) as { error: object };
    expect(answer.status).toBe(status);
    expect(Object.keys(body)).toEqual(['error']);
    expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'param', 'type']);
    expect(body.error).toMatchObject(expected);
  });

  test('that nobody foresaw tells the client no secrets and the log everything', async () => {
    const logged: [string, Record<string, unknown>][] = [];
    await using broken = await openTestHouse();
    broken.house.log.error = (event, facts) => void logged.push([event, { ...facts }]);
    await broken.house.database.schema.dropTable('files').execute();
    const answer = await ask('GET', '/v1/files', { to: broken });
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.text)).toEqual({
      error: { message: expect.any(String), type: 'server_error', param: null, code: null },
    });
    expect(answer.text).not.toContain('no such table');
    expect(logged).toEqual([['request.failed', expect.objectContaining({ method: 'GET', path: '/v1/files' })]]);
    expect(String((logged[0]![1] as { error: Error }).error)).toContain('no such table');
  });

  test('in the HTTP itself is answered with 400 and ends the connection', async () => {
    const { hostname, port } = new URL(house.url);
    const text = await new Promise<string>((resolve, reject) => {
      let all = '';
      const socket = connect(Number(port), hostname, () => socket.write('GET / HTTP/1.1\r\nBad Header\r\n\r\n'));
      socket.on('data', (data) => (all += data.toString()));
      socket.on('close', () => resolve(all));
      socket.on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toEqual({
      error: { message: expect.any(String), type: 'invalid_request_error', param: null, code: null },
    });
  });
});

describe('addresses', () => {
  test('work with a base URL that ends in a slash, and with slashes to spare', async () => {
    const openai = new OpenAI({ baseURL: `${house.url}/`, apiKey: 'any', maxRetries: 0 });
    expect((await openai.files.list()).data).toEqual([]);
    expect((await ask('GET', '/v1/files/')).status).toBe(200);
    expect((await ask('GET', '/v1//files')).status).toBe(200);
  });

  test('take a colon as it is or escaped, and names of any length', async () => {
    const name = `ft:smollm2-135m-instruct:acme:${'suffix-'.repeat(30)}:AbC12345:ckpt-step-101`;
    for (const path of [name, encodeURIComponent(name)]) {
      const answer = await ask('GET', `/v1/models/${path}`);
      expect(JSON.parse(answer.text)).toMatchObject({ error: { message: `The model '${name}' does not exist` } });
    }
  });

  test('take a POST without a body, with or without a content type, as a POST with an empty one', async () => {
    for (const headers of [{}, json, { 'content-type': 'application/x-www-form-urlencoded' }]) {
      const answer = await ask('POST', '/v1/fine_tuning/jobs/ftjob-nobody/cancel', { headers });
      expect(answer.status).toBe(404);
    }
  });
});

describe('keys', () => {
  let locked: TestHouse;
  beforeAll(
    async () => void (locked = await openTestHouse({ apiKeys: ['sk-first-secret-key', 'sk-second-secret-key'] })),
  );
  afterAll(() => locked[Symbol.asyncDispose]());
  const withHeaders = (headers: Record<string, string>) => ask('GET', '/v1/files', { headers, to: locked });

  test.each<[string, Record<string, string>]>([
    ['a bearer', { authorization: 'Bearer sk-first-secret-key' }],
    ['any of the configured ones', { authorization: 'bearer sk-second-secret-key' }],
    ['the header of Azure’s clients', { 'api-key': 'sk-second-secret-key' }],
  ])('open the API: %s', async (_, headers) => {
    expect((await withHeaders(headers)).status).toBe(200);
  });

  test.each<[string, Record<string, string>, string | null, RegExp]>([
    ['none', {}, null, /^You didn't provide an API key\./],
    ['an empty one', { authorization: 'Bearer ' }, null, /^You didn't provide an API key\./],
    ['a password', { authorization: 'Basic c2stZmlyc3Q=' }, null, /^You didn't provide an API key\./],
    [
      'a wrong one',
      { authorization: 'Bearer sk-wrong-secret-key' },
      'invalid_api_key',
      /^Incorrect API key provided: sk-wr\*\*\*ey\./,
    ],
    ['the beginning of a right one', { authorization: 'Bearer sk-first' }, 'invalid_api_key', /^Incorrect API key/],
  ])('that do not fit are refused with 401: %s', async (_, headers, code, message) => {
    const answer = await withHeaders(headers);
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.text)).toEqual({
      error: { message: expect.stringMatching(message), type: 'invalid_request_error', param: null, code },
    });
    expect(answer.headers['x-request-id']).toMatch(/^req_/);
  });

  test('are not needed where none are configured', async () => {
    expect((await ask('GET', '/v1/files')).status).toBe(200);
    expect((await ask('GET', '/v1/files', { headers: { authorization: 'Bearer whatever' } })).status).toBe(200);
  });

  test('let nobody from another site in, unless it is named', async () => {
    const key = { authorization: 'Bearer sk-first-secret-key' };
    const refused = await withHeaders({ ...key, origin: 'https://app.example' });
    expect(refused.status).toBe(403);
    expect(refused.headers).not.toHaveProperty('access-control-allow-origin');
    for (const corsOrigins of [['https://app.example'], ['*']]) {
      await using open = await openTestHouse({ apiKeys: ['sk-first-secret-key'], corsOrigins });
      const ofApp = { ...key, origin: 'https://app.example' };
      const answer = await ask('GET', '/v1/files', { headers: ofApp, to: open });
      expect(answer.status).toBe(200);
      expect(answer.headers['access-control-allow-origin']).toBe('https://app.example');
      const other = { ...key, origin: 'https://other.example' };
      const status = (await ask('GET', '/v1/files', { headers: other, to: open })).status;
      expect(status).toBe(corsOrigins[0] === '*' ? 200 : 403);
    }
  });

  test('let a page of the server itself in, under whatever name it is reached', async () => {
    const headers = { host: 'models.lan:8080', origin: 'http://models.lan:8080' };
    expect((await withHeaders({ authorization: 'Bearer sk-first-secret-key', ...headers })).status).toBe(200);
  });
});

describe('without keys, web pages', () => {
  test.each<[string, Record<string, string>]>([
    ['another site', { origin: 'https://evil.example' }],
    ['another site that looks local', { origin: 'http://localhost.evil.example' }],
    ['a sandbox', { origin: 'null' }],
    ['a name that was rebound to this machine', { host: 'evil.example:8080' }],
  ])('of %s cannot drive the API', async (_, headers) => {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const answer = await ask(method, '/v1/files', { headers });
      expect(answer.status).toBe(403);
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
      expect(JSON.parse(answer.text)).toMatchObject({ error: { code: 'foreign_origin', param: null } });
    }
  });

  test.each<[string, Record<string, string>]>([
    ['localhost', { origin: 'http://localhost:5173' }],
    ['127.0.0.1', { origin: 'http://127.0.0.1:3000' }],
    ['IPv6 loopback', { origin: 'http://[::1]:3000', host: '[::1]:8080' }],
    ['no browser at all', {}],
  ])('of this machine can: %s', async (_, headers) => {
    const answer = await ask('GET', '/v1/files', { headers });
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('of all the world cannot be let in: * counts only with keys', async () => {
    await using open = await openTestHouse({ corsOrigins: ['*'] });
    const answer = await ask('GET', '/v1/files', { headers: { origin: 'https://evil.example' }, to: open });
    expect(answer.status).toBe(403);
  });

  test('are told before a request which headers and methods they may use', async () => {
    await using open = await openTestHouse({ corsOrigins: ['http://localhost:5173'] });
    const headers = {
      origin: 'http://localhost:5173',
      'access-control-request-method': 'DELETE',
      'access-control-request-headers': 'authorization, content-type',
    };
    const answer = await ask('OPTIONS', '/v1/files/file-x', { headers, to: open });
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': 'http://localhost:5173',
      'access-control-allow-methods': expect.stringContaining('DELETE'),
      'access-control-allow-headers': 'authorization, content-type',
    });
  });
});
