/** Large files in parts. */

import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { sweepUploads } from '../../src/store/uploads.ts';
import { openTestHouse, type TestHouse } from '../house.ts';

let house: TestHouse;
let openai: OpenAI;
beforeAll(async () => {
  house = await openTestHouse();
  openai = house.openai;
});
afterAll(() => house[Symbol.asyncDispose]());
afterEach(() => void vi.useRealTimers());

const begin = (bytes: number, more: Partial<OpenAI.UploadCreateParams> = {}): Promise<OpenAI.Upload> =>
  openai.uploads.create({ filename: 'big.jsonl', purpose: 'fine-tune', bytes, mime_type: 'text/jsonl', ...more });

const send = async (id: string, bytes: string | Uint8Array): Promise<string> =>
  (await openai.uploads.parts.create(id, { data: await toFile(Buffer.from(bytes), 'part') })).id;

const stored = async (): Promise<string[]> => (await readdir(join(house.home, 'files'))).sort();

test('parts that come at once become a file in the order that the client names', async () => {
  const texts = ['{"a":1}\n', '{"b":2}\n', '{"c":3}\n', '{"d":4}\n'];
  const whole = texts.join('');
  const upload = await begin(whole.length);
  expect(upload).toEqual({
    id: expect.stringMatching(/^upload_[A-Za-z0-9]{32}$/),
    object: 'upload',
    bytes: whole.length,
    created_at: expect.any(Number),
    expires_at: upload.created_at + 3600,
    filename: 'big.jsonl',
    purpose: 'fine-tune',
    status: 'pending',
    file: null,
  });
  const ids = await Promise.all(texts.toReversed().map((text) => send(upload.id, text)));
  expect(ids[0]).toMatch(/^part_[A-Za-z0-9]{32}$/);
  const md5 = createHash('md5').update(whole).digest('hex').toUpperCase();
  const completed = await openai.uploads.complete(upload.id, { part_ids: ids.toReversed(), md5 });
  expect(completed).toEqual({ ...upload, status: 'completed', file: expect.objectContaining({ object: 'file' }) });

  const file = completed.file!;
  expect(await openai.files.retrieve(file.id)).toEqual(file);
  expect(file).toMatchObject({ bytes: whole.length, filename: 'big.jsonl', purpose: 'fine-tune', expires_at: null });
  expect(await (await openai.files.content(file.id)).text()).toBe(whole);
  expect((await stored()).filter((name) => name.startsWith('part_'))).toEqual([]);
});

test('a part is shown as OpenAI shows it, and one that is not named is left out', async () => {
  const upload = await begin(3);
  const part = await openai.uploads.parts.create(upload.id, { data: await toFile(Buffer.from('one'), 'x') });
  const created_at = expect.any(Number);
  expect(part).toEqual({ id: part.id, object: 'upload.part', created_at, upload_id: upload.id });
  await send(upload.id, 'a copy that nobody needs');
  const { file } = await openai.uploads.complete(upload.id, { part_ids: [part.id] });
  expect(await (await openai.files.content(file!.id)).text()).toBe('one');
});

test.each<[string, (parts: string[]) => OpenAI.UploadCompleteParams, object]>([
  ['too few bytes', ([a]) => ({ part_ids: [a!] }), { param: 'part_ids', code: 'invalid_value' }],
  ['a part twice', ([a]) => ({ part_ids: [a!, a!] }), { param: 'part_ids[1]', code: 'invalid_value' }],
  ['an unknown part', ([a]) => ({ part_ids: [a!, 'part_x'] }), { param: 'part_ids[1]', code: 'invalid_value' }],
  ['no parts', () => ({ part_ids: [] }), { param: 'part_ids', code: 'empty_array' }],
  [
    'another checksum',
    ([a, b]) => ({ part_ids: [a!, b!], md5: '0'.repeat(32) }),
    { param: 'md5', code: 'invalid_value' },
  ],
  ['no checksum at all', ([a, b]) => ({ part_ids: [a!, b!], md5: 'abc' }), { param: 'md5', code: 'invalid_value' }],
])('%s cannot complete an upload, which can still be completed afterwards', async (_, body, expected) => {
  const upload = await begin(6);
  const parts = [await send(upload.id, 'abc'), await send(upload.id, 'def')];
  await expect(openai.uploads.complete(upload.id, body(parts))).rejects.toMatchObject({ status: 400, ...expected });
  const { status } = await openai.uploads.complete(upload.id, { part_ids: parts });
  expect(status).toBe('completed');
});

test.each<[string, Partial<OpenAI.UploadCreateParams> & Record<string, unknown>, object]>([
  ['no bytes', { bytes: 0 }, { param: 'bytes', code: 'integer_below_min_value' }],
  ['more than 8 GB', { bytes: 8 * 2 ** 30 + 1 }, { param: 'bytes', code: 'integer_above_max_value' }],
  ['half a byte', { bytes: 1.5 }, { param: 'bytes', code: 'invalid_type' }],
  ['an unknown purpose', { purpose: 'fun' as never }, { param: 'purpose', code: 'invalid_value' }],
  ['a file that is no JSONL', { filename: 'a.csv' }, { param: 'filename', code: 'invalid_file_format' }],
  ['a short life', { expires_after: { anchor: 'created_at', seconds: 5 } }, { param: 'expires_after.seconds' }],
  ['an unknown field', { size: 4 }, { param: 'size', code: 'unknown_parameter' }],
])('an upload of %s is refused', async (_, body, expected) => {
  await expect(begin(4, body)).rejects.toMatchObject({ status: 400, type: 'invalid_request_error', ...expected });
});

