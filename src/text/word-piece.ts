/**
 * BERT's tokenizer: text is cleaned and cut into words, and each word into the longest pieces of the vocabulary.
 *
 *   "Café, ok"   words  cafe  ,  ok       pieces  ▁ca fe ▁, ▁ok
 *
 * Letters are cleaned one by one, so that each knows which characters of the text it came from: whoever labels words
 * must point back into the text. A word that has no pieces is the unknown token as a whole. In a model file a piece
 * that begins a word has a ▁ before it, as llama.cpp writes it.
 */

import { spaceMark, type Vocabulary } from './vocabulary.ts';

export interface WordPieceRules {
  /** Models without capitals also drop accents, unless they say otherwise. */
  readonly lowercase: boolean;
  readonly stripAccents: boolean;
  /** Whether every CJK character is a word. */
  readonly splitChinese: boolean;
}

/** Places are UTF-16 units of the text, the end exclusive. */
export interface Word {
  readonly start: number;
  readonly end: number;
  /** The ids of its pieces, at least one. */
  readonly ids: readonly number[];
}

/** Longer words are unknown. */
const lettersMax = 100;

export class WordPiece {
  readonly #rules: WordPieceRules;
  readonly #unknownId: number;
  readonly #beginning = new Map<string, number>();
  readonly #following = new Map<string, number>();
  /** Letters of the longest piece. */
  readonly #longest: number;
  readonly #known = new Map<string, readonly number[]>();

  constructor(vocabulary: Vocabulary, rules: WordPieceRules, unknownId: number) {
    this.#rules = rules;
    this.#unknownId = unknownId;
    let longest = 1;
    for (const [id, text] of vocabulary.texts.entries()) {
      if (vocabulary.plainId(text) !== id) continue;
      const begins = text.startsWith(spaceMark) && text.length > 1;
      const letters = begins ? text.slice(1) : text;
      (begins ? this.#beginning : this.#following).set(letters, id);
      longest = Math.max(longest, letters.length);
    }
    this.#longest = longest;
  }

  words(text: string): Word[] {
    return cutWords(text, this.#rules).map(({ start, end, letters }) => ({ start, end, ids: this.#pieces(letters) }));
  }

  #pieces(letters: string): readonly number[] {
    const known = this.#known.get(letters);
    if (known !== undefined) return known;
    const ids = this.#cut(letters) ?? [this.#unknownId];
    if (this.#known.size >= knownMax) this.#known.clear();
    this.#known.set(letters, ids);
    return ids;
  }

  #cut(letters: string): number[] | null {
    if (letters.length > lettersMax && Array.from(letters).length > lettersMax) return null;
    const ids: number[] = [];
    for (let start = 0; start < letters.length;) {
      const pieces = start === 0 ? this.#beginning : this.#following;
      let end = Math.min(letters.length, start + this.#longest);
      let id: number | undefined;
      for (; end > start; end--) {
        id = pieces.get(letters.slice(start, end));
        if (id !== undefined) break;
      }
      if (id === undefined) return null;
      ids.push(id);
      start = end;
    }
    return ids;
  }
}

const knownMax = 100_000;

interface RawWord {
  readonly start: number;
  readonly end: number;
  readonly letters: string;
}

/** Words as BERT cuts them: at white space, which is dropped, and around every punctuation mark. */
function cutWords(text: string, rules: WordPieceRules): RawWord[] {
  const words: RawWord[] = [];
  let [letters, start, end] = ['', 0, 0];
  const close = (): void => {
    if (letters !== '') words.push({ start, end, letters });
    letters = '';
  };
  let at = 0;
  for (const character of text.toWellFormed()) {
    const [from, to] = [at, (at += character.length)];
    if (isSpace(character)) {
      close();
      continue;
    }
    if (isDropped(character)) continue;
    const alone = rules.splitChinese && isChinese(character.codePointAt(0)!);
    if (alone) close();
    for (const letter of cleaned(character, rules)) {
      const mark = isPunctuation(letter);
      if (mark) close();
      if (letters === '') start = from;
      letters += letter;
      end = to;
      if (mark) close();
    }
    if (alone) close();
  }
  close();
  return words;
}

function cleaned(character: string, { lowercase, stripAccents }: WordPieceRules): string {
  const code = character.charCodeAt(0);
  if (code < 128) return lowercase ? character.toLowerCase() : character;
  const bare = stripAccents ? character.normalize('NFD').replace(/\p{Mn}/gu, '') : character;
  return lowercase ? Array.from(bare, (letter) => letter.toLowerCase()).join('') : bare;
}

const isSpace = (character: string): boolean => /^[\t\n\r\p{White_Space}]$/u.test(character) && !isDropped(character);

/** Control characters and their like; what tells lines and tabs apart is white space. */
const isDropped = (character: string): boolean =>
  character === '\ufffd' || (/^\p{C}$/u.test(character) && !/^[\t\n\r]$/.test(character));

const isPunctuation = (letter: string): boolean => /^[!-/:-@[-`{-~\p{P}]$/u.test(letter);

const isChinese = (code: number): boolean => chinese.some(([first, last]) => code >= first && code <= last);

/** The blocks that BERT's authors named. */
const chinese = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
] as const;
