/** What a job will need and take, told before it starts: memory by formula, time by what was measured on this machine. */

import { runLimitsOf } from '../dataset/batch.ts';
import type { ValidationReport } from '../dataset/validate.ts';
import type { TrainingPlan } from '../engine/protocol.ts';
import type { BaseModel } from '../models/manifest.ts';
import { isEncoder } from '../families/table.ts';
import {
  calibrate,
  estimateMs,
  readCalibration,
  type Calibration,
  type CalibrationSetting,
  type Lengths,
  type Training,
} from './calibration.ts';
import type { Failure } from './failure.ts';
import { hasFrozenLayers, isReadOnce, memoryLimit, memoryOf, remedyFor } from './memory.ts';

export interface Forecast {
  readonly memoryBytes: number;
  /** Null where the speed of this machine was never measured. */
  readonly seconds: number | null;
  /** In one sentence, for the events. */
  readonly message: string;
}

/** What the files were found to hold. */
export interface CountedFiles {
  readonly training: ValidationReport;
  readonly validation: ValidationReport | null;
}

export async function forecastOf(
  home: string,
  base: BaseModel,
  plan: TrainingPlan,
  train: string,
  files: CountedFiles,
): Promise<Forecast> {
  const { bytes: memoryBytes } = memoryOf(base.architecture, plan);
  const setting = settingOf(base, plan, train);
  const calibration = isMeasured(plan) ? await readCalibration(home, setting) : null;
  const training = trainingOf(plan, files);
  const ms = calibration === null ? null : timeOf(calibration, setting, training, { plan, files });
  const seconds = ms === null ? null : Math.ceil(ms / 1000);
  const { lanes } = runLimitsOf(plan);
  const tokens = tokensIn(training.lengths) * plan.epochs;
  const work = `${stepsOf(plan, files)} steps over ${tokens} tokens, ${lanes === 1 ? 'one lane' : `${lanes} lanes`}`;
  const time = seconds === null ? '' : ` and ${plan.earlyStopping ? 'at most ' : ''}about ${inWords(seconds)}`;
  return {
    memoryBytes,
    seconds,
    message: `The job needs at most about ${gigabytes(memoryBytes)} of memory${time} (${work}).`,
  };
}

/** So many tokens take so long that a few steps are worth measuring first. */
const worthMeasuringTokens = 50_000;

interface MeasureOptions {
  readonly files: CountedFiles;
  readonly signal: AbortSignal;
  /** Told when something is to be measured. */
  readonly onMeasure: () => Promise<void>;
}

/** Measures how fast this machine trains so, where nobody has and the job is long enough for it. */
export async function measureFirst(
  home: string,
  base: BaseModel,
  plan: TrainingPlan,
  train: string,
  { files, signal, onMeasure }: MeasureOptions,
): Promise<void> {
  if (!isMeasured(plan) || files.training.tokens * plan.epochs < worthMeasuringTokens) return;
  const setting = settingOf(base, plan, train);
  if ((await readCalibration(home, setting)) !== null) return;
  await onMeasure();
  await calibrate(home, setting, { signal });
}

/**
 * What is measured is the processor, and frozen layers that read everything once; pairs of answers, and hidden states
 * of which some are dropped, go through them again and again.
 */
const isMeasured = (plan: TrainingPlan): boolean =>
  (plan.device ?? 'cpu') === 'cpu' && (!hasFrozenLayers(plan.train) || isReadOnce(plan));

const settingOf = (base: BaseModel, { threads, batchSize, basePrecision }: TrainingPlan, train: string) =>
  ({ base, method: 'supervised', threads, batchSize, train, basePrecision }) as const;

/** Examples that are learnt from, where a share is set apart. */
const learntShare = ({ validationFile, validationSplit = 0 }: TrainingPlan): number =>
  validationFile === null ? 1 - validationSplit : 1;

const stepsPerEpoch = (plan: TrainingPlan, { training }: CountedFiles): number =>
  Math.ceil((training.examples * learntShare(plan)) / plan.batchSize);

const stepsOf = (plan: TrainingPlan, files: CountedFiles): number => stepsPerEpoch(plan, files) * plan.epochs;

/**
 * Everything that a trainer computes: its steps; a batch of the validation set every so many of them, and the whole set
 * at the end of each epoch and whenever early stopping looks; all pairs of answers once before the first step. With
 * early stopping that is the most it can come to.
 */
