/**
 * Evals, their runs, and what came of each item, as OpenAI writes them.
 *
 * Where the live service sends null although the official types do not allow it (nothing was sampled, nothing went
 * wrong), so do ours. An item that could not be judged has the status `error`, which OpenAI counts and does not name.
 */

import type OpenAI from 'openai';
import type { Grader } from './grader.ts';

/** A grader with the mark from which an item passes; `id` is its name in results. */
export type Criterion = Grader & { readonly id: string; readonly pass_threshold?: number };

export type Eval = Omit<OpenAI.Evals.EvalRetrieveResponse, 'testing_criteria'> & {
  readonly testing_criteria: readonly Criterion[];
};

export type RunStatus = 'queued' | 'in_progress' | 'completed' | 'failed' | 'canceled';

export interface EvalError {
  readonly code: string;
  readonly message: string;
}

type Official = OpenAI.Evals.RunRetrieveResponse;

export type ModelUsage = Official['per_model_usage'][number];
export type CriterionResult = Official['per_testing_criteria_results'][number];
export type ResultCounts = Official['result_counts'];

export type EvalRun = Omit<Official, 'status' | 'error' | 'data_source'> & {
  readonly status: RunStatus;
  readonly error: EvalError | null;
  readonly data_source: object;
};

type OfficialItem = OpenAI.Evals.Runs.OutputItemRetrieveResponse;
type OfficialSample = OfficialItem['sample'];
type Wish = 'temperature' | 'max_completion_tokens' | 'top_p' | 'seed';

export type OutputItemStatus = 'pass' | 'fail' | 'error';

export type OutputSample = Omit<OfficialSample, Wish | 'error'> &
  Record<Wish, number | null> & { error: EvalError | null };

export type CriterionOutcome = OfficialItem['results'][number];

export type OutputItem = Omit<OfficialItem, 'status' | 'sample'> & {
  readonly status: OutputItemStatus;
  readonly sample: OutputSample;
};

export const runMoves: Record<RunStatus, readonly RunStatus[]> = {
  queued: ['in_progress', 'failed', 'canceled'],
  in_progress: ['completed', 'failed', 'canceled'],
  completed: [],
  failed: [],
  canceled: [],
};

export const isRunOver = (status: RunStatus): boolean => runMoves[status].length === 0;
