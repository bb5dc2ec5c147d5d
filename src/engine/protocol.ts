/**
 * The one page between the trainer process and everybody else.
 *
 * A plan goes in (`plan.json` in the job's folder, nothing left "auto"); events come out on stdout, one JSON
 * object per line; commands come in on stdin, one JSON object per line. End of stdin means that the parent
 * died: the trainer stops without a snapshot, and the next one resumes from the last checkpoint.
 * SIGTERM: it saves a snapshot after the step at hand and leaves without a last word, to be continued later.
 * stderr is for people. Any program that keeps this page can be a trainer.
 *
 *   trainer --> reading*, started, (step | checkpoint | remark)*, then exactly one of done | paused | cancelled | failed
 *               (warning | working) at any time before that
 *   worker  --> pause | cancel
 *
 * Checkpoints are folders `<jobFolder>/checkpoints/step-<n>/` holding `adapter.safetensors` (PEFT names and
 * layout), `optimizer.safetensors`, `state.json` and `manifest.json` (SHA-256 of the others); they are written
 * under a temporary name, flushed, hashed and renamed. A trainer that starts resumes from the newest one whose
 * manifest holds and, right after `started`, tells the steps and epoch checkpoints up to there again, because
 * what lay unread in a pipe died with its reader. So the same step can be reported twice: readers keep the first.
 */

import type { Device } from '../domain/device.ts';
import type { BasePrecision } from '../domain/job.ts';
import type { LabelSet } from '../domain/label.ts';

export const protocolVersion = 2;

/** Thin detours beside frozen linear layers; nothing else is trained. */
export interface LoraPlan {
  readonly rank: number;
  readonly alpha: number;
  /** Detours count alpha / sqrt(rank) instead of alpha / rank (Kalajdzievski, "rsLoRA", 2023). */
  readonly rslora: boolean;
  readonly dropout: number;
  /** PEFT module names, e.g. `q_proj`. */
  readonly targets: readonly string[];
}

/** Which weights learn. All others stay as they are, and nothing below the lowest of these is differentiated. */
export type TrainPlan =
  | ({ readonly mode: 'lora' } & LoraPlan)
  /** Every weight. */
  | { readonly mode: 'full' }
  /** So many blocks from the end, the last norm, and the head where it has a matrix of its own. */
  | { readonly mode: 'last_layers'; readonly layers: number }
  /** The last norm and the head; one that was the embedding becomes a matrix of its own. */
  | { readonly mode: 'head' };

/** Stops when the validation set says that more training is in vain, and goes back to the best checkpoint. */
export interface EarlyStoppingPlan {
  /** Evaluations without improvement after which training stops. */
  readonly patience: number;
  /** By how much the metric must improve to count. */
  readonly minDelta: number;
  /** `exact_answers` is the share of examples whose every target token was the most likely one. */
  readonly metric: 'loss' | 'token_accuracy' | 'exact_answers';
  /** Steps between two evaluations of the whole validation set, beside those at every epoch's end. */
  readonly interval: number;
}

/** What training makes smaller. */
export type Objective =
  /** Cross entropy; `labelSmoothing` of what is wanted goes to all tokens alike. */
  | { readonly kind: 'likelihood'; readonly labelSmoothing: number }
  /** DPO: the larger `beta`, the closer the model stays to what it was. */
  | { readonly kind: 'preference'; readonly beta: number };

/** What an encoder learns to tell apart, and what its head reads. */
export interface HeadPlan extends LabelSet {
  /** `first`: BERT's pooler over the first token; `mean`: the mean over all; words are not pooled. */
  readonly pooling: 'first' | 'mean' | 'none';
}