function trainingOf(plan: TrainingPlan, files: CountedFiles): Training {
  const { epochs, batchSize, tokensMax, earlyStopping, evaluationInterval } = plan;
  const { training, validation } = files;
  const lengthsOf = ({ lengths }: ValidationReport, share: number): Lengths =>
    [...lengths].map(([tokens, count]) => [Math.min(tokens, tokensMax), count * share] as const);
  const share = learntShare(plan);
  const learnt = lengthsOf(training, share);
  const heldOut = share < 1 ? lengthsOf(training, 1 - share) : validation === null ? [] : lengthsOf(validation, 1);
  const heldOutExamples = share < 1 ? training.examples * (1 - share) : (validation?.examples ?? 0);
  const steps = stepsOf(plan, files);
  const wholeLooks = epochs + (earlyStopping ? Math.floor(steps / earlyStopping.interval) : 0);
  const batches = heldOutExamples === 0 ? 0 : Math.floor(steps / evaluationInterval);
  const partLooks = batches * Math.min(1, batchSize / Math.max(1, heldOutExamples));
  const preference = plan.objective?.kind === 'preference';
  const references = preference ? [{ lengths: [...learnt, ...heldOut], times: 1 }] : [];
  return {
    lengths: learnt,
    epochs,
    supervisedTokens: training.supervisedTokens * share,
    sequencesPerExample: preference ? 2 : 1,
    looks: [{ lengths: heldOut, times: wholeLooks + partLooks }, ...references],
    saves: wholeLooks,
  };
}

/** What the worker does around a trainer. */
const aroundMs = 2500;
const modelsMax = 3;
/** A finished model answers so many validation examples, for so long. */
const judgedMax = 100;
const judgingMsMax = 60_000;
/** To write a token takes a pass over all weights. */
const writingMsPerParameter = 8e-8;

function timeOf(
  calibration: Calibration,
  setting: CalibrationSetting,
  training: Training,
  { plan, files: { validation } }: { readonly plan: TrainingPlan; readonly files: CountedFiles },
): number {
  const ms = estimateMs(calibration, setting, training);
  const snapshots = Math.floor(ms / 1000 / plan.snapshotSeconds) * calibration.saveMs;
  const models = Math.min(modelsMax, plan.epochs) * calibration.saveMs;
  return ms + snapshots + models + judgingMs(calibration, setting, validation) + aroundMs;
}

/** The final model's answers to the validation file. */
function judgingMs(
  { readMsPerCost, lookMsPerCost }: Calibration,
  { base, train }: CalibrationSetting,
  validation: ValidationReport | null,
): number {
  if (validation === null) return 0;
  const { examples, tokens, supervisedTokens } = validation;
  const answer = isEncoder(base) ? 0 : (supervisedTokens / examples) * base.architecture.parameters;
  const perToken = readMsPerCost + (train === 'head' ? 0 : lookMsPerCost);
  const each = (tokens / examples) * perToken + answer * writingMsPerParameter;
  return Math.min(judgingMsMax, Math.min(examples, judgedMax) * each);
}

const tokensIn = (lengths: Lengths): number =>
  Math.round(lengths.reduce((sum, [tokens, count]) => sum + tokens * count, 0));

/** Why a job cannot run here, with the setting that would let it; null when it can. */
export function whyTooLarge(base: BaseModel, plan: TrainingPlan, limit = memoryLimit()): Failure | null {
  const { bytes, parts } = memoryOf(base.architecture, plan);
  if (bytes <= limit) return null;
  const remedy = remedyFor(base.architecture, plan, limit);
  const needed = Object.entries(parts).filter(([, share]) => share > 0);
  const shares = needed.map(([name, share]) => `${name} ${gigabytes(share)}`);
  const way = remedy === null ? 'No setting makes it fit; a smaller base model would.' : `It fits with ${remedy}.`;
  return {
    code: 'insufficient_memory',
    param: 'model',
    message: `The job failed because ${base.id} would need about ${gigabytes(bytes)} of memory to train (${shares.join(', ')}); this machine grants ${gigabytes(limit)}. ${way}`,
  };
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e9 ? 2 : 1)} GB`;

function inWords(seconds: number): string {
  if (seconds < 90) return `${seconds} seconds`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
  return `${(seconds / 3600).toFixed(1)} hours`;
}
