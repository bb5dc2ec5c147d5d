/** Answers that got lost, and clients that ask again. */

import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';
import { examples, tinyHome, upload } from '../jobs/tiny-house.ts';

let models: Awaited<ReturnType<typeof tinyHome>>;
let house: TestHouse;
beforeAll(async () => {
  models = await tinyHome();
  house = await openTestHouse({ home: models.home });
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

/** The official client behind a line that loses the first answer to every POST; it asks again by itself. */
function unlucky(apiKey = 'any'): OpenAI & { readonly asked: () => number } {
  const lost = new Set<string>();
  let asked = 0;
  const fetchAndLose: typeof fetch = async (url, init) => {
    const answer = await fetch(url, init);
    if (init?.method?.toUpperCase() !== 'POST') return answer;
    asked += 1;
    const address = url instanceof Request ? url.url : url.toString();
    if (lost.has(address)) return answer;
    lost.add(address);
    await answer.arrayBuffer();
    throw new TypeError('the answer got lost');
  };
  const openai = new OpenAI({ baseURL: house.url, apiKey, maxRetries: 1, fetch: fetchAndLose });
  return Object.assign(openai, { asked: () => asked });
}

const content = () => toFile(Buffer.from(examples().join('\n')), 'examples.jsonl');

test('a file whose answer got lost is not stored twice when the official client sends it again', async () => {
  const before = await house.openai.files.list();
  const openai = unlucky();
  const file = await openai.files.create({ file: await content(), purpose: 'fine-tune' });
  expect(openai.asked()).toBe(2);
  await sleep(300); // also not after the answer was sent
  const after = await house.openai.files.list();
  expect(after.data.map(({ id }) => id)).toEqual([file.id, ...before.data.map(({ id }) => id)]);
});

test('a job whose answer got lost is made once', async () => {
  const training_file = await upload(house.openai, ['not even JSON']);
  const openai = unlucky();
  const job = await openai.fineTuning.jobs.create({ model: 'tiny', training_file, suffix: 'lost' });
  expect(openai.asked()).toBe(2);
  const { data } = await house.openai.fineTuning.jobs.list();
  expect(data.filter(({ training_file: id }) => id === training_file).map(({ id }) => id)).toEqual([job.id]);
});

test('every step of an upload in parts may lose its answer', async () => {
  const openai = unlucky();
  const bytes = Buffer.from(examples().join('\n'));
  const upload = await openai.uploads.create({
    filename: 'a.jsonl',
    purpose: 'fine-tune',
    bytes: bytes.length,
    mime_type: 'application/jsonl',
  });
  const part = await openai.uploads.parts.create(upload.id, { data: await toFile(bytes, 'part') });
  await sleep(300);
  const parts = house.house.database.selectFrom('upload_parts').select('id').where('upload_id', '=', upload.id);
  expect(await parts.execute()).toEqual([{ id: part.id }]);
  const { file } = await openai.uploads.complete(upload.id, { part_ids: [part.id] });
  expect(openai.asked()).toBe(6);
  const stored = await (await house.openai.files.content(file!.id)).text();
  expect(stored).toBe(bytes.toString());
});

test('a batch whose answer got lost is made once, as is whatever else is made', async () => {
  const line = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: { model: 'tiny', messages: [] } };
  const file = await toFile(Buffer.from(JSON.stringify(line)), 'batch.jsonl');
  const { id: input_file_id } = await house.openai.files.create({ file, purpose: 'batch' });
  const openai = unlucky();
  const wanted = { input_file_id, endpoint: '/v1/chat/completions', completion_window: '24h' } as const;
  const batch = await openai.batches.create(wanted);
  expect(openai.asked()).toBe(2);
  expect((await house.openai.batches.list()).data.map(({ id }) => id)).toEqual([batch.id]);
});

const createFile = (headers: Record<string, string>, text = 'the same\n', url = house.url): Promise<Response> => {
  const form = new FormData();
  form.append('purpose', 'user_data');
  form.append('file', new Blob([text]), 'a.txt');
  return fetch(`${url}/files`, { method: 'POST', body: form, headers });
};
const idOf = async (answer: Response): Promise<string> => ((await answer.json()) as { id: string }).id;
const retry = { 'x-stainless-retry-count': '1' };

test('only what says that it is a retry is taken for one, and only the same to the last byte', async () => {
  const first = await idOf(await createFile({}));
  expect(await idOf(await createFile({})), 'twice on purpose').not.toBe(first);
  expect(await idOf(await createFile({ 'x-stainless-retry-count': '0' }))).not.toBe(first);
  const newest = await idOf(await createFile({}));
  const again = await createFile(retry);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect(await idOf(again)).toBe(newest);
  expect(await idOf(await createFile(retry, 'not the same\n'))).not.toBe(newest);
});

test('a retry after a quarter of an hour makes a new thing', async () => {
  const first = await idOf(await createFile({}, 'late\n'));
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 14 * 60_000 });
  try {
    expect(await idOf(await createFile(retry, 'late\n'))).toBe(first);
    vi.setSystemTime(Date.now() + 70_000);
    expect(await idOf(await createFile(retry, 'late\n'))).not.toBe(first);
  } finally {
    vi.useRealTimers();
  }
});

