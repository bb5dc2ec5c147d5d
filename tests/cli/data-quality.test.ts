/** `data findings`, `data clean` and `data split` as somebody at a terminal uses them. */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder, type TemporaryFolder } from '../formats/folder.ts';
import { tunesmith } from './tunesmith.ts';

let folder: TemporaryFolder;
beforeAll(async () => void (folder = await temporaryFolder()));
afterAll(() => folder[Symbol.asyncDispose]());

const chat = (question: string, answer: string, more: object = {}): string =>
  JSON.stringify({ messages: [{ role: 'user', content: question }, { role: 'assistant', content: answer }], ...more }); // prettier-ignore

async function file(name: string, lines: readonly string[]): Promise<string> {
  await writeFile(folder.file(name), lines.map((line) => `${line}\n`).join(''));
  return folder.file(name);
}

const numbers = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve'];
const tickets = numbers.map((number, i) =>
  chat(`My ${number.repeat(4)} is broken, what now?`, i % 2 ? 'return' : 'repair'),
);

test('findings are told with their lines, a sample and what to do', async () => {
  const path = await file('train.jsonl', [...tickets, tickets[3]!, chat('Write to jane@firma.de', 'repair')]);
  const { code, stdout } = await tunesmith(['data', 'findings', path]);
  expect(code).toBe(0);
  expect(stdout).toContain(
    'warning exact duplicates\n  1 copy of 1 example that the file has already\n  lines 4 and 13\n    13: My four',
  );
  expect(stdout).toContain('warning personal data');
  expect(stdout).toContain('→ A model can repeat what it was trained on');
  expect(stdout).not.toContain('jane@firma.de');
  expect(stdout).toContain('14 examples');
});

test('leaks between files are found, and can fail a build', async () => {
  const train = await file('train.jsonl', tickets);
  const held = await file('held.jsonl', [tickets[5]!, chat('Something else entirely?', 'return')]);
  const { code, stdout, stderr } = await tunesmith([
    'data',
    'findings',
    train,
    '--test',
    held,
    '--fail-on',
    'error',
    '--json',
  ]);
  expect(code).toBe(1);
  expect(stderr).toContain('--fail-on error');
  const { findings } = JSON.parse(stdout) as { findings: { code: string }[] };
  expect(findings).toContainEqual(
    expect.objectContaining({
      code: 'leakage',
      file: 'test',
      lines: [1],
      counterparts: { file: 'training', lines: [6] },
    }),
  );
  expect((await tunesmith(['data', 'findings', train, '--fail-on', 'warning'])).code).toBe(0);
});

test('data must not speak to the terminal', async () => {
  const path = await file('escape.jsonl', [chat('\u001b[2J\u0007 gone', 'repair'), ...tickets]);
  const { stdout } = await tunesmith(['data', 'findings', path]);
  expect(stdout).toContain('U+001B');
  expect(stdout).not.toContain('\u001b');
});

test('cleaning shows each step, writes a new file, and its recipe gives the same file again', async () => {
  const rows = [chat('fÃ¼r  dich', 'Gut.'), chat('für dich', 'Gut.'), chat('Mail jane@firma.de', 'Done.')];
  const path = await file('raw.jsonl', rows);
  const [out, recipe] = [folder.file('clean.jsonl'), folder.file('recipe.yaml')];
  const args = ['--steps', 'unicode,white_space,exact_duplicates', '--kinds', 'email', '--save-recipe', recipe];
  const { code, stdout } = await tunesmith(['data', 'clean', path, '-o', out, ...args]);
  expect(code).toBe(0);
  expect(stdout).toContain('unicode: 1 changed\n  line 1\n    - fÃ¼r  dich\n    + für  dich\n');
  expect(stdout).toContain('exact_duplicates: 1 left out\n  line 2\n    - für dich → Gut.\n    × the same as line 1\n');
  expect(stdout).toContain(`3 examples in, 2 out; written to ${out}`);
  expect(await readFile(out, 'utf8')).toBe(`${chat('für dich', 'Gut.')}\n${chat('Mail [EMAIL]', 'Done.')}\n`);
  expect(await readFile(path, 'utf8')).toBe(rows.map((row) => `${row}\n`).join(''));
  const again = folder.file('again.jsonl');
  expect((await tunesmith(['data', 'clean', path, '-o', again, '--recipe', recipe])).code).toBe(0);
  expect(await readFile(again)).toEqual(await readFile(out));
});

