/**
 * What a request for a new job may say.
 *
 * Unknown fields at the top are ignored, as an unknown field of tomorrow's SDK should be; inside `method` and
 * `hyperparameters` they are refused, because a hyper-parameter that is silently dropped misleads. Every
 * hyper-parameter may be the literal "auto": OpenAI's three come first, ours follow, `plan.ts` resolves them.
 */

import { z } from 'zod';
import { devices } from '../domain/device.ts';
import { invalid, type TunesmithError } from '../domain/errors.ts';
import type { Hyperparameters, MethodType } from '../domain/job.ts';
import { linearTargets } from '../families/table.ts';
import { earlyStoppingSchema, trainSchema } from './methods.ts';

/** Null and undefined mean "auto" for the official three and "not mentioned" for ours. */
const orAuto = <Schema extends z.ZodType>(schema: Schema) => z.union([z.literal('auto'), schema]).nullish();

/** Those that a job takes: OpenAI's three and ours. */
export const hyperparameterFields = {
  n_epochs: orAuto(z.int().min(1).max(50)),
  batch_size: orAuto(z.int().min(1).max(256)),
  learning_rate_multiplier: orAuto(z.number().gt(0)),
  train: orAuto(trainSchema),
  lora_rank: orAuto(z.int().min(1).max(512)),
  lora_alpha: orAuto(z.number().gt(0)),
  lora_dropout: orAuto(z.number().min(0).max(0.9)),
  lora_targets: orAuto(z.array(z.enum(linearTargets)).min(1)),
  rslora: orAuto(z.boolean()),
  hidden_dropout: orAuto(z.number().min(0).max(0.9)),
  label_smoothing: orAuto(z.number().min(0).max(0.5)),
  early_stopping: orAuto(earlyStoppingSchema),
  validation_split: orAuto(z.number().min(0).max(0.5)),
  weight_decay: orAuto(z.number().min(0).max(1)),
  warmup_ratio: orAuto(z.number().min(0).max(1)),
  lr_schedule: orAuto(z.enum(['cosine', 'linear', 'constant'])),
  learning_rate: orAuto(z.number().gt(0).max(1)),
  max_grad_norm: orAuto(z.number().min(0)),
  max_length: orAuto(z.int().min(16)),
  eval_interval: orAuto(z.int().min(1)),
  base_precision: orAuto(z.enum(['f32', 'int8', 'int4'])),
  device: orAuto(z.enum(devices)),
  task: orAuto(z.enum(['classification', 'multi_label', 'token_classification'])),
  pooling: orAuto(z.enum(['first', 'mean'])),
};

/** Preference training has one more. */
export const preferenceFields = { ...hyperparameterFields, beta: orAuto(z.number().gt(0).max(2)) };

const hyperparametersWith = (fields: Readonly<Record<string, z.ZodType>>) =>
  z
    .looseObject(fields)
    .superRefine((value, context) => {
      for (const name of Object.keys(value).filter((name) => !Object.hasOwn(fields, name)))
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `Unknown parameter: '${name}'. Supported hyper-parameters are: ${Object.keys(fields).join(', ')}.`,
          params: { code: 'unknown_parameter' },
        });
    })
    .transform((value): Partial<Hyperparameters> => {
      const said = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
      return Object.fromEntries(said);
    });

const hyperparameters = hyperparametersWith(hyperparameterFields);

const methodTypes = ['supervised', 'dpo', 'reinforcement'] as const;

const method = z.strictObject({
  type: z.enum(methodTypes).refine((type): type is MethodType => type !== 'reinforcement', {
    message: `Unsupported value: this server does not train with 'reinforcement' yet. Supported values are: 'supervised' and 'dpo'.`,
    params: { code: 'unsupported_value' },
  }),
  supervised: z.strictObject({ hyperparameters: hyperparameters.nullish() }).nullish(),
  dpo: z.strictObject({ hyperparameters: hyperparametersWith(preferenceFields).nullish() }).nullish(),
  reinforcement: z.null().optional(),
});

const integration = z.strictObject({
  type: z.literal('wandb'),
  wandb: z.strictObject({
    project: z.string().min(1),
    name: z.string().min(1).nullish(),
    entity: z.string().min(1).nullish(),
    tags: z
      .array(z.string().min(1).max(64))
      .max(50)
      .nullish()
      .transform((tags) => tags ?? []),
  }),
});

export const jobRequestSchema = z.object({
  model: z.string().min(1),
  training_file: z.string().min(1),
  validation_file: z.string().min(1).nullish(),
  suffix: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[A-Za-z0-9._-]+$/)
    .nullish(),
  seed: z.int().min(0).max(2_147_483_647).nullish(),
  method: method.nullish(),
  hyperparameters: hyperparameters.nullish(),
  integrations: z.array(integration).max(5).nullish(),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= 16, {
      message: `Invalid 'metadata': too many properties. Expected an object with at most 16 properties.`,
      params: { code: 'object_above_max_properties' },
    })
    .nullish(),
});

export type JobRequest = z.output<typeof jobRequestSchema>;

/** A job that is only reckoned may leave the model to us. */
export const estimateRequestSchema = jobRequestSchema.extend({ model: z.string().min(1).nullish() });

export type EstimateRequest = z.output<typeof estimateRequestSchema>;

/** A model that nobody can train, with the reason where there is one. */
export const modelUnavailable = (name: string, reason: string | null = null): TunesmithError => {
  const message = `Model ${name} is not available for fine-tuning or does not exist.`;
  return invalid('model', reason === null ? message : `${message} ${reason}`, 'model_not_available');
};

export const askedMethod = ({ method }: JobRequest): MethodType => (method?.type === 'dpo' ? 'dpo' : 'supervised');

/** OpenAI's as asked or "auto", ours where mentioned. `method` wins over its deprecated twin at the top. */
export function askedHyperparameters(request: JobRequest): Hyperparameters {
  const auto = { n_epochs: 'auto', batch_size: 'auto', learning_rate_multiplier: 'auto' } as const;
  const { method } = request;
  if (askedMethod(request) === 'dpo') return { ...auto, beta: 'auto', ...method?.dpo?.hyperparameters };
  return { ...auto, ...request.hyperparameters, ...method?.supervised?.hyperparameters };
}
