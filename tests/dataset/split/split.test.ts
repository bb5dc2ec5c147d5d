import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assignParts } from '../../../src/dataset/split/assign.ts';
import { parseGroupKey } from '../../../src/dataset/split/group-key.ts';
import { linesOf, planSplit, type PlannedSplit, type SplitOptions } from '../../../src/dataset/split/split.ts';
import { seededRandom } from '../../../src/random.ts';
import { temporaryFolder, type TemporaryFolder } from '../../formats/folder.ts';

let folder: TemporaryFolder;
beforeAll(async () => void (folder = await temporaryFolder()));
afterAll(() => folder[Symbol.asyncDispose]());

const random = seededRandom(5);
const letters = (count: number): string =>
  Array.from({ length: count }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join('');
const text = (words = 15): string => Array.from({ length: words }, () => letters(6)).join(' ');

const chat = (question: string, answer: string, more: object = {}) => ({
  messages: [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ],
  ...more,
});

async function split(
  rows: readonly unknown[],
  options: Partial<SplitOptions> = {},
): Promise<{ plan: PlannedSplit; parts: string[][] }> {
  const path = folder.file('all.jsonl');
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join('\n')); // a blank line after each
  const sizes = (count: number): number[] => [
    count - 2 * Math.round(count / 10),
    Math.round(count / 10),
    Math.round(count / 10),
  ];
  const plan = await planSplit(path, { sizes, seed: 42, stratify: 'answers', ...options });
  const parts: string[][] = [];
  for (const part of plan.parts.keys()) {
    parts.push([]);
    for await (const line of linesOf(path, plan, (each) => each === part)) parts[part]!.push(line);
  }
  return { plan, parts };
}

test('parts have their sizes, every row is in one of them, to the letter and in order', async () => {
  const rows = Array.from({ length: 100 }, () => chat(text(), text()));
  const { parts } = await split(rows);
  expect(parts.map((part) => part.length)).toEqual([80, 10, 10]);
  expect(parts.flat().toSorted()).toEqual(rows.map((row) => JSON.stringify(row)).toSorted());
  const positions = parts[0]!.map((line) => rows.findIndex((row) => JSON.stringify(row) === line));
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
});

test('the same seed gives the same parts, another seed others', async () => {
  const rows = Array.from({ length: 50 }, () => chat(text(), text()));
  const once = await split(rows);
  expect((await split(rows)).parts).toEqual(once.parts);
  expect((await split(rows, { seed: 7 })).parts).not.toEqual(once.parts);
});

test('labels keep their shares in every part, even rare ones', async () => {
  const rows = Array.from({ length: 200 }, (_, i) =>
    chat(text(), i % 20 === 0 ? 'urgent' : i % 4 === 0 ? 'spam' : 'ham'),
  );
  const { plan } = await split(rows);
  expect(plan.parts.map(({ labels }) => labels)).toEqual([
    { urgent: 8, spam: 32, ham: 120 },
    { urgent: 1, spam: 4, ham: 15 },
    { urgent: 1, spam: 4, ham: 15 },
  ]);
  expect((await split(rows, { stratify: 'none' })).plan.parts[0]!.labels).toBeNull();
  const byKey = rows.map((row, i) => ({ ...row, metadata: { region: i % 2 ? 'north' : 'south' } }));
  const { plan: regions } = await split(byKey, { stratify: parseGroupKey('region') });
  expect(regions.parts[2]!.labels).toEqual({ south: 10, north: 10 });
});

test('near duplicates, copies and repeated questions never straddle', async () => {
  const rows = Array.from({ length: 120 }, () => chat(text(40), text(8)));
  const near = rows.slice(0, 40).map(({ messages }, i) => chat(`${messages[0]!.content} ${i}`, messages[1]!.content));
  const asked = rows.slice(40, 60).map(({ messages }) => chat(messages[0]!.content.toUpperCase(), text(8)));
  const all = [...rows, ...near, ...asked, ...rows.slice(60, 70)];
  const { plan, parts } = await split(all);
  const partOf = (row: unknown): number => parts.findIndex((part) => part.includes(JSON.stringify(row)));
  near.forEach((row, i) => expect(partOf(row)).toBe(partOf(rows[i])));
  asked.forEach((row, i) => expect(partOf(row)).toBe(partOf(rows[40 + i])));
  expect(parts.map((part) => part.length)).toEqual([152, 19, 19]);
  expect(plan).toMatchObject({ rows: 190, groups: 70, largestGroup: 2 });
});

test('rows of one customer stay together, and keys that training refuses are left out', async () => {
  const rows = Array.from({ length: 90 }, (_, i) => ({
    ...chat(text(), text()),
    metadata: { customer: `c${i % 30}` },
  }));
  const bare = ({ messages }: (typeof rows)[0]): string => JSON.stringify({ messages });
  const { plan, parts } = await split([...rows, chat(text(), text())], { groupBy: parseGroupKey('customer') });
  expect(plan).toMatchObject({ keys: 30, keysParted: 0, keyless: 1, leftOutKeys: ['metadata'], largestGroup: 3 });
  expect(parts.flat().every((line) => !line.includes('metadata'))).toBe(true);
  const customers = parts.map(
    (part) => new Set(rows.filter((row) => part.includes(bare(row))).map(({ metadata }) => metadata.customer)),
  );
  expect(customers.reduce((sum, { size }) => sum + size, 0)).toBe(30);
});

test('a file with real errors is refused with the line; a key that no row has, too', async () => {
  await expect(split([chat(text(), text()), { messages: [] }])).rejects.toThrow(
    /^Line 3: Example 2.*tunesmith data check/,
  );
  await expect(split([chat(text(), text(), { metadata: {}, messages: 'x' })])).rejects.toThrow(/^Line 1:/);
  await expect(split([chat(text(), text())], { groupBy: parseGroupKey('customer') })).rejects.toThrow(
    'No row has the key',
  );
});

test.each([
  ['customer', { customer: 'a' }, 'a'],
  ['customer', { metadata: { customer: 5 } }, '5'],
  ['a.b', { a: { b: 'x' } }, 'x'],
  ['$.metadata.customer', { metadata: { customer: 'b' } }, 'b'],
  ["$.messages[-1]['content']", { messages: [{ content: 'x' }, { content: 'y' }] }, 'y'],
  ['$["odd key"][0]', { 'odd key': ['z'] }, 'z'],
  ['{region}-{$.n}', { region: 'r', n: 1 }, 'r\u00001'],
  ['{region}-{n}', { region: 'r' }, null],
  ['constructor', {}, null],
  ['customer', { customer: '' }, null],
])('the key %s of %j is %j', (key, row, value) => {
  expect(parseGroupKey(key)(row)).toBe(value);
});

test.each(['$', '$.', '$.a[', 'a..b', '{}', '$.a b]'])('%s is no key', (key) => {
  expect(() => parseGroupKey(key)).toThrow(/expected something like/);
});

test('large groups go where there is room, and small ones fill what is left', () => {
  const groups = [{ rows: [0, 1, 2, 3, 4, 5] }, { rows: [6, 7] }, { rows: [8] }, { rows: [9] }];
  const parts = assignParts(groups, new Uint32Array(10), [6, 2, 2], 1);
  expect(Array.from(parts.slice(0, 6))).toEqual([0, 0, 0, 0, 0, 0]);
  expect(parts[6]).toBe(parts[7]);
  expect([...parts].filter((part) => part === 1).length).toBe(2);
});
