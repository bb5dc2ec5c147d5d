/** What a job will need and take, told before it starts: memory by formula, time by what was measured on this machine. */

import { runLimitsOf } from '../dataset/batch.ts';
import type { ValidationReport } from '../dataset/validate.ts';
import type { TrainingPlan } from '../engine/protocol.ts';
import type { BaseModel } from '../models/manifest.ts';
import { estimateMs, readCalibration } from './calibration.ts';
import type { Failure } from './failure.ts';
import { memoryLimit, memoryOf, remedyFor } from './memory.ts';

export interface Forecast {
  readonly memoryBytes: number;
  /** Null where the speed of this machine was never measured. */
  readonly seconds: number | null;
  /** In one sentence, for the events. */
  readonly message: string;
}

/** Making models of the last checkpoints, and what the worker does around a trainer. */
const aroundMs = 2500;

export async function forecastOf(
  home: string,
  base: BaseModel,
  plan: TrainingPlan,
  train: string,
  report: ValidationReport,
): Promise<Forecast> {
  const { bytes: memoryBytes } = memoryOf(base.architecture, plan);
  const { threads, batchSize, basePrecision, epochs } = plan;
  const setting = { base, method: 'supervised', threads, batchSize, train, basePrecision } as const;
  // What was measured was the processor.
  const calibration = (plan.device ?? 'cpu') === 'cpu' ? await readCalibration(home, setting) : null;
  const lengths = [...report.lengths].map(([tokens, count]) => [Math.min(tokens, plan.tokensMax), count] as const);
  const ms = calibration === null ? null : estimateMs(calibration, setting, { lengths, epochs }) + aroundMs;
  const seconds = ms === null ? null : Math.ceil(ms / 1000);
  const { lanes } = runLimitsOf(plan);
  const steps = Math.ceil(report.examples / batchSize) * epochs;
  const work = `${steps} steps over ${report.tokens * epochs} tokens, ${lanes === 1 ? 'one lane' : `${lanes} lanes`}`;
  const time = seconds === null ? '' : ` and about ${inWords(seconds)}`;
  return {
    memoryBytes,
    seconds,
    message: `The job needs at most about ${gigabytes(memoryBytes)} of memory${time} (${work}).`,
  };
}

/** Why a job cannot run here, with the setting that would let it; null when it can. */
export function whyTooLarge(base: BaseModel, plan: TrainingPlan, limit = memoryLimit()): Failure | null {
  const { bytes, parts } = memoryOf(base.architecture, plan);
  if (bytes <= limit) return null;
  const remedy = remedyFor(base.architecture, plan, limit);
  const shares = Object.entries(parts).map(([name, share]) => `${name} ${gigabytes(share)}`);
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
