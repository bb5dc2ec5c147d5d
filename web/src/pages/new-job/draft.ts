/** A job that is being thought about: what the form holds, and the request that it stands for. */

import type { Hyperparameters, Job, MethodType } from '../../../../src/domain/job.ts';
import { hyperParameters, type TrainMode } from '../../parts/training/hyper-parameters.ts';
import { hyperParametersOf, methodOf } from '../../parts/training/jobs.ts';

export type Value = number | string | boolean | object;

export interface Draft {
  /** Null takes the one that is recommended. */
  readonly model: string | null;
  readonly trainingFile: string | null;
  readonly validationFile: string | null;
  readonly method: MethodType;
  readonly train: TrainMode;
  /** Of `last_layers`. */
  readonly layers: number;
  /** Hyper-parameters that somebody has set; all others are chosen by the server. */
  readonly values: Readonly<Record<string, Value>>;
  readonly suffix: string;
  readonly seed: number | null;
}

export const emptyDraft: Draft = {
  model: null,
  trainingFile: null,
  validationFile: null,
  method: 'supervised',
  train: 'auto',
  layers: 2,
  values: {},
  suffix: '',
  seed: null,
};

export interface JobBody {
  readonly model?: string;
  readonly training_file: string;
  readonly validation_file?: string;
  readonly suffix?: string;
  readonly seed?: number;
  readonly method?: object;
}

/** What the form stands for; null without a training file. `model` fills in for one that was not chosen. */
export function bodyOf(draft: Draft, model: string | null = null): JobBody | null {
  const { trainingFile, validationFile, method, suffix, seed } = draft;
  if (trainingFile === null) return null;
  const named = draft.model ?? model;
  const values = settingsOf(draft);
  const isUsual = method === 'supervised' && Object.keys(values).length === 0;
  const inside = Object.keys(values).length === 0 ? {} : { hyperparameters: values };
  return {
    ...(named !== null && { model: named }),
    training_file: trainingFile,
    ...(validationFile !== null && { validation_file: validationFile }),
    ...(suffix !== '' && { suffix }),
    ...(seed !== null && { seed }),
    ...(!isUsual && { method: { type: method, [method]: inside } }),
  };
}

function settingsOf({ method, train, layers, values }: Draft): Record<string, Value> {
  const fits = ({ only }: { only?: string }): boolean =>
    only === undefined || only === 'encoder' || only === method || (only === 'lora' && isLora(train));
  const names = new Set(hyperParameters.filter(fits).map(({ name }) => name));
  const set = Object.entries(values).filter(([name]) => names.has(name));
  const mode = train === 'last_layers' ? `last_layers(${layers})` : train;
  return { ...(train !== 'auto' && { train: mode }), ...Object.fromEntries(set) };
}

export const isLora = (train: TrainMode): boolean => train === 'auto' || train === 'lora';

/** What follows from the machine, or is told twice, is chosen anew. */
const chosenAnew = new Set(['learning_rate', 'base_precision', 'device', 'lora_targets', 'train', 'max_length']);

/** The same job again, to be changed. */
export function draftOf(job: Job): Draft {
  const asked: Hyperparameters = hyperParametersOf(job);
  const train = asked.train ?? 'auto';
  const layers = /^last_layers\((\d+)\)$/.exec(train)?.[1];
  const known = new Set(hyperParameters.map(({ name }) => name));
  const values = Object.entries(asked).filter(
    ([name, value]) => known.has(name) && !chosenAnew.has(name) && value !== 'auto' && value !== false,
  );
  return {
    model: job.model,
    trainingFile: job.training_file,
    validationFile: job.validation_file,
    method: methodOf(job),
    train: layers === undefined ? (train as TrainMode) : 'last_layers',
    layers: layers === undefined ? 2 : Number(layers),
    values: Object.fromEntries(values),
    suffix: job.user_provided_suffix ?? '',
    seed: job.seed,
  };
}
