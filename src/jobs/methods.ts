/**
 * The ways to train that a request may ask for beside OpenAI's hyper-parameters: which weights learn, what keeps them
 * from learning by heart, and what cannot be asked for together.
 */

import { z } from 'zod';
import { invalid } from '../domain/errors.ts';
import type { EarlyStoppingWish, Hyperparameters, MethodType } from '../domain/job.ts';
import type { EarlyStoppingPlan, TrainPlan } from '../engine/protocol.ts';

const lastLayers = /^last_layers\((\d{1,3})\)$/;

/** `lora`, `full`, `head` or `last_layers(n)`. */
export const trainSchema = z
  .string()
  .refine((text) => ['lora', 'full', 'head'].includes(text) || Number(lastLayers.exec(text)?.[1] ?? 0) > 0, {
    message: `Invalid value. Supported values are: 'lora', 'full', 'head', and 'last_layers(n)' with n of 1 or more, such as 'last_layers(2)'.`,
  });

export const earlyStoppingSchema = z.union([
  z.boolean(),
  z.strictObject({
    patience: z.int().min(1).max(1000).optional(),
    min_delta: z.number().min(0).optional(),
    metric: z.enum(['loss', 'token_accuracy', 'exact_answers']).optional(),
    interval: z.int().min(1).optional(),
  }),
]);

export type TrainMode = TrainPlan['mode'];

/** How weights are trained where a request says `train`. */
export function modeOf(train: string): TrainMode {
  return lastLayers.test(train) ? 'last_layers' : (train as TrainMode);
}

/** So many layers of `last_layers(n)`. */
export const layersOf = (train: string): number => Number(lastLayers.exec(train)?.[1] ?? 0);

/** AdamW's peak learning rate at a multiplier of 1: a detour starts at nothing and may hurry, weights that know something may not. */
export const peakLearningRates: Readonly<Record<TrainMode, number>> = {
  lora: 2e-4,
  full: 2e-5,
  last_layers: 5e-5,
  head: 2e-4,
};

/** Preferences are learnt beside what is known already, and need smaller steps. */
export const preferenceShare = 0.25;

/**
 * How often early stopping looks where it does not say: up to four times in an epoch, but not after so few steps that
 * what it sees is the accident of a few examples. With four looks in fifteen steps patience was at its end in the second
 * epoch, long before the best one (docs/lab-notes.md).
 */
const evaluationsPerEpoch = 4;
const stepsPerEvaluation = 10;

export interface ResolvedEarlyStopping {
  patience: number;
  min_delta: number;
  metric: EarlyStoppingPlan['metric'];
  interval: number;
}

/** Early stopping with nothing left open; null where nobody asked for it. */
export function resolveEarlyStopping(
  asked: EarlyStoppingWish | 'auto' | undefined,
  stepsPerEpoch: number,
): ResolvedEarlyStopping | null {
  if (asked === undefined || asked === 'auto' || asked === false) return null;
  const { patience = 3, min_delta = 0, metric = 'loss', interval } = asked === true ? {} : asked;
  const looks = Math.min(evaluationsPerEpoch, Math.max(1, Math.floor(stepsPerEpoch / stepsPerEvaluation)));
  return { patience, min_delta, metric, interval: interval ?? Math.max(1, Math.ceil(stepsPerEpoch / looks)) };
}

export const earlyStoppingPlan = ({
  patience,
  min_delta: minDelta,
  metric,
  interval,
}: ResolvedEarlyStopping): EarlyStoppingPlan => ({ patience, minDelta, metric, interval });

const onlyForLora = ['lora_rank', 'lora_alpha', 'lora_dropout', 'lora_targets', 'rslora'] as const;

/** What a request says about its data, beside its hyper-parameters. */
export interface RequestFacts {
  readonly method: MethodType;
  readonly layers: number;
  readonly validationFile: boolean;
}

/** Refuses what contradicts itself; `at` says where a hyper-parameter stands in the request. */
export function assertConsistent(asked: Hyperparameters, facts: RequestFacts, at: (name: string) => string): void {
  const { train = 'auto', base_precision: precision = 'auto' } = asked;
  const rounded = precision === 'int8' || precision === 'int4';
  const refuse = (name: string, message: string): never => {
    throw invalid(at(name), message, 'unsupported_value');
  };
  if (train !== 'auto' && train !== 'lora') {
    const stray = onlyForLora.find((name) => (asked[name] ?? 'auto') !== 'auto');
    if (stray !== undefined)
      refuse(
        stray,
        `Unsupported value: '${at(stray)}' shapes an adapter, but 'train' is '${train}', which makes none. Leave one of them out.`,
      );
    if (train === 'full' && rounded)
      refuse(
        'base_precision',
        `Unsupported value: '${at('base_precision')}' is '${precision}', but 'train' is 'full', which leaves no frozen weights. Expected 'f32' or "auto".`,
      );
    if (layersOf(train) > facts.layers)
      refuse(
        'train',
        `Invalid value: '${at('train')}' is '${train}', but the model has ${facts.layers} layers. Expected at most 'last_layers(${facts.layers})', or 'full'.`,
      );
  }
  const device = asked.device ?? 'auto';
  if (rounded && device !== 'auto' && device !== 'cpu')
    refuse(
      'base_precision',
      `Unsupported value: '${at('base_precision')}' is '${precision}', which only the processor computes in, but 'device' is '${device}'. Expected 'f32' or "auto", or another device.`,
    );
  if (facts.method === 'dpo') {
    if ((asked.label_smoothing ?? 'auto') !== 'auto')
      refuse(
        'label_smoothing',
        `Unsupported value: '${at('label_smoothing')}' is for supervised training; 'dpo' compares answers. Leave it out.`,
      );
    const { early_stopping } = asked;
    if (typeof early_stopping === 'object' && early_stopping.metric === 'exact_answers')
      refuse(
        'early_stopping',
        `Unsupported value: '${at('early_stopping')}' cannot look at 'exact_answers', as 'dpo' compares answers. Expected 'loss' or 'token_accuracy'.`,
      );
  }
  const split = asked.validation_split ?? 'auto';
  if (split !== 'auto' && split > 0 && facts.validationFile)
    refuse(
      'validation_split',
      `Unsupported value: '${at('validation_split')}' sets examples of the training file apart, but there is a validation file. Leave one of them out.`,
    );
  const stops = resolveEarlyStopping(asked.early_stopping, 1) !== null;
  if (stops && !facts.validationFile && (split === 'auto' || split === 0))
    refuse(
      'early_stopping',
      `Unsupported value: '${at('early_stopping')}' needs something to validate by. Add a validation_file, or set a part of the training file apart with validation_split, such as 0.1.`,
    );
}
