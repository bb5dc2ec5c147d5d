/**
 * OpenAI's own encodings, for counting what a text would be there: `o200k_base` (GPT-4o, GPT-4.1, o4) and
 * `cl100k_base` (GPT-3.5, GPT-4, babbage-002, davinci-002).
 *
 * The ranks come from a package, the merging is ours: in n log n however long a word is, where the usual
 * implementations take n². Text is only ever text here: the name of a special token is encoded as the letters it is.
 */

import { merge, type Merges } from './merge.ts';

export const openAIEncodings = ['o200k_base', 'cl100k_base'] as const;
export type OpenAIEncodingName = (typeof openAIEncodings)[number];

/** What a token is by its rank; bytes where these are no whole characters. */
type Ranks = readonly (string | readonly number[])[];

const wordsMax = 200_000;
const wordLengthMax = 64;
/** Longer texts are counted in pieces: a regular expression would run out of its own stack. */
const pieceLength = 1 << 20;

export class OpenAIEncoding {
  readonly name: OpenAIEncodingName;
  readonly #pattern: RegExp;
  readonly #merges: RankedMerges;
  /** How many tokens a word is: every word that is one, and those that were seen. */
  readonly #counts = new Map<string, number>();
  #learnt: string[] = [];

  static async load(name: OpenAIEncodingName): Promise<OpenAIEncoding> {
    const { default: ranks } = await sources[name]();
    return new OpenAIEncoding(name, ranks);
  }

  private constructor(name: OpenAIEncodingName, ranks: Ranks) {
    this.name = name;
    this.#pattern = patterns[name];
    this.#merges = new RankedMerges(ranks);
    for (const token of ranks) if (typeof token === 'string') this.#counts.set(token, 1);
  }

  count(text: string): number {
    let count = 0;
    for (const word of this.#wordsOf(text)) count += this.#counts.get(word) ?? this.#learn(word);
    return count;
  }

  encode(text: string): number[] {
    return this.#wordsOf(text).flatMap((word) => this.#merges.split(word));
  }

  #learn(word: string): number {
    const count = this.#merges.split(word).length;
    if (word.length > wordLengthMax) return count;
    if (this.#learnt.length === wordsMax) {
      for (const old of this.#learnt) this.#counts.delete(old);
      this.#learnt = [];
    }
    // A slice keeps alive the whole text that it was cut from; a copy does not.
    const copy = Buffer.from(word, 'utf16le').toString('utf16le');
    this.#counts.set(copy, count);
    this.#learnt.push(copy);
    return count;
  }

  #wordsOf(text: string): readonly string[] {
    if (text.length <= pieceLength) return text.match(this.#pattern) ?? [];
    return piecesOf(text).flatMap((piece) => piece.match(this.#pattern) ?? []);
  }
}

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

/** Two neighbours become one token when their bytes together are one, and the token of the lowest rank comes first. */
class RankedMerges implements Merges {
  /** Bytes, each as the character of its number. */
  readonly #spellings: readonly string[];
  readonly #ranks: ReadonlyMap<string, number>;
  readonly #byteRanks: readonly number[];

  constructor(ranks: Ranks) {
    this.#spellings = ranks.map((token) =>
      typeof token === 'string' ? Buffer.from(token).toString('latin1') : String.fromCharCode(...token),
    );
    const byBytes = new Map<string, number>();
    this.#spellings.forEach((bytes, rank) => byBytes.set(bytes, rank));
    this.#ranks = byBytes;
    this.#byteRanks = Array.from({ length: 256 }, (_, byte) => byBytes.get(String.fromCharCode(byte))!);
  }

  rank(left: number, right: number): number {
    return this.#ranks.get(this.#spellings[left]! + this.#spellings[right]!) ?? -1;
  }

  result(left: number, right: number): number {
    return this.rank(left, right);
  }

  split(word: string): number[] {
    const bytes = Buffer.from(word);
    const whole = this.#ranks.get(bytes.toString('latin1'));
    return whole === undefined
      ? merge(
          Array.from(bytes, (byte) => this.#byteRanks[byte]!),
          this,
        )
      : [whole];
  }
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
