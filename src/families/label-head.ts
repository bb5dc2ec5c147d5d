/**
 * The head of an encoder in its file: BERT's pooler, the outputs over it, and what those stand for.
 *
 * Tensors and the names of outputs are where llama.cpp has them; the keys that begin with `tunesmith.` are ours.
 */

import { outputNames, type EntityForm, type LabelSet, type LabelTask } from '../domain/label.ts';
import { ggufValue, type GgufMetadata, type GgufValue } from '../formats/gguf-metadata.ts';

/** `first` is BERT's pooler over the first token, `mean` the mean over all; words are not pooled. */
export type Pooling = 'first' | 'mean' | 'none';

export interface HeadFacts extends LabelSet {
  readonly pooling: Pooling;
}

export const poolerName = 'cls';
export const outputName = 'cls.output';
const labelsKey = (architecture: string): string => `${architecture}.classifier.output_labels`;

const taskKey = 'tunesmith.head.task';
const poolingKey = 'tunesmith.head.pooling';
const entityLabelsKey = 'tunesmith.head.labels';
const formKey = 'tunesmith.head.form';

/** What the head of a file tells apart; null where there is none that we know. */
export function readHead(metadata: GgufMetadata): HeadFacts | null {
  const task = metadata.string(taskKey, null);
  if (task === null) return null;
  return {
    task: task as LabelTask,
    labels: metadata.strings(entityLabelsKey),
    form: JSON.parse(metadata.string(formKey, 'null')) as EntityForm | null,
    pooling: metadata.string(poolingKey) as Pooling,
  };
}

export function headEntries(architecture: string, head: HeadFacts): [string, GgufValue][] {
  return [
    [labelsKey(architecture), ggufValue.strings(outputNames(head))],
    [taskKey, ggufValue.string(head.task)],
    [poolingKey, ggufValue.string(head.pooling)],
    [entityLabelsKey, ggufValue.strings(head.labels)],
    [formKey, ggufValue.string(JSON.stringify(head.form))],
  ];
}

/** How a model makes one vector of a text: what its file says, else the mean, as most were trained to be used. */
export function poolingOf(metadata: GgufMetadata): 'first' | 'mean' {
  const architecture = metadata.string('general.architecture');
  return metadata.number(`${architecture}.pooling_type`, meanPooling) === firstPooling ? 'first' : 'mean';
}

/** llama.cpp's numbers. */
export const meanPooling = 1;
export const firstPooling = 2;

/** What a fresh head reads: what the file says that vectors are made of, else BERT's own pooler. */
export function headPoolingOf(metadata: GgufMetadata, task: LabelTask): Pooling {
  if (task === 'token_classification') return 'none';
  const architecture = metadata.string('general.architecture');
  return metadata.has(`${architecture}.pooling_type`) ? poolingOf(metadata) : 'first';
}

/** Whether vectors of texts are meant to have length 1. */
export const normalises = (metadata: GgufMetadata): boolean => metadata.boolean('tunesmith.normalise', true);
