/** Words cut by hand-made rules, beside their slow twins, the patterns. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { preTokenizers } from '../../src/text/pre-tokenizers.ts';
import { codesOf, WordIds } from '../../src/text/words.ts';

/** What the rules tell apart, and neighbours of it beyond ASCII. */
const pieces = "' 's 'LL 'Re 've 'd 'T 'ſ '' a bc Z XY r e l 0 12 3456 ٣ ½ ( ... / _ $ é É の 一二 ’ —"
  .split(' ')
  .concat([' ', '  ', '\t', '\n', '\r\n', '\r', '\v', '/\n', '\u0000', '\u001c', '\u007f'])
  .concat(['\u0085', '\u00a0', '\u2028', '\ufeff', '\u0301']);
const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join(''));

describe.each([...preTokenizers])('%s', (_, { pattern, wordEnd }) => {
  test('wherever the rules know the end of a word, it is where the pattern ends it', () => {
    let known = 0;
    fc.assert(
      fc.property(texts, (text) => {
        const codes = codesOf(text);
        let start = 0;
        for (const word of text.match(pattern) ?? []) {
          const end = wordEnd(codes, start, text.length);
          if (end >= 0) {
            known += 1;
            expect(JSON.stringify(text.slice(start, end)), JSON.stringify(text)).toBe(JSON.stringify(word));
          }
          start += word.length;
        }
      }),
      { numRuns: 3000 },
    );
    expect(known).toBeGreaterThan(5000);
  });
});

test('the ids of a word are the same before and after it was learnt, forgotten and learnt again', () => {
  const encode = (word: string): number[] => Array.from(word, (character) => character.codePointAt(0)!);
  const words = new WordIds(encode);
  const append = (text: string): number[] => {
    const ids: number[] = [];
    words.append(text, codesOf(text), 0, text.length, ids);
    return ids;
  };
  const some = ['a', 'tokens', 'x'.repeat(64), 'y'.repeat(65), 'z'.repeat(1000)];
  for (let round = 0; round < 3; round++) {
    for (const word of some) for (let i = 0; i < 2; i++) expect(append(word)).toEqual(encode(word));
    for (let i = 0; i < 150_000; i++) append(`word ${round} ${i}`);
  }
});
