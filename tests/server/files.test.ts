import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { FileObject } from '../../src/domain/file.ts';
import type { Job, JobStatus } from '../../src/domain/job.ts';
import type { ListPageWithEnds } from '../../src/server/pages.ts';
import { sweepFiles } from '../../src/store/files.ts';
import { openTestHouse, type TestHouse } from '../house.ts';

let house: TestHouse;
let openai: OpenAI;
beforeAll(async () => {
  house = await openTestHouse();
  openai = house.openai;
});
afterAll(() => house[Symbol.asyncDispose]());
afterEach(() => void vi.useRealTimers());

const lines = '{"messages":[]}\n';
const upload = async (name: string, purpose: OpenAI.FilePurpose = 'fine-tune', text = lines) =>
  openai.files.create({ file: await toFile(Buffer.from(text), name), purpose });

/** A form written by hand, so that its parts come in the order and shape a test wants. */
const post = (form: FormData | string, headers: Record<string, string> = {}) =>
  fetch(`${house.url}/files`, { method: 'POST', body: form, headers });

const complaint = async (answer: Response) => {
  const { error } = (await answer.json()) as { error: OpenAI.ErrorObject };
  return { status: answer.status, ...error };
};

test('an uploaded file is shown as OpenAI shows it, and can be looked at, downloaded and deleted', async () => {
  const before = Math.floor(Date.now() / 1000);
  const file = await upload('train.jsonl');
  expect(file).toEqual({
    id: expect.stringMatching(/^file-[A-Za-z0-9]{22}$/),
    object: 'file',
    bytes: lines.length,
    created_at: expect.any(Number),
    expires_at: null,
    filename: 'train.jsonl',
    purpose: 'fine-tune',
    status: 'processed',
    status_details: null,
  });
  expect(file.created_at).toBeGreaterThanOrEqual(before);
  expect(await openai.files.retrieve(file.id)).toEqual(file);
  expect(await openai.files.waitForProcessing(file.id)).toEqual(file);

  const content = await openai.files.content(file.id);
  expect(content.headers.get('content-type')).toBe('application/octet-stream');
  expect(content.headers.get('content-disposition')).toBe('attachment; filename="train.jsonl"');
  expect(content.headers.get('content-length')).toBe(String(lines.length));
  expect(await content.text()).toBe(lines);

  expect(await openai.files.delete(file.id)).toEqual({ id: file.id, object: 'file', deleted: true });
  const gone = { status: 404, type: 'invalid_request_error', param: 'id', code: null };
  await expect(openai.files.retrieve(file.id)).rejects.toMatchObject(gone);
  await expect(openai.files.content(file.id)).rejects.toMatchObject(gone);
  await expect(openai.files.delete(file.id)).rejects.toMatchObject(gone);
  await expect(openai.files.retrieve(file.id)).rejects.toThrow(`No such File object: ${file.id}`);
  expect(await readdir(join(house.home, 'files'))).not.toContain(file.id);
});

test('parts may come in any order, and bytes of any value come back as they were', async () => {
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7919) % 256));
  for (const order of ['purpose first', 'file first']) {
    const form = new FormData();
    if (order === 'purpose first') form.append('purpose', 'user_data');
    form.append('file', new Blob([bytes]), 'noise.bin');
    if (order === 'file first') form.append('purpose', 'user_data');
    const { id } = (await (await post(form)).json()) as OpenAI.FileObject;
    const back = Buffer.from(await (await openai.files.content(id)).arrayBuffer());
    expect(back.equals(bytes), order).toBe(true);
  }
});

test('a name in another script, with quotes, or with folders comes back safely', async () => {
  const file = await upload('größe 训练.jsonl');
  expect(file.filename).toBe('größe 训练.jsonl');
  expect((await openai.files.content(file.id)).headers.get('content-disposition')).toBe(
    `attachment; filename="gr__e __.jsonl"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%E8%AE%AD%E7%BB%83.jsonl`,
  );
  const part = (head: string, body: string) => `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`;
  const body = `${part('name="purpose"', 'evals')}${part('name="file"; filename="say \\"hi\\".jsonl"', lines)}--b--\r\n`;
  const { id } = (await (
    await post(body, { 'content-type': 'multipart/form-data; boundary=b' })
  ).json()) as OpenAI.FileObject;
  expect((await openai.files.retrieve(id)).filename).toBe('say "hi".jsonl');
  expect((await openai.files.content(id)).headers.get('content-disposition')).toBe(
    `attachment; filename="say _hi_.jsonl"; filename*=UTF-8''say%20%22hi%22.jsonl`,
  );
  expect((await upload('../../etc/passwd.jsonl')).filename).toBe('passwd.jsonl');
});

