/** Keys as the operator makes them and as programs use them. */

import { join } from 'node:path';
import OpenAI, { RateLimitError } from 'openai';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSettings } from '../../src/config.ts';
import type { ApiKey } from '../../src/domain/api-key.ts';
import { openServer } from '../../src/cli/connection.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { tinyHome } from '../jobs/tiny-house.ts';

const keys = async <Value = ApiKey & { value: string }>(home: string, ...words: string[]): Promise<Value> => {
  const { code, stdout, stderr } = await tunesmith(['keys', ...words, '--home', home, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Value;
};

const client = ({ url }: Pick<TestHouse, 'url'>, apiKey: string): OpenAI =>
  new OpenAI({ baseURL: url, apiKey, maxRetries: 0 });

/** A house whose model `tiny` is asked by many tests. */
let folder: Awaited<ReturnType<typeof tinyHome>>;
let answering: TestHouse;
beforeAll(async () => {
  folder = await tinyHome();
  answering = await openTestHouse({ home: folder.home });
});
afterAll(async () => {
  await answering[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

test('the first key locks the door of a server that runs, and a revoked one opens nothing from the next request on', async () => {
  await using house = await openTestHouse();
  await house.openai.files.list();
  const made = await keys(house.home, 'create', '--name', 'mine');
  expect(made).toMatchObject({ object: 'organization.project.api_key', name: 'mine', project_id: 'default' });
  expect(made.value).toMatch(/^sk-tunesmith-[\w-]{43}$/);

  const wrong = { status: 401, code: 'invalid_api_key', type: 'invalid_request_error', param: null };
  await expect(house.openai.files.list()).rejects.toMatchObject(wrong);
  expect((await fetch(`${house.url}/files`)).status).toBe(401);
  await client(house, made.value).files.list();

  await keys(house.home, 'revoke', made.id);
  await expect(client(house, made.value).files.list()).rejects.toMatchObject(wrong);
  await expect(house.openai.files.list(), 'the last key is gone: nobody comes in').rejects.toMatchObject(wrong);
});

test('a key is nowhere on disk and shown once; its list tells enough to know it again', async () => {
  await using house = await openTestHouse();
  const made = await keys(house.home, 'create', '--requests-per-minute', '60', '--project', 'research');
  const { value, ...rest } = made;
  expect(await keys<ApiKey[]>(house.home, 'list')).toEqual([rest]);
  expect(rest.redacted_value).toBe(`${value.slice(0, 17)}…${value.slice(-4)}`);
  for (const file of ['tunesmith.db', 'tunesmith.db-wal'])
    expect((await readFile(join(house.home, file))).includes(value)).toBe(false);
});

test('keys are made without a server too, and in words', async () => {
  await using folder = await tinyHome();
  const { code, stdout, stderr } = await tunesmith(['keys', 'create', '--home', folder.home]);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(/^Key key_\w{24} opens the project default\. Keep it: .*\nIt is the first of /),
  });
  const listed = await tunesmith(['keys', 'list', '--home', folder.home]);
  expect(listed.stdout).toMatch(/^ID .*\nkey_\w{24}\s+default\s+default\s+sk-tunesmith-\S{4}…\S{4}\s+any\s+any/);
  expect((await tunesmith(['projects', '--home', folder.home])).stdout).toMatch(/default/);
  await using server = await openServer(readSettings({}, { home: folder.home, port: 0, logLevel: 'silent' }), {
    training: false,
  });
  const openai = client({ url: `${server.url}/v1` }, stdout.trim());
  expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(['tiny']);
  expect((await fetch(`${server.url}/v1/models`)).status).toBe(401);
});

test('with keys, commands on the data folder still work without one, and with one show its project', async () => {
  await using folder = await tinyHome();
  const { value } = await keys(folder.home, 'create', '--project', 'research');
  const files = async (...words: string[]) => {
    const ran = await tunesmith(['files', ...words, '--home', folder.home]);
    expect(ran.code, ran.stderr).toBe(0);
    return ran.stdout.trim();
  };
  const path = join(folder.home, 'tiny.gguf');
  const id = await files('upload', path, '--purpose', 'user_data', '--api-key', value);
  expect(await files('list', '--api-key', value)).toContain(id);
  expect(await files('list')).not.toContain(id);
  expect(await files('list', '--api-key', 'sk-for-someone-else')).not.toContain(id);
});

test.each([
  [['create', '--project', 'Not A Name'], 1, /"Not A Name" cannot name a project/],
  [['create', '--requests-per-minute', '0'], 2, /"0" was given where a whole number above 0 was expected/],
  [['revoke', 'key_nobody'], 1, /There is no key key_nobody/],
  [['list', '--base-url', 'http://127.0.0.1:1/v1'], 2, /leave --base-url away/],
])('what cannot be is said: keys %j', async (words, expected, message) => {
  await using folder = await tinyHome();
  const { code, stderr } = await tunesmith(['keys', ...words, '--home', folder.home]);
  expect(stderr).toMatch(message);
  expect(code).toBe(expected);
});

test('keys of the environment and keys that were made work side by side', async () => {
  await using house = await openTestHouse({ apiKeys: ['sk-from-the-environment'] });
  const { value } = await keys(house.home, 'create');
  await client(house, 'sk-from-the-environment').files.list();
  await client(house, value).files.list();
  await expect(client(house, 'sk-other').files.list()).rejects.toMatchObject({ status: 401 });
});

test('beyond loopback the server listens once there is a key, and not before', async () => {
  await expect(openTestHouse({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'keys_required' });
  await using folder = await tinyHome();
  await keys(folder.home, 'create');
  await using house = await openTestHouse({ home: folder.home, host: '0.0.0.0' });
  expect(house.url).toMatch(/^http:/);
});

test('a key’s limits show in the headers of answers, and in no others', async () => {
  await using folder = await tinyHome();
  await using house = await openTestHouse({ home: folder.home });
  const limits = ['--requests-per-minute', '2', '--tokens-per-minute', '600'];
  const { value } = await keys(house.home, 'create', ...limits);
  const openai = client(house, value);
  const ask = () =>
    openai.chat.completions
      .create({ model: 'tiny', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 3 })
      .withResponse();

  const { data, response } = await ask();
  const used = data.usage!.total_tokens;
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'x-ratelimit-limit-requests': '2',
    'x-ratelimit-remaining-requests': '1',
    'x-ratelimit-reset-requests': expect.stringMatching(/^[12]\ds|30s$/),
    'x-ratelimit-limit-tokens': '600',
    'x-ratelimit-reset-tokens': expect.stringMatching(/^\d+m?s$/),
  });
  const left = Number(response.headers.get('x-ratelimit-remaining-tokens'));
  expect(left - (600 - used), 'ten come back each second').toBeOneOf([0, 1, 2, 3]);
  const { response: listed } = await openai.files.list().withResponse();
  expect([...listed.headers.keys()].filter((name) => name.startsWith('x-ratelimit'))).toEqual([]);

  await ask();
  const refusal = (await ask().catch((error: unknown) => error)) as RateLimitError;
  expect(refusal).toBeInstanceOf(RateLimitError);
  expect(refusal).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'requests', param: null });
  const { headers } = refusal;
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(15);
  expect(Number(headers.get('retry-after-ms'))).toBeGreaterThan(15_000);
  expect(headers.get('x-should-retry')).toBe('true');
  expect(headers.get('x-ratelimit-remaining-requests')).toBe('0');
});

