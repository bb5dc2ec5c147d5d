/**
 * A capture: what a project has taken from OpenAI, or from a server that speaks its API, under a name.
 *
 * It outlives the tasks that fill it (`openai_capture`, `openai_record`) and those that read it (`openai_restore`,
 * `openai_parity`), so it is a noun of its own.
 */

import type { Estimate, Figure } from './evaluation.ts';

export const captureKinds = [
  'evals',
  'models',
  'fine_tuning_jobs',
  'files',
  'stored_completions',
  'recordings',
] as const;
export type CaptureKind = (typeof captureKinds)[number];

export const isCaptureName = (name: string): boolean => /^[a-z0-9][a-z0-9_-]{0,63}$/.test(name);

export interface OpenAICapture {
  readonly object: 'openai.capture';
  /** Its name. */
  readonly id: string;
  /** Where it is from. */
  readonly base_url: string;
  /** Unix seconds; `finished_at` is the end of the newest run that came to one. */
  readonly started_at: number;
  readonly finished_at: number | null;
  readonly bytes: number;
  /** Objects by kind: an eval and each of its runs are one each, and so is a recorded model and test. */
  readonly counts: Readonly<Record<CaptureKind, number>>;
  readonly problem_count: number;
}

/** When what ends at OpenAI: `YYYY-MM-DD`, and where that is from. */
export interface WindDown {
  readonly evals_read_only: string;
  readonly evals_off: string;
  readonly no_new_jobs: string;
  readonly source: string;
}

/** The list of captures. */
export interface OpenAICaptures {
  readonly object: 'list';
  readonly data: readonly OpenAICapture[];
  readonly has_more: false;
  readonly wind_down: WindDown;
}

/** Everything there is to say of one; lists are cut where they would be endless, counts never. */
export interface OpenAICaptureDetails extends OpenAICapture {
  readonly problems: readonly CaptureProblem[];
  /** The most urgent first. */
  readonly models: readonly CapturedModelView[];
  /** Newest first. */
  readonly jobs: readonly CapturedJobView[];
  readonly recordings: readonly CaptureRecording[];
  readonly wind_down: WindDown;
  /** What has been made of it here: old id → new id. */
  readonly restored: Readonly<Record<'files' | 'jobs' | 'models' | 'evals' | 'runs', number>>;
}

export interface CaptureProblem {
  readonly kind: CaptureKind;
  /** Null where the whole kind could not be taken. */
  readonly id: string | null;
  readonly status: number | null;
  readonly reason: 'no_rights' | 'not_there' | 'failed';
  readonly message: string;
}

export interface CapturedModelView {
  readonly model: string;
  readonly base: string;
  /** Whether the models list over there still names it. */
  readonly listed: boolean;
  readonly job: string | null;
  /** `YYYY-MM-DD`; null where nobody has named one. */
  readonly shutdown_date: string | null;
  readonly shutdown_source: 'server' | 'table' | 'unknown';
  /** The model that was trained here in its place. */
  readonly here: string | null;
}

export interface CapturedJobView {
  readonly id: string;
  readonly model: string;
  readonly status: string;
  readonly created_at: number;
  readonly fine_tuned_model: string | null;
  readonly method: string;
  /** The job here, once it was made. */
  readonly here: string | null;
}

/** What one model answered to one test. */
export interface CaptureRecording {
  readonly id: string;
  readonly model: string;
  readonly questions: number;
  readonly answered: number;
  readonly bytes: number;
}

/** One object as it lies in the capture. */
export interface CapturedObject {
  readonly object: 'openai.captured_object';
  /** Its path in the capture. */
  readonly id: string;
  readonly kind: CaptureKind;
  readonly original_id: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly taken_at: number;
}

/** What became of one thing that was to be made here. */
export interface RestoredObject {
  readonly kind: 'files' | 'jobs' | 'models' | 'evals' | 'runs';
  readonly old: string;
  /** Null where nothing was made; `reason` says why. */
  readonly here: string | null;
  readonly state: 'made' | 'there' | 'waiting' | 'left_out';
  readonly reason: string | null;
  /** In what it is not as it was. */
  readonly differences: readonly string[];
}

/** What `openai_parity` found; the whole report is the task's file `parity.html`. */
export interface ParityResult {
  readonly recorded: string;
  readonly local: string;
  readonly task: string;
  readonly reason: string;
  readonly count: number;
  readonly unrecorded: number;
  /** In one sentence. */
  readonly verdict: string;
  readonly agreement: {
    readonly exact: Estimate;
    readonly both_right: number;
    readonly only_recorded: number;
    readonly only_local: number;
    readonly both_wrong: number;
    readonly figures: readonly Figure[];
  };
  /** The main figure, local less recorded, and right or wrong by McNemar's exact test; a p-value may be unknown. */
  readonly difference: { readonly estimate: Estimate; readonly p_value: number | null };
  readonly right_or_wrong: { readonly estimate: Estimate; readonly p_value: number | null };
  /** First the recorded model, then the local one. */
  readonly sides: readonly [ParitySide, ParitySide];
  readonly difference_count: number;
  readonly differences: readonly ParityDifference[];
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

export interface ParitySide {
  readonly name: string;
  readonly figures: readonly Figure[];
  readonly latency_ms: { readonly p50: number; readonly p95: number };
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  /** Of a thousand requests, in words. */
  readonly cost: string;
}

export interface ParityDifference {
  readonly line: number;
  readonly question: string;
  readonly expected: string;
  readonly recorded: string;
  readonly local: string | null;
  readonly recorded_right: boolean;
  readonly local_right: boolean;
}

/** What `openai_restore` made. */
export interface RestoreResult {
  readonly capture: string;
  readonly made: number;
  readonly there: number;
  readonly waiting: number;
  readonly left_out: number;
  /** What needs attention first. */
  readonly restored: readonly RestoredObject[];
}

/** What `openai_record` recorded. */
export interface RecordResult {
  readonly capture: string;
  readonly recording: string;
  readonly model: string;
  readonly questions: number;
  /** In this run, and in earlier ones. */
  readonly recorded: number;
  readonly known: number;
  readonly with_logprobs: number;
  readonly failure_count: number;
  readonly failures: readonly { readonly line: number; readonly message: string }[];
}
