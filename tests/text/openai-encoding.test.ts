/** Counting by hand-made rules and a table of words, beside its slow twin: the pattern and the merges. */

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OpenAIEncoding, openAIEncodings } from '../../src/text/openai-encoding.ts';
import { WordTable } from '../../src/text/word-table.ts';

/** What the rules tell apart, and neighbours of it beyond ASCII. */
const pieces = "' 's 'LL 'Re 've 'ſ '' a bc Z XY r e l 0 12 ٣ ½ ( ... / _ $ <|endoftext|> é É ǅ ʰ の 一二 ’ — 👩‍👩‍👧 ﬁ"
  .split(' ')
  .concat([' ', '  ', '\t', '\n', '\r\n', '\r', '\v', '/\n', '\u0000', '\u007f'])
  .concat(['\u0085', '\u00a0', '\u2028', '\ufeff', '\u0301', '\ud800']);

describe.each(openAIEncodings)('%s', (name) => {
  test('every mixture of letters, marks, digits and spaces counts as many tokens as it has', async () => {
    const encoding = await OpenAIEncoding.load(name);
    const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(texts, (text) => {
        expect(encoding.count(text)).toBe(encoding.encode(text).length);
      }),
      { numRuns: 2000 },
    );
  });

  test('any text at all does, whatever was counted before it', async () => {
    const encoding = await OpenAIEncoding.load(name);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 50 }), fc.string({ maxLength: 50 }), (strange, plain) => {
        expect(encoding.count(strange)).toBe(encoding.encode(strange).length);
        expect(encoding.count(plain)).toBe(encoding.encode(plain).length);
      }),
      { numRuns: 500 },
    );
  });
});

test('words that were learnt go when there are too many of them; the others stay', () => {
  const codes = new Uint16Array(64);
  const write = (word: string): number => {
    for (let i = 0; i < word.length; i++) codes[i] = word.charCodeAt(i);
    return word.length;
  };
  const staying = Array.from({ length: 1000 }, (_, i) => `stays${i}`);
  const counts = new WordTable(staying, 1);
  const get = (word: string): number => counts.get(codes, 0, write(word));
  const learn = (word: string, value: number): void => counts.learn(codes, 0, write(word), value);
  for (let i = 0; i < 200_000; i++) learn(`learnt${i}`, 2 + (i % 7));
  expect([0, 99_999, 199_999].map((i) => get(`learnt${i}`))).toEqual([0, 99_999, 199_999].map((i) => 2 + (i % 7)));
  expect([get('unknown'), get('stays'), get('stays7')]).toEqual([0, 0, 1]);
  learn('one too many', 5);
  expect([get('one too many'), get('learnt0'), get('learnt199999')]).toEqual([5, 0, 0]);
  expect(staying.map(get)).toEqual(staying.map(() => 1));
});
