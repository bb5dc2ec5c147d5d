/**
 * A job's files read line by line, the way its method and its base model want them: conversations, preferences, bare
 * text, or labels for an encoder.
 */

import { CompletionRows, formatOfFile, PreferenceRows } from '../dataset/lessons.ts';
import { validateTrainingFile, type ValidationReport } from '../dataset/validate.ts';
import { invalid, type TunesmithError } from '../domain/errors.ts';
import type { ExampleFormat } from '../domain/example.ts';
import type { Hyperparameters, MethodType } from '../domain/job.ts';
import type { HeadPlan } from '../engine/protocol.ts';
import { isEncoder } from '../families/table.ts';
import { openGguf } from '../formats/gguf.ts';
import type { BaseModel } from '../models/manifest.ts';
import { TextCodec } from '../text/codec.ts';
import { readLabelledFiles } from './labelled.ts';

/** What is to be read, and for what. */
export interface FilesToRead {
  /** Paths; `name` is the training file's id. */
  readonly training: string;
  readonly validation: string | null;
  readonly name: string;
  readonly method: MethodType;
  readonly asked: Hyperparameters;
}

export interface FileReports {
  readonly training: ValidationReport;
  readonly validation: ValidationReport | null;
  /** What an encoder is to tell apart; null for models that write. */
  readonly head: HeadPlan | null;
  /** What the rows of the files are; null for conversations. */
  readonly data: 'preference' | 'completion' | null;
  /** What it learns, in a sentence. */
  readonly note: string | null;
}

const noHead = { head: null, note: null } as const;

export async function readFiles(files: FilesToRead, base: BaseModel, signal: AbortSignal): Promise<FileReports> {
  if (isEncoder(base)) return { ...(await readLabelledFiles(files, base, files.asked, signal)), data: null };
  await using gguf = await openGguf(base.path);
  const text = TextCodec.fromGguf(gguf.metadata);
  const data = await dataOf(files, signal);
  const codec =
    data === 'preference' ? new PreferenceRows(text) : data === 'completion' ? new CompletionRows(text) : text;
  const { max_length: asked } = files.asked;
  const tokensMax = typeof asked === 'number' ? asked : base.contextTokens;
  const options = { codec, tokensMax, signal };
  const training = await validateTrainingFile(files.training, { ...options, role: 'training' });
  if (files.validation === null || !training.ok) return { training, validation: null, data, ...noHead };
  const known = training.fingerprints;
  const validation = await validateTrainingFile(files.validation, { ...options, role: 'validation', known });
  return { training, validation, data, ...noHead };
}

/** What the rows are that this method learns from; null for conversations. */
async function dataOf(files: FilesToRead, signal: AbortSignal): Promise<FileReports['data']> {
  const format = await formatOfFile(files.training, signal);
  if (files.method === 'dpo') {
    if (format === 'preference' || format === null) return 'preference';
    throw otherFormat(files, format);
  }
  if (format === 'preference') throw otherFormat(files, format);
  return format === 'completion' ? 'completion' : null;
}

/** In OpenAI's words. */
function otherFormat({ name: file, method }: FilesToRead, format: ExampleFormat): TunesmithError {
  const [name, wanted] = formatNames[format];
  return invalid(
    'training_file',
    `The job failed due to an invalid training file. Input file ${file} is in the ${name} format, but the specified fine-tuning job is not using '${wanted}' as the training method (provided method=${method}).`,
    'invalid_training_file',
  );
}

const formatNames: Readonly<Record<ExampleFormat, readonly [name: string, method: string]>> = {
  chat: ['fine-tune-chat', 'supervised'],
  completion: ['fine-tune-completions', 'supervised'],
  preference: ['fine-tune-preference', 'dpo'],
  reinforcement: ['fine-tune-reinforcement', 'reinforcement'],
};