test('a batch’s input is refused when it is too large, before a byte is sent', async () => {
  await expect(begin(201 * 2 ** 20, { purpose: 'batch' })).rejects.toMatchObject({ status: 413, param: 'bytes' });
});

test('a file from an upload lives as long as was asked for', async () => {
  const upload = await begin(3, { expires_after: { anchor: 'created_at', seconds: 7200 } });
  const { file } = await openai.uploads.complete(upload.id, { part_ids: [await send(upload.id, 'abc')] });
  expect(file!.expires_at).toBe(file!.created_at + 7200);
});

const post = (path: string, body: FormData | string): Promise<Response> =>
  fetch(`${house.url}${path}`, { method: 'POST', body });

test('a part may have 64 MiB and not a byte more, and then leaves nothing behind', async () => {
  const upload = await begin(2 ** 30);
  const before = await stored();
  const form = (bytes: number): FormData => {
    const form = new FormData();
    form.append('data', new Blob([Buffer.alloc(bytes)]), 'blob');
    return form;
  };
  const tooMuch = await post(`/uploads/${upload.id}/parts`, form(64 * 2 ** 20 + 1));
  expect(tooMuch.status).toBe(413);
  expect(await tooMuch.json()).toMatchObject({ error: { param: 'data', type: 'invalid_request_error' } });
  expect(await stored()).toEqual(before);
  expect((await post(`/uploads/${upload.id}/parts`, form(64 * 2 ** 20))).status).toBe(200);
  await openai.uploads.cancel(upload.id);
});

test('a part without content, or that is no form, is refused', async () => {
  const { id } = await begin(3);
  const plain = new FormData();
  plain.append('data', 'abc');
  for (const [body, expected] of [
    [new FormData(), { param: 'data', code: 'missing_required_parameter' }],
    [plain, { param: 'data', code: 'invalid_type' }],
    ['abc', { code: 'unsupported_content_type' }],
  ] as const) {
    const answer = await post(`/uploads/${id}/parts`, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: expected });
  }
});

test('a cancelled upload takes nothing more and gives its space back', async () => {
  const upload = await begin(3);
  const part = await send(upload.id, 'abc');
  expect(await stored()).toContain(part);
  expect(await openai.uploads.cancel(upload.id)).toEqual({ ...upload, status: 'cancelled' });
  expect(await stored()).not.toContain(part);
  const over = { status: 400, code: 'invalid_upload_state' };
  await expect(send(upload.id, 'def')).rejects.toMatchObject(over);
  await expect(openai.uploads.complete(upload.id, { part_ids: [part] })).rejects.toMatchObject(over);
  await expect(openai.uploads.cancel(upload.id)).rejects.toMatchObject(over);
});

test('an upload nobody made is answered the way OpenAI answers', async () => {
  const missing = { status: 404, type: 'invalid_request_error', code: null };
  await expect(send('upload_x', 'a')).rejects.toMatchObject(missing);
  await expect(openai.uploads.complete('upload_x', { part_ids: ['a'] })).rejects.toMatchObject(missing);
  await expect(openai.uploads.cancel('upload_x')).rejects.toThrow('No such Upload object: upload_x');
});

test('an upload is over after an hour, and its parts are swept away', async () => {
  await using fresh = await openTestHouse();
  const { uploads } = fresh.openai;
  const { database, blobs } = fresh.house;
  const kept = () => readdir(join(fresh.home, 'files'));
  const wanted = { filename: 'a.jsonl', purpose: 'fine-tune', bytes: 3, mime_type: 'text/jsonl' } as const;
  const upload = await uploads.create(wanted);
  const part = async () => (await uploads.parts.create(upload.id, { data: await toFile(Buffer.from('abc'), 'x') })).id;
  const first = await part();
  vi.useFakeTimers({ toFake: ['Date'], now: (upload.expires_at - 1) * 1000 });
  expect(await sweepUploads(database, blobs)).toBe(0);
  const second = await part();
  vi.setSystemTime(upload.expires_at * 1000);
  await expect(part()).rejects.toThrow('has expired');
  await expect(uploads.complete(upload.id, { part_ids: [first] })).rejects.toMatchObject({ status: 400 });
  expect(await kept()).toEqual(expect.arrayContaining([first, second]));
  expect(await sweepUploads(database, blobs)).toBe(1);
  expect(await kept()).toEqual(['temporary']);
  await expect(uploads.cancel(upload.id)).rejects.toThrow('expired');
});

test('an upload that was begun goes on after a restart', async () => {
  const first = await openTestHouse();
  const upload = await first.openai.uploads.create({
    filename: 'a.jsonl',
    purpose: 'fine-tune',
    bytes: 6,
    mime_type: 'text/jsonl',
  });
  const part = async (to: TestHouse, text: string) =>
    (await to.openai.uploads.parts.create(upload.id, { data: await toFile(Buffer.from(text), 'x') })).id;
  const a = await part(first, 'abc');
  await first.app.close();
  await first.house[Symbol.asyncDispose]();
  {
    await using second = await openTestHouse({ home: first.home });
    const { file } = await second.openai.uploads.complete(upload.id, { part_ids: [a, await part(second, 'def')] });
    expect(await (await second.openai.files.content(file!.id)).text()).toBe('abcdef');
  }
  await first[Symbol.asyncDispose]();
});
