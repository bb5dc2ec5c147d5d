/**
 * The head of an encoder in its file: BERT's pooler, the outputs over it, and what those stand for.
 *
 * Tensors and the names of outputs are where llama.cpp has them; the keys that begin with `tunesmith.` are ours.
 */

import { z } from 'zod';
import { TunesmithError } from '../domain/errors.ts';
import { outputCount, outputNames, type LabelSet, type LabelTask } from '../domain/label.ts';
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
  const parsed = headSchema.safeParse({
    task,
    labels: metadata.strings(entityLabelsKey),
    form: parsedForm(metadata.string(formKey, 'null')),
    pooling: metadata.string(poolingKey),
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new TunesmithError('invalid', `The model file's labels are damaged: ${where}: ${issue?.message}`, {
    code: 'model_unreadable',
  });
}

const headSchema = z
  .object({
    task: z.enum(['classification', 'multi_label', 'token_classification']),
    labels: z.array(z.string().min(1)).min(1),
    form: z
      .object({
        shape: z.enum(['by_type', 'spans', 'pairs']),
        wrapper: z.string().nullable(),
        keys: z.object({
          text: z.string().nullable(),
          label: z.string(),
          start: z.string().nullable(),
          end: z.string().nullable(),
        }),
      })
      .nullable(),
    pooling: z.enum(['first', 'mean', 'none']),
  })
  .refine(({ labels }) => new Set(labels).size === labels.length, {
    path: ['labels'],
    message: 'a label is there twice',
  })
  .refine(({ task, form, pooling }) => (task === 'token_classification') === (form !== null && pooling === 'none'), {
    path: ['task'],
    message: 'the task does not fit the form of its answers',
  });

function parsedForm(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** What is wrong with the tensors of a head, for the labels that the file names; null where nothing is. */
export function headProblem(
  metadata: GgufMetadata,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): string | null {
  const head = readHead(metadata);
  if (head === null) return null;
  const rows = tensors.get(`${outputName}.weight`)?.shape[0] ?? 0;
  const wanted = outputCount(head);
  if (rows !== wanted) return `it has outputs for ${rows} of ${wanted} labels`;
  const parts = [
    `${outputName}.bias`,
    ...(head.pooling === 'first' ? [`${poolerName}.weight`, `${poolerName}.bias`] : []),
  ];
  const missing = parts.find((name) => !tensors.has(name));
  return missing === undefined ? null : `the tensor "${missing}" of its labels is missing`;
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
