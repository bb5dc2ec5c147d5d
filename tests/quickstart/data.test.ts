import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fingerprint, prepareData } from '../../src/quickstart/data.ts';
import { readLabelled, toJsonl } from '../../src/quickstart/labelled.ts';

let folder = '';
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'tunesmith-data-'))));
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, labels: readonly string[], from = 0): Promise<string> {
  const path = join(folder, name);
  const examples = labels.map((label, i) => ({ prompt: [{ role: 'user' as const, content: `n ${from + i}` }], label }));
  await writeFile(path, toJsonl(examples));
  return path;
}

const sizes = { trainSize: 0, testSize: 0 };
const cycle = (count: number): string[] => Array.from({ length: count }, (_, i) => ['a', 'b', 'c'][i % 3] as string);

test("a user's own files become training, validation and test, and lie in the folder", async () => {
  const train = await file('train-in.jsonl', cycle(60));
  const test = await file('test-in.jsonl', cycle(9), 100);
  const data = await prepareData(join(folder, 'out'), { train, test, ...sizes });
  expect([data.training.length, data.validation.length, data.test.length]).toEqual([48, 12, 9]);
  expect(data.labels.toSorted()).toEqual(['a', 'b', 'c']);
  expect(data.positive).toBeUndefined();
  expect(await readLabelled(data.trainingPath)).toEqual(data.training);
  expect(await readFile(String(data.validationPath), 'utf8')).toBe(toJsonl(data.validation));
  expect((await prepareData(join(folder, 'again'), { train, test, ...sizes })).training).toEqual(data.training);
});

test('a training set too small to spare ten examples is trained without validation', async () => {
  const train = await file('small.jsonl', cycle(20));
  const test = await file('small-test.jsonl', cycle(3), 100);
  const data = await prepareData(join(folder, 'small'), { train, test, ...sizes });
  expect(data.training.length).toBe(20);
  expect(data.validationPath).toBeNull();
});

test('files that would give a false measure are refused with the reason', async () => {
  const train = await file('t.jsonl', cycle(12));
  const prepare = (test: string, more = {}) => prepareData(join(folder, 'bad'), { train, test, ...sizes, ...more });
  await expect(prepare(train)).rejects.toThrow(/12 of 12 examples .* also stand in/);
  const strange = await file('strange.jsonl', ['z'], 100);
  await expect(prepare(strange)).rejects.toThrow(/has the label "z", which .* never shows/);
  const fine = await file('fine.jsonl', ['a'], 100);
  await expect(prepare(fine, { positive: 'z' })).rejects.toThrow(/--positive z: no such label .* it has a, b, c/);
  const alike = await file('alike.jsonl', ['a', 'a']);
  await expect(prepareData(folder, { train: alike, test: fine, ...sizes })).rejects.toThrow(/has one label only/);
});

test('a fingerprint follows the content alone', () => {
  expect(fingerprint([{ a: 1 }])).toBe(fingerprint([{ a: 1 }]));
  expect(fingerprint([{ a: 1 }])).not.toBe(fingerprint([{ a: 2 }]));
});
