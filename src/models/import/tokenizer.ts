/**
 * A tokenizer.json as the tokenizer of a GGUF. It is recognised by its structure, and refused unless every step in it
 * is one that our text path takes: a tokenizer that is nearly right makes a model that is quietly wrong.
 *
 *   byte-level BPE      GPT-2, SmolLM, Qwen, Llama 3: merges as they are, the splitter by its name
 *   WordPiece           BERT and its likes (word-piece.ts)
 *   BPE over letters    Llama 2, Gemma: SentencePiece in Hugging Face's form; the earlier a merge, the better its score
 */

import { ggufValue } from '../../formats/gguf-metadata.ts';
import { spaceMark, tokenTypes } from '../../text/vocabulary.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Entries } from './config.ts';
import { Fields, isObject, unusable, type Json } from './json-file.ts';
import { isWordPiece, wordPieceEntries } from './word-piece.ts';

type TokenizerFiles = Pick<
  Checkpoint,
  'tokenizer' | 'tokenizerConfig' | 'generationConfig' | 'config' | 'chatTemplate'
>;

/** `rows` is how many tokens the embeddings have: the vocabulary is filled up to it, or cut where nothing is lost. */
export function tokenizerMetadata(files: TokenizerFiles, rows: number): Entries {
  if (isWordPiece(files.tokenizer)) return Object.fromEntries(wordPieceEntries(files.tokenizer, rows));
  const model = isObject(files.tokenizer['model']) ? files.tokenizer['model'] : {};
  const fields = new Fields('tokenizer.json: "model"', model);
  // Early files do not name the kind.
  const type = fields.text('type', 'merges' in model ? 'BPE' : undefined);
  if (type !== 'BPE') throw unusable(`tokenizer.json: its model is of kind "${type}"; expected BPE`);
  for (const name of ['continuing_subword_prefix', 'end_of_word_suffix'] as const)
    if (fields.text(name, '') !== '') throw fields.wrong(name, 'nothing');
  const tokens = readTokens(files, fields, rows);
  const merges = readMerges(fields);
  const byteFallback = fields.boolean('byte_fallback', false);
  const own = byteFallback
    ? sentencePiece(files.tokenizer, tokens, merges)
    : byteLevel(files.tokenizer, fields, merges);
  return { ...own, ...tokenEntries(tokens), ...roles(files, tokens) };
}

interface Tokens {
  readonly texts: string[];
  readonly types: number[];
  readonly ids: ReadonlyMap<string, number>;
  readonly vocabulary: Json;
}

function readTokens({ tokenizer }: TokenizerFiles, model: Fields, rows: number): Tokens {
  const vocabulary = model.raw('vocab');
  if (!isObject(vocabulary)) throw model.wrong('vocab', 'an object of tokens and their ids');
  const texts = new Map<number, string>();
  const types = new Map<number, number>();
  const place = (text: string, id: unknown, type: number): void => {
    if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0)
      throw unusable(`tokenizer.json: the token ${JSON.stringify(text)} has the id ${JSON.stringify(id)}`);
    if (id >= rows && !types.has(id) && type === tokenTypes.normal)
      throw unusable(
        `tokenizer.json: the token ${JSON.stringify(text)} has the id ${id}; there are ${rows} embeddings`,
      );
    texts.set(id, text);
    types.set(id, type);
  };
  for (const [text, id] of Object.entries(vocabulary)) place(text, id, tokenTypes.normal);
  const added = tokenizer['added_tokens'] ?? [];
  if (!Array.isArray(added)) throw unusable('tokenizer.json: "added_tokens" is not a list');
  const unknown = model.has('unk_token') ? model.text('unk_token') : null;
  for (const entry of added as unknown[]) {
    const fields = new Fields('tokenizer.json: an added token', isObject(entry) ? entry : {});
    const text = fields.text('content');
    const control = fields.boolean('special', false) || looksLikeControl(text);
    const type = text === unknown ? tokenTypes.unknown : control ? tokenTypes.control : tokenTypes.userDefined;
    place(text, fields.raw('id'), type);
  }
  const all = Array.from({ length: rows }, (_, id) => texts.get(id) ?? `[PAD${id}]`);
  const kinds = Array.from({ length: rows }, (_, id) => types.get(id) ?? tokenTypes.unused);
  const ids = new Map(all.map((text, id) => [text, id]));
  if (ids.size !== rows) throw unusable(`tokenizer.json: ${rows - ids.size} of its tokens have the text of another`);
  return { texts: all, types: kinds, ids, vocabulary };
}

/** Some files do not mark as special what never stands in a text. */
const looksLikeControl = (text: string): boolean =>
  ['<pad>', '<mask>'].includes(text) || /^<\|.*\|>$/s.test(text) || /^<unused.*>$/s.test(text);