test('what was deleted meanwhile is made anew', async () => {
  const first = await idOf(await createFile({}, 'deleted\n'));
  await house.openai.files.delete(first);
  expect(await idOf(await createFile(retry, 'deleted\n'))).not.toBe(first);
});

test('another key’s request is another request', async () => {
  await using locked = await openTestHouse({ apiKeys: ['sk-one', 'sk-two'] });
  const as = (key: string) => createFile({ ...retry, authorization: `Bearer ${key}` }, 'mine\n', locked.url);
  const first = await idOf(await as('sk-one'));
  expect(await idOf(await as('sk-two'))).not.toBe(first);
  expect(await idOf(await as('sk-one'))).toBe(first);
});

test('a retry that comes while the first is still being answered waits for it', async () => {
  const key = { 'idempotency-key': 'at-once' };
  const answers = await Promise.all(Array.from({ length: 5 }, () => createFile(key, 'at once\n')));
  const ids = new Set(await Promise.all(answers.map(idOf)));
  expect([...ids]).toHaveLength(1);
});

test('an idempotency key answers for a day with what it made, and refuses another request', async () => {
  const headers = { 'idempotency-key': 'k-1' };
  const first = await idOf(await createFile(headers, 'keyed\n'));
  expect(await idOf(await createFile(headers, 'keyed\n'))).toBe(first);
  const other = await createFile(headers, 'other\n');
  expect(other.status).toBe(400);
  expect(await other.json()).toMatchObject({
    error: { type: 'invalid_request_error', code: 'idempotency_key_reused', param: null },
  });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 24 * 60 * 60_000 + 1 });
  try {
    expect(await idOf(await createFile(headers, 'other\n'))).not.toBe(first);
  } finally {
    vi.useRealTimers();
  }
  expect((await createFile({ 'idempotency-key': 'x'.repeat(256) })).status).toBe(400);
});

test('a key works for every POST, also for an answer of a model; a failure is not kept', async () => {
  const ask = async (model: string): Promise<{ status: number; id: string }> => {
    const answer = await fetch(`${house.url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': `chat-${model}` },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 2 }),
    });
    return { status: answer.status, id: await idOf(answer) };
  };
  const first = await ask('tiny');
  expect(first).toEqual({ status: 200, id: expect.stringMatching(/^chatcmpl-/) });
  expect(await ask('tiny')).toEqual(first);
  expect((await ask('nobody')).status).toBe(404);
  expect((await ask('nobody')).status).toBe(404);
});

test('who hangs up and asks again under the same key is answered, whether or not the first came to an end', async () => {
  const ask = (signal: AbortSignal | null) =>
    fetch(`${house.url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'hung-up' },
      body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 100 }),
      signal,
    });
  for (const ms of [1, 5, 10, 30]) await ask(AbortSignal.timeout(ms)).catch(() => undefined);
  const first = await ask(AbortSignal.timeout(5000));
  expect(first.status).toBe(200);
  expect(await idOf(await ask(null))).toBe(await idOf(first));
});

test('files and jobs are remembered in the very transaction that makes them', async () => {
  const keep = vi.spyOn(house.house.answered, 'keep');
  const training_file = await upload(house.openai, ['not even JSON either']);
  await house.openai.fineTuning.jobs.create({ model: 'tiny', training_file });
  const transactions = keep.mock.calls.map(([, answer, rows]) => [
    (JSON.parse(answer.body) as { object: string }).object,
    rows?.isTransaction,
  ]);
  expect(transactions).toEqual([
    ['file', true],
    ['fine_tuning.job', true],
  ]);
  keep.mockRestore();
});
