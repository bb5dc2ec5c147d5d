/**
 * "auto" becomes numbers, and a job becomes a plan with nothing left open.
 *
 * The epochs follow OpenAI's published rule and the batch size its documented one: 0.2 % of the examples, which
 * is 1 for the few hundred examples that most people bring. Everything else is ours: LoRA as most people run it
 * (rank 16, alpha 32, every linear layer, no dropout), AdamW with a short warm-up and a cosine to zero. Peak learning
 * rates are in `methods.ts`.
 */

import { autoBatchSize, autoEpochs } from '../dataset/epochs.ts';
import type { Device } from '../domain/device.ts';
import type { EncoderHyperparameters, Hyperparameters, Job, MethodType } from '../domain/job.ts';
import {
  type HeadPlan,
  type LoraPlan,
  protocolVersion,
  type TrainingPlan,
  type TrainPlan,
} from '../engine/protocol.ts';
import {
  earlyStoppingPlan,
  layersOf,
  modeOf,
  peakLearningRates,
  preferenceShare,
  resolveEarlyStopping,
  type ResolvedEarlyStopping,
  type TrainMode,
} from './methods.ts';
import { hasEightBitProducts } from './processor.ts';

/**
 * Peak learning rates of encoders: a head of labels knows nothing yet and may run, what is below it is small. On 800 mails
 * of the SpamAssassin corpus the head alone had hardly moved at 2e-4.
 */
const encoderLearningRates: Readonly<Record<TrainMode, number>> = {
  full: 5e-5,
  last_layers: 1e-4,
  lora: 5e-4,
  head: 1e-2,
};
/** How many texts a step has at least, as each teaches one word. */
const encoderBatchMin = 8;

/** Hyper-parameters as a trained job shows them: not one of them "auto", not one missing. */
export type ResolvedHyperparameters = {
  [Name in keyof Required<Omit<Hyperparameters, SometimesAbsent>>]: Exclude<Required<Hyperparameters>[Name], 'auto'>;
} & {
  [Name in Exclude<SometimesAbsent, 'early_stopping'>]?: Exclude<Required<Hyperparameters>[Name], 'auto'>;
} & { early_stopping?: ResolvedEarlyStopping };

/** What only encoders, adapters and those who asked for it have. */
type SometimesAbsent =
  | keyof EncoderHyperparameters
  | 'lora_rank'
  | 'lora_alpha'
  | 'lora_dropout'
  | 'lora_targets'
  | 'rslora'
  | 'beta'
  | 'device'
  | 'hidden_dropout'
  | 'label_smoothing'
  | 'early_stopping'
  | 'validation_split';

/** What validation and the model tell about a job. */
export interface PlanFacts {
  /** What was chosen to compute, by default the processor. */
  readonly device?: Device;
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
  readonly method?: MethodType;
}

export function resolveHyperparameters(asked: Hyperparameters, facts: PlanFacts): ResolvedHyperparameters {
  const { head = null, method = 'supervised', device = 'cpu' } = facts;
  const train = valueOr(asked.train, head === null ? 'lora' : 'full');
  const mode = modeOf(train);
  const usual = (head === null ? peakLearningRates : encoderLearningRates)[mode];
  const peak = method === 'dpo' ? usual * preferenceShare : usual;
  const learningRate =
    typeof asked.learning_rate === 'number'
      ? asked.learning_rate
      : rounded(peak * numberOr(asked.learning_rate_multiplier, 1));
  const batchSize = numberOr(asked.batch_size, autoBatchSize(facts.examples, head === null ? 1 : encoderBatchMin));
  const split = numberOr(asked.validation_split, 0);
  const trained = facts.examples - Math.round(split * facts.examples);
  const stopping = resolveEarlyStopping(asked.early_stopping, Math.ceil(trained / batchSize));
  const rounds = head === null && mode !== 'full' && device === 'cpu';
  const asWell = {
    hidden_dropout: numberOr(asked.hidden_dropout, 0),
    label_smoothing: numberOr(asked.label_smoothing, 0),
  };
  return {
    n_epochs: numberOr(asked.n_epochs, autoEpochs(facts.examples)),
    batch_size: batchSize,
    learning_rate_multiplier: rounded(learningRate / peak),
    ...(method === 'dpo' && { beta: numberOr(asked.beta, 0.1) }),
    train,
    ...(mode === 'lora' && resolveLora(asked, facts)),
    ...(asWell.hidden_dropout > 0 && { hidden_dropout: asWell.hidden_dropout }),
    ...(asWell.label_smoothing > 0 && { label_smoothing: asWell.label_smoothing }),
    ...(stopping !== null && { early_stopping: stopping }),
    ...(split > 0 && { validation_split: split }),
    weight_decay: numberOr(asked.weight_decay, 0.01),
    warmup_ratio: numberOr(asked.warmup_ratio, 0.03),
    lr_schedule: valueOr(asked.lr_schedule, 'cosine'),
    learning_rate: learningRate,
    max_grad_norm: numberOr(asked.max_grad_norm, 1),
    max_length: numberOr(asked.max_length, Math.min(facts.contextTokens, facts.longestTokens)),
    eval_interval: numberOr(asked.eval_interval, 10),
    base_precision: valueOr(asked.base_precision, rounds ? autoBasePrecision() : 'f32'),
    ...((asked.device !== undefined || device !== 'cpu') && { device }),
    ...(head !== null && { task: head.task }),
    ...(head !== null && head.pooling !== 'none' && { pooling: head.pooling }),
  };
}

