/**
 * OpenAI's own encodings, for counting what a text would be there: `o200k_base` (GPT-4o, GPT-4.1, o4) and
 * `cl100k_base` (GPT-3.5, GPT-4, babbage-002, davinci-002).
 *
 * The ranks come from a package, the merging is ours: in n log n however long a word is, where the usual
 * implementations take n². Text is only ever text here: the name of a special token is encoded as the letters it is.
 */

import { wordEnds } from './ascii-words.ts';
import { merge, type Merges } from './merge.ts';
import { WordTable } from './word-table.ts';

export const openAIEncodings = ['o200k_base', 'cl100k_base'] as const;
export type OpenAIEncodingName = (typeof openAIEncodings)[number];

/** What a token is by its rank; bytes where these are no whole characters. */
type Ranks = readonly (string | readonly number[])[];

/** Longer texts are counted in pieces: a regular expression would run out of its own stack. */
const pieceLength = 1 << 20;
/** The character codes of the piece at hand. */
const codes = new Uint16Array(pieceLength);

export class OpenAIEncoding {
  readonly name: OpenAIEncodingName;
  readonly #pattern: RegExp;
  /** The pattern at one place. */
  readonly #sticky: RegExp;
  readonly #merges: RankedMerges;
  /** How many tokens a word is: every word that is one, and those that were seen. */
  readonly #counts: WordTable;

  /** The same for everyone in this thread: it is some tens of megabytes. */
  static load(name: OpenAIEncodingName): Promise<OpenAIEncoding> {
    const loading = loaded.get(name) ?? sources[name]().then(({ default: ranks }) => new OpenAIEncoding(name, ranks));
    loaded.set(name, loading);
    return loading;
  }

  private constructor(name: OpenAIEncodingName, ranks: Ranks) {
    this.name = name;
    this.#pattern = patterns[name];
    this.#sticky = new RegExp(this.#pattern, 'uy');
    this.#merges = new RankedMerges(ranks);
    const words = ranks.filter((token) => typeof token === 'string');
    this.#counts = new WordTable(words, 1);
  }

  count(text: string): number {
    if (text.length > pieceLength) return piecesOf(text).reduce((sum, piece) => sum + this.count(piece), 0);
    const { length } = text;
    for (let i = 0; i < length; i++) codes[i] = text.charCodeAt(i);
    const wordEnd = wordEnds[this.name];
    let count = 0;
    for (let start = 0; start < length;) {
      let end = wordEnd(codes, start, length);
      if (end < 0) end = this.#endByPattern(text, start);
      count += this.#counts.get(codes, start, end) || this.#learn(text, start, end);
      start = end;
    }
    return count;
  }

  encode(text: string): number[] {
    return piecesOf(text).flatMap((piece) =>
      (piece.match(this.#pattern) ?? []).flatMap((word) => this.#merges.whole(word) ?? this.#merges.split(word)),
    );
  }

  #endByPattern(text: string, start: number): number {
    this.#sticky.lastIndex = start;
    this.#sticky.test(text);
    return this.#sticky.lastIndex;
  }

  #learn(text: string, start: number, end: number): number {
    const count = this.#merges.split(text.slice(start, end)).length;
    this.#counts.learn(codes, start, end, count);
    return count;
  }
}

const loaded = new Map<OpenAIEncodingName, Promise<OpenAIEncoding>>();

/** Cut before a space between two words, where no word is cut; where there is none, at most one token is off. */
function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length;) {
    let end = start + pieceLength;
    if (end < text.length) {
      const words = /\p{L} (?=\p{L}[^]*$)/u.exec(text.slice(end - 200, end));
      if (words !== null) end += words.index + 1 - 200;
      else if (text.codePointAt(end - 1)! > 0xffff) end--;
    }
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}

const pairBits = 18;

/** Two neighbours become one token when their bytes together are one, and the token of the lowest rank comes first. */
class RankedMerges implements Merges {
  /** Bytes, each as the character of its number. */
  readonly #spellings: readonly string[];
  readonly #ranks: ReadonlyMap<string, number>;
  readonly #byteRanks: readonly number[];
  /** Pairs that were asked for of late: left plus 1, right, rank. */
  readonly #pairs = new Int32Array(3 * 2 ** pairBits);

  constructor(ranks: Ranks) {
    this.#spellings = ranks.map(spell);
    const byBytes = new Map<string, number>();
    this.#spellings.forEach((bytes, rank) => byBytes.set(bytes, rank));
    this.#ranks = byBytes;
    this.#byteRanks = Array.from({ length: 256 }, (_, byte) => byBytes.get(String.fromCharCode(byte))!);
  }

  rank(left: number, right: number): number {
    const slot = 3 * ((Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> (32 - pairBits));
    const pairs = this.#pairs;
    if (pairs[slot] === left + 1 && pairs[slot + 1] === right) return pairs[slot + 2]!;
    const rank = this.#ranks.get(this.#spellings[left]! + this.#spellings[right]!) ?? -1;
    pairs[slot] = left + 1;
    pairs[slot + 1] = right;
    pairs[slot + 2] = rank;
    return rank;
  }

  result(left: number, right: number): number {
    return this.rank(left, right);
  }

  /** The token that a word is as a whole. */
  whole(word: string): number | undefined {
    return this.#ranks.get(Buffer.from(word).toString('latin1'));
  }

  /** The tokens of a word that is none. */
  split(word: string): number[] {
    const bytes = Buffer.from(word);
    const symbols: number[] = [];
    for (let i = 0; i < bytes.length; i++) symbols.push(this.#byteRanks[bytes[i]!]!);
    return merge(symbols, this);
  }
}

/** The bytes of a token, each as the character of its number. */
function spell(token: Ranks[number]): string {
  if (typeof token !== 'string') return String.fromCharCode(...token);
  const sizeBytes = Buffer.byteLength(token);
  return sizeBytes === token.length ? token : Buffer.from(token).toString('latin1');
}

const sources: Record<OpenAIEncodingName, () => Promise<{ default: Ranks }>> = {
  o200k_base: () => import('gpt-tokenizer/bpeRanks/o200k_base'),
  cl100k_base: () => import('gpt-tokenizer/bpeRanks/cl100k_base'),
};

const space = String.raw`\p{White_Space}`;
/** In any case, and with the long s that folds to s. */
const contraction = "'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])";
const upper = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const lower = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;

/** How text is cut into words before any merging. JavaScript's own `\s` is not Unicode's White_Space. */
const patterns: Record<OpenAIEncodingName, RegExp> = {
  o200k_base: oneAfterAnother(
    String.raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+(?:${contraction})?`,
    String.raw`[^\r\n\p{L}\p{N}]?${upper}+${lower}*(?:${contraction})?`,
    String.raw`\p{N}{1,3}`,
    String.raw` ?[^${space}\p{L}\p{N}]+[\r\n/]*`,
    String.raw`${space}*[\r\n]+`,
    String.raw`${space}+(?!\P{White_Space})`,
    `${space}+`,
  ),
  cl100k_base: oneAfterAnother(
    contraction,
    String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`,
    String.raw`\p{N}{1,3}`,
    String.raw` ?[^${space}\p{L}\p{N}]+[\r\n]*`,
    `${space}+$`,
    String.raw`${space}*[\r\n]`,
    String.raw`${space}+(?!\P{White_Space})`,
    space,
  ),
};

function oneAfterAnother(...alternatives: readonly string[]): RegExp {
  return new RegExp(alternatives.join('|'), 'gu');
}
