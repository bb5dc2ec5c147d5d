/**
 * The tokenizer of a GGUF as Hugging Face's `tokenizer.json`, `tokenizer_config.json` and `generation_config.json`.
 *
 * Byte-level vocabularies translate one to one: their splitter is known by its name. SentencePiece's scores become
 * merges the way Hugging Face itself does it: every way to put a piece together from two others, best piece first. That
 * is exact as long as no two pieces have the same score, as in every vocabulary that SentencePiece learnt.
 */

import { TunesmithError } from '../domain/errors.ts';
import type { GgufMetadata } from '../formats/gguf-metadata.ts';
import type { TextCodec } from '../text/codec.ts';
import { spaceMark, type Vocabulary } from '../text/vocabulary.ts';

type Json = Readonly<Record<string, unknown>>;

export function tokenizerJson(metadata: GgufMetadata, { tokenizer }: TextCodec): Json {
  const { vocabulary } = tokenizer;
  const texts = vocabulary.texts;
  const byteLevel = vocabulary.kind === 'byte-level';
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: texts.flatMap((content, id) =>
      vocabulary.is(id, 'control') || vocabulary.is(id, 'userDefined') || vocabulary.is(id, 'unknown')
        ? [
            {
              id,
              content,
              single_word: false,
              lstrip: false,
              rstrip: false,
              normalized: false,
              special: !vocabulary.is(id, 'userDefined'),
            },
          ]
        : [],
    ),
    ...(byteLevel ? byteLevelParts(metadata) : sentencePieceParts(metadata)),
    post_processor: postProcessor(tokenizer.addBos ? tokenizer.bosId : null, texts, byteLevel),
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: byteLevel ? null : (texts[metadata.number('tokenizer.ggml.unknown_token_id', 0)] ?? null),
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: !byteLevel,
      byte_fallback: !byteLevel,
      ignore_merges: metadata.string('tokenizer.ggml.pre', '') === 'llama-bpe',
      vocab: Object.fromEntries(texts.map((text, id) => [text, id])),
      merges: byteLevel
        ? metadata.strings('tokenizer.ggml.merges').map(splitMerge)
        : sentencePieceMerges(metadata, vocabulary),
    },
  };
}

/** Byte-level tokens have no spaces inside: the one in a rule parts its two sides. */
const splitMerge = (rule: string): string[] => {
  const at = rule.indexOf(' ', 1);
  return [rule.slice(0, at), rule.slice(at + 1)];
};

const byteLevelStep = (useRegex: boolean): Json => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});

/** Llama 3 and Qwen: `digits` is how many of them make a word. */
const splitStep = (digits: string): Json => ({
  type: 'Split',
  pattern: {
    Regex: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  },
  behavior: 'Isolated',
  invert: false,
});

const inOrder = (...pretokenizers: Json[]): Json => ({ type: 'Sequence', pretokenizers });

const splitters: Readonly<Record<string, Json>> = {
  'gpt-2': byteLevelStep(true),
  smollm: inOrder({ type: 'Digits', individual_digits: true }, byteLevelStep(true)),
  qwen2: inOrder(splitStep('\\p{N}'), byteLevelStep(false)),
  'llama-bpe': inOrder(splitStep('\\p{N}{1,3}'), byteLevelStep(false)),
};

function byteLevelParts(metadata: GgufMetadata): Json {
  const pre = metadata.string('tokenizer.ggml.pre');
  const splitter = splitters[pre];
  if (splitter === undefined)
    throw new TunesmithError(
      'invalid',
      `The tokenizer "${pre}" cannot be written in Hugging Face's form; export as gguf.`,
      {
        code: 'export_unsupported',
      },
    );
  return {
    normalizer: pre === 'qwen2' ? { type: 'NFC' } : null,
    pre_tokenizer: splitter,
    decoder: byteLevelStep(true),
  };
}

function sentencePieceParts(metadata: GgufMetadata): Json {
  const prefixed = metadata.boolean('tokenizer.ggml.add_space_prefix', true);
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: spaceMark };
  const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 };
  return {
    normalizer: {
      type: 'Sequence',
      normalizers: prefixed ? [{ type: 'Prepend', prepend: spaceMark }, replace] : [replace],
    },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: spaceMark }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefixed ? [strip] : []),
      ],
    },
  };
}

function sentencePieceMerges(metadata: GgufMetadata, vocabulary: Vocabulary): string[][] {
  const scores = metadata.numbers('tokenizer.ggml.scores');
  const mergeable = (id: number | undefined): id is number =>
    id !== undefined && (vocabulary.is(id, 'normal') || vocabulary.is(id, 'unused'));
  const merges: { readonly sides: string[]; readonly score: number }[] = [];
  for (const [id, text] of vocabulary.texts.entries()) {
    if (!mergeable(id)) continue;
    const letters = Array.from(text);
    const ways: { readonly sides: string[]; readonly ids: readonly [number, number] }[] = [];
    for (let cut = 1; cut < letters.length; cut++) {
      const sides = [letters.slice(0, cut).join(''), letters.slice(cut).join('')];
      const [left, right] = sides.map((side) => vocabulary.id(side));
      if (mergeable(left) && mergeable(right)) ways.push({ sides, ids: [left, right] });
    }
    ways.sort((a, b) => a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1]);
    merges.push(...ways.map(({ sides }) => ({ sides, score: scores[id]! })));
  }
  return merges.sort((a, b) => b.score - a.score).map(({ sides }) => sides);
}

function postProcessor(bosId: number | null, texts: readonly string[], byteLevel: boolean): Json | null {
  if (bosId === null) return byteLevel ? byteLevelStep(true) : null;
  const bos = texts[bosId]!;
  const start = { SpecialToken: { id: bos, type_id: 0 } };
  const text = (id: string): Json => ({ Sequence: { id, type_id: id === 'A' ? 0 : 1 } });
  return {
    type: 'TemplateProcessing',
    single: [start, text('A')],
    pair: [start, text('A'), start, text('B')],
    special_tokens: { [bos]: { id: bos, ids: [bosId], tokens: [bos] } },
  };
}

export function tokenizerConfig(
  metadata: GgufMetadata,
  { tokenizer, template }: TextCodec,
  contextTokens: number,
): Json {
  const { texts } = tokenizer.vocabulary;
  const named = (key: string): string | null => {
    const id = metadata.number(`tokenizer.ggml.${key}_token_id`, null);
    return id === null ? null : (texts[id] ?? null);
  };
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: contextTokens,
    clean_up_tokenization_spaces: false,
    add_bos_token: tokenizer.addBos,
    bos_token: named('bos'),
    eos_token: named('eos'),
    pad_token: named('padding'),
    unk_token: named('unknown'),
    chat_template: template.source,
  };
}

export function generationConfig(metadata: GgufMetadata, { tokenizer, endOfTurnIds }: TextCodec): Json {
  return {
    bos_token_id: tokenizer.bosId,
    eos_token_id: [...endOfTurnIds].sort((a, b) => a - b),
    pad_token_id: metadata.number('tokenizer.ggml.padding_token_id', null),
  };
}