function resolveLora(asked: Hyperparameters, facts: PlanFacts) {
  const shape = facts.initialAdapter ?? { rank: 16, alpha: 32, rslora: false, dropout: 0, targets: facts.targets };
  return {
    lora_rank: numberOr(asked.lora_rank, shape.rank),
    lora_alpha: numberOr(asked.lora_alpha, shape.alpha),
    rslora: valueOr(asked.rslora, shape.rslora),
    lora_dropout: numberOr(asked.lora_dropout, shape.dropout),
    lora_targets: [...valueOr(asked.lora_targets, [...shape.targets])],
  };
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

/** What the training file was found to be and to teach. */
export interface Taught {
  /** What an encoder is to tell apart. */
  readonly head?: HeadPlan | null;
  readonly data?: TrainingPlan['data'] | null;
  /** The closed set of a decoder's answers. */
  readonly answers?: readonly string[] | null;
}

export function toPlan(
  job: Pick<Job, 'id' | 'seed'>,
  resolved: ResolvedHyperparameters,
  places: PlanPlaces,
  { head = null, data = null, answers = null }: Taught = {},
): TrainingPlan {
  const { beta, label_smoothing: labelSmoothing } = resolved;
  return {
    version: protocolVersion,
    recipe: 'supervised',
    jobId: job.id,
    model: places.model,
    initialAdapter: places.initialAdapter,
    ...(data !== null && { data }),
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
    train: trainOf(resolved),
    ...(labelSmoothing !== undefined && { objective: { kind: 'likelihood', labelSmoothing } }),
    ...(beta !== undefined && { objective: { kind: 'preference', beta } }),
    ...(resolved.hidden_dropout && { hiddenDropout: resolved.hidden_dropout }),
    ...(resolved.early_stopping && { earlyStopping: earlyStoppingPlan(resolved.early_stopping) }),
    ...(resolved.validation_split && { validationSplit: resolved.validation_split }),
    ...(head !== null && { head }),
    ...(answers !== null && { answers }),
    tokensMax: resolved.max_length,
    evaluationInterval: resolved.eval_interval,
    snapshotSeconds: places.snapshotSeconds,
    basePrecision: resolved.base_precision,
    ...(resolved.device && { device: resolved.device }),
    threads: places.threads,
  };
}

function trainOf(resolved: ResolvedHyperparameters): TrainPlan {
  const mode = modeOf(resolved.train ?? 'lora'); // a job of an earlier version says nothing
  if (mode === 'last_layers') return { mode, layers: layersOf(resolved.train) };
  if (mode !== 'lora') return { mode };
  const { lora_rank: rank, lora_alpha: alpha, lora_dropout: dropout, lora_targets: targets, rslora = false } = resolved;
  return { mode, rank: rank!, alpha: alpha!, rslora, dropout: dropout!, targets: targets! };
}

const numberOr = (asked: number | 'auto' | undefined, otherwise: number): number =>
  asked === undefined || asked === 'auto' ? otherwise : asked;

function valueOr<Value>(asked: Value | 'auto' | undefined, otherwise: Exclude<Value, 'auto' | undefined>) {
  return (asked === undefined || asked === 'auto' ? otherwise : asked) as Exclude<Value, 'auto' | undefined>;
}

/** Without the noise of its last digits: 0.001 / 0.0002 is 5, not 4.999999999999999. */
const rounded = (value: number): number => Number(value.toPrecision(12));
