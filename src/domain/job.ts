/**
 * A fine-tuning job and its events, as OpenAI shows them, with our optional extras.
 *
 * A job waits in the queue, is validated, trains, and ends; `moves` is the whole story of its status.
 * `paused` is in pause responses of the live service though the official enum lacks it.
 */

import type OpenAI from 'openai';
import type { Device } from './device.ts';
import type { LabelTask } from './label.ts';

type OfficialJob = OpenAI.FineTuning.FineTuningJob;

export type JobStatus = OfficialJob['status'] | 'paused';
export type Auto = 'auto';

/** OpenAI's three hyper-parameters; `auto` until validation has counted the data. */
export interface OfficialHyperparameters {
  n_epochs: number | Auto;
  batch_size: number | Auto;
  learning_rate_multiplier: number | Auto;
}

/** When training stops before its last step; what is left out is chosen. */
export type EarlyStoppingWish =
  | boolean
  | {
      /** Evaluations without improvement after which training stops. */
      patience?: number | undefined;
      /** By how much the metric must improve to count. */
      min_delta?: number | undefined;
      metric?: 'loss' | 'token_accuracy' | 'exact_answers' | undefined;
      /** Steps between two evaluations of the whole validation set. */
      interval?: number | undefined;
    };

/** Ours: optional in a request, resolved in the answer, ignored by every official client. */
export interface ExtraHyperparameters {
  /** Which weights learn: `lora`, `full`, `last_layers(n)` or `head`; `auto` chooses. */
  train: string;
  /** Adapters count alpha / sqrt(rank) instead of alpha / rank. */
  rslora: boolean | Auto;
  /** Share of what each block adds to the stream that is dropped while training. */
  hidden_dropout: number | Auto;
  /** Share of what is wanted that goes to all tokens alike. */
  label_smoothing: number | Auto;
  /** OpenAI's, of preference training: the larger, the closer the model stays to what it was. */
  beta: number | Auto;
  early_stopping: EarlyStoppingWish | Auto;
  /** Share of the training file's examples that are set apart to validate by. */
  validation_split: number | Auto;
  lora_rank: number | Auto;
  lora_alpha: number | Auto;
  lora_dropout: number | Auto;
  /** Which linear layers get an adapter, in PEFT's names: `q_proj`, `k_proj`, `v_proj`, `o_proj`, `gate_proj`, `up_proj`, `down_proj`. */
  lora_targets: string[] | Auto;
  weight_decay: number | Auto;
  /** Share of all steps spent raising the learning rate from zero. */
  warmup_ratio: number | Auto;
  lr_schedule: 'cosine' | 'linear' | 'constant' | Auto;
  /** Absolute learning rate; wins over `learning_rate_multiplier`. */
  learning_rate: number | Auto;
  max_grad_norm: number | Auto;
  /** Longest sequence in tokens; longer examples are cut at the end. */
  max_length: number | Auto;
  /** Steps between two validation mini-batches. */
  eval_interval: number | Auto;
  base_precision: BasePrecision | Auto;
  /** What computes: the processor, or a graphics card through WebGPU or CUDA. */
  device: Device | Auto;
}

/** How frozen linear layers are kept: exactly, or rounded to eight or four bits; what learns beside them is exact. */
export type BasePrecision = 'f32' | 'int8' | 'int4';

/** Ours for encoders, which learn to tell labels apart. */
export interface EncoderHyperparameters {
  /** What the answers of the training file are; "auto" is what they look like. */
  task: LabelTask | Auto;
  /** What the labels of a text are read from: its first token, or the mean of all. */
  pooling: 'first' | 'mean' | Auto;
}

export type Hyperparameters = OfficialHyperparameters & Partial<ExtraHyperparameters & EncoderHyperparameters>;

/** Null at the job's top for anything but supervised training, as OpenAI shows it. */
export type JobMethod =
  | { type: 'supervised'; supervised: { hyperparameters: Hyperparameters } }
  | { type: 'dpo'; dpo: { hyperparameters: Hyperparameters } };

export type MethodType = JobMethod['type'];

export const methodOf = (type: MethodType, hyperparameters: Hyperparameters): JobMethod =>
  type === 'dpo' ? { type, dpo: { hyperparameters } } : { type, supervised: { hyperparameters } };

export const hyperparametersOf = ({ method }: Pick<Job, 'method'>): Hyperparameters =>
  method.type === 'dpo' ? method.dpo.hyperparameters : method.supervised.hyperparameters;

export type Job = Omit<OfficialJob, 'status' | 'hyperparameters' | 'method'> & {
  status: JobStatus;
  hyperparameters: Hyperparameters | null;
  method: JobMethod;
  user_provided_suffix: string | null;
};

export const moves: Record<JobStatus, readonly JobStatus[]> = {
  validating_files: ['queued', 'failed', 'cancelled'],
  queued: ['running', 'failed', 'cancelled'],
  running: ['succeeded', 'failed', 'cancelled', 'paused', 'queued'], // back to queued after a crash
  paused: ['queued', 'failed', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
};

export const isFinal = (status: JobStatus): boolean => moves[status].length === 0;

export type JobEvent = OpenAI.FineTuning.FineTuningJobEvent;

/** `data` of a metrics event, full precision (spec §2.4). Our extras follow the official keys. */
export interface StepMetrics {
  step: number;
  total_steps: number;
  train_loss: number;
  train_mean_token_accuracy: number;
  valid_loss?: number;
  valid_mean_token_accuracy?: number;
  full_valid_loss?: number;
  full_valid_mean_token_accuracy?: number;
  /** Of preference training: share of pairs decided rightly, and by how much on average. */
  train_preference_accuracy?: number;
  train_reward_margin?: number;
  full_valid_preference_accuracy?: number;
  full_valid_reward_margin?: number;
  /** Share of examples of which every target token was the most likely. */
  full_valid_exact_answers?: number;
  learning_rate?: number;
  grad_norm?: number;
  tokens_per_second?: number;
}
