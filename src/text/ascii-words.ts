/**
 * Where OpenAI's encodings end a word, found by hand in ASCII: what most text is, and many times as fast as a regular
 * expression. Wherever another character might have a say, it passes; the pattern in `openai-encoding.ts` decides.
 *
 * The rules, in the order in which they are tried (a mark is anything that is neither white space, letter nor digit):
 *
 *   o200k_base    a lead (no line break, letter or digit), capitals, small letters, 's or the like
 *   cl100k_base   's or the like; a lead and letters
 *   both          up to three digits
 *                 a space, marks, line breaks (and / in o200k_base)
 *                 white space up to its last line break, or but for its last character, or all of it at the end
 */

import type { OpenAIEncodingName } from './openai-encoding.ts';

const mark = 0;
const small = 1;
const capital = 2;
const digit = 3;
const blank = 4;
const lineBreak = 5;
/** Everything beyond ASCII. */
const foreign = 6;

const kinds = new Uint8Array(128).map((_, code) => kindOf(String.fromCharCode(code)));

function kindOf(character: string): number {
  if (/[a-z]/.test(character)) return small;
  if (/[A-Z]/.test(character)) return capital;
  if (/[0-9]/.test(character)) return digit;
  if (/[\r\n]/.test(character)) return lineBreak;
  return /[\t\v\f ]/.test(character) ? blank : mark;
}

const lineFeed = 0x0a;
const space = 0x20;
const slash = 0x2f;
const apostrophe = 0x27;

/** The end of the word that begins at `start`, or -1 where ASCII alone does not tell. `length` ends the text. */
export type WordEnd = (codes: Uint16Array, start: number, length: number) => number;

export const wordEnds: Record<OpenAIEncodingName, WordEnd> = {
  o200k_base: (codes, start, length) => {
    const first = kindAt(codes, start);
    const at = first === blank || first === mark ? start + 1 : start;
    const lead = at === start ? first : kindAt(codes, at, length);
    if (lead === small || lead === capital) {
      let end = at;
      while (end < length && kindAt(codes, end) === capital) end++;
      while (end < length && kindAt(codes, end) === small) end++;
      if (end === length) return end;
      if (codes[end]! > 127) return -1;
      return codes[end] === apostrophe ? afterContraction(codes, end, length) : end;
    }
    if (lead === foreign) return -1;
    return first === digit ? afterDigits(codes, start, length) : afterMarksOrSpace(codes, start, length, true);
  },
  cl100k_base: (codes, start, length) => {
    if (codes[start] === apostrophe) {
      const end = afterContraction(codes, start, length);
      if (end !== start) return end;
    }
    const first = kindAt(codes, start);
    const at = first === blank || first === mark ? start + 1 : start;
    const lead = at === start ? first : kindAt(codes, at, length);
    if (lead === small || lead === capital) {
      let end = at + 1;
      while (end < length && (kindAt(codes, end) === small || kindAt(codes, end) === capital)) end++;
      return end < length && codes[end]! > 127 ? -1 : end;
    }
    if (lead === foreign) return -1;
    return first === digit ? afterDigits(codes, start, length) : afterMarksOrSpace(codes, start, length, false);
  },
};

/** What is at a place; behind the end of the text a line break, which nothing leads. */
function kindAt(codes: Uint16Array, at: number, length = Infinity): number {
  if (at >= length) return lineBreak;
  return codes[at]! < 128 ? kinds[codes[at]!]! : foreign;
}

/** Behind 's, 't, 'm, 'd, 're, 've or 'll in any case; at the apostrophe where there is none. */
function afterContraction(codes: Uint16Array, at: number, length: number): number {
  if (at + 1 >= length) return at;
  if (codes[at + 1]! > 127) return -1;
  const one = codes[at + 1]! | 0x20;
  if (one === 0x73 || one === 0x74 || one === 0x6d || one === 0x64) return at + 2;
  if (at + 2 >= length) return at;
  const two = codes[at + 2]! | 0x20;
  const found = (two === 0x65 && (one === 0x72 || one === 0x76)) || (two === 0x6c && one === 0x6c);
  return found ? at + 3 : at;
}

function afterDigits(codes: Uint16Array, start: number, length: number): number {
  let end = start + 1;
  while (end < length && end < start + 3 && kindAt(codes, end) === digit) end++;
  return end < start + 3 && end < length && codes[end]! > 127 ? -1 : end;
}

function afterMarksOrSpace(codes: Uint16Array, start: number, length: number, isO200k: boolean): number {
  let end = codes[start] === space ? start + 1 : start;
  const marks = end;
  while (end < length && kindAt(codes, end) === mark) end++;
  if (end > marks) {
    if (end < length && codes[end]! > 127) return -1;
    const also = isO200k ? slash : lineFeed;
    while (end < length && (kindAt(codes, end) === lineBreak || codes[end] === also)) end++;
    return end;
  }
  let lastBreak = -1;
  for (end = start; end < length; end++) {
    const kind = kindAt(codes, end);
    if (kind === lineBreak) lastBreak = end;
    else if (kind !== blank) break;
  }
  if (end < length && codes[end]! > 127) return -1;
  if (end === length && !isO200k) return end;
  if (lastBreak >= 0) return lastBreak + 1;
  return end === length || end === start + 1 ? end : end - 1;
}
