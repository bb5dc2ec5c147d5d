import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { scanJson } from '../../src/formats/json-text.ts';

const scan = (text: string, depthMax = 100) => scanJson(text, depthMax);

function accepts(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A text, and what is wrong with it where. */
const broken: [text: string, at: number, found: string, expected: string, hint: RegExp | null][] = [
  ['', 0, 'the end of the line', 'a value', /whole on one line/],
  ['{', 1, 'the end of the line', 'a key in double quotes', /whole on one line/],
  ['{"a":NaN}', 5, 'NaN', 'a value', /no NaN; write null/],
  ['[-Infinity]', 1, '-Infinity', 'a value', /no -Infinity/],
  ['{"a": None}', 6, 'None', 'a value', /Python; write null/],
  ["{'a': 1}", 1, '"\'"', 'a key in double quotes', /quotes with "/],
  ['[1,]', 3, '"]"', 'another entry', /Remove the comma/],
  ['{"a":1,}', 7, '"}"', 'another entry', /Remove the comma/],
  ['[1 2]', 3, '"2"', '"," or "]"', null],
  ['{"a" 1}', 5, '"1"', '":" after the key', null],
  ['{"a":1}{"b":2}', 7, '"{"', 'the end of the line', /line of its own/],
  ['{"a":1} x', 8, 'x', 'the end of the line', null],
  ['"a\nb"', 2, '"\\n"', 'no control character inside a text', /Write it as \\n/],
  ['"a\\qb"', 2, '"\\\\"', 'an escape that JSON knows', /backslash/],
  ['["abc', 5, 'the end of the line', 'a closing quote', /begins at column 2/],
  ['01', 1, '"1"', 'the end of the line', null],
  ['// x', 0, '"/"', 'a value', /no comments/],
];

test.each(broken)('%j breaks where and as it does', (text, at, found, expected, hint) => {
  expect(accepts(text)).toBe(false);
  const { fault } = scan(text);
  expect(fault).toMatchObject({ at, found, expected, reason: 'syntax' });
  if (hint === null) expect(fault?.hint).toBeNull();
  else expect(fault?.hint).toMatch(hint);
});

test('it accepts what JSON.parse accepts and refuses what it refuses', () => {
  const mutated = fc
    .tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.constantFrom('', '"', '\\', ',', '}', ']', '0', 'e', ' ', '\u0001'))
    .map(([text, at, piece]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + piece + text.slice(place + 1);
    });
  fc.assert(
    fc.property(fc.oneof(fc.json({ maxDepth: 4 }), mutated, fc.string()), (text) => {
      expect(scan(text).fault === null).toBe(accepts(text));
    }),
    { numRuns: 2000 },
  );
});

test('keys that are there twice are named with their path, however they are spelled', () => {
  expect(scan('{"a":1,"b":[{"x y":1,"x y":2}],"\\u0061":3}').duplicates).toEqual(['$.b[0]["x y"]', '$.a']);
  expect(scan('{"a":{"a":1},"b":{"a":1}}').duplicates).toEqual([]);
});

test('nesting deeper than allowed is a fault of its own, whatever its depth', () => {
  expect(scan('[[[]]]', 3).fault).toBeNull();
  expect(scan('[[[[]]]]', 3).fault).toMatchObject({ at: 3, reason: 'depth' });
  expect(scan('['.repeat(1_000_000)).fault).toMatchObject({ at: 100, reason: 'depth' });
});
