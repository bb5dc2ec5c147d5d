/** Everything about a file at once, in a thread of its own. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CheckupRequest } from '../../../src/dataset/checkup/checkup.ts';
import { runCheckup } from '../../../src/dataset/checkup/run.ts';
import { chatLine, examples } from '../../jobs/tiny-house.ts';
import { writeTinyEncoder } from '../../tiny-encoder.ts';
import { writeTinyLlama } from '../../tiny-model.ts';

let folder = '';
let base: NonNullable<CheckupRequest['base']>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkup-'));
  const path = join(folder, 'tiny.gguf');
  await writeTinyLlama(path);
  base = { id: 'tiny', path, contextTokens: 64, talks: true };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const running = () => ({ signal: new AbortController().signal, onProgress: () => {} });

async function written(name: string, lines: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, lines.join('\n'));
  return path;
}

const request = (path: string, more: Partial<CheckupRequest> = {}): CheckupRequest => ({
  path,
  role: 'training',
  against: null,
  base,
  epochs: null,
  ...more,
});

const misspelt = chatLine('Who?', 'me').replace('"assistant"', '"asistant"');

test('problems stand in the order of their lines, each with what a repair would do', async () => {
  const path = await written('broken.jsonl', [...examples(), misspelt, '{"messages": [']);
  const { check } = await runCheckup(request(path), running());
  expect(check).toMatchObject({ format: 'chat', examples: 14, faulty_examples: 2 });
  const lines = check.problems.filter(({ severity }) => severity === 'error').map(({ line }) => line);
  expect(new Set(lines)).toEqual(new Set([13, 14]));
  expect(check.repair).toMatchObject({ rows_read: 14, broken: 1, broken_lines: [14] });
  expect(check.repair!.repairs).toContainEqual(
    expect.objectContaining({
      name: 'roles',
      count: 1,
      changes: [expect.objectContaining({ line: 13, after: '"assistant"' })],
    }),
  );
});

test('tokens, labels, languages and what OpenAI took are of the rows without errors', async () => {
  const labelled = Array.from({ length: 30 }, (_, i) =>
    chatLine(`Is the mail number ${i} spam?`, i % 3 ? 'ham' : 'spam'),
  );
  const path = await written('labels.jsonl', [...labelled, misspelt]);
  const { check, epochs, lengths } = await runCheckup(request(path, { epochs: 2 }), running());
  expect(check.statistics!.examples).toBe(30);
  expect(check.statistics!.labels!.labels.map(({ label, count }) => [label, count])).toEqual([
    ['ham', 20],
    ['spam', 10],
  ]);
  const here = check.statistics!.tokens.find((tokens) => tokens.here)!;
  expect(here.per_example!.total).toBe(lengths!.reduce((sum, [length, count]) => sum + length * count, 0));
  expect(epochs).toBe(2);
  const mini = check.price!.models.find(({ model }) => model.startsWith('gpt-4.1-mini'))!;
  expect(mini.trained_tokens).toBe(2 * mini.tokens_per_epoch);
  expect(mini.usd).toBeCloseTo((mini.trained_tokens * 5) / 1e6, 10);
});

test('what two files share is told with the lines of the file that is checked, whichever of the two it is', async () => {
  const training = await written('train.jsonl', examples());
  const held = await written('held.jsonl', [chatLine('Where is the moon?', 'up there'), examples()[4]!]);
  const leak = async (more: CheckupRequest) =>
    (await runCheckup(more, running())).check.findings.find(({ code }) => code === 'leakage')!;
  expect(await leak(request(training, { against: held }))).toMatchObject({
    lines: [5],
    counterparts: [2],
    samples: [{ line: 5, text: expect.stringContaining('(line 2 there)') }],
  });
  expect(await leak(request(held, { role: 'validation', against: training }))).toMatchObject({
    lines: [2],
    counterparts: [5],
    samples: [{ line: 2, text: expect.stringContaining('(line 5 there)') }],
  });
});

test('an encoder counts the text that it reads, and what it reads is never called cut as a conversation would be', async () => {
  const encoder = join(folder, 'mini.gguf');
  await writeTinyEncoder(encoder);
  const path = await written('texts.jsonl', examples());
  const mini = { id: 'mini', path: encoder, contextTokens: 128, talks: false };
  const { check, lengths } = await runCheckup(request(path, { base: mini }), running());
  expect(check).toMatchObject({ errors: 0, warnings: 0 });
  const here = check.statistics!.tokens.find((tokens) => tokens.here)!;
  // [CLS] w h a t is 0 ? [SEP]: a word that it does not know is letters
  expect(here).toMatchObject({ refused: 0, supervised: 0, per_answer: null, per_example: { count: 12, min: 9 } });
  expect(lengths!.reduce((sum, [length, count]) => sum + length * count, 0)).toBe(here.per_example!.total);
});

test('lists have a bound, and a count says how long they are', async () => {
  const path = await written(
    'many.jsonl',
    Array.from({ length: 3000 }, () => misspelt),
  );
  const { check } = await runCheckup(request(path, { base: null }), running());
  expect(check.errors).toBeGreaterThanOrEqual(3000);
  expect(check.problems).toHaveLength(400);
  expect(JSON.stringify(check).length).toBeLessThan(2 ** 18);
});

test('a file that is no text, and one that is empty, are told so and no more', async () => {
  const packed = join(folder, 'packed.jsonl');
  await writeFile(packed, Buffer.from([0x1f, 0x8b, 8, 0]));
  const { check } = await runCheckup(request(packed), running());
  expect(check.problems[0]).toMatchObject({ code: 'not_text' });
  expect(check).toMatchObject({ repair: null, statistics: null, price: null, findings: [] });
  const empty = await runCheckup(request(await written('empty.jsonl', [])), running());
  expect(empty.check.problems[0]).toMatchObject({ code: 'no_examples', line: null });
});

test('a check that nobody wants any more ends at once', async () => {
  const path = await written(
    'long.jsonl',
    Array.from({ length: 20_000 }, (_, i) => chatLine(`What is ${i}?`, `${i * i}`)),
  );
  const stopping = new AbortController();
  const told: string[] = [];
  const checking = runCheckup(request(path), {
    signal: stopping.signal,
    onProgress: (_bytes, _of, what) => (told.push(what), stopping.abort(new Error('enough'))),
  });
  await expect(checking).rejects.toThrow('enough');
  expect(told).toHaveLength(1);
});
