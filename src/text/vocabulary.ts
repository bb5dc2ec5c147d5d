/**
 * The tokens of a model file: their texts, kinds and bytes.
 *
 * Ordinary tokens of a byte-level vocabulary are spelled in GPT-2's alphabet, where every byte is a printable
 * character; SentencePiece writes a space as ▁, and WordPiece marks the first piece of a word with it. Control tokens stand for no text at all: they steer the model,
 * and only a chat template may produce them.
 */

import { TunesmithError } from '../domain/errors.ts';
import type { GgufMetadata } from '../formats/gguf-metadata.ts';

export type VocabularyKind = 'byte-level' | 'sentence-piece' | 'word-piece';

/** GGUF's numbers for kinds of tokens. */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** What SentencePiece writes for a space. */
export const spaceMark = '\u2581';

export class Vocabulary {
  readonly kind: VocabularyKind;
  readonly texts: readonly string[];
  readonly #types: readonly number[];
  readonly #ids = new Map<string, number>();
  readonly #bytes: (Uint8Array | undefined)[] = [];

  constructor(metadata: GgufMetadata) {
    const model = metadata.string('tokenizer.ggml.model');
    const kind = kinds.get(model);
    if (kind === undefined) {
      throw broken(`has a tokenizer of kind "${model}"; expected ${[...kinds.keys()].join(' or ')}`);
    }
    this.kind = kind;
    this.texts = metadata.strings('tokenizer.ggml.tokens');
    this.#types = metadata.numbers(
      'tokenizer.ggml.token_type',
      this.texts.map(() => tokenTypes.normal),
    );
    if (this.texts.length === 0) throw broken('has an empty vocabulary');
    if (this.#types.length !== this.texts.length) {
      throw broken(`has ${this.texts.length} tokens but ${this.#types.length} token types`);
    }
    for (const [id, text] of this.texts.entries()) {
      const first = this.#ids.get(text);
      if (first !== undefined) throw broken(`has the token ${JSON.stringify(text)} twice, as ${first} and ${id}`);
      this.#ids.set(text, id);
    }
  }

  get size(): number {
    return this.texts.length;
  }

  /** The token with this text, of any kind, spelled as in the file. */
  id(text: string): number | undefined {
    return this.#ids.get(text);
  }

  /** The token with this text if plain text may become it. */
  plainId(text: string): number | undefined {
    const id = this.#ids.get(text);
    return id === undefined || !plainTypes.has(this.#types[id]!) ? undefined : id;
  }

  is(id: number, type: keyof typeof tokenTypes): boolean {
    return this.#types[id] === tokenTypes[type];
  }

  /** The texts of all tokens of some kinds, empty ones left out. */
  textsOf(...types: readonly (keyof typeof tokenTypes)[]): string[] {
    return this.texts.filter((text, id) => text !== '' && types.some((type) => this.is(id, type)));
  }

  /** What a token stands for in text; of a control token its name. */
  bytes(id: number): Uint8Array {
    return (this.#bytes[id] ??= this.#spell(id));
  }

  #spell(id: number): Uint8Array {
    const text = this.texts[id];
    if (text === undefined) throw new RangeError(`There is no token ${id} in a vocabulary of ${this.size}.`);
    if (this.is(id, 'byte')) return Uint8Array.of(Number.parseInt(text.slice(3, 5), 16));
    if (!this.is(id, 'normal')) return Buffer.from(text);
    if (this.kind !== 'byte-level') return Buffer.from(text.replaceAll(spaceMark, ' '));
    return fromByteAlphabet(text);
  }
}

const kinds: ReadonlyMap<string, VocabularyKind> = new Map([
  ['gpt2', 'byte-level'],
  ['llama', 'sentence-piece'],
  ['bert', 'word-piece'],
]);

/** Control, unknown and byte tokens are never made from text that happens to spell their names. */
const plainTypes: ReadonlySet<number> = new Set([0, tokenTypes.normal, tokenTypes.userDefined, tokenTypes.unused]);

/** GPT-2's alphabet: printable bytes as themselves, the others as the letters from U+0100 on, in order. */
export const byteAlphabet: readonly string[] = spellBytes();
const byteOf = new Map(byteAlphabet.map((letter, byte) => [letter, byte]));

function spellBytes(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : 256 + others++));
}

/** The bytes that a text in GPT-2's alphabet spells; a foreign character stands for itself. */
function fromByteAlphabet(text: string): Uint8Array {
  const letters = Array.from(text);
  if (letters.every((letter) => byteOf.has(letter))) return Uint8Array.from(letters, (letter) => byteOf.get(letter)!);
  return Buffer.from(text);
}

/** A model file whose tokenizer makes no sense. */
export function broken(problem: string): TunesmithError {
  return new TunesmithError('invalid', `The model file ${problem}.`, { code: 'model_unreadable' });
}
