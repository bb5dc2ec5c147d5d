/**
 * What an evaluation comes to, as it goes over the wire: figures with their intervals, the confusion matrix, the
 * reliability of probabilities, and the report of a run that holds them.
 *
 * Numbers that cannot be told are null: JSON has no NaN.
 */

import type { EvalRun, RunStatus } from './eval.ts';

export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** How many cases the figure is of: what an interval's width comes from. */
  readonly n: number;
  /** Too few cases for the interval to be more than a hint; whoever shows the figure says so. */
  readonly small: boolean;
}

export interface Figure {
  /** A key for programs: `accuracy`, `f1_macro`. */
  readonly name: string;
  readonly title: string;
  readonly estimate: Estimate;
}

/** What one class, entity label, field or tool came to; `null` where a figure makes no sense. */
export interface PartScores {
  readonly name: string;
  /** How often it is in the references, and how often in the answers. */
  readonly support: number;
  readonly answered: number | null;
  readonly precision: Estimate | null;
  readonly recall: Estimate | null;
  readonly f1: Estimate | null;
  /** Where a beta was asked for. */
  readonly fBeta: Estimate | null;
  /** Of entities: what is found in part counts half. */
  readonly f1Partial: Estimate | null;
  readonly accuracy: Estimate | null;
  /** Of the label's probabilities. */
  readonly rocAuc: Estimate | null;
  readonly prAuc: Estimate | null;
}

export interface ConfusionMatrix {
  readonly labels: readonly string[];
  /** Rows are true labels; the last column of each row counts answers without a label. */
  readonly rows: readonly (readonly number[])[];
}

export interface Reliability {
  readonly expected_error: Estimate;
  readonly greatest_error: Estimate;
  readonly brier: Estimate;
  readonly bins: readonly {
    readonly from: number;
    readonly to: number;
    readonly count: number;
    /** Mean confidence in the bin; null in an empty one. */
    readonly confidence: number | null;
    readonly accuracy: Estimate;
  }[];
  /** Answers that came without probabilities. */
  readonly skipped: number;
}

/** A criterion that compares answers with references, read as a test of its kind. */
export interface CriterionEvaluation {
  readonly task: 'classification' | 'extraction' | 'text' | 'tool_calls';
  /** Why it is taken for that. */
  readonly reason: string;
  /** Items that it is of: all judged ones, or so many of them drawn evenly. */
  readonly count: number;
  readonly failed: number;
  readonly unparsed: number;
  readonly figures: readonly Figure[];
  readonly parts: readonly PartScores[];
  readonly confusion:
    | (ConfusionMatrix & {
        /** In each cell that is a mistake, ids of some of its output items, the surest first. */
        readonly items: readonly (readonly (readonly string[])[])[];
      })
    | null;
  readonly reliability: Reliability | null;
}

export interface CriterionReport {
  /** As results name it. */
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly pass_threshold: number | null;
  readonly passed: number;
  readonly failed: number;
  readonly errored: number;
  /** Of those that were judged; null of none. */
  readonly pass_rate: Estimate | null;
  readonly mean_score: Estimate | null;
  /** Judged items by their score, from the lowest to the highest that the criterion can give. */
  readonly scores: readonly { readonly from: number; readonly to: number; readonly count: number }[];
  /** What a label model said, the most frequent first. */
  readonly labels: readonly { readonly label: string; readonly count: number }[];
  readonly evaluation: CriterionEvaluation | null;
}

export interface EvalRunReport {
  readonly object: 'eval.run.report';
  readonly run_id: string;
  readonly eval_id: string;
  readonly status: RunStatus;
  readonly result_counts: EvalRun['result_counts'];
  /** Of items that were judged; null of none. */
  readonly pass_rate: Estimate | null;
  readonly criteria: readonly CriterionReport[];
  /** Means per item; null where no model was asked. */
  readonly tokens: { readonly prompt: number; readonly completion: number; readonly cached: number } | null;
}
