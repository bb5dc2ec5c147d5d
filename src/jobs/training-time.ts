/** What training on a file takes on this machine, foretold from what was measured of its speed. */

import type { ExampleFormat } from '../domain/example.ts';
import type { BaseModel } from '../models/base-models.ts';
import { estimateMs, type Calibration, type CalibrationSetting } from './calibration.ts';
import { autoBatchSize } from '../dataset/epochs.ts';

/** A file as far as time goes. */
export interface CountedFile {
  readonly format: ExampleFormat | null;
  readonly examples: number;
  /** How long its examples are, in tokens of the base model, and how often each length occurs. */
  readonly lengths: readonly (readonly [tokens: number, count: number])[];
}

export interface TrainingTime {
  readonly base: string;
  readonly tokensPerEpoch: number;
  readonly trainedTokens: number;
  readonly batchSize: number;
  /** Null when nothing was measured. */
  readonly time: { readonly seconds: number; readonly tokensPerSecond: number; readonly measuredAt: number } | null;
}

/** How a job that leaves everything to us would train the file. */
export const settingFor = ({ examples }: CountedFile, base: BaseModel, threads: number): CalibrationSetting => ({
  base,
  method: 'supervised',
  threads,
  batchSize: autoBatchSize(examples),
});

export function trainingHere(
  { lengths }: CountedFile,
  setting: CalibrationSetting,
  { epochs, calibration }: { readonly epochs: number; readonly calibration: Calibration | null },
): TrainingTime {
  const { base, batchSize } = setting;
  const cut = lengths.map(([length, count]) => [Math.min(length, base.contextTokens), count] as const);
  const tokensPerEpoch = cut.reduce((sum, [length, count]) => sum + length * count, 0);
  const ms = calibration === null ? null : estimateMs(calibration, setting, { lengths: cut, epochs });
  return {
    base: base.id,
    tokensPerEpoch,
    trainedTokens: tokensPerEpoch * epochs,
    batchSize,
    time:
      calibration === null || ms === null
        ? null
        : { seconds: ms / 1000, tokensPerSecond: calibration.tokensPerSecond, measuredAt: calibration.measuredAt },
  };
}

/** Why nobody can say how long it takes; null where it can be measured. */
export function whyNoTime({ format }: CountedFile, base: BaseModel): string | null {
  if (format !== 'chat') return `How fast files of the ${format} format train is not measured.`;
  const { servingOnly } = base.architecture;
  return servingOnly === null ? null : `It cannot be trained here: ${servingOnly}`;
}
