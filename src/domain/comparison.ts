/** A comparison of models on one test, as a task is asked for it and gives it. */

import type { ConfusionMatrix, CriterionEvaluation, Estimate } from './evaluation.ts';

export interface CompareRequest {
  /** Ids of files of chats: the test, and what examples are chosen from and baselines learn from. */
  readonly test_file: string;
  readonly training_file: string | null;
  readonly models: readonly string[];
  readonly shots: readonly number[];
  readonly checkpoints: boolean;
  readonly baselines: boolean;
  readonly reference: string | null;
  readonly limit: number | null;
  readonly drop_leaks: boolean;
  readonly watts: number | null;
  readonly kilowatt_hour_price: number | null;
}

export interface ComparedMistake {
  readonly line: number;
  readonly input: string;
  readonly expected: string;
  readonly answered: string | null;
  readonly error: string | null;
  readonly score: number;
  readonly confidence: number | null;
}

export interface ComparedContender extends Omit<CriterionEvaluation, 'reason' | 'confusion'> {
  readonly confusion: ConfusionMatrix | null;
  readonly name: string;
  readonly kind: string;
  readonly model: string | null;
  /** Examples before each question. */
  readonly shots: number;
  /** Against the reference, of the main figure; null of the reference itself. */
  readonly difference: (Estimate & { readonly p_value: number | null; readonly significant: boolean }) | null;
  readonly latency_ms: { readonly p50: number; readonly p95: number };
  /** Means per question. */
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  /** Of a thousand requests: US dollars at OpenAI's prices, and seconds, kilowatt-hours and money here. */
  readonly there_usd: number | null;
  readonly here: {
    readonly seconds: number;
    readonly kilowatt_hours: number | null;
    readonly price: number | null;
  } | null;
  readonly mistakes: readonly ComparedMistake[];
}

export interface CompareResult {
  readonly task: CriterionEvaluation['task'];
  readonly reason: string;
  readonly count: number;
  readonly reference: string;
  readonly verdict: {
    readonly use: string;
    readonly best: string;
    readonly fine_tuning_worth_it: boolean | null;
    readonly unsure: boolean;
    readonly sentence: string;
  };
  /** The model whose prices are those of "there". */
  readonly there: string;
  /** Questions that a training file has as well. */
  readonly leaked: number;
  /** The file that examples and baselines are of; null where none is known. */
  readonly training_file: string | null;
  readonly contenders: readonly ComparedContender[];
  /** What was said on the way. */
  readonly notes: readonly string[];
}
