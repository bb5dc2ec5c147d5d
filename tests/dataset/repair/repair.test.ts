import { readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { RepairName } from '../../../src/dataset/repair/changes.ts';
import { repairFile, type RepairOptions, type RepairReport } from '../../../src/dataset/repair/repair.ts';
import { temporaryFolder } from '../../formats/folder.ts';

interface Repaired extends RepairReport {
  readonly rows: readonly unknown[];
  readonly counts: Partial<Record<RepairName, number>>;
}

async function repair(content: string | Buffer | readonly object[], options: RepairOptions = {}): Promise<Repaired> {
  await using folder = await temporaryFolder();
  const input = folder.file('in.jsonl');
  const bytes =
    typeof content === 'string' || Buffer.isBuffer(content)
      ? content
      : content.map((row) => JSON.stringify(row)).join('\n');
  await writeFile(input, bytes);
  const report = await repairFile(input, folder.file('out.jsonl'), options);
  expect((await readFile(input)).equals(Buffer.from(bytes))).toBe(true);
  const lines = (await readFile(folder.file('out.jsonl'), 'utf8')).split('\n').slice(0, -1);
  const counts = Object.fromEntries(report.repairs.map(({ name, count }) => [name, count]));
  return { ...report, rows: lines.map((line) => JSON.parse(line) as unknown), counts };
}

const pair = (prompt: unknown, completion: unknown, more: object = {}): object => ({ prompt, completion, ...more });
const user = (content: unknown) => ({ role: 'user', content });
const assistant = (content: unknown, more: object = {}) => ({ role: 'assistant', content, ...more });
const chat = (...messages: object[]) => ({ messages });

test('pairs get the separator, the space and the stop sequence that nobody else uses', async () => {
  const { rows, counts, habits } = await repair([
    pair('How are you?', 'Fine, thanks.'),
    pair('And the -> children?', 'Better than ever'),
    pair('Good\nnight', ' Sleep well.\n'),
  ]);
  expect(rows).toEqual([
    pair('How are you?\n\n###\n\n', ' Fine, thanks. END'),
    pair('And the -> children?\n\n###\n\n', ' Better than ever END'),
    pair('Good\nnight\n\n###\n\n', ' Sleep well.\n END'),
  ]);
  expect(counts).toEqual({ separators: 3, 'stop-sequences': 3, 'leading-spaces': 2 });
  expect(habits).toMatchObject({ separator: '\n\n###\n\n', stop: ' END' });
});

test('pairs that have all that already stay as they are', async () => {
  const rows = [pair('One ->', ' eins\n'), pair('Two ->', ' zwei\n'), pair('Three ->', ' drei\n')];
  expect(await repair(rows)).toMatchObject({ rows, repairs: [], broken: [], task: 'conditional' });
});

test('labels of a classifier get no stop sequence, open-ended texts no separator', async () => {
  const labels = Array.from({ length: 9 }, (_, i) => pair(`mail ${i}`, i % 2 === 0 ? ' spam' : ' ham'));
  expect(await repair(labels)).toMatchObject({ task: 'classification', counts: { separators: 9 } });
  const poems = [pair('', ' Roses are red'), pair('', ' Violets too')];
  expect(await repair(poems)).toMatchObject({ task: 'open-ended', counts: {} });
});

test('columns are renamed, others removed, empty rows and repeated rows left out', async () => {
  const { rows, counts, rowsRead, rowsWritten } = await repair([
    { Prompt: 'a ->', COMPLETION: ' x.', id: 1 },
    { Prompt: 'a ->', COMPLETION: ' x.', id: 2 },
    { prompt: 'b ->', completion: '' },
    { prompt: 'c ->', completion: 3 },
    {},
  ]);
  expect(rows).toEqual([pair('a ->', ' x.\n'), pair('c ->', ' 3\n')]);
  expect([rowsRead, rowsWritten]).toEqual([5, 2]);
  expect(counts).toMatchObject({ keys: 6, contents: 1, 'empty-rows': 2, duplicates: 1 });
});

test('long pairs are left out, but not where there are no prompts', async () => {
  const long = 'x'.repeat(10_001);
  expect((await repair([pair('a', long), pair('b', ' c')])).counts).toMatchObject({ 'long-rows': 1 });
  expect((await repair([pair('', long), pair('', ' c')])).counts).toEqual({ 'leading-spaces': 1 });
});

test('a column in capitals is written small, and beginnings that all share are removed', async () => {
  const { rows } = await repair([
    pair('PLEASE ANSWER: WHO? ->', ' The answer is me\n'),
    pair('PLEASE ANSWER: WHAT? ->', ' The answer is that\n'),
  ]);
  expect(rows).toEqual([pair('who? ->', ' me\n'), pair('what? ->', ' that\n')]);
});

test('a repair that is not wanted is not made', async () => {
  const rows = [pair('SHOUT', 'a.'), pair('CRY', 'b.')];
  const { counts } = await repair(rows, { skip: ['casing', 'stop-sequences', 'leading-spaces'] });
  expect(counts).toEqual({ separators: 2 });
});

test('conversations lose the habits of bare text', async () => {
  const { rows, counts } = await repair([
    chat(user('Hello\n\n###\n\n'), assistant(' Hi there, stranger END')),
    chat(user('Bye\n\n###\n\n'), assistant(' See you soon again END')),
  ]);
  expect(rows).toEqual([
    chat(user('Hello'), assistant('Hi there, stranger')),
    chat(user('Bye'), assistant('See you soon again')),
  ]);
  expect(counts).toEqual({ separators: 2, 'stop-sequences': 2, 'leading-spaces': 2 });
});

test('a conversation is mended key by key', async () => {
  const call = { id: 'c', function: { name: 'f', arguments: { a: 1 } } };
  const { rows, counts, broken } = await repair([
    {
      Messages: [
        { Role: 'Human', Content: 5, mood: 'good' },
        { role: 'gpt', content: null, tool_calls: [call], weight: '0' },
        { role: 'tool', tool_call_id: 'c', content: 'x' },
        { role: 'assistant', content: 'Done', tool_calls: [], weight: true },
        user('Thanks'),
      ],
      parallel_tool_calls: 'True',
      id: 7,
    },
  ]);
  expect(broken).toEqual([]);
  const mended = { id: 'c', function: { name: 'f', arguments: '{"a":1}' }, type: 'function' };
  expect(rows).toEqual([
    {
      parallel_tool_calls: true,
      messages: [
        { role: 'user', content: '5' },
        { role: 'assistant', content: null, tool_calls: [mended], weight: 0 },
        { role: 'tool', tool_call_id: 'c', content: 'x' },
        { role: 'assistant', content: 'Done', weight: 1 },
      ],
    },
  ]);
  expect(counts).toEqual({
    keys: 5,
    roles: 2,
    contents: 1,
    weights: 2,
    'tool-calls': 4,
    'trailing-messages': 1,
  });
});

test('what only Python reads as JSON becomes JSON, and keys that were there twice stay once', async () => {
  const { rows, counts } = await repair(
    [
      '{"messages": [{"role": "user", "content": "a", "name": None,}, {"role": "assistant", "content": "b"},]}',
      '{"messages":[{"role":"user","content":"first","content":"last \\ud83d"},{"role":"assistant","content":"c"}]}',
      '{"messages":[{"role":"user","content":"d","__proto__":{"x":1}},{"role":"assistant","content":"e"}]}',
    ].join('\r\n'),
  );
  expect(rows).toEqual([
    chat(user('a'), assistant('b')),
    chat(user('last \uFFFD'), assistant('c')),
    chat(user('d'), assistant('e')),
  ]);
  expect(counts).toEqual({ json: 4, surrogates: 1, keys: 2 });
});

test('an answer without words is left out, and what cannot be repaired is kept or dropped as asked', async () => {
  const rows = [
    chat(user('a'), assistant('')),
    chat(user('b'), assistant('x', { weight: 7 })),
    chat(user('c'), assistant('d')),
  ];
  expect(await repair(rows)).toMatchObject({ rows: rows.slice(1), broken: [2], rowsRead: 3, rowsWritten: 2 });
  expect(await repair(rows, { drop: true })).toMatchObject({ rows: rows.slice(2), broken: [2], rowsWritten: 1 });
});

test('preference and reinforcement rows are mended in their conversations, and their own keys stay', async () => {
  const preference = (messages: object[], better: unknown, worse: unknown) => ({
    input: { messages },
    preferred_output: [better],
    non_preferred_output: [worse],
  });
  expect(
    (await repair([preference([{ role: 'Human', content: 1 }], assistant(2), { role: 'bot', content: 'x' })])).rows,
  ).toEqual([preference([user('1')], assistant('2'), assistant('x'))]);
  const item = { messages: [{ role: 'User', content: 1 }], answer: 5, Anything: [null] };
  expect((await repair([item], { format: 'reinforcement' })).rows).toEqual([{ ...item, messages: [user('1')] }]);
});

test('a file that is no text is refused, and leaves nothing behind', async () => {
  await expect(repair(gzipSync('{"prompt":"a","completion":"b"}'))).rejects.toThrow(/The file is a gzip archive/);
});

test('stopping leaves no half file', async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file('in.jsonl'), `${JSON.stringify(pair('a', 'b'))}\n`.repeat(1000));
  const output = folder.file('out.jsonl');
  const stopped = repairFile(folder.file('in.jsonl'), output, { signal: AbortSignal.abort() });
  await expect(stopped).rejects.toThrow(/abort/i);
  await expect(readFile(output)).rejects.toThrow(/ENOENT/);
});
