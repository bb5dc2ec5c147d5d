/**
 * How byte-level vocabularies cut text into words before any merging; a merge never crosses such a cut.
 *
 * The patterns are those the vocabularies were trained with, under the names GGUF gives them. JavaScript's
 * `\s` is not Unicode's White_Space, so that is spelled out.
 */

import { wordEnds, type WordEnd } from './ascii-words.ts';

export interface PreTokenizer {
  readonly pattern: RegExp;
  /** The same word by word, and many times as fast, where it knows. */
  readonly wordEnd: WordEnd;
  /** Text is brought to this Unicode form first. */
  readonly normalisation: 'NFC' | null;
  /** A word that is a token as a whole stays one, whatever the merges say. */
  readonly wholeWords: boolean;
  /** Whether a text begins with the BOS token when the file does not say. */
  readonly addBos: boolean;
}

const space = String.raw`\p{White_Space}`;
const contractions = "'s|'t|'re|'ve|'m|'ll|'d";
const anyCaseContractions = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]";

/** GPT-2: a word takes the space before it along; the last of several spaces belongs to the next word. */
const gpt2 = [
  contractions,
  String.raw` ?\p{L}+`,
  String.raw` ?\p{N}+`,
  String.raw` ?[^${space}\p{L}\p{N}]+`,
  String.raw`${space}+(?!\P{White_Space})`,
  `${space}+`,
];

/** SmolLM: every digit is cut off first, then GPT-2's rules work on what lies between the digits. */
const smollm = [
  contractions,
  String.raw` ?\p{L}+`,
  String.raw`\p{N}`,
  String.raw` ?[^${space}\p{L}\p{N}]+`,
  String.raw`${space}+(?![^${space}\p{N}])`,
  `${space}+`,
];

/** Llama 3 and Qwen: any one sign may lead a word, and line breaks stick to the signs or spaces before them. */
const llama3 = (digits: string): string[] => [
  anyCaseContractions,
  String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`,
  digits,
  String.raw` ?[^${space}\p{L}\p{N}]+[\r\n]*`,
  String.raw`${space}*[\r\n]+`,
  String.raw`${space}+(?!\P{White_Space})`,
  `${space}+`,
];

const compile = (alternatives: readonly string[]): RegExp => new RegExp(alternatives.join('|'), 'gu');
const plain = { normalisation: null, wholeWords: false, addBos: false } as const;

/** By `tokenizer.ggml.pre`. */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map([
  ['gpt-2', { ...plain, wordEnd: wordEnds['gpt-2'], pattern: compile(gpt2) }],
  ['smollm', { ...plain, wordEnd: wordEnds.smollm, pattern: compile(smollm) }],
  ['qwen2', { ...plain, wordEnd: wordEnds.qwen2, pattern: compile(llama3(String.raw`\p{N}`)), normalisation: 'NFC' }],
  [
    'llama-bpe',
    {
      ...plain,
      wordEnd: wordEnds['llama-bpe'],
      pattern: compile(llama3(String.raw`\p{N}{1,3}`)),
      wholeWords: true,
      addBos: true,
    },
  ],
]);
