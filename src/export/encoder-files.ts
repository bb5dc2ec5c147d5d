/**
 * An encoder leaves the house: as the GGUF that it is, in Hugging Face's layout, or as both.
 *
 * What transformers has a class for becomes that class: BERT alone, a sequence classifier that reads the first token, a
 * tagger. A classifier over the mean of all tokens has none: then the checkpoint is the encoder, with its classifier in
 * a file of its own and the lines of Python that put the two together. sentence-transformers finds how vectors are made.
 * What was written is read back by our importer and has to make the same of ten texts.
 */

import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { outputNames } from '../domain/label.ts';
import { TunesmithError } from '../domain/errors.ts';
import { EncoderReader } from '../engine/nn/encoder-reader.ts';
import { bert } from '../families/bert.ts';
import { normalises, outputName, poolingOf, readHead, type HeadFacts } from '../families/label-head.ts';
import { tensorsOf } from '../families/tensors.ts';
import { writeAtomically } from '../formats/atomic-write.ts';
import type { GgufMetadata } from '../formats/gguf-metadata.ts';
import { openGguf, type Gguf } from '../formats/gguf.ts';
import { writeSafetensors, type SafeTensor } from '../formats/safetensors.ts';
import { sizesOf } from '../models/manifest.ts';
import type { BaseModel } from '../models/manifest.ts';
import { convertCheckpoint } from '../models/import/convert.ts';
import { EncoderCodec } from '../text/encoder-codec.ts';
import { spaceMark } from '../text/vocabulary.ts';

export interface EncoderFiles {
  /** By file, what it is. */
  readonly contents: Readonly<Record<string, string>>;
  /** How to use them, in Markdown. */
  readonly use: string;
}

/** Writes the model's own file into `folder`. */
export async function writeEncoderGguf({ path }: BaseModel, folder: string): Promise<EncoderFiles> {
  await mkdir(folder, { recursive: true });
  await writeAtomically(join(folder, 'model.gguf'), createReadStream(path, { highWaterMark: 1 << 20 }));
  return {
    contents: {
      'model.gguf': 'the whole model with its labels, as it is served here; llama.cpp makes vectors with it',
    },
    use: 'Pull it into another Tunesmith: `tunesmith models pull ./model.gguf`.',
  };
}

/** Writes a checkpoint for transformers into `folder`, and reads it back. */
export async function writeEncoderCheckpoint(base: BaseModel, folder: string, draft: string): Promise<EncoderFiles> {
  await using gguf = await openGguf(base.path);
  const head = readHead(gguf.metadata);
  const className = classOf(head);
  await mkdir(folder, { recursive: true });
  const apart = head !== null && className === 'BertModel';
  const tensors = await checkpointTensors(gguf, base, className);
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
  await writeJson(join(folder, 'config.json'), configOf(gguf, base, head, className));
  await writeJson(join(folder, 'tokenizer.json'), tokenizerOf(gguf.metadata));
  await writeJson(join(folder, 'tokenizer_config.json'), tokenizerConfigOf(gguf.metadata, base));
  const contents: Record<string, string> = {
    'model.safetensors': `the ${className} for transformers`,
    'config.json': apart ? 'its shape' : 'its shape and its labels',
    'tokenizer.json': 'its tokenizer',
    'tokenizer_config.json': 'what the tokenizer is called',
  };
  if (apart) {
    await writeSafetensors(join(folder, 'classifier.safetensors'), await classifierTensors(gguf), { format: 'pt' });
    await writeJson(join(folder, 'labels.json'), outputNames(head));
    Object.assign(contents, {
      'classifier.safetensors': 'what reads the labels off the mean of all tokens',
      'labels.json': 'their names, in its order',
    });
  }
  if (head === null) {
    await writeSentenceFiles(gguf.metadata, base, folder);
    Object.assign(contents, {
      'modules.json': 'how sentence-transformers makes vectors',
      '1_Pooling/config.json': 'the same',
    });
  }
  await assertSame(base, folder, draft, apart ? null : head);
  return { contents, use: useOf(className, head, apart) };
}

type ClassName = 'BertModel' | 'BertForSequenceClassification' | 'BertForTokenClassification';

function classOf(head: HeadFacts | null): ClassName {
  if (head?.task === 'token_classification') return 'BertForTokenClassification';
  return head?.pooling === 'first' ? 'BertForSequenceClassification' : 'BertModel';
}

