/** docs/sweeps.md is run: its main commands as they stand, with a tiny model under the real one's name; the rest are there. */

import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tunesmith } from '../cli/tunesmith.ts';
import { jsonl, mails } from '../sweep/data.ts';
import { writeTinyLlama } from '../tiny-model.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/sweeps.md'), 'utf8');
const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => block.trim().split('\n'));
const wordsOf = (command: string): string[] => command.split(' ').slice(1);

test.each(commands)('%s: command and options exist', async (command) => {
  const words = wordsOf(command);
  const { code, stdout } = await tunesmith([words[0]!, '--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`^Usage: tunesmith ${words[0]} `));
  for (const option of words.filter((word) => word.startsWith('--'))) expect(stdout).toContain(option);
});

test('every limit that the page names is the command’s', async () => {
  const help = (await tunesmith(['sweep', '--help'])).stdout.replaceAll(/\s+/g, ' ');
  expect(help).toMatch(/--halving.*?\(default: 3\).*--smallest.*?\(default: 50\).*--finalists.*?\(default: 2\)/);
});

describe('the walk', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sweeps-'));
    await writeTinyLlama(join(folder, 'tiny.gguf'));
    await writeFile(join(folder, 'train.jsonl'), jsonl(mails(60)));
    await writeFile(join(folder, 'test.jsonl'), jsonl(mails(10, 9)));
    const pulled = await run(['models', 'pull', join(folder, 'tiny.gguf')]);
    expect(pulled.code, pulled.stderr).toBe(0);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const placed = (word: string): string => (/^(\w+\.jsonl|first-\w+)$/.test(word) ? join(folder, word) : word);
  const run = (words: readonly string[]) =>
    tunesmith(words.map(placed), {
      env: { TUNESMITH_HOME: join(folder, 'home'), TUNESMITH_MODEL_ALIASES: 'smollm2-135m-instruct=tiny' },
    });

  test('from a sweep to advice on its best run, and to a learning curve', { timeout: 120_000 }, async () => {
    const [sweep, , , , adviseJob, , curve] = commands;
    const swept = await run(wordsOf(sweep!));
    expect(swept.code, swept.stderr).toBe(0);
    expect(swept.stdout).toContain('On the 10 test questions, put to no model before');
    expect(await readFile(join(folder, 'first-sweep', 'report.html'), 'utf8')).toContain('<svg');

    const job = /tunesmith advise (ftjob-\w+)/.exec(swept.stderr)![1]!;
    const advised = await run(wordsOf(adviseJob!.replace('ftjob-AbC123', job)));
    expect(advised.code, advised.stderr).toBe(0);
    expect(advised.stderr).toMatch(/^Labels: \d+ of 48 look wrong\.$/m);

    const curved = await run(wordsOf(curve!));
    expect(curved.code, curved.stderr).toBe(0);
    expect(curved.stdout).toMatch(/^ *EXAMPLES +F1_MACRO/m);
    expect(await readFile(join(folder, 'first-curve', 'report.html'), 'utf8')).toContain('<svg');
  });
});
