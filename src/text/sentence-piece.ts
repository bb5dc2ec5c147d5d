/**
 * SentencePiece's merging (Llama 2, Gemma): two neighbours become one when their joined text is a token, the
 * token with the best score first. A character that is no token becomes the tokens of its UTF-8 bytes.
 *
 * Merging runs over the whole text, spaces included. But where no token has a space after some character, the
 * text can be cut before that space without changing the result, and the words in between can be remembered.
 */

import { merge, MergeTable } from './merge.ts';
import { broken, spaceMark, type Vocabulary } from './vocabulary.ts';
import { codesOf, WordIds, type PlainEncoder } from './words.ts';

export function sentencePieceEncoder(
  vocabulary: Vocabulary,
  scores: readonly number[],
  unknownId: number | null,
): PlainEncoder {
  if (scores.length !== vocabulary.size) throw broken(`has ${vocabulary.size} tokens but ${scores.length} scores`);
  const symbols = new Symbols(vocabulary);
  const table = tableOf(vocabulary, scores, symbols);
  const glued = gluedBefore(vocabulary);
  const byteIds = Array.from({ length: 256 }, (_, byte) => vocabulary.id(byteName(byte)) ?? unknownId);
  const words = new WordIds((word) => {
    const ids: number[] = [];
    for (const symbol of merge(
      Array.from(word, (character) => symbols.of(character)),
      table,
    )) {
      if (symbol < vocabulary.size) ids.push(symbol);
      else
        for (const byte of Buffer.from(symbols.character(symbol))) if (byteIds[byte] != null) ids.push(byteIds[byte]);
    }
    return ids;
  });
  return (text, spaced, ids) => {
    const marked = (spaced ? spaceMark : '') + text.replaceAll(' ', spaceMark);
    const codes = codesOf(marked);
    let start = 0;
    for (let at = marked.indexOf(spaceMark, 1); at >= 0; at = marked.indexOf(spaceMark, at + 1)) {
      if (glued.has(marked.charCodeAt(at - 1))) continue;
      words.append(marked, codes, start, at, ids);
      start = at;
    }
    if (start < marked.length) words.append(marked, codes, start, marked.length, ids);
  };
}

/** What merging works on: tokens by their id, and characters that are no tokens by numbers above all ids. */
class Symbols {
  readonly #vocabulary: Vocabulary;
  readonly #numbers = new Map<string, number>();
  readonly #characters: string[] = [];

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  of(character: string): number {
    const known = this.#vocabulary.plainId(character) ?? this.#numbers.get(character);
    if (known !== undefined) return known;
    const number = this.#vocabulary.size + this.#characters.length;
    this.#numbers.set(character, number);
    this.#characters.push(character);
    return number;
  }

  character(number: number): string {
    return this.#characters[number - this.#vocabulary.size]!;
  }
}

/** Every way to make a token out of two symbols. Tokens of equal score have equal rank, so the leftmost wins. */
function tableOf(vocabulary: Vocabulary, scores: readonly number[], symbols: Symbols): MergeTable {
  const ranks = new Map([...new Set(scores)].sort((a, b) => b - a).map((score, rank) => [score, rank]));
  const rules: [left: number, right: number, rank: number, result: number][] = [];
  for (const [id, text] of vocabulary.texts.entries()) {
    if (vocabulary.plainId(text) !== id) continue;
    const characters = Array.from(text);
    for (let cut = 1, at = 0; cut < characters.length; cut++) {
      at += characters[cut - 1]!.length;
      const left = cut === 1 ? symbols.of(characters[0]!) : vocabulary.plainId(text.slice(0, at));
      const right = cut === characters.length - 1 ? symbols.of(characters[cut]!) : vocabulary.plainId(text.slice(at));
      if (left !== undefined && right !== undefined) rules.push([left, right, ranks.get(scores[id]!)!, id]);
    }
  }
  const table = new MergeTable(rules.length);
  for (const rule of rules) table.add(...rule);
  return table;
}

/** The characters (UTF-16 units) that some token has right before a space; the space mark itself among them. */
function gluedBefore(vocabulary: Vocabulary): ReadonlySet<number> {
  const glued = new Set<number>([spaceMark.charCodeAt(0)]);
  for (const text of vocabulary.texts) {
    for (let at = text.indexOf(spaceMark, 1); at >= 0; at = text.indexOf(spaceMark, at + 1)) {
      glued.add(text.charCodeAt(at - 1));
    }
  }
  return glued;
}

const byteName = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
