import { truncate, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { ExampleFormat } from '../../src/domain/example.ts';
import { partsOf } from '../../src/dataset/parts.ts';
import { readRows, type Row, type RowOptions } from '../../src/dataset/rows.ts';
import { temporaryFolder } from '../formats/folder.ts';

async function rowsOf(content: string | Buffer | readonly unknown[], options?: RowOptions): Promise<Row[]> {
  await using folder = await temporaryFolder();
  const path = folder.file('rows.jsonl');
  const lines = typeof content === 'string' || Buffer.isBuffer(content);
  await writeFile(path, lines ? content : content.map((row) => JSON.stringify(row)).join('\n'));
  const rows: Row[] = [];
  for await (const row of readRows(path, options)) rows.push(row);
  return rows;
}

/** Code and place of everything that is wrong with one row. */
async function problemsOf(row: unknown, options?: RowOptions): Promise<(readonly [code: string, path: string])[]> {
  const [only] = await rowsOf(typeof row === 'string' ? row : [row], options);
  return only!.problems.map(({ code, path }) => [code, path]);
}

const user = (content: unknown) => ({ role: 'user', content });
const assistant = (content: unknown, more: object = {}) => ({ role: 'assistant', content, ...more });
const chat = (...messages: unknown[]) => ({ messages });
const good = chat(user('Hi'), assistant('Hello'));
const image = (url: string, more: object = {}) => ({ type: 'image_url', image_url: { url, ...more } });
const png = `data:image/png;base64,${Buffer.from('89504e470d0a1a0a', 'hex').toString('base64')}`;

const preference = (more: object = {}) => ({
  input: chat(user('Hi')),
  preferred_output: [assistant('Hello')],
  non_preferred_output: [assistant('What?')],
  ...more,
});

test('the format is what most of the first rows look like', async () => {
  const cases: [ExampleFormat, object][] = [
    ['chat', good],
    ['completion', { prompt: 'a', completion: 'b' }],
    ['preference', preference()],
    [
      'preference',
      { input: chat(user('Hi')), preferred_completion: [assistant('a')], non_preferred_completion: [assistant('b')] },
    ],
    ['reinforcement', { ...chat(user('Hi')), answer: 3 }],
  ];
  for (const [format, row] of cases) {
    const rows = await rowsOf([{ odd: 1 }, row, row]);
    expect(rows.map(({ checked }) => checked?.format ?? null)).toEqual([null, format, format]);
  }
});

test('rows that are in another format than the rest are told so', async () => {
  const pair = { prompt: 'a', completion: 'b' };
  expect((await rowsOf([good, good, pair]))[2]!.problems).toMatchObject([{ code: 'mixed_formats', line: 3 }]);
  expect((await rowsOf([pair, pair, good]))[2]!.problems).toMatchObject([{ code: 'mixed_formats', line: 3 }]);
  expect((await rowsOf([preference(), preference(), good]))[2]!.problems).toMatchObject([{ code: 'mixed_formats' }]);
});

/** A row, and what is wrong with it; the format is told by the row. */
const faulty: [name: string, row: object, problems: (readonly [code: string, path: string])[]][] = [
  ['a pair without completion', { prompt: 'a' }, [['missing_key', '$.completion']]],
  [
    'a pair with numbers',
    { prompt: 1, completion: 2 },
    [
      ['invalid_value', '$.prompt'],
      ['invalid_value', '$.completion'],
    ],
  ],
  ['a pair with an empty completion', { prompt: 'a', completion: '' }, [['nothing_supervised', '$.completion']]],
  ['a pair with more', { prompt: 'a', completion: 'b', label: 1 }, [['unrecognized_key', '$.label']]],
  ['a preference without input', { ...preference(), input: undefined }, [['missing_key', '$.input']]],
  ['a preference with an odd key', preference({ score: 1 }), [['unrecognized_key', '$.score']]],
  [
    'a preference with one output',
    { ...preference(), non_preferred_output: undefined },
    [['missing_key', '$.non_preferred_output']],
  ],
  [
    'a preference with two messages as output',
    preference({ preferred_output: [assistant('a'), assistant('b')] }),
    [['invalid_output', '$.preferred_output']],
  ],
  [
    "a preference whose output is the user's",
    preference({ preferred_output: [user('a')] }),
    [['invalid_output', '$.preferred_output']],
  ],
  [
    'a preference whose input is answered',
    preference({ input: chat(user('a'), assistant('b')) }),
    [['last_message', '$.input.messages[1]']],
  ],
  [
    'a preference with a weight',
    preference({ preferred_output: [assistant('a', { weight: 1 })] }),
    [['message_unrecognized_key', '$.preferred_output[0].weight']],
  ],
  [
    'a preference with an image',
    preference({ input: chat(user([image(png)])) }),
    [['missing_content', '$.input.messages[0].content[0]']],
  ],
  [
    'a preference for nothing',
    preference({ preferred_output: [assistant('What?')] }),
    [['same_outputs', '$.non_preferred_output']],
  ],
  [
    'a reinforcement row that is answered',
    { ...chat(user('a'), assistant('b')), answer: 1 },
    [['last_message', '$.messages[1]']],
  ],
  [
    'a reinforcement row with a weight',
    { ...chat(assistant('b', { weight: 0 }), user('a')), answer: 1 },
    [['message_unrecognized_key', '$.messages[0].weight']],
  ],
  ['an odd name', chat({ ...user('a'), name: 'Müller, Hans' }, assistant('b')), [['odd_name', '$.messages[0].name']]],
  [
    'a function without name',
    chat(user('a'), { role: 'function', content: 'x' }, assistant('b')),
    [['message_missing_key', '$.messages[1].name']],
  ],
  [
    'a tool with an odd name',
    { ...good, tools: [{ type: 'function', function: { name: 'get weather' } }] },
    [['odd_name', '$.tools[0].function.name']],
  ],
  ['tools without envelope', { ...good, tools: [{ name: 'f', parameters: {} }] }, [['invalid_tool', '$.tools[0]']]],
  [
    '129 tools',
    { ...good, tools: Array.from({ length: 129 }, (_, i) => ({ type: 'function', function: { name: `f${i}` } })) },
    [['invalid_tool', '$.tools']],
  ],
  [
    'parallel_tool_calls as text',
    { ...good, parallel_tool_calls: 'true' },
    [['invalid_value', '$.parallel_tool_calls']],
  ],
  ['an empty answer', chat(user('a'), assistant('')), [['empty_answer', '$.messages[1].content']]],
];

test.each(faulty)('%s is found', async (_, row, problems) => {
  const rest =
    'input' in row || 'preferred_output' in row
      ? preference()
      : 'answer' in row
        ? { ...chat(user('x')), answer: 2 }
        : 'prompt' in row
          ? { prompt: 'x', completion: 'y' }
          : good;
  const rows = await rowsOf([rest, rest, row]);
  expect(rows[2]!.problems.map(({ code, path }) => [code, path])).toEqual(problems);
});

test("images are checked by OpenAI's limits, and refused where a job would train them", async () => {
  const shown = (...parts: unknown[]) =>
    chat(user([{ type: 'text', text: 'What is it?' }, ...parts]), assistant('A cat.'));
  const not = ['images_not_trained', '$.messages'] as const;
  expect(await problemsOf(shown(image(png)))).toEqual([not]);
  expect(await problemsOf(shown(image('https://example.com/cat.png', { detail: 'low' })))).toEqual([not]);
  const url = '$.messages[0].content[1].image_url.url';
  expect(await problemsOf(shown(image('cat.png')))).toEqual([['invalid_image', url], not]);
  expect(await problemsOf(shown(image('data:image/gif;base64,R0lG')))).toEqual([['skipped_image', url], not]);
  expect(await problemsOf(shown(image('data:image/png;base64,R0lG')))).toEqual([['skipped_image', url], not]);
  expect(await problemsOf(shown(image(png + 'A'.repeat(14_000_000))))).toEqual([['skipped_image', url], not]);
  expect(await problemsOf(shown(image(png, { detail: 'huge' })))).toEqual([
    ['invalid_image', '$.messages[0].content[1].image_url.detail'],
    not,
  ]);
  expect(await problemsOf(shown(...Array.from({ length: 11 }, () => image(png))))).toEqual([
    not,
    ['invalid_image', '$.messages'],
  ]);
  expect(await problemsOf(chat(user('a'), assistant([image(png)])))).toEqual([
    ['invalid_image', '$.messages[1].content[0]'],
    not,
  ]);
  expect(await problemsOf(shown(image(png)), { images: false })).toEqual([
    ['missing_content', '$.messages[0].content[1]'],
  ]);
});

test('audio and files are never trained', async () => {
  expect(await problemsOf(chat(user([{ type: 'input_audio', input_audio: {} }]), assistant('a')))).toEqual([
    ['missing_content', '$.messages[0].content[0]'],
  ]);
});

test('the words of every format are found in the same places', async () => {
  const view = async (row: object, format: ExampleFormat) => partsOf((await rowsOf([row], { format }))[0]!.checked!);
  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } };
  expect(
    await view(chat({ role: 'system', content: 'S' }, user('A'), assistant('B'), user('C'), assistant('D')), 'chat'),
  ).toEqual({
    system: 'S',
    prompt: 'A\n\nB\n\nC',
    answer: 'D',
    texts: [
      { role: 'system', text: 'S' },
      { role: 'user', text: 'A' },
      { role: 'assistant', text: 'B' },
      { role: 'user', text: 'C' },
      { role: 'assistant', text: 'D' },
    ],
  });
  expect(await view(chat(user('A'), { role: 'assistant', tool_calls: [call] }), 'chat')).toMatchObject({
    answer: 'f({})',
  });
  expect(await view({ prompt: 'A', completion: 'B' }, 'completion')).toMatchObject({
    system: null,
    prompt: 'A',
    answer: 'B',
  });
  expect(await view(preference(), 'preference')).toMatchObject({ prompt: 'Hi', answer: 'Hello', texts: { length: 3 } });
  expect(await view(chat(user('A')), 'reinforcement')).toMatchObject({ prompt: 'A', answer: '' });
});

