import { truncate, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkFile, type CheckOptions, type CheckReport } from '../../src/dataset/check.ts';
import { openGguf } from '../../src/formats/gguf.ts';
import { TextCodec } from '../../src/text/codec.ts';
import { temporaryFolder, type TemporaryFolder } from '../formats/folder.ts';
import { writeTinyLlama } from '../tiny-model.ts';

let folder: TemporaryFolder;

beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder[Symbol.asyncDispose]());

async function check(rows: readonly unknown[], options: Partial<CheckOptions> = {}): Promise<CheckReport> {
  const path = folder.file('rows.jsonl');
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'));
  return await checkFile(path, { role: 'training', ...options });
}

const codesOf = ({ groups }: CheckReport): string[] => groups.map(({ code }) => code).sort();

const chat = (question: string, answer: string, more: object = {}) => ({
  messages: [
    { role: 'user', content: question },
    { role: 'assistant', content: answer, ...more },
  ],
});
const many = <T>(count: number, rowOf: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => rowOf(i));

test('pairs that do not show where they end are warned of', async () => {
  const loose = await check(
    many(12, (i) => ({ prompt: `question ${i}`, completion: `answer ${i}${'!'.repeat(i % 2)}` })),
  );
  expect(loose).toMatchObject({ format: 'completion', errors: 0, warnings: 3 });
  expect(codesOf(loose)).toEqual(['no_leading_space', 'no_separator', 'no_stop_sequence']);
  expect(loose.groups.find(({ code }) => code === 'no_separator')?.first).toMatchObject({
    line: null,
    suggestion: '--fix adds " ->" in a copy.',
  });
  expect(codesOf(await check(many(12, (i) => ({ prompt: `question ${i} ->`, completion: ` answer ${i}\n` }))))).toEqual(
    [],
  );
  expect(codesOf(await check(many(12, (i) => ({ prompt: '', completion: ` answer ${i}!` }))))).toEqual([]);
});

test('pairs that all ask the same, and pairs that all answer the same, are errors', async () => {
  const asked = await check(many(12, (i) => ({ prompt: 'Go ->', completion: ` answer ${i}.` })));
  expect(asked).toMatchObject({ errors: 1 });
  expect(codesOf(asked)).toEqual(['identical_prompts']);
  const answered = await check(many(3, (i) => ({ prompt: `question ${i} ->`, completion: ' yes.' })));
  expect(codesOf(answered)).toContain('identical_completions');
  const labels = await check(many(12, (i) => ({ prompt: `question ${i} ->`, completion: ' yes' })));
  expect(codesOf(labels)).toEqual([]);
});

test('a word a letter or two beside the right one is met with it', async () => {
  const suggestionFor = async (row: object): Promise<string | null | undefined> =>
    (await check([row])).groups.find(({ severity }) => severity === 'error')?.first.suggestion;
  const answer = { role: 'assistant', content: 'b' };
  const said = (message: object): object => ({ messages: [message, answer] });
  expect(await suggestionFor(said({ role: 'asistant', content: 'a' }))).toBe('Write "role": "assistant".');
  expect(await suggestionFor(said({ role: 'usre', content: 'a' }))).toBe('Write "role": "user".');
  expect(await suggestionFor(said({ role: 'narrator', content: 'a' }))).toBeNull();
  expect(await suggestionFor(said({ role: 'user', content: 'a', nmae: 'x' }))).toBe('Rename it to "name".');
  expect(await suggestionFor(said({ role: 'user', content: 'a', contents: 'x' }))).toBe('Remove it.');
  expect(await suggestionFor({ mesages: [answer] })).toBe('Rename "mesages" to "messages".');
  expect(await suggestionFor({ prompt: 'a', completon: 'b' })).toBe('Rename it to "completion".');
});

test('a file of nothing but answers, and one in which nothing is learnt, are errors', async () => {
  const answers = many(12, (i) => ({ messages: [{ role: 'assistant', content: `${i}` }] }));
  expect(codesOf(await check(answers))).toEqual(['everything_supervised']);
  const nothing = await check(many(12, (i) => chat(`${i}`, 'a', { weight: 0 })));
  expect(nothing).toMatchObject({ errors: 12, faultyExamples: 12 });
  expect(codesOf(nothing)).toEqual(['nothing_supervised']);
});

test('what is longer than the base model takes is told, in every format', async () => {
  await writeTinyLlama(folder.file('model.gguf'));
  await using gguf = await openGguf(folder.file('model.gguf'));
  const model = { codec: TextCodec.fromGguf(gguf.metadata), tokensMax: 64 };
  const long = 'word '.repeat(100);
  const chats = await check([...many(12, (i) => chat(`${i}`, 'short')), chat('a', long), chat(long, 'never seen')], {
    model,
  });
  expect(chats.groups.map(({ code, severity, lines }) => [code, severity, lines])).toEqual([
    ['nothing_supervised', 'error', [14]],
    ['truncated', 'warning', [13]],
  ]);
  const pairs = [
    ...many(12, (i) => ({ prompt: `${i} ->`, completion: ' a.' })),
    { prompt: 'x ->', completion: ` ${long}.` },
  ];
  expect((await check(pairs, { model })).groups).toMatchObject([{ code: 'truncated', lines: [13] }]);
});

test('each format has its limits', async () => {
  const graded = many(1001, (i) => ({ messages: [{ role: 'user', content: `${i}` }], answer: i }));
  expect(codesOf(await check(graded, { role: 'validation' }))).toEqual(['too_many_examples']);
  expect(codesOf(await check(graded))).toEqual([]);
});

test('an empty file is an error whatever its size, and a large one is told how to be sent', async () => {
  expect(codesOf(await check([]))).toEqual(['no_examples']);
  const path = folder.file('huge.jsonl');
  await writeFile(path, '{');
  await truncate(path, 9e9); // a hole in the file
  const stop = new AbortController();
  const codes: string[] = [];
  const checking = checkFile(path, {
    role: 'training',
    signal: stop.signal,
    onGroup: ({ code }) => {
      codes.push(code);
      stop.abort(); // the first error comes long before the end
    },
  });
  await expect(checking).rejects.toThrow(/abort/i);
  expect(codes).toEqual(['line_too_long']);
});

test('a file that is wrong in endless ways is still told in few groups', async () => {
  const rows = many(1000, (i) => ({ ...chat(`${i}`, 'a'), [`key${i}`]: 1 }));
  const report = await check(rows);
  expect(report.errors).toBe(1000);
  expect(report.groups.length).toBeLessThanOrEqual(201);
  expect(report.groups.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
});