test('files are listed newest first or oldest first, by purpose, page by page', async () => {
  await using fresh = await openTestHouse();
  const { files } = fresh.openai;
  expect(await rawList(fresh, '')).toEqual({
    object: 'list',
    data: [],
    has_more: false,
    first_id: null,
    last_id: null,
  });

  const ids: string[] = [];
  for (let i = 0; i < 5; i++) {
    const file = await toFile(Buffer.from(lines), `${i}.jsonl`);
    ids.push((await files.create({ file, purpose: i === 2 ? 'evals' : 'fine-tune' })).id);
  }
  const newestFirst = ids.toReversed();
  expect((await rawList(fresh, '')).data.map(({ id }) => id)).toEqual(newestFirst);

  const page = await rawList(fresh, '?limit=2&order=asc');
  expect(page).toMatchObject({ has_more: true, first_id: ids[0], last_id: ids[1] });
  const last = await rawList(fresh, `?limit=2&order=asc&after=${ids[2]}`);
  expect(last).toMatchObject({ has_more: false, first_id: ids[3], last_id: ids[4] });

  const all: string[] = [];
  for await (const file of files.list({ limit: 2 })) all.push(file.id);
  expect(all).toEqual(newestFirst);
  const evals = await files.list({ purpose: 'evals' });
  expect(evals.data.map(({ id }) => id)).toEqual([ids[2]]);
});

test.each([
  ['limit=0', 'limit', 'integer_below_min_value'],
  ['limit=10001', 'limit', 'integer_above_max_value'],
  ['limit=ten', 'limit', 'invalid_type'],
  ['order=sideways', 'order', 'invalid_value'],
  ['after=file-nobody', 'after', 'invalid_value'],
])('a list with %s is refused, naming the field', async (query, param, code) => {
  const answer = await fetch(`${house.url}/files?${query}`);
  expect(await complaint(answer)).toMatchObject({ status: 400, type: 'invalid_request_error', param, code });
});

test('a file with an expiry vanishes for everybody when its time has come', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const file = await openai.files.create({
    file: await toFile(Buffer.from(lines), 'short.jsonl'),
    purpose: 'fine-tune',
    expires_after: { anchor: 'created_at', seconds: 3600 },
  });
  expect(file.expires_at).toBe(file.created_at + 3600);
  vi.setSystemTime((file.created_at + 3599) * 1000);
  expect(await openai.files.retrieve(file.id)).toEqual(file);
  vi.setSystemTime((file.created_at + 3600) * 1000);
  await expect(openai.files.retrieve(file.id)).rejects.toMatchObject({ status: 404 });
  await expect(openai.files.content(file.id)).rejects.toMatchObject({ status: 404 });
  expect((await openai.files.list()).data.map(({ id }) => id)).not.toContain(file.id);

  expect(await sweepFiles(house.house.database, house.house.blobs)).toBe(1);
  expect(await readdir(join(house.home, 'files'))).not.toContain(file.id);
});

test('batch input expires after thirty days unless it says otherwise', async () => {
  const file = await upload('batch.jsonl', 'batch');
  expect(file.expires_at).toBe(file.created_at + 30 * 24 * 60 * 60);
});

test.each<[JobStatus, boolean]>([
  ['validating_files', false],
  ['queued', false],
  ['running', false],
  ['paused', false],
  ['succeeded', true],
  ['failed', true],
  ['cancelled', true],
])('a file of a job that is %s can be deleted: %s', async (status, deletable) => {
  const [training, validation] = [await upload('t.jsonl'), await upload('v.jsonl')];
  const id = `ftjob-${status}`;
  const job = { id, status, training_file: training.id, validation_file: validation.id } as Job;
  const held = { lease_owner: 'this test', lease_until_ms: Date.now() + 60_000 }; // so that no worker takes it up
  const row = {
    id,
    project: 'default',
    status,
    created_at: 1,
    object: JSON.stringify(job),
    attempts: 0,
    step: 0,
    ...held,
  };
  await house.house.database.insertInto('jobs').values(row).execute();
  for (const file of [training, validation]) {
    const deletion = openai.files.delete(file.id);
    if (deletable) expect((await deletion).deleted).toBe(true);
    else await expect(deletion).rejects.toMatchObject({ status: 400, code: 'file_in_use', param: 'id' });
  }
  await house.house.database.deleteFrom('jobs').execute();
});

const form = (...parts: [name: string, value: string | Blob, filename?: string][]): FormData => {
  const data = new FormData();
  for (const [name, value, filename] of parts)
    if (typeof value === 'string') data.append(name, value);
    else data.append(name, value, filename);
  return data;
};
const content = new Blob([lines]);

