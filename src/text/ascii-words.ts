/**
 * Where vocabularies end a word, found by hand in ASCII: what most text is, and many times as fast as a regular
 * expression. Wherever another character might have a say, it passes; the patterns in `openai-encoding.ts` and
 * `pre-tokenizers.ts` decide.
 *
 * The rules, in the order in which they are tried (a mark is anything that is neither white space, letter nor digit):
 *
 *   o200k_base    a lead (no line break, letter or digit), capitals, small letters, 's or the like
 *   the others    's or the like; a lead (in gpt-2 and smollm only a space), letters
 *   all           digits: up to three, in smollm and qwen2 one, in gpt-2 any number with the space before them
 *                 a space, marks, line breaks (and / in o200k_base, neither in gpt-2 and smollm)
 *                 white space up to its last line break (not in gpt-2 and smollm), or but for its last character, or
 *                 all of it at the end (in smollm also before a digit)
 */

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

type Rules = 'o200k_base' | 'cl100k_base' | 'gpt-2' | 'smollm' | 'qwen2' | 'llama-bpe';

export const wordEnds: Record<Rules, WordEnd> = {
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
    if (first === digit) return afterDigits(codes, start, length, 3);
    const end = afterMarks(codes, start, length, slash);
    return end === start ? afterSpace(codes, start, length) : end;
  },
  cl100k_base: (codes, start, length) => {
    const end = afterLetters(codes, start, length, 3);
    if (end !== start) return end;
    const behind = spaceEnd(codes, start, length);
    return behind === length ? length : afterSpace(codes, start, length);
  },
  'llama-bpe': (codes, start, length) => {
    const end = afterLetters(codes, start, length, 3);
    return end === start ? afterSpace(codes, start, length) : end;
  },
  qwen2: (codes, start, length) => {
    const end = afterLetters(codes, start, length, 1);
    return end === start ? afterSpace(codes, start, length) : end;
  },
  'gpt-2': (codes, start, length) => {
    const end = afterSpacedWord(codes, start, length);
    if (end !== start) return end;
    const digits = codes[start] === space ? start + 1 : start;
    if (kindAt(codes, digits, length) === digit) return afterDigits(codes, digits, length, Infinity);
    return butForTheLast(start, spaceEnd(codes, start, length), length);
  },
  smollm: (codes, start, length) => {
    const end = afterSpacedWord(codes, start, length);
    if (end !== start) return end;
    if (kindAt(codes, start) === digit) return start + 1;
    const behind = spaceEnd(codes, start, length);
    return kindAt(codes, behind, length) === digit ? behind : butForTheLast(start, behind, length);
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

/** Behind 's, a lead and letters, digits, or marks and line breaks; `start` where there is only white space. */
function afterLetters(codes: Uint16Array, start: number, length: number, digitsMax: number): number {
  if (codes[start] === apostrophe) {
    const end = afterContraction(codes, start, length);
    if (end !== start) return end;
  }
  const first = kindAt(codes, start);
  const at = first === blank || first === mark ? start + 1 : start;
  const lead = at === start ? first : kindAt(codes, at, length);
  if (lead === small || lead === capital) return runEnd(codes, at, length, small, capital);
  if (lead === foreign) return -1;
  return first === digit ? afterDigits(codes, start, length, digitsMax) : afterMarks(codes, start, length, lineFeed);
}

/** Behind 's in small letters, or a space and letters or marks; `start` where there are only digits and white space. */
function afterSpacedWord(codes: Uint16Array, start: number, length: number): number {
  if (codes[start] === apostrophe) {
    const end = afterContraction(codes, start, length);
    if (end < 0 || end === start) return end < 0 ? -1 : runEnd(codes, start, length, mark, mark);
    for (let i = start + 1; i < end; i++)
      if (kindAt(codes, i) === capital) return runEnd(codes, start, length, mark, mark);
    return end;
  }
  const at = codes[start] === space ? start + 1 : start;
  const lead = kindAt(codes, at, length);
  if (lead === foreign) return -1;
  if (lead === small || lead === capital) return runEnd(codes, at, length, small, capital);
  return lead === mark ? runEnd(codes, at, length, mark, mark) : start;
}

/** Behind characters of two kinds, or -1 when a foreign one follows. */
function runEnd(codes: Uint16Array, start: number, length: number, one: number, other: number): number {
  let end = start;
  while (end < length && (kindAt(codes, end) === one || kindAt(codes, end) === other)) end++;
  return end < length && codes[end]! > 127 ? -1 : end;
}

function afterDigits(codes: Uint16Array, start: number, length: number, most: number): number {
  let end = start + 1;
  while (end < length && end < start + most && kindAt(codes, end) === digit) end++;
  return end < start + most && end < length && codes[end]! > 127 ? -1 : end;
}

/** Behind a space, marks, line breaks and what is `also` taken; `start` where there are no marks. */
function afterMarks(codes: Uint16Array, start: number, length: number, also: number): number {
  const marks = codes[start] === space ? start + 1 : start;
  let end = marks;
  while (end < length && kindAt(codes, end) === mark) end++;
  if (end === marks) return start;
  if (end < length && codes[end]! > 127) return -1;
  while (end < length && (kindAt(codes, end) === lineBreak || codes[end] === also)) end++;
  return end;
}

/** Behind the last line break of white space, or as `butForTheLast`. */
function afterSpace(codes: Uint16Array, start: number, length: number): number {
  const end = spaceEnd(codes, start, length);
  if (end < 0) return -1;
  for (let at = end - 1; at >= start; at--) if (kindAt(codes, at) === lineBreak) return at + 1;
  return butForTheLast(start, end, length);
}

/** White space up to `end`, all of it at the end of the text, else its last character belongs to what follows. */
function butForTheLast(start: number, end: number, length: number): number {
  return end < 0 || end === length || end === start + 1 ? end : end - 1;
}

/** Where white space ends, or -1 when a foreign character follows, which may be white space too. */
function spaceEnd(codes: Uint16Array, start: number, length: number): number {
  let end = start;
  while (end < length && (kindAt(codes, end) === blank || kindAt(codes, end) === lineBreak)) end++;
  return end < length && codes[end]! > 127 ? -1 : end;
}
