import { readFile, readdir, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder, type TemporaryFolder } from '../formats/folder.ts';
import { tunesmith, type Ran } from './tunesmith.ts';

let folder: TemporaryFolder;

beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder[Symbol.asyncDispose]());

const pairs = Array.from({ length: 12 }, (_, i) => ({ Prompt: `question ${i}`, completion: `${i}, I think!` }));

async function fix(name: string, rows: readonly object[], flags: readonly string[] = []): Promise<Ran> {
  await writeFile(folder.file(name), rows.map((row) => JSON.stringify(row)).join('\n'));
  return await tunesmith(['data', 'check', folder.file(name), '--fix', ...flags]);
}

const linesOf = async (name: string): Promise<unknown[]> =>
  (await readFile(folder.file(name), 'utf8'))
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);

test('the copy is written beside the file, each repair counted and shown, and the copy is checked', async () => {
  const { code, stdout, stderr } = await fix('pairs.jsonl', pairs);
  expect([code, stderr]).toEqual([0, '']);
  const lines = stdout.split('\n');
  expect(lines[0]).toMatch(/^REPAIR +COUNT +WHAT +FIRST$/);
  expect(lines[1]).toMatch(/^keys +12 +keys renamed or removed +line 1: "Prompt" → "prompt"$/);
  expect(stdout).toMatch(/separators +12 .* line 1: "question 0" → "question 0 ->"/);
  expect(stdout).toContain(`${folder.file('pairs_prepared.jsonl')}: 12 of 12 rows\n`);
  expect(stdout).toContain('When asking the model, end the prompt with " ->".\n');
  expect(stdout).toContain('12 examples are few: several hundred');
  const stem = folder.file('pairs_prepared');
  expect(stdout).toContain(`
To train on it:
  $ tunesmith data convert ${stem}.jsonl -o ${stem}_chat.jsonl
  $ tunesmith jobs create --model smollm2-135m-instruct --file ${stem}_chat.jsonl --follow
`);
  expect(stdout).toContain('12 examples (completion): nothing is wrong with it\n');
  expect((await linesOf('pairs_prepared.jsonl'))[3]).toEqual({
    completion: ' 3, I think!',
    prompt: 'question 3 ->',
  });
  expect(await linesOf('pairs.jsonl').catch(() => null)).not.toBeNull();
});

test('a file of labels is led to a split, and its parts to a job', async () => {
  const rows = Array.from({ length: 120 }, (_, i) => ({
    messages: [
      { role: 'user', content: `mail ${i}` },
      { role: 'assistant', content: i % 2 === 0 ? 'spam' : 'ham' },
    ],
  }));
  const { stdout } = await fix('labels.jsonl', rows);
  const stem = folder.file('labels_prepared');
  expect(stdout).not.toContain('are few');
  expect(stdout).toContain(`
The answers look like labels. To train on one part and measure on the others:
  $ tunesmith data split ${stem}.jsonl
  $ tunesmith jobs create --model smollm2-135m-instruct --file ${stem}_train.jsonl --validation-file ${stem}_validation.jsonl --follow
`);
  await tunesmith(['data', 'split', `${stem}.jsonl`]);
  for (const part of ['train', 'validation']) expect(await linesOf(`labels_prepared_${part}.jsonl`)).not.toEqual([]);
});

test('a copy that is there already is replaced only with --force, and the file itself never', async () => {
  await writeFile(folder.file('taken_prepared.jsonl'), 'mine\n');
  const refused = await fix('taken.jsonl', pairs);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/taken_prepared\.jsonl is there already; add --force/);
  expect(await readFile(folder.file('taken_prepared.jsonl'), 'utf8')).toBe('mine\n');
  expect((await fix('taken.jsonl', pairs, ['--force'])).code).toBe(0);
  expect(await linesOf('taken_prepared.jsonl')).toHaveLength(12);
  const own = await fix('own.jsonl', pairs, ['-o', folder.file('own.jsonl'), '--force']);
  expect(own.code).toBe(2);
  expect(own.stderr).toMatch(/own\.jsonl is the input/);
});

test('what cannot be repaired is reported and fails, or is left out', async () => {
  const rows = [...pairs, { prompt: 'x', completion: ['y'] }];
  const kept = await fix('odd.jsonl', rows);
  expect(kept.code).toBe(1);
  expect(kept.stdout).toContain('13 of 13 rows\n1 of them could not be repaired whole\n');
  expect(kept.stdout).toMatch(
    /error line 13, \$\.completion\n {2}Example 13, key "completion": found a list, expected a string\./,
  );
  const dropped = await fix('odd.jsonl', rows, ['--drop', '--force', '--skip', 'separators', 'stop-sequences']);
  expect(dropped.code).toBe(0);
  expect((await linesOf('odd_prepared.jsonl'))[0]).toEqual({ completion: ' 0, I think!', prompt: 'question 0' });
});

test('--json tells what was repaired and what the copy is like', async () => {
  const { stdout } = await fix('json.jsonl', pairs, ['--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    file: folder.file('json_prepared.jsonl'),
    errors: 0,
    repaired: {
      output: folder.file('json_prepared.jsonl'),
      rowsRead: 12,
      rowsWritten: 12,
      repairs: [
        { name: 'keys', count: 12, changes: [{ line: 1, path: '$.Prompt' }, {}, {}] },
        { name: 'separators', count: 12 },
        { name: 'leading-spaces', count: 12 },
      ],
    },
  });
});

test('Ctrl-C leaves no half file', async () => {
  await writeFile(folder.file('long.jsonl'), `${JSON.stringify(pairs[0])}\n`.repeat(50_000));
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  const { code } = await tunesmith(['data', 'check', folder.file('long.jsonl'), '--fix'], { signal: stop.signal });
  expect(code).toBe(130);
  expect((await readdir(folder.path)).filter((name) => name.startsWith('long'))).toEqual(['long.jsonl']);
});