test.each<[string, () => FormData, object]>([
  [
    'no purpose',
    () => form(['file', content, 'a.jsonl']),
    { param: 'purpose', code: 'missing_required_parameter', message: "Missing required parameter: 'purpose'." },
  ],
  [
    'an unknown purpose',
    () => form(['file', content, 'a.jsonl'], ['purpose', 'fun']),
    { param: 'purpose', code: 'invalid_value' },
  ],
  [
    'no file',
    () => form(['purpose', 'fine-tune']),
    { param: 'file', code: 'missing_required_parameter', message: "Missing required parameter: 'file'." },
  ],
  [
    'a field for a file',
    () => form(['file', lines], ['purpose', 'fine-tune']),
    { param: 'file', code: 'invalid_type' },
  ],
  ['a file under another name', () => form(['data', content, 'a.jsonl'], ['purpose', 'fine-tune']), { param: 'data' }],
  [
    'two files',
    () => form(['file', content, 'a.jsonl'], ['file', content, 'b.jsonl'], ['purpose', 'fine-tune']),
    { param: 'file' },
  ],
  [
    'training data that is not .jsonl',
    () => form(['file', content, 'a.csv'], ['purpose', 'fine-tune']),
    { param: 'file', code: 'invalid_file_format', message: expect.stringContaining("'a.csv'") },
  ],
  [
    'too short a life',
    () =>
      form(
        ['file', content, 'a.jsonl'],
        ['purpose', 'evals'],
        ['expires_after[anchor]', 'created_at'],
        ['expires_after[seconds]', '3599'],
      ),
    { param: 'expires_after.seconds', code: 'integer_below_min_value' },
  ],
  [
    'too long a life',
    () =>
      form(
        ['expires_after[seconds]', '2592001'],
        ['expires_after[anchor]', 'created_at'],
        ['file', content, 'a.jsonl'],
        ['purpose', 'evals'],
      ),
    { param: 'expires_after.seconds', code: 'integer_above_max_value' },
  ],
  [
    'a life from another anchor',
    () =>
      form(
        ['file', content, 'a.jsonl'],
        ['purpose', 'evals'],
        ['expires_after[anchor]', 'birth'],
        ['expires_after[seconds]', '3600'],
      ),
    { param: 'expires_after.anchor', code: 'invalid_value' },
  ],
])('an upload with %s is refused and leaves nothing behind', async (_, body, expected) => {
  const before = await readdir(join(house.home, 'files'), { recursive: true });
  expect(await complaint(await post(body()))).toMatchObject({
    status: 400,
    type: 'invalid_request_error',
    ...expected,
  });
  expect(await readdir(join(house.home, 'files'), { recursive: true })).toEqual(before);
});

test.each([
  ['JSON', JSON.stringify({ purpose: 'fine-tune' }), 'application/json', 'multipart/form-data'],
  ['a form without a boundary', 'x', 'multipart/form-data', 'Boundary'],
  [
    'a form that ends too early',
    '--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{"mess',
    'multipart/form-data; boundary=b',
    'form',
  ],
  ['an empty form', '', 'multipart/form-data; boundary=b', "'purpose'"],
])('%s instead of a form is refused with 400', async (_, body, type, hint) => {
  const before = await readdir(join(house.home, 'files'), { recursive: true });
  const answer = await complaint(await post(body, { 'content-type': type }));
  expect(answer).toMatchObject({ status: 400, type: 'invalid_request_error', message: expect.stringContaining(hint) });
  expect(await readdir(join(house.home, 'files'), { recursive: true })).toEqual(before);
});

test('an upload whose client goes away leaves nothing behind', async () => {
  const before = await readdir(join(house.home, 'files'), { recursive: true });
  const abort = new AbortController();
  const stream = new ReadableStream({
    async start(controller) {
      const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n';
      controller.enqueue(new TextEncoder().encode(head + 'x'.repeat(100_000)));
      await vi.waitFor(async () => expect(await readdir(join(house.home, 'files', 'temporary'))).toHaveLength(1));
      abort.abort();
    },
  });
  const request: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    body: stream,
    duplex: 'half',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    signal: abort.signal,
  };
  await expect(fetch(`${house.url}/files`, request)).rejects.toThrow(/abort/);
  await vi.waitFor(async () => expect(await readdir(join(house.home, 'files'), { recursive: true })).toEqual(before));
});

test('what is stored beside a file is the SHA-256 of its content', async () => {
  const { id } = await upload('sum.jsonl');
  const row = await house.house.database.selectFrom('files').select('sha256').where('id', '=', id).executeTakeFirst();
  expect(row?.sha256).toBe(createHash('sha256').update(lines).digest('hex'));
});

async function rawList(from: TestHouse, query: string): Promise<ListPageWithEnds<FileObject>> {
  const answer = await fetch(`${from.url}/files${query}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as ListPageWithEnds<FileObject>;
}
