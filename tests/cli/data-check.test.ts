import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { CheckReport } from '../../src/dataset/check.ts';
import { temporaryFolder } from '../formats/folder.ts';
import { tunesmith, type Ran, type RunOptions } from './tunesmith.ts';

const chat = (question: string, answer: unknown = 'Yes.'): string =>
  JSON.stringify({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  });

const good = (count = 12): string[] => Array.from({ length: count }, (_, i) => chat(`Is ${i} a number?`));

async function check(lines: readonly string[], flags: readonly string[] = [], options?: RunOptions): Promise<Ran> {
  await using folder = await temporaryFolder();
  const path = folder.file('tickets.jsonl');
  await writeFile(path, lines.join('\n'));
  const ran = await tunesmith(['data', 'check', path, ...flags], options);
  expect(await readFile(path, 'utf8')).toBe(lines.join('\n'));
  return ran;
}

test('a good file is told to be good, and exits with 0', async () => {
  const { code, stdout, stderr } = await check(good());
  expect(stdout).toBe('12 examples (chat): nothing is wrong with it\n');
  expect([code, stderr]).toEqual([0, '']);
});

test('an error is told with its line, its place, what was found and expected, and a way to mend it', async () => {
  const lines = good();
  lines[3] = chat('Is 3 a number?').replace('"user"', '"human"');
  const { code, stdout, stderr } = await check(lines);
  expect(code).toBe(1);
  expect(stdout).toBe(
    [
      'error line 4, $.messages[0].role',
      `  Example 4, message 1 Discriminator 'role' is "human", expected one of "system", "developer", "user", "assistant", "tool", "function".`,
      '  → Write "role": "user".',
      '',
      '12 examples (chat): 1 error, 0 warnings',
      '',
    ].join('\n'),
  );
  expect(stderr).toMatch(/^Error: .*tickets\.jsonl has 1 error in 1 of 12 examples\.\n$/);
});

test('what repeats is told once, with how often and where it came again', async () => {
  const lines = good(500).map((line, i) =>
    i < 40 ? line : line.replace('"content":"Yes."', `"content":"${i}","mood":1`),
  );
  const { stdout } = await check(lines);
  expect(stdout.match(/contains an extra "mood"/g)).toHaveLength(1);
  expect(stdout).toContain(
    'message_unrecognized_key at $.messages[*].mood, line 41: 459 more like this (lines 42, 43, 44, 45, 46, 47, 48, 49, 50 …)\n',
  );
});

test('warnings alone are no failure', async () => {
  const { code, stdout } = await check([...good(), good()[4]!]);
  expect(code).toBe(0);
  expect(stdout).toContain('warning line 13\n  Example 13: found the same words as on line 5');
  expect(stdout).toContain('13 examples (chat): 0 errors, 1 warning');
});

test('--json gives the whole report, with the counters of the cookbook', async () => {
  const lines = [
    ...good(),
    '[]',
    '{}',
    chat('a').replace('"role":"user",', ''),
    chat('a').replace('"role":"user"', '"role":"human"'),
    chat('a').replace('"content":"a"', '"content":"a","mood":1'),
    chat('a', null),
    JSON.stringify({ messages: [{ role: 'user', content: 'a' }] }),
  ];
  const { code, stdout } = await check(lines, ['--json']);
  const report = JSON.parse(stdout) as CheckReport;
  expect(code).toBe(1);
  expect(report).toMatchObject({ format: 'chat', examples: 19, faultyExamples: 7, errors: 7, warnings: 0 });
  expect(report.counters).toEqual({
    data_type: 1,
    missing_messages_list: 1,
    message_missing_key: 1,
    message_unrecognized_key: 1,
    unrecognized_role: 1,
    missing_content: 1,
    example_missing_assistant_message: 1,
  });
  expect(report.groups.map(({ first }) => first)).toContainEqual({
    code: 'unrecognized_role',
    severity: 'error',
    line: 16,
    path: '$.messages[0].role',
    found: '"human"',
    expected: 'one of "system", "developer", "user", "assistant", "tool", "function"',
    suggestion: 'Write "role": "user".',
    message: expect.stringMatching(/^Example 16, message 1 Discriminator/) as string,
  });
});

test('a validation file may be small', async () => {
  expect((await check(good(3))).stdout).toContain('Training file has 3 example(s), but must have at least 10 examples');
  expect((await check(good(3), ['--validation'])).code).toBe(0);
});

test('a file that is not there, and a format nobody knows, are told in one line', async () => {
  const missing = await tunesmith(['data', 'check', '/nowhere/at-all.jsonl']);
  expect(missing.code).toBe(1);
  expect(missing.stderr).toMatch(/^Error: .*There is no file \/nowhere.*\n$/);
  const unknown = await tunesmith(['data', 'check', 'x', '--format', 'poem']);
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toMatch(/Allowed choices are chat, completion, preference, reinforcement/);
});

test('the first error of a long file is shown long before its end', async () => {
  await using folder = await temporaryFolder();
  const path = folder.file('long.jsonl');
  await writeFile(path, `{\n${`${good(1)[0]}\n`.repeat(300_000)}`);
  const stop = new AbortController();
  const startMs = performance.now();
  let firstMs: number | null = null;
  const { code, stdout } = await tunesmith(['data', 'check', path], {
    signal: stop.signal,
    onOutput: () => {
      firstMs ??= performance.now() - startMs;
      stop.abort();
    },
  });
  expect(firstMs).toBeLessThan(1000);
  expect(code).toBe(130);
  expect(stdout).toMatch(/^error line 1\n {2}Example 1 is not valid JSON \(found the end of the line at column 2/);
});
