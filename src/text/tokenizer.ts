/**
 * Text to token ids and back, exactly as the model was trained to see it; built from a model file's metadata.
 *
 * Special tokens are cut out first, the text between them is cut into words, and every word is merged from its
 * smallest pieces on. Words repeat, so their ids are kept. Control tokens appear only where the caller asks for
 * them (`special`); plain text that spells a control token's name stays plain text.
 */

import type { GgufMetadata } from '../formats/gguf-metadata.ts';
import { byteLevelEncoder, preTokenizerOf } from './byte-level.ts';
import { oneOf } from './one-of.ts';
import { sentencePieceEncoder } from './sentence-piece.ts';
import { broken, Vocabulary } from './vocabulary.ts';
import { WordPiece } from './word-piece.ts';
import type { PlainEncoder } from './words.ts';

export interface EncodeOptions {
  /** Whether names of control tokens become these tokens. Off for anything a user wrote. */
  readonly special?: boolean;
  /** False when the text continues another one: SentencePiece then puts no space before it. */
  readonly start?: boolean;
  /** Undoes what protected plain text from being read as special; see `content-shield.ts`. */
  readonly restore?: (text: string) => string;
}

export interface DecodeOptions {
  /** Whether control tokens show as their names; otherwise they show as nothing. */
  readonly special?: boolean;
}

export class Tokenizer {
  readonly vocabulary: Vocabulary;
  readonly bosId: number | null;
  readonly eosId: number | null;
  /** Whether every text begins with the BOS token. */
  readonly addBos: boolean;
  readonly #encodePlain: PlainEncoder;
  readonly #spacePrefix: boolean;
  /** Tokens that plain text may contain as a whole, and those plus the ones only templates may use. */
  readonly #userDefined: RegExp | null;
  readonly #anySpecial: RegExp | null;

  static fromGguf(metadata: GgufMetadata): Tokenizer {
    return new Tokenizer(metadata);
  }

  private constructor(metadata: GgufMetadata) {
    const vocabulary = new Vocabulary(metadata);
    this.vocabulary = vocabulary;
    const special = (key: string): number | null => {
      const id = metadata.number(`tokenizer.ggml.${key}_token_id`, null);
      if (id !== null && id >= vocabulary.size)
        throw broken(`has the ${key} token ${id} but ${vocabulary.size} tokens`);
      return id;
    };
    this.bosId = special('bos');
    this.eosId = special('eos');
    if (vocabulary.kind === 'byte-level') {
      const preTokenizer = preTokenizerOf(metadata);
      this.#encodePlain = byteLevelEncoder(vocabulary, metadata.strings('tokenizer.ggml.merges'), preTokenizer);
      this.#spacePrefix = false;
      this.addBos = metadata.boolean('tokenizer.ggml.add_bos_token', preTokenizer.addBos);
    } else if (vocabulary.kind === 'word-piece') {
      const wordPiece = wordPieceOf(metadata, vocabulary);
      this.#encodePlain = (text, _, ids) => {
        for (const word of wordPiece.words(text)) ids.push(...word.ids);
      };
      this.#spacePrefix = true;
      this.addBos = false;
    } else {
      const scores = metadata.numbers('tokenizer.ggml.scores');
      this.#encodePlain = sentencePieceEncoder(vocabulary, scores, special('unknown'));
      this.#spacePrefix = metadata.boolean('tokenizer.ggml.add_space_prefix', true);
      this.addBos = metadata.boolean('tokenizer.ggml.add_bos_token', true);
    }
    this.#userDefined = matcher(vocabulary.textsOf('userDefined'));
    this.#anySpecial = matcher(vocabulary.textsOf('control', 'userDefined', 'unknown'));
  }

  get vocabularySize(): number {
    return this.vocabulary.size;
  }

  isControl(id: number): boolean {
    return this.vocabulary.is(id, 'control');
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    const { special = false, start = true, restore } = options;
    const ids: number[] = [];
    const pattern = special ? this.#anySpecial : this.#userDefined;
    let at = 0;
    let spaced = start && this.#spacePrefix;
    const plain = (part: string): void => {
      if (part === '') return;
      this.#encodePlain((restore?.(part) ?? part).toWellFormed(), spaced, ids);
      spaced = false;
    };
    if (pattern !== null) {
      for (const { 0: name, index } of text.matchAll(pattern)) {
        plain(text.slice(at, index));
        ids.push(this.vocabulary.id(name)!);
        at = index + name.length;
        spaced = this.#spacePrefix;
      }
    }
    plain(text.slice(at));
    return ids;
  }

  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const pieces: Uint8Array[] = [];
    for (const id of ids) if (options.special === true || !this.isControl(id)) pieces.push(this.vocabulary.bytes(id));
    const text = Buffer.concat(pieces).toString('utf8');
    return this.#spacePrefix && text.startsWith(' ') ? text.slice(1) : text;
  }

  /** The bytes a token adds to the text, none for a control token. Characters can be spread over tokens. */
  bytes(id: number): Uint8Array {
    return this.isControl(id) ? nothing : this.vocabulary.bytes(id);
  }
}

/** What a model file says about its words; llama.cpp knows models without capitals only, the other rules are our keys. */
export function wordPieceOf(metadata: GgufMetadata, vocabulary: Vocabulary): WordPiece {
  const unknownId = metadata.number('tokenizer.ggml.unknown_token_id', null) ?? vocabulary.id('[UNK]');
  if (unknownId === undefined || unknownId >= vocabulary.size) throw broken('has no token for unknown words');
  const lowercase = metadata.boolean('tunesmith.word_piece.lowercase', true);
  const stripAccents = metadata.boolean('tunesmith.word_piece.strip_accents', lowercase);
  const splitChinese = metadata.boolean('tunesmith.word_piece.split_chinese', true);
  return new WordPiece(vocabulary, { lowercase, stripAccents, splitChinese }, unknownId);
}

const nothing = new Uint8Array();

const matcher = (texts: readonly string[]): RegExp | null =>
  texts.length === 0 ? null : new RegExp(oneOf(texts), 'gu');
