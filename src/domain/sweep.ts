/** Sweeps and learning curves, as tasks are asked for them and give them; while one runs, its file `progress.json` is its result so far. */

import type { Estimate } from './evaluation.ts';

export type SweepValue = string | number | boolean;
export type SweepValues = Readonly<Record<string, SweepValue>>;
/** Values to try, or a range to draw from. */
export type SweepDimension = readonly SweepValue[] | { readonly low: number; readonly high: number };

interface TrainingsRequest {
  readonly training_file: string;
  /** Null has one cut from the training file. */
  readonly validation_file: string | null;
  /** The figure; null takes the main one of the kind of task. */
  readonly metric: string | null;
  readonly seed: number;
}

export interface SweepRequest extends TrainingsRequest {
  /** Asked once, of the best one, at the very end. */
  readonly test_file: string | null;
  readonly models: readonly string[];
  readonly hyperparameters: Readonly<Record<string, SweepDimension>>;
  /** How many to draw; null tries every combination. */
  readonly trials: number | null;
  readonly halving: number;
  readonly smallest: number;
  readonly finalists: number;
  readonly keep_models: boolean;
}

export interface LearningCurveRequest extends TrainingsRequest {
  readonly model: string;
  readonly hyperparameters: SweepValues;
  /** Of the training set, growing, the last one 1. */
  readonly shares: readonly number[];
  readonly repeats: number;
}

export interface SweepMetric {
  readonly name: string;
  readonly lower_is_better: boolean;
}

/** A figure; without an interval where it has none: a loss. */
export interface Interval {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

export interface SweepTrial {
  readonly id: string;
  readonly values: SweepValues;
  /** One of each rung that it was on. */
  readonly results: readonly {
    readonly job: string | null;
    readonly model: string | null;
    readonly examples: number;
    /** Null where it failed; then `reason` says why. */
    readonly figure: Interval | null;
    readonly validation_loss: number | null;
    readonly reason: string | null;
  }[];
}

export interface SweepResult {
  readonly metric: SweepMetric;
  readonly validation_examples: number;
  readonly rungs: readonly { readonly examples: number; readonly trials: number }[];
  /** Hyper-parameters in which trials differ. */
  readonly varied: readonly string[];
  /** The best first. */
  readonly trials: readonly SweepTrial[];
  readonly winner: string | null;
  /** The winner against the one after it. */
  readonly comparison: (Estimate & { readonly p_value: number | null; readonly significant: boolean }) | null;
  readonly test: (Interval & { readonly n: number }) | null;
  /** What came out, a sentence each. */
  readonly sentences: readonly string[];
}

export interface LearningCurveResult {
  readonly metric: SweepMetric;
  readonly validation_examples: number;
  readonly values: SweepValues;
  readonly trainings: readonly {
    readonly examples: number;
    readonly repeat: number;
    readonly job: string | null;
    readonly model: string | null;
    readonly figure: Interval | null;
    readonly reason: string | null;
  }[];
  /** By the number of examples, the measured ones first; empty until everything is trained. */
  readonly points: readonly (Interval & { readonly examples: number; readonly foretold: boolean })[];
  /** `floor + scale · examples^-slope` is the error; null where nothing can be foretold. */
  readonly law: { readonly floor: number; readonly scale: number; readonly slope: number } | null;
  readonly sentences: readonly string[];
}
