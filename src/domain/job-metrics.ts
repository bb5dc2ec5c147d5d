/** A job's measured steps in few bytes: a list of numbers per step, and one list of what they are. Ours; OpenAI has none. */

/** Beside each step's number and its time (unix seconds); the names are those of a metrics event's `data`. */
export const metricColumns = [
  'step',
  'created_at',
  'train_loss',
  'train_mean_token_accuracy',
  'learning_rate',
  'grad_norm',
  'tokens_per_second',
  'train_preference_accuracy',
  'train_reward_margin',
  'valid_loss',
  'valid_mean_token_accuracy',
  'full_valid_loss',
  'full_valid_mean_token_accuracy',
  'full_valid_exact_answers',
  'full_valid_preference_accuracy',
  'full_valid_reward_margin',
] as const;

export type MetricColumn = (typeof metricColumns)[number];

/** Steps only ever come to the end: who asks `after` the last one that it has neither misses nor repeats any. */
export interface JobMetrics {
  readonly object: 'fine_tuning.job.metrics';
  readonly job: string;
  /** How many steps the job makes unless it is stopped early; null before the first. */
  readonly total_steps: number | null;
  readonly columns: readonly MetricColumn[];
  /** In the order of the steps. A number that was not measured is null, or missing at the end of its row. */
  readonly data: readonly (readonly (number | null)[])[];
  readonly has_more: boolean;
}
