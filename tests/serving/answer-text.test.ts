import { array, assert, constantFrom, nat, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import { AnswerText } from '../../src/serving/answer-text.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What comes out, piece by piece; the last piece is what the end gave. */
function pieces(stops: readonly string[], ...input: readonly (string | readonly number[])[]): string[] {
  const answer = new AnswerText(stops);
  const out = input.map((part) => answer.push(typeof part === 'string' ? bytesOf(part) : Uint8Array.from(part)));
  return [...out, answer.end()];
}

test('text without stop strings goes straight through', () => {
  expect(pieces([], 'Hello', ', ', 'world')).toEqual(['Hello', ', ', 'world', '']);
});

test('a character spread over tokens appears when it is whole', () => {
  const [a, b, c, d] = bytesOf('🧵');
  expect(pieces([], [a!], [b!, c!], [d!], 'x')).toEqual(['', '', '🧵', 'x', '']);
});

test('a character that never becomes whole is shown as a replacement', () => {
  expect(pieces([], [0xf0, 0x9f], 'x')).toEqual(['', '\ufffdx', '']);
  expect(pieces([], 'x', [0xf0, 0x9f])).toEqual(['x', '', '\ufffd']);
});

test('a byte order mark is text like any other', () => {
  expect(pieces([], '\ufeffa')).toEqual(['\ufeffa', '']);
});

test('what may become a stop string waits, and comes when it did not', () => {
  expect(pieces(['END'], 'the E', 'N', 'joy')).toEqual(['the ', '', 'ENjoy', '']);
  expect(pieces(['END'], 'the E', 'ND of it', 'all')).toEqual(['the ', '', '', '']);
  expect(pieces(['END'], 'so E')).toEqual(['so ', 'E']);
});

test('of several stop strings the first in the text counts', () => {
  expect(pieces(['cd', 'b'], 'abcd')).toEqual(['a', '']);
  expect(pieces(['bcd', 'c'], 'ab', 'cx')).toEqual(['a', 'b', '']);
});

test('however an answer is cut into tokens, the text is the one before the first stop string', () => {
  const letters = string({ unit: constantFrom('a', 'b', 'é', '🧵'), maxLength: 30 });
  const stops = array(string({ unit: constantFrom('a', 'b', 'é'), minLength: 1, maxLength: 4 }), {
    maxLength: 4,
  });
  assert(
    property(letters, stops, array(nat(5), { maxLength: 40 }), (text, stops, cuts) => {
      const bytes = bytesOf(text);
      const answer = new AnswerText(stops);
      let out = '';
      let at = 0;
      for (const length of [...cuts, bytes.length]) {
        out += answer.push(bytes.subarray(at, at + length));
        at += length;
        expect(answer.given).toBe(out.length);
      }
      out += answer.end();
      const ends = stops.map((stop) => text.indexOf(stop)).filter((end) => end >= 0);
      expect(answer.stopped).toBe(ends.length > 0);
      expect(out).toBe(text.slice(0, Math.min(text.length, ...ends)));
    }),
  );
});
