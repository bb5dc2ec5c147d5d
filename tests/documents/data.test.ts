/** docs/data.md is run as it stands: every command of the walk, with a tiny model under the real one's name. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tunesmith, type Ran } from '../cli/tunesmith.ts';
import { writeTinyLlama } from '../tiny-model.ts';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/data.md'), 'utf8');
const [walk = '', others = ''] = page.split('## Other material');

/** The blocks of commands, each with the output that the page shows behind it. */
const blocksOf = (text: string): { heading: string; commands: string[]; shown: string[] }[] =>
  [...text.matchAll(/^```sh\n([\s\S]*?)^```(?:\n\n```text\n([\s\S]*?)^```)?/gm)].map(
    ([, commands = '', shown = '']) => ({
      heading: commands.slice(0, 60).split('\n')[0] ?? '',
      commands: commands.trim().split('\n'),
      shown: shown.split('\n').filter((line) => line !== ''),
    }),
  );

const wordsOf = (command: string): string[] =>
  [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  );

describe('the walk', () => {
  let folder = '';
  let model = '';
  let said = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'walk-'));
    await writeTinyLlama(join(folder, 'tiny.gguf'), { contextTokens: 2048 }); // its tokens are short
    const pulled = await run(['models', 'pull', join(folder, 'tiny.gguf')]);
    expect(pulled.code, pulled.stderr).toBe(0);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const run = (words: readonly string[]): Promise<Ran> =>
    tunesmith(words, {
      env: { TUNESMITH_HOME: join(folder, 'home'), TUNESMITH_MODEL_ALIASES: 'smollm2-135m-instruct=tiny' },
    });

  /** Files and folders of the walk lie in the test's own folder. */
  const placed = (word: string): string =>
    /^(mails|parts(\/.*)?|\w+\.(jsonl|yaml))$/.test(word) ? join(folder, word) : word;

  test.each(blocksOf(walk))('$heading', { timeout: 120_000 }, async ({ commands, shown }) => {
    said = '';
    for (const command of commands) {
      const [program, ...words] = wordsOf(command.replace('ft:smollm2-135m-instruct:personal:filter:AbCd1234', model));
      if (program === 'node') {
        await promisify(execFile)(process.execPath, words.map(placed), { cwd: root });
        continue;
      }
      expect(program).toBe('tunesmith');
      if (words.join(' ') === 'models pull smollm2-135m-instruct') continue; // the tiny one is there in its place
      const ran = await run(words.map(placed));
      expect(ran.code, `${command}\n${ran.stderr}`).toBe(0);
      said += ran.stdout + ran.stderr;
      model = /^fine-tuned model +(ft:\S+)$/m.exec(ran.stdout)?.[1] ?? model;
    }
    const lines = said
      .replaceAll(`${folder}/`, '')
      .split('\n')
      .map((line) => line.trim());
    for (const line of shown) expect(lines).toContain(line.trim());
  });

  test('has led from 400 mails to a model that answers', async () => {
    expect((await readFile(join(folder, 'mails.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(400);
    expect(model).toMatch(/^ft:smollm2-135m-instruct:personal:filter:\w{8}$/);
    expect((await run(['models', 'list'])).stdout).toContain(model);
  });
});

describe('other material', () => {
  const commands = blocksOf(others).flatMap((block) => block.commands);
  test.each(commands)('%s: command and options exist', async (command) => {
    const words = wordsOf(command).slice(1);
    const isDeep = words[0] === 'data' && words[1] === 'collect';
    const name = words.slice(0, words[0] === 'data' ? (isDeep ? 3 : 2) : 1);
    const { code, stdout } = await tunesmith([...name, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: tunesmith ${name.join(' ')} `));
    for (const option of words.filter((word) => /^--?[a-z]/.test(word))) expect(stdout).toContain(option);
  });
});

test('every data command has its place on the page', async () => {
  const { stdout } = await tunesmith(['data', '--help']);
  const names = [...stdout.matchAll(/^  ([a-z]+) (?:\[options\] )?<|^  (collect)\b/gm)].map(
    ([, plain, collect]) => plain ?? collect,
  );
  expect(names.length).toBeGreaterThan(7);
  for (const name of names) expect(page).toContain(`tunesmith data ${name} `);
});
