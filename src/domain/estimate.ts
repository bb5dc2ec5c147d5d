/** What a job would take, told without making one. Ours; OpenAI has none. */

import type { Hyperparameters } from './job.ts';

export interface JobEstimate {
  readonly object: 'fine_tuning.estimate';
  /** As asked for; the recommended one where none was. */
  readonly model: string;
  /** The base model whose weights it has. */
  readonly base: string;
  /** Whether tokens were counted in the whole file, or in a sample of it. */
  readonly counted: 'all' | 'sample';
  readonly examples: number;
  readonly tokens: {
    /** Of the training file, longer examples cut at `max_length`. */
    readonly per_epoch: number;
    /** Those that the loss is taken of, in an epoch. */
    readonly supervised_per_epoch: number;
    readonly trained: number;
    readonly longest: number;
    /** Examples that are longer than `max_length`; null where only a sample was read. */
    readonly cut: number | null;
  };
  readonly steps: number;
  /** Null where the speed of this machine with this model is not known. */
  readonly seconds: number | null;
  /** A guess from the size of the model, for where nothing was measured. */
  readonly seconds_reckoned: number;
  readonly memory: {
    readonly bytes: number;
    /** What a training may take of this machine. */
    readonly limit_bytes: number;
    readonly fits: boolean;
    /** Why it does not fit, and what would. */
    readonly message: string | null;
  };
  readonly hyperparameters: Hyperparameters;
  /** What this training cost at OpenAI, by model; null while it is counted, empty where none took such files. */
  readonly openai: { readonly source: string; readonly prices: readonly OpenAIPrice[] } | null;
  /** What would make the job fail, first what it would say. */
  readonly failure: { readonly code: string; readonly message: string; readonly param: string | null } | null;
  readonly warnings: readonly string[];
  readonly recommendation: Recommendation;
}

export interface OpenAIPrice {
  readonly model: string;
  readonly trained_tokens: number;
  readonly usd: number;
}

export interface Recommendation {
  /** Null where no base model of this machine will do. */
  readonly model: string | null;
  /** Why, a sentence each. */
  readonly reasons: readonly string[];
  /** The other base models of this machine that can be trained, the best first. */
  readonly others: readonly { readonly model: string; readonly reasons: readonly string[] }[];
  /** One of the catalogue that is worth fetching. */
  readonly fetch: { readonly model: string; readonly size_bytes: number; readonly reason: string } | null;
}
