/** The rows of a file as the dashboard shows them, and new files made of old ones, through the official client. */

import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FileExample } from '../../src/domain/file-example.ts';
import type { FileObject } from '../../src/domain/file.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { chatLine, tinyHome } from '../jobs/tiny-house.ts';
import { writeTinyEncoder } from '../tiny-encoder.ts';

interface Page {
  readonly data: readonly FileExample[];
  readonly has_more: boolean;
}

let home: Awaited<ReturnType<typeof tinyHome>>;
let house: TestHouse;
let openai: OpenAI;

beforeAll(async () => {
  home = await tinyHome();
  house = await openTestHouse({ home: home.home });
  ({ openai } = house);
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

async function stored(lines: readonly (string | Buffer)[], filename = 'mails.jsonl'): Promise<string> {
  const bytes = Buffer.concat(lines.map((line) => Buffer.concat([Buffer.from(line), Buffer.from('\n')])));
  return (await openai.files.create({ file: await toFile(bytes, filename), purpose: 'fine-tune' })).id;
}

const examples = async (file: string, query: Record<string, string | number> = {}): Promise<Page> =>
  await openai.get(`/files/${file}/examples`, { query });

const edited = async (file: string, body: object): Promise<FileObject> =>
  await openai.post(`/files/${file}/edits`, { body });

const contentOf = async (file: string): Promise<string[]> =>
  (await (await openai.files.content(file)).text()).trimEnd().split('\n');

const misspelt = JSON.stringify({
  messages: [
    { role: 'User', content: 'What is up?' },
    { role: 'asistant', content: 'the sky' },
  ],
});

test('rows come page by page, as they are in the file, and blank lines are no rows', async () => {
  const file = await stored([chatLine('one', '1'), '', chatLine('two', '2'), chatLine('three', '3')]);
  const first = await examples(file, { limit: 2 });
  expect(first.data.map(({ line }) => line)).toEqual([1, 3]);
  expect(first.data[0]!.value).toEqual(JSON.parse(chatLine('one', '1')));
  expect(first.has_more).toBe(true);
  const second = await examples(file, { limit: 2, after: 3 });
  expect(second.data.map(({ line }) => line)).toEqual([4]);
  expect(second.has_more).toBe(false);
});

test('rows are found by words in whatever case, by their lines, and by being wrong', async () => {
  const file = await stored([chatLine('Where is Rome?', 'Italy'), misspelt, chatLine('Where is Paris?', 'France')]);
  expect((await examples(file, { query: 'PARIS' })).data.map(({ line }) => line)).toEqual([3]);
  expect((await examples(file, { lines: '3,1' })).data.map(({ line }) => line)).toEqual([1, 3]);
  expect((await examples(file, { faulty: 'true' })).data.map(({ line }) => line)).toEqual([2]);
});

test('a wrong row comes with its problems and with what it would be after its repairs', async () => {
  const file = await stored([misspelt, '{"messages": [', chatLine('fine', 'yes')]);
  const [first, second, third] = (await examples(file)).data;
  expect(first!.problems.map(({ code }) => code)).toContain('unrecognized_role');
  expect(first!.repair).toMatchObject({
    broken: false,
    value: { messages: [{ role: 'user' }, { role: 'assistant', content: 'the sky' }] },
  });
  expect(first!.value).toEqual(JSON.parse(misspelt));
  expect(second).toMatchObject({ value: null, text: '{"messages": [' });
  expect(third).toMatchObject({ problems: [], repair: null });
});

test('with a model every token comes with whether it carries loss, and the texts are the sequence', async () => {
  const file = await stored([chatLine('What is a 猫?', 'a cat 🐈'), misspelt]);
  const { data } = await examples(file, { model: 'tiny' });
  const [sequence] = data[0]!.sequences!;
  const { ids, texts, loss, length, supervised } = sequence!;
  expect([ids.length, texts.length, loss.length]).toEqual([length, length, length]);
  expect(texts.join('')).toContain('What is a 猫?');
  expect(texts.filter((_, i) => loss[i] === 1).join('')).toContain('a cat 🐈');
  expect(texts.filter((_, i) => loss[i] === 1).join('')).not.toContain('What');
  expect(supervised).toBe(loss.filter((each) => each === 1).length);
  expect(data[1]!.sequences).toBeNull();
});

test('a model that nobody has, and lines that are no numbers, are named', async () => {
  const file = await stored([chatLine('one', '1')]);
  await expect(examples(file, { model: 'nobody' })).rejects.toMatchObject({ status: 400, code: 'model_not_found' });
  await expect(examples(file, { lines: 'one' })).rejects.toMatchObject({ status: 400, param: 'lines' });
  await expect(examples(file, { after: -1 })).rejects.toMatchObject({ status: 400, param: 'after' });
});

test('a file that is no text is one row that says so', async () => {
  const file = await openai.files.create({
    file: await toFile(Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4]), 'packed.jsonl'),
    purpose: 'fine-tune',
  });
  const { data } = await examples(file.id);
  expect(data).toHaveLength(1);
  expect(data[0]!.problems[0]).toMatchObject({ code: 'not_text', suggestion: 'Unpack it first.' });
});

