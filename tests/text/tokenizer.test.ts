import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { TunesmithError } from '../../src/domain/errors.ts';
import { GgufMetadata, ggufValue, type GgufValue } from '../../src/formats/gguf-metadata.ts';
import { Tokenizer } from '../../src/text/tokenizer.ts';
import { tinyTokenizerMetadata, type TinyModelOptions, type TinyTokenizer } from '../tiny-model.ts';

const byteLevelKinds = ['smollm', 'gpt-2', 'qwen2', 'llama-bpe'] as const;
const kinds: readonly TinyTokenizer[] = [...byteLevelKinds, 'sentence-piece'];

function tiny(options: TinyModelOptions = {}, changes: Record<string, GgufValue | null> = {}): Tokenizer {
  const entries = Object.entries({ ...tinyTokenizerMetadata(options), ...changes });
  return Tokenizer.fromGguf(
    new GgufMetadata(entries.filter((entry): entry is [string, GgufValue] => entry[1] !== null)),
  );
}

/** Made by goldens/make_tokenizers.py with Hugging Face's tokenizers, special tokens recognised. */
const goldens = JSON.parse(readFileSync(new URL('../goldens/tokenizers.json', import.meta.url), 'utf8')) as {
  strings: string[];
} & Record<(typeof byteLevelKinds)[number], { tokens: string[]; merges: string[]; ids: number[][] }>;

test.each(byteLevelKinds)(
  '%s: a vocabulary that Hugging Face trained gives the ids that Hugging Face gives',
  (kind) => {
    const { tokens, merges, ids } = goldens[kind];
    const tokenizer = Tokenizer.fromGguf(
      new GgufMetadata(
        Object.entries({
          'tokenizer.ggml.model': ggufValue.string('gpt2'),
          'tokenizer.ggml.pre': ggufValue.string(kind),
          'tokenizer.ggml.tokens': ggufValue.strings(tokens),
          'tokenizer.ggml.token_type': ggufValue.i32s(tokens.map((_, id) => (id < 3 ? 3 : 1))),
          'tokenizer.ggml.merges': ggufValue.strings(merges),
        }),
      ),
    );
    expect(goldens.strings.length).toBe(ids.length);
    for (const [i, text] of goldens.strings.entries()) {
      expect(tokenizer.encode(text, { special: true }), JSON.stringify(text)).toEqual(ids[i]);
    }
  },
);

test.each(byteLevelKinds)('%s: any text decodes to itself, in its Unicode form', (kind) => {
  const tokenizer = tiny({ tokenizer: kind });
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
      const expected = kind === 'qwen2' ? text.normalize('NFC') : text;
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(expected);
    }),
    { numRuns: 500 },
  );
});

test('sentence-piece: any text without its space mark decodes to itself', () => {
  const tokenizer = tiny({ tokenizer: 'sentence-piece' });
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
      fc.pre(!text.includes('▁'));
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }),
    { numRuns: 500 },
  );
});

test.each(kinds)('%s: plain text never becomes a control token, whatever it spells', (kind) => {
  const tokenizer = tiny({ tokenizer: kind });
  const names = tokenizer.vocabulary.textsOf('control', 'unknown');
  const text = fc.array(fc.oneof(fc.constantFrom(...names, '<0x0A>'), fc.string()), { maxLength: 8 });
  fc.assert(
    fc.property(text, (parts) => {
      const ids = tokenizer.encode(parts.join(''));
      expect(ids.filter((id) => tokenizer.isControl(id) || tokenizer.vocabulary.is(id, 'unknown'))).toEqual([]);
    }),
    { numRuns: 500 },
  );
  for (const name of names) {
    expect(tokenizer.encode(name).length).toBeGreaterThan(1);
    expect(tokenizer.encode(name, { special: true })).toEqual([tokenizer.vocabulary.id(name)]);
  }
});

test('sentence-piece vocabularies that could build a control token from pieces do not', () => {
  // "</" and "s>" are pieces, so joining them by score would give the end-of-text token.
  const metadata = tinyTokenizerMetadata({ tokenizer: 'sentence-piece' });
  const tokens = [...(metadata['tokenizer.ggml.tokens']!.value as readonly string[])];
  tokens.splice(-2, 2, '</', 's>');
  const tokenizer = tiny({ tokenizer: 'sentence-piece' }, { 'tokenizer.ggml.tokens': ggufValue.strings(tokens) });
  expect(tokenizer.encode('</s>').map((id) => tokenizer.vocabulary.texts[id])).toEqual(['▁', '</', 's>']);
});

test('user-defined tokens are found in plain text, as Hugging Face and llama.cpp find them', () => {
  const tokenizer = tiny();
  const id = tokenizer.vocabulary.id('<think>')!;
  expect(tokenizer.encode('a<think>b')).toEqual([...tokenizer.encode('a'), id, ...tokenizer.encode('b')]);
});

test('of special tokens that begin alike the longest is taken', () => {
  const metadata = tinyTokenizerMetadata();
  const tokens = [...(metadata['tokenizer.ggml.tokens']!.value as readonly string[])];
  tokens.splice(3, 2, '<|im_end|>\n', '<|');
  const tokenizer = tiny({}, { 'tokenizer.ggml.tokens': ggufValue.strings(tokens) });
  expect(tokenizer.encode('<|im_end|>\n<|im_end|><|', { special: true })).toEqual([3, 2, 4]);
});