function readMerges(model: Fields): string[][] {
  return (model.list('merges') ?? []).map((rule) => {
    const sides = typeof rule === 'string' ? splitRule(rule) : rule;
    if (Array.isArray(sides) && sides.length === 2 && sides.every((side) => typeof side === 'string' && side !== ''))
      return sides as string[];
    throw unusable(`tokenizer.json: a merge is ${JSON.stringify(rule)}; expected two texts`);
  });
}

/** A rule is one text in older files: the space in it that is no side's first letter parts the two. */
function splitRule(rule: string): string[] {
  const at = rule.indexOf(' ', 1);
  return at < 0 ? [rule] : [rule.slice(0, at), rule.slice(at + 1)];
}

function byteLevel(tokenizer: Json, model: Fields, merges: readonly string[][]): Entries {
  const pre = splitterOf(tokenizer, model);
  return {
    'tokenizer.ggml.model': ggufValue.string('gpt2'),
    'tokenizer.ggml.pre': ggufValue.string(pre),
    'tokenizer.ggml.merges': ggufValue.strings(merges.map((sides) => sides.join(' '))),
  };
}

/** Which of the splitters that we know: by the steps before any merging. */
function splitterOf(tokenizer: Json, model: Fields): string {
  const steps = stepsOf(tokenizer['pre_tokenizer'], 'pretokenizers');
  const known = (wanted: string): boolean => steps.every(({ type }) => wanted.split(' ').includes(String(type)));
  const last = steps.at(-1);
  const found = ((): string | null => {
    if (last?.['type'] !== 'ByteLevel' || last['add_prefix_space'] === true) return null;
    const split = steps.find(({ type }) => type === 'Split');
    if (split === undefined) {
      if (last['use_regex'] === false) return null;
      if (steps.length === 1) return 'gpt-2';
      const digits = steps.find(({ type }) => type === 'Digits');
      return known('Digits ByteLevel') && digits?.['individual_digits'] === true ? 'smollm' : null;
    }
    if (!known('Split ByteLevel') || last['use_regex'] !== false || split['behavior'] !== 'Isolated') return null;
    const pattern = isObject(split['pattern']) ? split['pattern']['Regex'] : undefined;
    return typeof pattern === 'string' ? (splitPatterns.get(pattern) ?? null) : null;
  })();
  if (found === null)
    throw unusable(
      `tokenizer.json: it splits text in a way that Tunesmith does not know (${JSON.stringify(tokenizer['pre_tokenizer']).slice(0, 300)})`,
    );
  const normalisers = stepsOf(tokenizer['normalizer'], 'normalizers').map(({ type }) => String(type));
  // Qwen's own files say so; without it only rare letters differ, but they do.
  const expected = found === 'qwen2' ? 'NFC' : '';
  if (normalisers.join() !== expected)
    throw unusable(
      `tokenizer.json: text is normalised by "${normalisers.join(', ')}"; expected ${expected || 'nothing'} for ${found}`,
    );
  if (model.boolean('ignore_merges', false) !== (found === 'llama-bpe'))
    throw model.wrong('ignore_merges', `${found === 'llama-bpe'} for ${found}`);
  return found;
}

const split = (digits: string): string =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const splitPatterns: ReadonlyMap<string, string> = new Map([
  [split('\\p{N}'), 'qwen2'],
  [split('\\p{N}{1,3}'), 'llama-bpe'],
]);

function stepsOf(value: unknown, list: 'pretokenizers' | 'normalizers'): Json[] {
  if (!isObject(value)) return [];
  const steps = value['type'] === 'Sequence' ? value[list] : [value];
  return Array.isArray(steps) ? steps.filter(isObject) : [];
}

/** SentencePiece joins the pair whose result scores best; Hugging Face the one whose merge comes first. */
function sentencePiece(tokenizer: Json, { texts, types, vocabulary }: Tokens, merges: readonly string[][]): Entries {
  const ranks = new Map<string, number>();
  for (const [rank, sides] of merges.entries()) {
    const piece = sides.join('');
    if (!ranks.has(piece)) ranks.set(piece, rank);
  }
  const scores = texts.map((text, id) => {
    if (types[id] !== tokenTypes.normal) return -1000;
    if (/^<0x[0-9A-F]{2}>$/.test(text)) {
      types[id] = tokenTypes.byte;
      return -1000;
    }
    const rank = ranks.get(text);
    return rank === undefined ? -1e6 : -rank;
  });
  // What users may write stands in text with spaces, not with their marks.
  for (const [id, type] of types.entries())
    if (type === tokenTypes.userDefined && vocabulary[texts[id]!] === id)
      texts[id] = texts[id]!.replaceAll(spaceMark, ' ');
  return {
    'tokenizer.ggml.model': ggufValue.string('llama'),
    'tokenizer.ggml.pre': ggufValue.string('default'),
    'tokenizer.ggml.scores': ggufValue.f32s(scores),
    'tokenizer.ggml.add_space_prefix': ggufValue.bool(spacePrefix(tokenizer)),
  };
}