// Hostile files: a clear word, no crash, no growth.

test('a key that is there twice is found, and a text that only looks like one is not', async () => {
  const twice = '{"messages":[{"role":"user","content":"a","content":"b"},{"role":"assistant","content":"c"}]}';
  expect(await problemsOf(twice)).toEqual([['duplicate_key', '$.messages[0].content']]);
  const quoting = chat(user('{"a":1,"a":2} and "b" : 3'), assistant('"x":'));
  expect(await problemsOf(quoting)).toEqual([]);
});

test('__proto__ is found wherever it is a key, and changes nothing', async () => {
  const row =
    '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"__proto__":{"polluted":1}}}}]}';
  expect(await problemsOf(row)).toEqual([['forbidden_key', '$.tools[0].function.parameters.__proto__']]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(await problemsOf(chat(user('what is __proto__?'), assistant('a key')))).toEqual([]);
});

test('half characters are found', async () => {
  expect(
    await problemsOf(
      '{"messages":[{"role":"user","content":"a \\ud83d"},{"role":"assistant","content":"\\ud83d\\ude00"}]}',
    ),
  ).toEqual([['lone_surrogate', '$.messages[0].content']]);
});

test('NaN and other words of JavaScript and Python are told as what they are', async () => {
  const [row] = await rowsOf('{"messages":[{"role":"user","content":NaN}]}');
  expect(row!.problems).toMatchObject([
    { code: 'not_json', found: 'NaN at column 39', suggestion: 'JSON has no NaN; write null.' },
  ]);
});

test('a byte order mark and Windows line ends are no faults; bytes that are not UTF-8 are', async () => {
  const line = JSON.stringify(good);
  const rows = await rowsOf(`\uFEFF${line}\r\n${line}\r\n`);
  expect(rows.map(({ problems }) => problems)).toEqual([[], []]);
  const latin = await rowsOf(Buffer.from(`${line}\n${line.replace('Hi', 'Grüße')}\n${line}`, 'latin1'));
  expect(latin.map(({ problems }) => problems.map(({ code }) => code))).toEqual([[], ['not_utf8'], []]);
});

test('100,000 levels of nesting are refused, in a short line and in a long one', async () => {
  const deep = (length: number) => `{"messages":${'['.repeat(length)}${']'.repeat(length)}}`;
  expect(await problemsOf(deep(100_000))).toMatchObject([
    ['too_deep', '$'],
    ['data_type', '$.messages[0]'],
  ]);
  expect(await problemsOf(deep(1_000_000))).toEqual([['too_deep', '$']]);
  expect(await problemsOf(`{"a":${'{"b":'.repeat(100_000)}1${'}'.repeat(100_000)}}`)).toMatchObject([
    ['too_deep', '$'],
    ['missing_messages_list', '$'],
  ]);
});

test('a line of values without end is refused before it fills the memory, and a row full of faults tells some', async () => {
  const before = process.memoryUsage().rss;
  expect(await problemsOf(`{"messages":[${'{},'.repeat(5_000_000)}{}]}`)).toEqual([['line_too_long', '$']]);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
  expect(await problemsOf(chat(...Array.from({ length: 5000 }, () => ({}))))).toHaveLength(1000);
});

test('a gzip bomb is named by its first bytes and never unpacked', async () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  const before = process.memoryUsage().rss;
  expect(await rowsOf(bomb)).toMatchObject([
    { value: undefined, problems: [{ code: 'not_text', found: 'a gzip archive' }] },
  ]);
  expect(process.memoryUsage().rss - before).toBeLessThan(20_000_000);
});

test('a line without end is refused as soon as it is too long, and memory does not grow with it', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('endless.jsonl');
  await writeFile(path, `${JSON.stringify(good)}\n{"messages":"`);
  await truncate(path, 2 ** 30); // a hole: zeros to the end, no bytes on the disk
  const before = process.memoryUsage().rss;
  const found: string[] = [];
  for await (const { line, problems } of readRows(path)) {
    found.push(...problems.map(({ code }) => `${line} ${code}`));
    if (problems.length > 0) break; // long before the gigabyte is read
  }
  expect(found).toEqual(['2 line_too_long']);
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * 2 ** 20);
});

test('many lines are read in memory that does not grow with them', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('many.jsonl');
  await writeFile(path, `${JSON.stringify(good)}\n`.repeat(200_000));
  let count = 0;
  const before = process.memoryUsage().rss;
  for await (const { problems } of readRows(path)) count += problems.length === 0 ? 1 : 0;
  expect(count).toBe(200_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(120 * 2 ** 20);
});
