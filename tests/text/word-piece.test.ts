import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { GgufMetadata, ggufValue, type GgufValue } from '../../src/formats/gguf-metadata.ts';
import { Tokenizer, wordPieceOf } from '../../src/text/tokenizer.ts';
import { Vocabulary } from '../../src/text/vocabulary.ts';
import type { WordPiece } from '../../src/text/word-piece.ts';

interface Goldens {
  readonly tokens: readonly string[];
  readonly rows: readonly { readonly ids: number[]; readonly words: number[][] }[];
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../goldens/${name}`, import.meta.url), 'utf8'));

/** Made by goldens/make_word_piece.py with transformers' BertTokenizerFast. */
const goldens = read('word-piece.json') as Record<'cased' | 'uncased', Goldens> & {
  sweep: [first: number, last: number, kind: string][];
};
const { strings } = read('tokenizers.json') as { strings: string[] };

function metadata(tokens: readonly string[], changes: Record<string, GgufValue> = {}): GgufMetadata {
  const stored = tokens.map((token) =>
    token.startsWith('##') ? token.slice(2) : /^\[[A-Z]+\]$/.test(token) ? token : `▁${token}`,
  );
  const types = tokens.map((token) => (token === '[UNK]' ? 2 : /^\[[A-Z]+\]$/.test(token) ? 3 : 1));
  return new GgufMetadata(
    Object.entries({
      'tokenizer.ggml.model': ggufValue.string('bert'),
      'tokenizer.ggml.tokens': ggufValue.strings(stored),
      'tokenizer.ggml.token_type': ggufValue.i32s(types),
      ...changes,
    }),
  );
}

const cased = { 'tunesmith.word_piece.lowercase': ggufValue.bool(false) };

function wordPiece(tokens: readonly string[], changes: Record<string, GgufValue> = {}): WordPiece {
  const file = metadata(tokens, changes);
  return wordPieceOf(file, new Vocabulary(file));
}

test.each(['uncased', 'cased'] as const)('%s: ids and places are those of Hugging Face', (kind) => {
  const { tokens, rows } = goldens[kind];
  const tokenizer = wordPiece(tokens, kind === 'cased' ? cased : {});
  expect(rows.length).toBe(strings.length);
  for (const [i, text] of strings.entries()) {
    const words = tokenizer.words(text);
    expect(
      words.flatMap(({ ids }) => ids),
      JSON.stringify(text),
    ).toEqual(rows[i]!.ids);
    expect(
      words.map(({ start, end }) => [start, end]),
      JSON.stringify(text),
    ).toEqual(rows[i]!.words);
  }
});

test('every character is a letter, a mark, white space or nothing, as Hugging Face has it', () => {
  const tokenizer = wordPiece(['[UNK]', 'x', '##x']);
  const wrong: string[] = [];
  // Unicode has put these elsewhere since.
  const moved = [0x166d, 0x1734, 0x1885, 0x1886];
  for (const [first, last, kind] of goldens.sweep) {
    for (let code = first; code <= last; code++) {
      const text = `x${String.fromCodePoint(code)}x`;
      const words = tokenizer.words(text).map(({ start, end }) => text.slice(start, end));
      const found =
        words.length === 1 ? (tokenizer.words(text)[0]!.ids.length === 2 ? 'd' : '-') : words.length === 2 ? 's' : 'pa';
      if (!found.includes(kind) && !moved.includes(code))
        wrong.push(`U+${code.toString(16)} is ${found}, expected ${kind}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('a word that has no pieces, or is longer than a hundred letters, is unknown as a whole', () => {
  const tokenizer = wordPiece(['[UNK]', 'a', '##a', '##b']);
  expect(tokenizer.words('aab bab').map(({ ids }) => ids)).toEqual([[1, 2, 3], [0]]);
  expect(tokenizer.words('a'.repeat(100))[0]!.ids.length).toBe(100);
  expect(tokenizer.words('a'.repeat(101)).map(({ ids }) => ids)).toEqual([[0]]);
});

test('text that spells a control token stays text', () => {
  const tokenizer = Tokenizer.fromGguf(metadata(goldens.uncased.tokens));
  const ids = tokenizer.encode('a [SEP] b [CLS]');
  expect(ids.filter((id) => tokenizer.isControl(id))).toEqual([]);
  expect(tokenizer.encode('[SEP]', { special: true })).toEqual([tokenizer.vocabulary.id('[SEP]')]);
});

test('words lie in the text, in order and apart, whatever the text is', () => {
  const tokenizer = wordPiece(goldens.uncased.tokens);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      let before = 0;
      for (const { start, end, ids } of tokenizer.words(text)) {
        expect(start).toBeGreaterThanOrEqual(before);
        expect(end).toBeGreaterThan(start);
        expect(end).toBeLessThanOrEqual(text.length);
        expect(ids.length).toBeGreaterThan(0);
        before = end;
      }
    }),
    { numRuns: 200 },
  );
});

test('pieces read as text again, lower case and with single spaces', () => {
  const tokenizer = Tokenizer.fromGguf(metadata(goldens.uncased.tokens));
  expect(tokenizer.decode(tokenizer.encode('Hello   World'))).toBe('hello world');
});