/** Spaces become marks, with one before the text or not; nothing else may happen to it. */
function spacePrefix(tokenizer: Json): boolean {
  const steps = [
    ...stepsOf(tokenizer['normalizer'], 'normalizers'),
    ...stepsOf(tokenizer['pre_tokenizer'], 'pretokenizers').filter(({ type }) => type !== 'Split'),
  ];
  let prefixed = false;
  for (const step of steps) {
    const { type } = step;
    if (
      type === 'Replace' &&
      isObject(step['pattern']) &&
      step['pattern']['String'] === ' ' &&
      step['content'] === spaceMark
    )
      continue;
    if (type === 'Prepend' && step['prepend'] === spaceMark) prefixed = true;
    else if (type === 'Metaspace') {
      const scheme = step['prepend_scheme'] ?? (step['add_prefix_space'] === false ? 'never' : 'always');
      prefixed = scheme !== 'never';
    } else
      throw unusable(
        `tokenizer.json: text is changed by ${JSON.stringify(step).slice(0, 200)}; expected spaces to become marks only`,
      );
  }
  return prefixed;
}

function tokenEntries({ texts, types }: Tokens): Entries {
  return { 'tokenizer.ggml.tokens': ggufValue.strings(texts), 'tokenizer.ggml.token_type': ggufValue.i32s(types) };
}

/** Which tokens begin and end, whether texts begin with one, and the template. */
function roles(files: TokenizerFiles, { ids }: Tokens): Entries {
  const { tokenizerConfig, generationConfig, config } = files;
  const named = (role: string): number | undefined => {
    const value = tokenizerConfig.raw(`${role}_token`);
    const text = isObject(value) ? value['content'] : value;
    return typeof text === 'string' ? ids.get(text) : undefined;
  };
  const numbered = (from: Fields): number[] => {
    const value = from.raw('eos_token_id');
    const list: unknown[] = Array.isArray(value) ? value : [value];
    return list.filter((id): id is number => Number.isSafeInteger(id) && Number(id) >= 0 && Number(id) < ids.size);
  };
  const ends = [...numbered(generationConfig), ...numbered(config)];
  const eos = named('eos') ?? ends[0];
  const otherEnd = ends.find((id) => id !== eos);
  const bos = named('bos') ?? (config.has('bos_token_id') ? config.number('bos_token_id') : undefined);
  const entries: Entries = {};
  const put = (key: string, id: number | undefined): void => {
    if (id !== undefined) entries[`tokenizer.ggml.${key}_token_id`] = ggufValue.u32(id);
  };
  put('bos', bos);
  put('eos', eos);
  put('eot', otherEnd);
  put('unknown', named('unk'));
  put('padding', named('pad'));
  entries['tokenizer.ggml.add_bos_token'] = ggufValue.bool(bos !== undefined && beginsWithBos(files, bos));
  const template = files.chatTemplate ?? templateIn(tokenizerConfig);
  if (template !== null) entries['tokenizer.chat_template'] = ggufValue.string(template);
  return entries;
}

function beginsWithBos({ tokenizer, tokenizerConfig }: TokenizerFiles, bos: number): boolean {
  const processor = tokenizer['post_processor'];
  const steps = isObject(processor) && processor['type'] === 'Sequence' ? processor['processors'] : [processor];
  for (const step of Array.isArray(steps) ? (steps as unknown[]) : []) {
    if (!isObject(step) || step['type'] !== 'TemplateProcessing') continue;
    const special = step['special_tokens'];
    const [first] = Array.isArray(step['single']) ? (step['single'] as unknown[]) : [];
    const name = isObject(first) && isObject(first['SpecialToken']) ? first['SpecialToken']['id'] : undefined;
    const entry = isObject(special) && typeof name === 'string' ? special[name] : undefined;
    return isObject(entry) && Array.isArray(entry['ids']) && entry['ids'][0] === bos;
  }
  return tokenizerConfig.has('add_bos_token') && tokenizerConfig.raw('add_bos_token') === true;
}

/** One template, or several by name. */
function templateIn(config: Fields): string | null {
  const value = config.raw('chat_template');
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return null;
  const named = (value as unknown[]).filter(isObject).find(({ name }) => name === 'default');
  return typeof named?.['template'] === 'string' ? named['template'] : null;
}
