/**
 * What a check of a training file tells on the wire: problems, repairs, findings, statistics, tokens, price and time.
 *
 * Everything here has a bound, however large the file is: lists of lines and samples are cut, and a count beside
 * them says how many there are.
 */

import type { ExampleFormat } from './example.ts';

/** As a task's request shows it; what was left out is missing. */
export interface FileCheckRequest {
  readonly file: string;
  /** What it is for: a validation file may be small. */
  readonly role?: 'training' | 'validation' | null;
  /** A file that should have nothing in common with it: what is held out, or, of a validation file, what is trained on. */
  readonly against?: string | null;
  /** The model to train, whose tokens, limit and time count; without it the newest base model of this machine. */
  readonly model?: string | null;
  /** Instead of the number that a job would take by itself. */
  readonly epochs?: number | null;
  /** Whether a few steps are trained to see how fast this machine is, where that was never measured. */
  readonly measure?: boolean | null;
}

/** The result of the task: what lists of tasks can bear. */
export interface FileCheckOutcome {
  readonly file: string;
  readonly filename: string;
  readonly format: ExampleFormat | null;
  readonly examples: number;
  readonly faulty_examples: number;
  readonly errors: number;
  readonly warnings: number;
  /** How many. */
  readonly findings: number;
}

/** The task's file with everything else, a `FileCheck`. */
export const checkFileName = 'check.json';

export interface FileCheck {
  readonly file: string;
  readonly filename: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly format: ExampleFormat | null;
  readonly examples: number;
  readonly faulty_examples: number;
  readonly errors: number;
  readonly warnings: number;
  /** Problems that are alike, errors first, the most frequent first. */
  readonly groups: readonly ProblemGroup[];
  /** The first problems of the file in the order of their lines. */
  readonly problems: readonly FileProblem[];
  /** What a mended copy would change; null where nothing can be said of repairs, as of a file that is no text. */
  readonly repair: SuggestedRepair | null;
  readonly findings: readonly DataFinding[];
  readonly statistics: FileStatistics | null;
  readonly price: FilePrice | null;
  readonly here: TrainingHere | null;
}

export interface FileProblem {
  readonly code: string;
  readonly severity: 'error' | 'warning';
  /** Of the file, from 1; null when the whole file has the problem. */
  readonly line: number | null;
  readonly path: string;
  readonly found: string;
  readonly expected: string;
  readonly suggestion: string | null;
  readonly message: string;
}

export interface ProblemGroup {
  readonly code: string;
  readonly severity: 'error' | 'warning';
  readonly path: string;
  readonly count: number;
  readonly lines: readonly number[];
  readonly first: FileProblem;
}

export interface RepairChange {
  readonly line: number;
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

export interface SuggestedRepair {
  readonly rows_read: number;
  readonly rows_written: number;
  readonly repairs: readonly {
    readonly name: string;
    /** What is done, in words. */
    readonly title: string;
    readonly count: number;
    readonly changes: readonly RepairChange[];
  }[];
  /** Rows that keep their errors. */
  readonly broken: number;
  readonly broken_lines: readonly number[];
}

export interface DataFinding {
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'note';
  readonly message: string;
  readonly advice: string;
  readonly line_count: number;
  readonly lines: readonly number[];
  readonly group_count: number;
  readonly groups: readonly (readonly number[])[];
  /** Of a leak: lines of the other file, one for each of `lines`. */
  readonly counterparts: readonly number[] | null;
  readonly samples: readonly { readonly line: number; readonly text: string }[];
}

export interface FileDistribution {
  readonly count: number;
  readonly total: number;
  readonly mean: number;
  readonly min: number;
  readonly p5: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  /** How many are at least `from` and less than `to`. */
  readonly histogram: readonly { readonly from: number; readonly to: number; readonly count: number }[];
}

export interface FileStatistics {
  /** Rows without errors; only these are counted. */
  readonly examples: number;
  readonly with_images: number;
  readonly messages: FileDistribution | null;
  readonly turns: FileDistribution | null;
  readonly roles: readonly { readonly role: string; readonly examples: number; readonly messages: number }[];
  readonly missing_system: number;
  readonly missing_user: number;
  /** By OpenAI's encodings, then by the base model. */
  readonly tokens: readonly {
    readonly counter: string;
    /** Whether it counts for a base model of this machine. */
    readonly here: boolean;
    readonly refused: number;
    readonly supervised: number;
    readonly context: number;
    readonly per_example: FileDistribution | null;
    readonly per_answer: FileDistribution | null;
  }[];
  readonly limits: readonly {
    readonly models: readonly string[];
    readonly tokens_max: number;
    readonly over: number;
    readonly lines: readonly number[];
  }[];
  /** Null where the answers are free text. */
  readonly labels: {
    readonly different: number;
    readonly single: number;
    readonly imbalance: number;
    readonly labels: readonly { readonly label: string; readonly count: number; readonly share: number }[];
  } | null;
  readonly languages: {
    readonly sampled: number;
    readonly shares: readonly { readonly code: string | null; readonly count: number; readonly share: number }[];
  };
  readonly repeated_prompts: readonly RepeatedText[];
  readonly repeated_answers: readonly RepeatedText[];
}

export interface RepeatedText {
  readonly text: string;
  readonly count: number;
  readonly lines: readonly number[];
}

/** What OpenAI took for training on the file. */
export interface FilePrice {
  readonly epochs: number;
  /** Whether nobody asked for this number of epochs. */
  readonly epochs_auto: boolean;
  readonly source: string;
  readonly models: readonly {
    readonly model: string;
    readonly tokens_per_epoch: number;
    readonly trained_tokens: number;
    readonly usd: number;
  }[];
  /** Reinforcement was charged by the hour. */
  readonly usd_per_hour: number | null;
}

/** What training on the file takes on this machine. */
export interface TrainingHere {
  readonly base: string;
  readonly tokens_per_epoch: number;
  readonly trained_tokens: number;
  readonly batch_size: number;
  /** Null when it is not known how fast this machine trains the base; `reason` says why. */
  readonly seconds: number | null;
  readonly tokens_per_second: number | null;
  readonly reason: string | null;
}