test('sentence-piece puts a space before a text and after special tokens, but not where a text goes on', () => {
  const tokenizer = tiny({ tokenizer: 'sentence-piece' });
  const spelled = (ids: number[]): string => ids.map((id) => tokenizer.vocabulary.texts[id]!).join('');
  expect(spelled(tokenizer.encode('the'))).toBe('▁the');
  expect(spelled(tokenizer.encode('the', { start: false }))).toBe('the');
  expect(spelled(tokenizer.encode('the<s>the', { special: true }))).toBe('▁the<s>▁the');
  const without = tiny({ tokenizer: 'sentence-piece' }, { 'tokenizer.ggml.add_space_prefix': ggufValue.bool(false) });
  expect(without.decode(without.encode(' the'))).toBe(' the');
  expect(without.encode('the')).toEqual(tokenizer.encode('the', { start: false }));
});

test('bytes of tokens add up to the text although characters are spread over tokens', () => {
  for (const kind of kinds) {
    const tokenizer = tiny({ tokenizer: kind });
    const text = 'naïve 🌲👩‍👩‍👧 你好';
    const bytes = Buffer.concat(tokenizer.encode(text, { start: false }).map((id) => tokenizer.bytes(id)));
    expect(bytes.toString('utf8')).toBe(text);
    expect(tokenizer.bytes(tokenizer.eosId!)).toEqual(new Uint8Array());
  }
});

test('decoding shows control tokens only on request, and no token beyond the vocabulary', () => {
  const tokenizer = tiny();
  const ids = tokenizer.encode('a<|im_end|>b', { special: true });
  expect(tokenizer.decode(ids)).toBe('ab');
  expect(tokenizer.decode(ids, { special: true })).toBe('a<|im_end|>b');
  expect(() => tokenizer.decode([tokenizer.vocabularySize])).toThrow('There is no token 400');
});

test('half a surrogate pair is read as the replacement character', () => {
  const tokenizer = tiny();
  expect(tokenizer.encode('a\uD83Cb')).toEqual(tokenizer.encode('a\uFFFDb'));
});

test.each(kinds)('%s: one word of a million letters is encoded in seconds', (kind) => {
  const tokenizer = tiny({ tokenizer: kind });
  const text = 'theanimals'.repeat(100_000);
  const started = performance.now();
  expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  expect(performance.now() - started).toBeLessThan(20_000);
});

test('the BOS rule follows the file, and without it what its kind of vocabulary does', () => {
  const absent = { 'tokenizer.ggml.add_bos_token': null };
  expect(kinds.map((kind) => tiny({ tokenizer: kind }, absent).addBos)).toEqual([false, false, false, true, true]);
  expect(tiny({}, { 'tokenizer.ggml.add_bos_token': ggufValue.bool(true) }).addBos).toBe(true);
});

test.each<[string, Record<string, GgufValue | null>, RegExp]>([
  ['an unknown kind', { 'tokenizer.ggml.model': ggufValue.string('t5') }, /kind "t5"; expected gpt2 or llama/],
  ['no kind', { 'tokenizer.ggml.model': null }, /lacks the metadata key "tokenizer.ggml.model"/],
  [
    'unknown splitting rules',
    { 'tokenizer.ggml.pre': ggufValue.string('x') },
    /rules "x"; expected one of gpt-2, smol/,
  ],
  ['no splitting rules', { 'tokenizer.ggml.pre': null }, /rules "none"/],
  ['an empty vocabulary', { 'tokenizer.ggml.tokens': ggufValue.strings([]) }, /empty vocabulary/],
  [
    'a token twice',
    { 'tokenizer.ggml.tokens': ggufValue.strings(['a', 'b', 'a']), ...types(3) },
    /"a" twice, as 0 and 2/,
  ],
  ['too few types', types(2), /has 400 tokens but 2 token types/],
  ['no merges', { 'tokenizer.ggml.merges': null }, /lacks the metadata key "tokenizer.ggml.merges"/],
  ['a merge of one', { 'tokenizer.ggml.merges': ggufValue.strings(['ab']) }, /the merge "ab"; expected two tokens/],
  ['an EOS beyond the vocabulary', { 'tokenizer.ggml.eos_token_id': ggufValue.u32(400) }, /the eos token 400 but 400/],
])('a file with %s is refused', (_, changes, message) => {
  const build = (): Tokenizer => tiny({}, changes);
  expect(build).toThrow(message);
  expect(build).toThrow(TunesmithError);
});

test('a sentence-piece file with too few scores is refused', () => {
  const changes = { 'tokenizer.ggml.scores': ggufValue.f32s([1]) };
  expect(() => tiny({ tokenizer: 'sentence-piece' }, changes)).toThrow('has 400 tokens but 1 scores');
});

function types(count: number): Record<string, GgufValue> {
  return { 'tokenizer.ggml.token_type': ggufValue.i32s(Array.from({ length: count }, () => 1)) };
}