async function checkpointTensors(gguf: Gguf, base: BaseModel, className: ClassName): Promise<Map<string, SafeTensor>> {
  const outputs = gguf.tensors.get(`${outputName}.weight`)?.shape[0] ?? 0;
  const found = new Map<string, SafeTensor>();
  for (const { gguf: name, huggingFace, shape } of tensorsOf(bert, { ...sizesOf(base.architecture), outputs })) {
    if (huggingFace === null || !gguf.tensors.has(name)) continue;
    if (className === 'BertModel' && name.startsWith(`${outputName}.`)) continue;
    if (className === 'BertForTokenClassification' && huggingFace.startsWith('bert.pooler.')) continue;
    // A model alone goes without the name that its classes put before it.
    const called = className === 'BertModel' ? huggingFace.replace(/^bert\./, '') : huggingFace;
    found.set(called, { dtype: 'F32', shape, data: await gguf.read(name) });
  }
  return found;
}

async function classifierTensors(gguf: Gguf): Promise<Map<string, SafeTensor>> {
  const found = new Map<string, SafeTensor>();
  for (const part of ['weight', 'bias']) {
    const { shape } = gguf.tensors.get(`${outputName}.${part}`)!;
    found.set(part, { dtype: 'F32', shape, data: await gguf.read(`${outputName}.${part}`) });
  }
  return found;
}

function configOf(gguf: Gguf, { architecture }: BaseModel, head: HeadFacts | null, className: ClassName): object {
  const names = head === null || className === 'BertModel' ? null : outputNames(head);
  const entries = (names ?? []).map((name, i) => [String(i), name] as const);
  return {
    architectures: [className],
    model_type: 'bert',
    hidden_size: architecture.width,
    num_hidden_layers: architecture.layers,
    num_attention_heads: architecture.heads,
    intermediate_size: architecture.feedForward,
    max_position_embeddings: architecture.contextTokens,
    vocab_size: architecture.vocabulary,
    type_vocab_size: 2,
    hidden_act: 'gelu',
    layer_norm_eps: Number(architecture.normEpsilon.toPrecision(6)),
    hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1,
    pad_token_id: gguf.metadata.number('tokenizer.ggml.padding_token_id', 0),
    position_embedding_type: 'absolute',
    dtype: 'float32',
    ...(names !== null && {
      id2label: Object.fromEntries(entries),
      label2id: Object.fromEntries(entries.map(([id, name]) => [name, Number(id)])),
    }),
    ...(head !== null &&
      className === 'BertForSequenceClassification' && {
        problem_type: head.task === 'multi_label' ? 'multi_label_classification' : 'single_label_classification',
      }),
  };
}

function tokenizerOf(metadata: GgufMetadata): object {
  const { tokenizer } = EncoderCodec.fromGguf(metadata);
  const { vocabulary } = tokenizer;
  const isPlain = (id: number): boolean => vocabulary.is(id, 'normal');
  const spelled = vocabulary.texts.map((text, id) =>
    !isPlain(id) ? text : text.startsWith(spaceMark) && text.length > 1 ? text.slice(1) : `##${text}`,
  );
  const unknown = vocabulary.texts[metadata.number('tokenizer.ggml.unknown_token_id')]!;
  const idOf = (name: string): number => vocabulary.id(name)!;
  const special = spelled
    .map((content, id) => ({ content, id }))
    .filter(({ id }) => vocabulary.is(id, 'control') || vocabulary.is(id, 'unknown'));
  const lowercase = metadata.boolean('tunesmith.word_piece.lowercase', true);
  const piece = (id: string, type: number): object => ({ SpecialToken: { id, type_id: type } });
  const text = (id: string, type: number): object => ({ Sequence: { id, type_id: type } });
  const named = (name: string): object => ({ id: name, ids: [idOf(name)], tokens: [name] });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map(({ content, id }) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: metadata.boolean('tunesmith.word_piece.split_chinese', true),
      strip_accents: metadata.boolean('tunesmith.word_piece.strip_accents', lowercase),
      lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [piece('[CLS]', 0), text('A', 0), piece('[SEP]', 0)],
      pair: [piece('[CLS]', 0), text('A', 0), piece('[SEP]', 0), text('B', 1), piece('[SEP]', 1)],
      special_tokens: { '[CLS]': named('[CLS]'), '[SEP]': named('[SEP]') },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unknown,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(spelled.map((token, id) => [token, id])),
    },
  };
}

const tokenizerConfigOf = (metadata: GgufMetadata, { contextTokens }: BaseModel): object => ({
  tokenizer_class: 'BertTokenizer',
  do_lower_case: metadata.boolean('tunesmith.word_piece.lowercase', true),
  model_max_length: contextTokens,
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  pad_token: '[PAD]',
  unk_token: '[UNK]',
  mask_token: '[MASK]',
});

