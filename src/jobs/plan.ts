/**
 * "auto" becomes numbers, and a job becomes a plan with nothing left open.
 *
 * The epochs follow OpenAI's published rule and the batch size its documented one: 0.2 % of the examples, which
 * is 1 for the few hundred examples that most people bring. Everything else is ours: LoRA as most people run it
 * (rank 16, alpha 32, every linear layer, no dropout), AdamW at 2e-4 with a short warm-up and a cosine to zero.
 */

import { autoEpochs } from '../dataset/epochs.ts';
import type { EncoderHyperparameters, Hyperparameters, Job } from '../domain/job.ts';
import {
  type HeadPlan,
  type LoraPlan,
  protocolVersion,
  type TrainingPlan,
  type TrainPlan,
} from '../engine/protocol.ts';
import { hasEightBitProducts } from './processor.ts';

/** The same for encoders, whose weights are all trained; and how many texts a step has at least, as each teaches one word. */
const encoderLearningRate = 5e-5;
const encoderBatchMin = 8;

/** Hyper-parameters as a trained job shows them: not one of them "auto", not one missing. */
export type ResolvedHyperparameters = {
  [Name in keyof Required<Omit<Hyperparameters, keyof EncoderHyperparameters>>]: Exclude<
    Required<Hyperparameters>[Name],
    'auto'
  >;
} & Partial<{ [Name in keyof EncoderHyperparameters]: Exclude<EncoderHyperparameters[Name], 'auto'> }>;

/** What validation and the model tell about a job. */
export interface PlanFacts {
  readonly examples: number;
  /** Longest example of either file, before any cut. */
  readonly longestTokens: number;
  /** What the base model can hold. */
  readonly contextTokens: number;
  /** The linear layers of the base model, by PEFT's names. */
  readonly targets: readonly string[];
  /** The adapter that a fine-tune of a fine-tune goes on with; its shape is given. */
  readonly initialAdapter: LoraPlan | null;
  /** What an encoder is to tell apart. */
  readonly head?: HeadPlan | null;
}

/** AdamW's peak learning rate at a multiplier of 1: what LoRA runs well with from a hundred million parameters up. */
const baseLearningRate = 2e-4;

export function resolveHyperparameters(asked: Hyperparameters, facts: PlanFacts): ResolvedHyperparameters {
  const lora = facts.initialAdapter ?? { rank: 16, alpha: 32, dropout: 0, targets: facts.targets };
  const { head = null } = facts;
  const peak = head === null ? baseLearningRate : encoderLearningRate;
  const learningRate =
    typeof asked.learning_rate === 'number'
      ? asked.learning_rate
      : rounded(peak * numberOr(asked.learning_rate_multiplier, 1));
  return {
    n_epochs: numberOr(asked.n_epochs, autoEpochs(facts.examples)),
    batch_size: numberOr(asked.batch_size, autoBatchSize(facts.examples, head === null ? 1 : encoderBatchMin)),
    learning_rate_multiplier: rounded(learningRate / peak),
    lora_rank: numberOr(asked.lora_rank, lora.rank),
    lora_alpha: numberOr(asked.lora_alpha, lora.alpha),
    lora_dropout: numberOr(asked.lora_dropout, lora.dropout),
    lora_targets: [...valueOr(asked.lora_targets, [...lora.targets])],
    weight_decay: numberOr(asked.weight_decay, 0.01),
    warmup_ratio: numberOr(asked.warmup_ratio, 0.03),
    lr_schedule: valueOr(asked.lr_schedule, 'cosine'),
    learning_rate: learningRate,
    max_grad_norm: numberOr(asked.max_grad_norm, 1),
    max_length: numberOr(asked.max_length, Math.min(facts.contextTokens, facts.longestTokens)),
    eval_interval: numberOr(asked.eval_interval, 10),
    base_precision: valueOr(asked.base_precision, head === null ? autoBasePrecision() : 'f32'),
    ...(head !== null && { task: head.task }),
    ...(head !== null && head.pooling !== 'none' && { pooling: head.pooling }),
  };
}

export function autoBatchSize(examples: number, least = 1): number {
  return Math.min(256, Math.max(least, Math.round(0.002 * examples)));
}

/** In eight bits where that is fast: on real text the loss moved by 0.04 %, and a step takes half the time. */
export function autoBasePrecision(): 'f32' | 'int8' {
  return hasEightBitProducts() ? 'int8' : 'f32';
}

/** Where things are on this machine, and what it grants a trainer. */
export interface PlanPlaces {
  readonly model: TrainingPlan['model'];
  readonly initialAdapter: string | null;
  readonly trainingFile: string;
  readonly validationFile: string | null;
  readonly threads: number;
  readonly snapshotSeconds: number;
}

export function toPlan(
  job: Pick<Job, 'id' | 'seed'>,
  resolved: ResolvedHyperparameters,
  places: PlanPlaces,
  head: HeadPlan | null = null,
): TrainingPlan {
  return {
    version: protocolVersion,
    recipe: 'supervised',
    jobId: job.id,
    model: places.model,
    initialAdapter: places.initialAdapter,
    trainingFile: places.trainingFile,
    validationFile: places.validationFile,
    seed: job.seed,
    epochs: resolved.n_epochs,
    batchSize: resolved.batch_size,
    learningRate: resolved.learning_rate,
    schedule: resolved.lr_schedule,
    warmupRatio: resolved.warmup_ratio,
    weightDecay: resolved.weight_decay,
    gradientNormMax: resolved.max_grad_norm,
    train: head === null ? loraOf(resolved) : { mode: 'full' },
    ...(head !== null && { head }),
    tokensMax: resolved.max_length,
    evaluationInterval: resolved.eval_interval,
    snapshotSeconds: places.snapshotSeconds,
    basePrecision: resolved.base_precision,
    threads: places.threads,
  };
}

const loraOf = (resolved: ResolvedHyperparameters): TrainPlan => ({
  mode: 'lora',
  rank: resolved.lora_rank,
  alpha: resolved.lora_alpha,
  rslora: false,
  dropout: resolved.lora_dropout,
  targets: resolved.lora_targets,
});

const numberOr = (asked: number | 'auto' | undefined, otherwise: number): number =>
  asked === undefined || asked === 'auto' ? otherwise : asked;

function valueOr<Value>(asked: Value | 'auto' | undefined, otherwise: Exclude<Value, 'auto' | undefined>) {
  return (asked === undefined || asked === 'auto' ? otherwise : asked) as Exclude<Value, 'auto' | undefined>;
}

/** Without the noise of its last digits: 0.001 / 0.0002 is 5, not 4.999999999999999. */
const rounded = (value: number): number => Number(value.toPrecision(12));