export interface TrainingPlan {
  readonly version: typeof protocolVersion;
  readonly recipe: 'supervised';
  readonly jobId: string;
  readonly model: { readonly id: string; readonly path: string; readonly sha256: string };
  /** An `adapter.safetensors` to start from (a fine-tune of a fine-tune), or null for a fresh adapter. */
  readonly initialAdapter: string | null;
  /** Rows of the files, where they are no conversations. */
  readonly data?: 'completion' | 'preference';
  readonly trainingFile: string;
  readonly validationFile: string | null;
  readonly seed: number;
  readonly epochs: number;
  /** Examples per optimiser step. Steps = ceil(examples / batchSize) x epochs. */
  readonly batchSize: number;
  /** Peak learning rate of AdamW. */
  readonly learningRate: number;
  readonly schedule: 'cosine' | 'linear' | 'constant';
  readonly warmupRatio: number;
  readonly weightDecay: number;
  /** Global gradient norm is clipped to this; 0 means never. */
  readonly gradientNormMax: number;
  readonly train: TrainPlan;
  /** What an encoder learns to tell apart; absent for models that write. */
  readonly head?: HeadPlan | null;
  /** The closed set that all answers are of, for whoever serves the model; the trainer does without. */
  readonly answers?: readonly string[];
  /** By default to make the targets likelier. */
  readonly objective?: Objective;
  /** Share of what each block adds to the stream that is dropped while training. */
  readonly hiddenDropout?: number;
  readonly earlyStopping?: EarlyStoppingPlan | null;
  /** Share of the training file's examples that are set apart to validate by, where there is no validation file. */
  readonly validationSplit?: number;
  /** Sequences longer than this are cut at the end. */
  readonly tokensMax: number;
  /** A validation mini-batch runs every so many steps; the full validation set at each epoch's end. */
  readonly evaluationInterval: number;
  /** Seconds between snapshots kept only for resuming (epoch checkpoints come on top). */
  readonly snapshotSeconds: number;
  readonly basePrecision: BasePrecision;
  /** What computes, by default the processor; one that fails at the start gives way to it, with a warning. */
  readonly device?: Device;
  readonly threads: number;
}

export interface ValidationMetrics {
  readonly loss: number;
  readonly tokenAccuracy: number;
  /** Share of examples of which every target token was the most likely; where early stopping asks for it. */
  readonly exactAnswers?: number;
  readonly preferences?: Preferences | undefined;
}

/** Of pairs of answers: share decided rightly, and by how much on average (beta times a difference of logarithms). */
export interface Preferences {
  readonly accuracy: number;
  readonly margin: number;
}

/** Layers that do not learn, or the model as it was, which DPO compares with. */
export type Reader = 'frozen_layers' | 'reference';

export type TrainerEvent =
  | {
      readonly type: 'started';
      readonly version: typeof protocolVersion;
      readonly totalSteps: number;
      readonly stepsPerEpoch: number;
      readonly examples: number;
      /** Tokens of the training set after truncation, times epochs: the job's `trained_tokens` when done. */
      readonly trainedTokens: number;
      readonly supervisedTokens: number;
      readonly truncatedLines: readonly number[];
      /** 0, or the step of the checkpoint that this run continues from. */
      readonly resumedFromStep: number;
      readonly trainableParameters: number;
    }
  /** Before the first step: how many sequences were read once for all steps. */
  | {
      readonly type: 'reading';
      readonly by: Reader;
      readonly read: number;
      readonly sequences: number;
      readonly elapsedMs: number;
    }
  /** Nothing to tell, and still at work; said now and then where there was no other word for long. */
  | { readonly type: 'working' }
  | {
      readonly type: 'step';
      readonly step: number;
      readonly epoch: number;
      /** Mean cross entropy per supervised token of this step's batch, before the update. */
      readonly loss: number;
      readonly tokenAccuracy: number;
      readonly learningRate: number;
      readonly gradientNorm: number;
      /** Where answers are compared: share of pairs decided rightly, and by how much on average. */
      readonly preferences?: Preferences | undefined;
      /** All tokens of the batch, padding not counted, and those in the loss. */
      readonly tokens: number;
      readonly supervisedTokens: number;
      readonly elapsedMs: number;
      /** After the update: a mini-batch (every `evaluationInterval`) and the whole set (epoch end). */
      readonly validation: ValidationMetrics | null;
      readonly fullValidation: ValidationMetrics | null;
    }
  | {
      readonly type: 'checkpoint';
      readonly step: number;
      readonly epoch: number;
      /** `epoch`: shown to the user, the last three kept. `snapshot`: only the newest kept, only for resuming. */
      readonly kind: 'epoch' | 'snapshot';
      readonly folder: string;
    }
  | { readonly type: 'warning'; readonly message: string }
  /** Something worth knowing; the same words are told once. */
  | { readonly type: 'remark'; readonly message: string }
  /** `step` is the last that was made; `chosen` that of the checkpoint that becomes the model where it is another. */
  | {
      readonly type: 'done';
      readonly step: number;
      readonly chosen?: number | undefined;
      readonly trainedTokens: number;
      readonly folder: string;
    }
  /** `folder` is the checkpoint's of that step; null where there is none, since no step was made. */
  | { readonly type: 'paused'; readonly step: number; readonly folder: string | null }
  | { readonly type: 'cancelled'; readonly step: number }
  | {
      readonly type: 'failed';
      /** Machine-readable, e.g. `invalid_training_file`, `model_unreadable`, `disk_full`, `out_of_memory`, `diverged`. */
      readonly code: string;
      readonly message: string;
      readonly param: string | null;
    };

export type TrainerCommand = { readonly type: 'pause' } | { readonly type: 'cancel' };
