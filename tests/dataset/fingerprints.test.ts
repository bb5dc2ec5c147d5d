import { expect, test } from 'vitest';
import { Fingerprints } from '../../src/dataset/fingerprints.ts';

test('a row that was there before is known by its first line, spaces around it aside', () => {
  const seen = new Fingerprints();
  expect(seen.add('a', 1)).toBeNull();
  expect(seen.add('b', 2)).toBeNull();
  expect(seen.add(' a\r', 3)).toBe(1);
  expect(seen.add('a', 4)).toBe(1);
  expect(seen.find('b')).toBe(2);
  expect(seen.find('c')).toBeNull();
  expect(seen.add('c', 5)).toBeNull();
});

test('a hundred thousand rows that differ in one character are a hundred thousand rows', () => {
  const seen = new Fingerprints();
  const row = (i: number): string => `{"messages":[{"role":"user","content":"${String(i).padStart(6, '0')}"}]}`;
  for (let i = 0; i < 100_000; i++) expect(seen.add(row(i), i + 1)).toBeNull();
  for (let i = 0; i < 100_000; i += 997) expect(seen.find(row(i))).toBe(i + 1);
  expect(seen.find(row(100_000))).toBeNull();
});