const hello = { model: 'tiny', messages: [{ role: 'user' as const, content: 'Hello' }], max_tokens: 3 };
test.each<[string, (openai: OpenAI) => Promise<unknown>]>([
  ['a chat completion', (openai) => openai.chat.completions.create(hello)],
  [
    'a chat completion in pieces',
    async (openai) => readAll(await openai.chat.completions.create({ ...hello, stream: true })),
  ],
  ['a legacy completion', (openai) => openai.completions.create({ model: 'tiny', prompt: 'Hello', max_tokens: 3 })],
  [
    'a legacy completion in pieces',
    async (openai) =>
      readAll(await openai.completions.create({ model: 'tiny', prompt: 'Hello', max_tokens: 3, stream: true })),
  ],
  ['embeddings', (openai) => openai.embeddings.create({ model: 'tiny', input: ['Hello', 'World'] })],
  ['a response', (openai) => openai.responses.create({ model: 'tiny', input: 'Hello', max_output_tokens: 16 })],
  [
    'a response in pieces',
    async (openai) =>
      readAll(await openai.responses.create({ model: 'tiny', input: 'Hello', max_output_tokens: 16, stream: true })),
  ],
])('the tokens of %s are counted, and a key that has none left waits', async (_, ask) => {
  const { value } = await keys(answering.home, 'create', '--tokens-per-minute', '3');
  const openai = client(answering, value);
  await ask(openai);
  const refused = { status: 429, code: 'rate_limit_exceeded', type: 'tokens' };
  await expect(openai.chat.completions.create(hello)).rejects.toMatchObject(refused);
});

test('the limits of a key show in the headers of embeddings too', async () => {
  const { value } = await keys(answering.home, 'create', '--requests-per-minute', '5', '--tokens-per-minute', '600');
  const { data, response } = await client(answering, value)
    .embeddings.create({ model: 'tiny', input: 'Hello, all of you' })
    .withResponse();
  const { headers } = response;
  expect(headers.get('x-ratelimit-limit-requests')).toBe('5');
  expect(headers.get('x-ratelimit-remaining-requests')).toBe('4');
  const left = Number(headers.get('x-ratelimit-remaining-tokens'));
  expect(left - (600 - data.usage.total_tokens)).toBeOneOf([0, 1, 2, 3]); // ten come back each second
});

test('an answer that is abandoned costs what was said', async () => {
  const { value } = await keys(answering.home, 'create', '--tokens-per-minute', '600');
  const openai = client(answering, value);
  const stream = await openai.chat.completions.create({ ...hello, max_tokens: 400, stream: true });
  let pieces = 0;
  for await (const _ of stream) if (++pieces === 8) break; // closes the connection
  const left = async (): Promise<number> => {
    const { response } = (await openai.chat.completions
      .create({ ...hello, model: 'nobody' })
      .catch((error: unknown) => ({
        response: error as { headers: Headers },
      }))) as { response: { headers: Headers } };
    return Number(response.headers.get('x-ratelimit-remaining-tokens'));
  };
  await expect.poll(left).toBeLessThan(598);
});

async function readAll(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

test('the house asks itself with a key of the project it works for, whether or not others need one', async () => {
  await using house = await openTestHouse();
  const { keyring } = house.house;
  const inner = keyring.innerKey('research');
  expect(keyring.innerKey('research')).toBe(inner);
  const body = { purpose: 'evals' as const, file: new File(['{}'], 'a.jsonl') };
  const file = await client(house, inner).files.create(body);
  await expect(house.openai.files.retrieve(file.id), 'any key is the default project').rejects.toMatchObject({
    status: 404,
  });
  await keys(house.home, 'create');
  await client(house, inner).files.retrieve(file.id);
  await expect(client(house, `${inner}x`).files.list()).rejects.toMatchObject({ status: 401 });
  expect(await keyring.list('research')).toEqual([]);
});
