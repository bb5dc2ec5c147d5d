/** docs/quality.md and docs/evaluation.md: their commands exist, and the extraction task is made as it is told. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readTest, recogniseTask, textOf } from '../../src/evals/task.ts';
import { tunesmith } from '../cli/tunesmith.ts';

const root = resolve(import.meta.dirname, '../..');
const pages = ['docs/quality.md', 'docs/evaluation.md'].map((name) => readFileSync(join(root, name), 'utf8'));
const commands = pages
  .flatMap((page) =>
    [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => block.trim().split('\n')),
  )
  .map((line) => line.replace('npm run tunesmith --', 'tunesmith'));

test.each(commands.filter((line) => line.startsWith('tunesmith ')))('%s: command and options exist', async (line) => {
  const words = line.split(' ').slice(1);
  const { code, stdout } = await tunesmith([...words, '--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`^Usage: tunesmith ${words[0]}`));
  for (const option of words.filter((word) => word.startsWith('--'))) expect(stdout).toContain(option);
});

test('the extraction task comes from real mails, the same every time, and shares no person between its parts', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quoted-'));
  try {
    const program = join(root, 'examples/quoted-mails.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [program, folder]);
    expect(stdout).toBe('120 in test.jsonl, 40 in validation.jsonl, 272 in train.jsonl\n');
    const parts = await Promise.all(['train', 'validation', 'test'].map((name) => readTest(join(folder, `${name}.jsonl`)))); // prettier-ignore
    const people = parts.map((items) => {
      expect(recogniseTask(items.map(({ reference }) => reference)).task).toBe('extraction');
      return new Set(
        items.map(({ input, reference }) => {
          const { person, date } = JSON.parse(textOf(reference)) as { person: string; date?: string };
          expect(textOf(input.at(-1)!)).toContain(person);
          if (date !== undefined) expect(date).toMatch(/^200[123]-\d\d-\d\d$/);
          return person;
        }),
      );
    });
    const [train, validation, held] = people;
    expect([...held!].filter((person) => train!.has(person) || validation!.has(person))).toEqual([]);
    expect([...validation!].filter((person) => train!.has(person))).toEqual([]);
    const first = await readFile(join(folder, 'test.jsonl'), 'utf8');
    await promisify(execFile)(process.execPath, [program, folder]);
    expect(await readFile(join(folder, 'test.jsonl'), 'utf8')).toBe(first);
  } finally {
    await rm(folder, { recursive: true });
  }
});
