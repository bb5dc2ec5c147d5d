/**
 * The tokenizer of BERT's kind of model: from a tokenizer.json to a GGUF's keys.
 *
 *   tokenizer.json   "the"  "##ing"  "[CLS]"        GGUF   "▁the"  "ing"  "[CLS]"
 */

import { z } from 'zod';
import { invalid } from '../../domain/errors.ts';
import { ggufValue, type GgufValue } from '../../formats/gguf-metadata.ts';
import { spaceMark, tokenTypes } from '../../text/vocabulary.ts';

const normaliser = z.object({
  type: z.literal('BertNormalizer'),
  handle_chinese_chars: z.boolean().nullish(),
  strip_accents: z.boolean().nullish(),
  lowercase: z.boolean(),
});

const schema = z.object({
  added_tokens: z.array(z.object({ id: z.int().min(0), content: z.string(), special: z.boolean() })),
  normalizer: normaliser,
  pre_tokenizer: z.object({ type: z.literal('BertPreTokenizer') }),
  model: z.object({
    // Older files leave the kind out.
    type: z.literal('WordPiece').optional(),
    unk_token: z.string(),
    continuing_subword_prefix: z.literal('##').optional(),
    max_input_chars_per_word: z.literal(100).optional(),
    vocab: z.record(z.string(), z.int().min(0)),
  }),
});

/** Whether a tokenizer.json looks like one of these. */
export const isWordPiece = (tokenizer: unknown): boolean =>
  z.object({ model: z.object({ vocab: z.record(z.string(), z.unknown()) }) }).safeParse(tokenizer).success &&
  (tokenizer as { normalizer?: { type?: unknown } | null }).normalizer?.type === 'BertNormalizer';

/** Keys for `rows` embeddings; ids that nobody has are unused tokens. */
export function wordPieceEntries(tokenizer: unknown, rows: number): [string, GgufValue][] {
  const parsed = schema.safeParse(tokenizer);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refused(`${issue?.path.join('.') ?? 'it'}: ${issue?.message ?? 'unknown'}`);
  }
  const { added_tokens: added, normalizer, model } = parsed.data;
  const special = new Map(added.filter((token) => token.special).map(({ content, id }) => [content, id]));
  const ids = new Map([...Object.entries(model.vocab), ...special]);
  const texts = Array.from({ length: rows }, (_, id) => `[unused token ${id}]`);
  const types = Array.from({ length: rows }, (): number => tokenTypes.unused);
  for (const [token, id] of ids) {
    if (id >= rows) throw refused(`the token ${JSON.stringify(token)} is number ${id} of ${rows}`);
    texts[id] = stored(token, special.has(token));
    types[id] =
      token === model.unk_token ? tokenTypes.unknown : special.has(token) ? tokenTypes.control : tokenTypes.normal;
  }
  const idOf = (token: string): number => {
    const id = ids.get(token);
    if (id === undefined) throw refused(`there is no token ${token}`);
    return id;
  };
  const { lowercase, strip_accents: strip, handle_chinese_chars: chinese } = normalizer;
  return [
    ['tokenizer.ggml.model', ggufValue.string('bert')],
    ['tokenizer.ggml.pre', ggufValue.string('default')],
    ['tokenizer.ggml.tokens', ggufValue.strings(texts)],
    ['tokenizer.ggml.token_type', ggufValue.i32s(types)],
    ['tokenizer.ggml.token_type_count', ggufValue.u32(2)],
    ['tokenizer.ggml.unknown_token_id', ggufValue.u32(idOf(model.unk_token))],
    ['tokenizer.ggml.bos_token_id', ggufValue.u32(idOf('[CLS]'))],
    ['tokenizer.ggml.cls_token_id', ggufValue.u32(idOf('[CLS]'))],
    ['tokenizer.ggml.eos_token_id', ggufValue.u32(idOf('[SEP]'))],
    ['tokenizer.ggml.seperator_token_id', ggufValue.u32(idOf('[SEP]'))],
    ['tokenizer.ggml.padding_token_id', ggufValue.u32(idOf('[PAD]'))],
    ...(ids.has('[MASK]')
      ? [['tokenizer.ggml.mask_token_id', ggufValue.u32(idOf('[MASK]'))] as [string, GgufValue]]
      : []),
    ['tunesmith.word_piece.lowercase', ggufValue.bool(lowercase)],
    ['tunesmith.word_piece.strip_accents', ggufValue.bool(strip ?? lowercase)],
    ['tunesmith.word_piece.split_chinese', ggufValue.bool(chinese ?? true)],
  ];
}

function stored(token: string, special: boolean): string {
  if (special) return token;
  return token.startsWith('##') ? token.slice(2) : spaceMark + token;
}

const refused = (what: string): Error =>
  invalid('model', `The tokenizer.json is not of BERT's kind: ${what}.`, 'unsupported_model_format');