test('edits make a new file that knows where it comes from; the old one stays as it was', async () => {
  const lines = [chatLine('one', '1'), chatLine('two', '2'), chatLine('three', '3')];
  const file = await stored(lines);
  const better = JSON.parse(chatLine('two', 'II')) as object;
  const made = await edited(file, {
    edits: [
      { line: 2, value: better },
      { line: 3, value: null },
    ],
    add: [JSON.parse(chatLine('four', '4'))],
    filename: 'better.jsonl',
  });
  expect(made).toMatchObject({ object: 'file', filename: 'better.jsonl', purpose: 'fine-tune' });
  expect(made.derived_from).toMatchObject({
    file_id: file,
    filename: 'mails.jsonl',
    edited: 1,
    removed: 1,
    added: 1,
    left_out: 0,
    repairs: null,
  });
  expect(made.derived_from!.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(await contentOf(made.id)).toEqual([lines[0], JSON.stringify(better), chatLine('four', '4')]);
  expect(await contentOf(file)).toEqual(lines);
  expect(await openai.files.retrieve(made.id)).toEqual(made);
});

test('repairs are made after the edits, and counted', async () => {
  const file = await stored([misspelt, chatLine('two', '2'), '{"messages": [', chatLine('x', 'y')]);
  const made = await edited(file, { repair: true, drop: true, edits: [{ line: 4, value: null }] });
  expect(made.filename).toBe('mails_prepared.jsonl');
  expect(made.derived_from!.left_out).toBe(1);
  expect(made.derived_from!.repairs).toContainEqual({ name: 'roles', count: 2 });
  const rows = await contentOf(made.id);
  expect(rows).toHaveLength(2);
  expect((await examples(made.id, { faulty: 'true' })).data).toEqual([]);
});

test('an edit of a line that is not there, or of one line twice, makes nothing', async () => {
  const file = await stored([chatLine('one', '1')]);
  const before = (await openai.files.list({ limit: 100 })).data.length;
  await expect(edited(file, { edits: [{ line: 7, value: null }] })).rejects.toMatchObject({
    status: 400,
    param: 'edits',
    message: expect.stringContaining('the file ends with line 1'),
  });
  const twice = [1, 1].map((line) => ({ line, value: null }));
  await expect(edited(file, { edits: twice })).rejects.toMatchObject({ status: 400, param: 'edits' });
  await expect(edited(file, { edits: [{ line: 1, value: null }] })).rejects.toMatchObject({ code: 'no_examples' });
  await expect(edited(file, { edits: [{ line: 1, value: 'text' }] })).rejects.toMatchObject({ status: 400 });
  expect((await openai.files.list({ limit: 100 })).data).toHaveLength(before);
});

test('a line that cannot be copied has to be taken out, or repairs take it', async () => {
  const file = await stored([chatLine('one', '1'), Buffer.from([0xff, 0xfe, 0x41]), chatLine('two', '2')]);
  await expect(edited(file, { edits: [{ line: 1, value: null }] })).rejects.toMatchObject({
    message: expect.stringContaining('Line 2 is not UTF-8'),
  });
  const made = await edited(file, { edits: [{ line: 2, value: null }] });
  expect(await contentOf(made.id)).toEqual([chatLine('one', '1'), chatLine('two', '2')]);
  expect(await contentOf((await edited(file, { repair: true })).id)).toHaveLength(2);
});

test('an encoder sees the text without what the system says, and what it is to answer stands beside it', async () => {
  const path = join(home.home, 'mini.gguf');
  await writeTinyEncoder(path);
  await house.house.bases.pull(path);
  const messages = [
    { role: 'system', content: 'You tell spam from ham.' },
    { role: 'user', content: 'buy the free report 7' },
    { role: 'assistant', content: 'spam' },
  ];
  const page = await examples(await stored([JSON.stringify({ messages })]), { model: 'mini' });
  const [sequence] = page.data[0]!.sequences!;
  expect(sequence).toMatchObject({ label: 'spam', supervised: 0, cut: 0 });
  expect(sequence!.special[0]).toBe(1);
  expect(sequence!.texts.join('')).toBe('[CLS] buy the free report 7[SEP]');
  const refused = await examples(await stored(['{"prompt": "a", "completion": "b"}']), { model: 'mini' });
  expect(refused.data[0]).toMatchObject({ sequences: null, refusal: expect.stringContaining('labels') });
});