test('a dry run writes nothing, and so does Ctrl-C', async () => {
  const path = await file('raw.jsonl', [chat('a  b', 'Yes.')]);
  const before = await readdir(folder.path);
  const dry = await tunesmith(['data', 'clean', path, '--dry-run', '--json']);
  expect(JSON.parse(dry.stdout)).toMatchObject({ output: null, rowsIn: 1, rowsOut: 1, recipe: { seed: 42 } });
  const stopped = await tunesmith(['data', 'clean', path, '-o', folder.file('stopped.jsonl')], {
    signal: AbortSignal.abort(),
  });
  expect(stopped.code).toBe(130);
  expect(await readdir(folder.path)).toEqual(before);
});

test.each([
  [['data', 'clean', 'RAW'], 'Name the clean file with -o'],
  [['data', 'clean', 'RAW', '-o', 'RAW'], 'is the input'],
  [['data', 'clean', 'RAW', '--dry-run', '--steps', 'polish'], '--steps polish: expected some of unicode'],
  [['data', 'clean', 'RAW', '--dry-run', '--steps', 'language'], '--languages en'],
  [['data', 'clean', 'RAW', '--dry-run', '--recipe', 'RAW', '--ratio', '2'], '--recipe says it all'],
  [['data', 'split', 'RAW', '--test', 'many'], 'expected a share'],
  [['data', 'split', 'RAW', '--test', '12'], 'expected them to add up'],
  [['data', 'split', 'RAW', '--folds', '3', '--test', '2'], 'leave the sizes away'],
  [['data', 'split', 'RAW', '--folds', '1'], 'expected a number from 2'],
  [['data', 'findings', 'RAW', '--similarity', '2'], 'expected a share above 0'],
])('%j is a slip that is explained', async (words, message) => {
  const path = await file('slip.jsonl', tickets);
  const { code, stderr } = await tunesmith(words.map((word) => (word === 'RAW' ? path : word)));
  expect(stderr).toContain(message);
  expect(code).toBe(2);
});

test('a split is written in three files, reads them again, and says that nothing leaks', async () => {
  const path = await file(
    'tickets.jsonl',
    tickets.map((line, i) => chat(...texts(line), { metadata: { customer: i % 6 } })),
  );
  const parts = folder.file('parts');
  const { code, stdout } = await tunesmith([
    'data',
    'split',
    path,
    '--validation',
    '2',
    '--test',
    '2',
    '--group-by',
    'customer',
    '-o',
    parts,
  ]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/PART +EXAMPLES +repair +return +FILE\ntrain +8 +4 \(50\.0 %\) +4 \(50\.0 %\)/);
  expect(stdout).toContain('6 values of customer, 0 of them in two parts.');
  expect(stdout).toContain('Nothing leaks');
  expect((await readdir(parts)).sort()).toEqual([
    'tickets_test.jsonl',
    'tickets_train.jsonl',
    'tickets_validation.jsonl',
  ]);
  const again = await tunesmith(['data', 'split', path, '-o', parts]);
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('--force replaces them')]);
});

test.each([
  [[], [10, 1, 1]],
  [
    ['--test', '25%'],
    [8, 1, 3],
  ],
  [
    ['--train', '0.5'],
    [6, 3, 3],
  ],
  [
    ['--train', '0.75', '--test', '3'],
    [9, 0, 3],
  ],
  [
    ['--train', '8', '--validation', '2', '--test', '2'],
    [8, 2, 2],
  ],
])('sizes %j of twelve examples are %j', async (words, sizes) => {
  const path = await file('sizes.jsonl', tickets);
  const { stdout } = await tunesmith([
    'data',
    'split',
    path,
    ...words,
    '-o',
    folder.file('sizes'),
    '--force',
    '--json',
  ]);
  const { files } = JSON.parse(stdout) as { files: { name: string; rows: number }[] };
  expect(['train', 'validation', 'test'].map((name) => files.find((each) => each.name === name)?.rows ?? 0)).toEqual(
    sizes,
  );
});

test('every example has one turn in the validation file of a fold', async () => {
  const path = await file('folds.jsonl', tickets);
  const { code, stdout } = await tunesmith([
    'data',
    'split',
    path,
    '--folds',
    '3',
    '-o',
    folder.file('folds'),
    '--json',
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ rows: 12, leaks: [] });
  const read = async (name: string) =>
    (await readFile(`${folder.file('folds')}/folds_${name}.jsonl`, 'utf8')).trim().split('\n');
  const turns = [];
  for (const fold of [1, 2, 3]) {
    const [train, validation] = [await read(`fold${fold}_train`), await read(`fold${fold}_validation`)];
    expect([...train, ...validation].toSorted()).toEqual(tickets.toSorted());
    turns.push(...validation);
  }
  expect(turns.toSorted()).toEqual(tickets.toSorted());
});

function texts(line: string): [string, string] {
  const { messages } = JSON.parse(line) as { messages: { content: string }[] };
  return [messages[0]!.content, messages[1]!.content];
}
