import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Statistics } from '../../src/dataset/statistics/statistics.ts';
import { temporaryFolder } from '../formats/folder.ts';
import { tinyHome } from '../jobs/tiny-house.ts';
import { tunesmith } from './tunesmith.ts';

const golden = join(import.meta.dirname, '..', 'goldens', 'cookbook.jsonl');

test('a page of numbers, with a histogram, limits, languages and repeats', async () => {
  await using home = await tinyHome();
  const { code, stdout, stderr } = await tunesmith(['data', 'stats', golden, '--home', home.home]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const told of [
    /^examples +10$/m,
    /^no system message +1 \(10 %\)$/m,
    /^assistant +14 +10 \(100 %\)$/m,
    /^TOKENS \(o200k_base\) +MIN +P5 +P50 +P95 +MAX +MEAN +TOTAL$/m,
    /^example +34 +36\.3 +48\.5 +354 +516 +104 +1,040 +█/m,
    /^ +0 – +49 +█+ 6$/m,
    /^TOKENS \(tiny\) /m,
    /^gpt-3\.5-turbo-0613 +cl100k_base +4,096 +0$/m,
    /^tiny +tiny +512 +1 +7$/m, // the tiny model holds 512 tokens; line 7 is the long one
    /^English +60 % +█/m,
    /^ +2 +4, 8 +Sí, quedan doce/m,
  ])
    expect(stdout).toMatch(told);
});

test('the same as JSON, for machines', async () => {
  await using folder = await temporaryFolder();
  const { code, stdout } = await tunesmith(['data', 'stats', golden, '--json', '--home', folder.path]);
  expect(code).toBe(0);
  const statistics = JSON.parse(stdout) as Statistics;
  expect(statistics).toMatchObject({ file: golden, format: 'chat', examples: 10, missing: { system: 1, user: 1 } });
  expect(statistics.tokens.map(({ counter }) => counter)).toEqual(['o200k_base', 'cl100k_base']);
  expect(stdout).not.toContain('lengths');
});

test('without a base model the way to one is told', async () => {
  await using folder = await temporaryFolder();
  const { code, stdout, stderr } = await tunesmith(['data', 'stats', golden, '--home', folder.path]);
  expect(code).toBe(0);
  expect(stdout).not.toContain('smollm2');
  expect(stderr).toContain('tunesmith models pull smollm2-135m-instruct');
});

test.each([
  [['no-such-file.jsonl'], 1, /There is no file/],
  [['/dev/null'], 1, /null has no example to count: it is empty/],
  [
    [golden, '--base', 'smollm2-135m-instruct'],
    1,
    /not on this machine\. Fetch it: tunesmith models pull smollm2-135m/,
  ],
  [[golden, '--base', 'nothing'], 1, /See tunesmith models list/],
  [[golden, '--encoding', 'p50k_base'], 2, /expected one of o200k_base, cl100k_base/],
  [[], 2, /missing required argument 'file'/],
])('%j fails with a word', async (words, expected, complaint) => {
  await using folder = await temporaryFolder();
  const { code, stdout, stderr } = await tunesmith(['data', 'stats', ...words, '--home', folder.path]);
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
  expect(stderr).toMatch(complaint);
});

test('an alias names its base model', async () => {
  await using home = await tinyHome();
  const env = { TUNESMITH_MODEL_ALIASES: 'gpt-4o-mini=tiny' };
  const { stdout } = await tunesmith(['data', 'stats', golden, '--base', 'gpt-4o-mini', '--home', home.home], { env });
  expect(stdout).toContain('TOKENS (tiny)');
});

test('Ctrl-C stops the counting, and nothing is printed as if it were all', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('large.jsonl');
  const line = `{"messages": [{"role": "user", "content": "${'one more time '.repeat(50)}"}, {"role": "assistant", "content": "no"}]}\n`;
  await writeFile(path, line.repeat(30_000)); // 23 MB: threads, and more than a second
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 300);
  const { signal } = stop;
  const { code, stdout, stderr } = await tunesmith(['data', 'stats', path, '--home', folder.path], { signal });
  expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: '', stderr: 'Stopped.\n' });
});
