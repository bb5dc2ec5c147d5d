/**
 * What an encoder's checkpoint says beside its weights: how texts become vectors (the files of sentence-transformers) and
 * what its classifier tells apart (config.json). A classifier that our graph would compute otherwise is left out; the
 * model then begins without labels.
 */

import { join } from 'node:path';
import { outputNames } from '../../domain/label.ts';
import { firstPooling, headEntries, meanPooling, type HeadFacts } from '../../families/label-head.ts';
import { ggufValue } from '../../formats/gguf-metadata.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Entries } from './config.ts';
import { isObject, readJsonFile, readTextFile, unusable } from './json-file.ts';

export interface EncoderFacts {
  readonly metadata: Entries;
  /** Outputs of the classifier; 0 where there is none, or none that is taken over. */
  readonly outputs: number;
}

export async function encoderFacts(checkpoint: Checkpoint): Promise<EncoderFacts> {
  const head = headOf(checkpoint);
  return {
    outputs: head === null ? 0 : outputNames(head).length,
    metadata: {
      'bert.attention.causal': ggufValue.bool(false),
      ...(await vectorsOf(checkpoint.folder)),
      ...(head === null ? {} : Object.fromEntries(headEntries('bert', head))),
    },
  };
}

/** sentence-transformers says how to pool, and whether vectors are scaled to length 1. */
async function vectorsOf(folder: string): Promise<Entries> {
  const entries: Entries = {};
  const modules = await readList(join(folder, 'modules.json'));
  if (modules !== null) {
    const normalises = modules.some((module) => isObject(module) && String(module['type']).endsWith('.Normalize'));
    entries['tunesmith.normalise'] = ggufValue.bool(normalises);
  }
  const pooling = await readJsonFile(join(folder, '1_Pooling', 'config.json'));
  if (pooling === null) return entries;
  const on = Object.keys(pooling).filter((name) => name.startsWith('pooling_mode_') && pooling[name] === true);
  const kind = poolings.get(on.join());
  if (kind === undefined)
    throw unusable(
      `1_Pooling/config.json pools by ${on.join(', ') || 'nothing'}; expected ${[...poolings.keys()].join(' or ')}`,
    );
  return { ...entries, 'bert.pooling_type': ggufValue.u32(kind) };
}

const poolings: ReadonlyMap<string, number> = new Map([
  ['pooling_mode_mean_tokens', meanPooling],
  ['pooling_mode_cls_token', firstPooling],
]);

/** A list at the top of a file of which everything else is an object. */
async function readList(path: string): Promise<readonly unknown[] | null> {
  const text = await readTextFile(path);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

function headOf({ config, tensors }: Checkpoint): HeadFacts | null {
  const classifier = tensors.get('classifier.weight');
  const names = config.fields('id2label');
  if (classifier === undefined || names === null) return null;
  const count = classifier.shape[0] ?? 0;
  const labels = Array.from({ length: count }, (_, i) => names.raw(String(i)));
  if (!labels.every((label): label is string => typeof label === 'string' && label !== '')) return null;
  if (new Set(labels).size !== count) return null;
  const [className] = config.list('architectures') ?? [];
  if (String(className).endsWith('ForTokenClassification')) return taggerOf(labels);
  // DistilBERT's has a layer before it that is not BERT's pooler.
  if (className !== 'BertForSequenceClassification' || !hasPooler(tensors)) return null;
  const several = config.text('problem_type', 'single_label_classification') === 'multi_label_classification';
  return { task: several ? 'multi_label' : 'classification', labels, form: null, pooling: 'first' };
}

const hasPooler = (tensors: Checkpoint['tensors']): boolean =>
  tensors.has('bert.pooler.dense.weight') || tensors.has('pooler.dense.weight');

/** Tags have to come as we order them: O, then the first and the other words of each type. */
function taggerOf(tags: readonly string[]): HeadFacts | null {
  const labels = tags.filter((tag) => tag.startsWith('B-')).map((tag) => tag.slice(2));
  const keys = { text: 'text', label: 'label', start: 'start', end: 'end' };
  const head: HeadFacts = {
    task: 'token_classification',
    labels,
    form: { shape: 'spans', wrapper: null, keys },
    pooling: 'none',
  };
  return outputNames(head).join('\n') === tags.join('\n') ? head : null;
}

/** Heads of other tasks, which we leave out. */
export const otherHeads =
  /^(cls\.(predictions|seq_relationship)\.|classifier\.|pre_classifier\.|vocab_(transform|layer_norm|projector)\.|qa_outputs\.|lm_head\.)/;