async function writeSentenceFiles(metadata: GgufMetadata, { architecture }: BaseModel, folder: string): Promise<void> {
  const first = poolingOf(metadata) === 'first';
  const types = ['Transformer', 'Pooling', ...(normalises(metadata) ? ['Normalize'] : [])];
  const modules = types.map((type, idx) => ({
    idx,
    name: String(idx),
    path: idx === 0 ? '' : `${idx}_${type}`,
    type: `sentence_transformers.models.${type}`,
  }));
  await writeJson(join(folder, 'modules.json'), modules);
  await mkdir(join(folder, '1_Pooling'), { recursive: true });
  await writeJson(join(folder, '1_Pooling', 'config.json'), {
    word_embedding_dimension: architecture.width,
    pooling_mode_cls_token: first,
    pooling_mode_mean_tokens: !first,
    pooling_mode_max_tokens: false,
    pooling_mode_mean_sqrt_len_tokens: false,
  });
}

const probes = [
  'A short text.',
  'Buy cheap tickets now, free offer!',
  'Ada Lovelace wrote to Charles Babbage in London.',
  'Äpfel, Öl und Übermut: größer, schöner.',
  '你好，世界。 1234567',
  'The quick brown fox jumps over the lazy dog, and the other animals of the forest sing in the morning.',
  "don't; can't: won't (ever)",
  'e-mail someone@example.com at 10:45',
  'x',
  'one two three four five six seven eight nine ten',
];

/** The checkpoint, imported again, makes the same vectors and is as sure of its labels. */
async function assertSame(base: BaseModel, folder: string, draft: string, head: HeadFacts | null): Promise<void> {
  const again = join(draft, 'read-back.gguf');
  await convertCheckpoint(folder, again, () => undefined);
  await using gguf = await openGguf(again);
  const codec = EncoderCodec.fromGguf(gguf.metadata);
  await using served = await openGguf(base.path);
  const own = EncoderCodec.fromGguf(served.metadata);
  const texts = probes.map((text) => own.encode(text, base.contextTokens).ids);
  for (const [i, text] of probes.entries()) {
    if (codec.encode(text, base.contextTokens).ids.join() !== texts[i]!.join())
      throw unfaithful(`its tokenizer reads ${JSON.stringify(text)} otherwise`);
  }
  await using reader = await EncoderReader.open(base.path, 1);
  await using copy = await EncoderReader.open(again, 1);
  const judged = texts.map((ids) => ({ ids, positions: Int32Array.of(0) }));
  const pairs: [Float32Array[], Float32Array[]][] = [[await reader.vectors(texts), await copy.vectors(texts)]];
  if (head !== null) pairs.push([await reader.judge(judged), await copy.judge(judged)]);
  for (const [ours, theirs] of pairs) {
    const widest = Math.max(...ours.flatMap((row, i) => Array.from(row, (x, k) => Math.abs(x - theirs[i]![k]!))));
    if (!(widest < 1e-4)) throw unfaithful(`its numbers differ by ${widest}`);
  }
  await rm(again);
}

const unfaithful = (what: string): TunesmithError =>
  new TunesmithError('internal', `The export is not offered: read back, ${what}.`, { code: 'export_unfaithful' });

function useOf(className: ClassName, head: HeadFacts | null, apart: boolean): string {
  if (apart)
    return [
      '```python',
      'import json, torch',
      'from safetensors.torch import load_file',
      'from transformers import AutoModel, AutoTokenizer',
      'tokenizer, model = AutoTokenizer.from_pretrained("."), AutoModel.from_pretrained(".")',
      'classifier, labels = load_file("classifier.safetensors"), json.load(open("labels.json"))',
      'hidden = model(**tokenizer("A text", return_tensors="pt")).last_hidden_state[0].mean(0)',
      'logits = classifier["weight"] @ hidden + classifier["bias"]',
      head?.task === 'multi_label'
        ? 'print({label: float(p) for label, p in zip(labels, logits.sigmoid())})'
        : 'print({label: float(p) for label, p in zip(labels, logits.softmax(0))})',
      '```',
    ].join('\n');
  if (head === null)
    return '```python\nfrom sentence_transformers import SentenceTransformer\nprint(SentenceTransformer(".").encode("A text"))\n```';
  const task = className === 'BertForTokenClassification' ? 'token-classification' : 'text-classification';
  return `\`\`\`python\nfrom transformers import pipeline\nprint(pipeline("${task}", model=".")("A text"))\n\`\`\``;
}

const writeJson = (path: string, value: unknown): Promise<void> =>
  writeAtomically(path, [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)]);
