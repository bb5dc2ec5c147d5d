/**
 * Text to token ids for encoders, which read a text as a whole: the one path that training, counting and serving share.
 *
 *   [CLS] pieces of the text, as many as fit [SEP]
 *
 * A conversation is one text: what was said, without instructions (the system's and the developer's words), which a
 * model that does not talk cannot follow.
 */

import type { Message } from '../domain/example.ts';
import type { GgufMetadata } from '../formats/gguf-metadata.ts';
import { Tokenizer, wordPieceOf } from './tokenizer.ts';
import { broken } from './vocabulary.ts';
import type { WordPiece } from './word-piece.ts';

/** A word of the text and the place of its first piece among the ids; the end is exclusive. */
export interface EncodedWord {
  readonly start: number;
  readonly end: number;
  readonly position: number;
}

export interface EncodedText {
  readonly ids: Int32Array;
  readonly words: readonly EncodedWord[];
  /** How long all of the text would be. */
  readonly tokens: number;
  readonly truncated: boolean;
}

export class EncoderCodec {
  readonly tokenizer: Tokenizer;
  readonly #wordPiece: WordPiece;
  readonly #firstId: number;
  readonly #lastId: number;

  static fromGguf(metadata: GgufMetadata): EncoderCodec {
    return new EncoderCodec(metadata);
  }

  private constructor(metadata: GgufMetadata) {
    this.tokenizer = Tokenizer.fromGguf(metadata);
    const { vocabulary } = this.tokenizer;
    if (vocabulary.kind !== 'word-piece') throw broken('is an encoder without a WordPiece tokenizer');
    this.#wordPiece = wordPieceOf(metadata, vocabulary);
    const special = (keys: readonly string[], name: string): number => {
      const named = keys.map((key) => metadata.number(`tokenizer.ggml.${key}_token_id`, null));
      const id = named.find((found) => found !== null) ?? vocabulary.id(name);
      if (id === undefined || id >= vocabulary.size) throw broken(`has no token ${name}`);
      return id;
    };
    this.#firstId = special(['cls', 'bos'], '[CLS]');
    // llama.cpp's key is misspelt.
    this.#lastId = special(['seperator', 'separator', 'eos'], '[SEP]');
  }

  /** Tokens of a text, between those that every text begins and ends with. */
  around(ids: readonly number[]): Int32Array {
    return Int32Array.of(this.#firstId, ...ids, this.#lastId);
  }

  /** The text, cut after so many tokens; a word is kept as long as its first piece is. */
  encode(text: string, tokensMax: number): EncodedText {
    const ids = [this.#firstId];
    const words: EncodedWord[] = [];
    let tokens = 2;
    for (const { start, end, ids: pieces } of this.#wordPiece.words(text)) {
      tokens += pieces.length;
      const room = tokensMax - 1 - ids.length;
      if (room <= 0) continue;
      words.push({ start, end, position: ids.length });
      for (const piece of pieces.slice(0, room)) ids.push(piece);
    }
    ids.push(this.#lastId);
    return { ids: Int32Array.from(ids), words, tokens, truncated: tokens > ids.length };
  }
}

/** A conversation as an encoder reads it. */
export function conversationText(messages: readonly Message[]): string {
  const said = messages.filter(({ role }) => role !== 'system' && role !== 'developer').map(contentText);
  return said.filter((text) => text !== '').join('\n');
}

export const contentText = ({ content }: Pick<Message, 'content'>): string =>
  typeof content === 'string' ? content : (content?.map(({ text }) => text).join('') ?? '');
