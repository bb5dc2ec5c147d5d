/**
 * The files of a job that teaches an encoder: which labels the training file has, and every row held against them.
 *
 * What was asked for wins over what the answers look like; a fine-tuned encoder goes on with its own labels only where
 * the file has the same.
 */

import { judgeLabels, LabelledRows, surveyLabels, type LabelSurvey } from '../dataset/labelled/rows.ts';
import type { FileRole } from '../dataset/faults.ts';
import { validateTrainingFile, type ValidationReport } from '../dataset/validate.ts';
import type { Hyperparameters } from '../domain/job.ts';
import type { HeadPlan } from '../engine/protocol.ts';
import { headPoolingOf } from '../families/label-head.ts';
import { openGguf } from '../formats/gguf.ts';
import type { BaseModel } from '../models/manifest.ts';
import { EncoderCodec } from '../text/encoder-codec.ts';

export interface LabelledFiles {
  readonly training: ValidationReport;
  readonly validation: ValidationReport | null;
  readonly head: HeadPlan;
  /** What is learnt, in a sentence. */
  readonly note: string;
}

export interface LabelledPaths {
  readonly training: string;
  readonly validation: string | null;
}

export async function readLabelledFiles(
  paths: LabelledPaths,
  base: BaseModel,
  asked: Pick<Hyperparameters, 'task' | 'pooling' | 'max_length'>,
  signal: AbortSignal,
): Promise<LabelledFiles> {
  await using gguf = await openGguf(base.path);
  const codec = EncoderCodec.fromGguf(gguf.metadata);
  const said = <T>(value: T | 'auto' | undefined): T | null => (value === undefined || value === 'auto' ? null : value);
  const tokensMax = said(asked.max_length) ?? base.contextTokens;
  const survey = await surveyLabels(paths.training, said(asked.task), signal);
  const { labelSet } = survey;
  const found = headPoolingOf(gguf.metadata, labelSet.task);
  const pooling = found === 'none' ? found : (said(asked.pooling) ?? found);
  const read = async (path: string, role: FileRole, known?: ValidationReport): Promise<ValidationReport> => {
    const rows = new LabelledRows(codec, labelSet, role);
    const report = await validateTrainingFile(path, {
      codec: rows,
      tokensMax,
      role,
      signal,
      ...(known !== undefined && { known: known.fingerprints }),
      ...(role === 'training' && { judge: (whole) => judgeLabels(survey, whole) }),
    });
    return { ...report, warnings: [...report.warnings, ...rows.warnings] };
  };
  const training = await read(paths.training, 'training');
  const validation =
    paths.validation === null || !training.ok ? null : await read(paths.validation, 'validation', training);
  return { training, validation, head: { ...labelSet, pooling }, note: inWords(survey) };
}

const whats = {
  classification: 'labels of texts, one for each',
  multi_label: 'labels of texts, any number for each',
  token_classification: 'types of entities in texts',
} as const;

const namedMax = 10;

function inWords({ labelSet: { task, labels }, counts }: LabelSurvey): string {
  const often = [...labels].sort((a, b) => counts.get(b)! - counts.get(a)!);
  const named = often.slice(0, namedMax).map((label) => `${label} (${counts.get(label)})`);
  const more = labels.length > namedMax ? ` and ${labels.length - namedMax} more` : '';
  return `The model learns ${labels.length} ${whats[task]}, in so many examples: ${named.join(', ')}${more}`;
}
