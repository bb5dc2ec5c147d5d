/** Sweeps and learning curves as they go over the wire, also while they run. */

import type { Interval, LearningCurveResult, SweepMetric, SweepResult } from '../domain/sweep.ts';
import type { Comparison } from '../evals/metrics/paired.ts';
import { curveSentences, rowsOf } from './curve-report.ts';
import type { CurveState, LearningCurve } from './learning-curve.ts';
import type { Measured, Metric } from './measure.ts';
import { variedNames } from './picture.ts';
import { conclusions } from './report.ts';
import { standings, type SweepState } from './trials.ts';

export function sweepResult(state: SweepState): SweepResult {
  const { metric, validationExamples, rungs, trials, winner, comparison, test } = state;
  return {
    metric: metricOf(metric),
    validation_examples: validationExamples,
    rungs,
    varied: variedNames(trials),
    trials: standings(state).map(({ id, values, results }) => ({
      id,
      values,
      results: results.map(({ job, model, examples, measured, reason }) => ({
        job,
        model,
        examples,
        figure: figureOf(measured),
        validation_loss: measured?.validationLoss ?? null,
        reason,
      })),
    })),
    winner,
    comparison: comparison === null ? null : comparisonOf(comparison),
    test,
    sentences: conclusions(state).map(plain),
  };
}

/** Of a curve that is not finished the points and what follows from them are not known. */
export function curveResult(state: CurveState | LearningCurve): LearningCurveResult {
  const { metric, validationExamples, values, points } = state;
  const finished = 'extrapolation' in state ? state : null;
  return {
    metric: metricOf(metric),
    validation_examples: validationExamples,
    values,
    trainings: points.map(({ examples, repeat, job, model, measured, reason }) => ({
      examples,
      repeat,
      job,
      model,
      figure: figureOf(measured),
      reason,
    })),
    points: finished === null ? [] : rowsOf(finished),
    law: finished?.extrapolation.law ?? null,
    sentences: finished === null ? [] : curveSentences(finished).map(plain),
  };
}

/** Without the command line's options. */
const plain = (sentence: string): string =>
  sentence.replaceAll(/ \(--[^)]*\)/g, '').replace('--repeats 3 adds that', 'Several trainings per size add that');

const metricOf = ({ name, lowerIsBetter }: Metric): SweepMetric => ({ name, lower_is_better: lowerIsBetter });

const figureOf = (measured: Measured | null): Interval | null =>
  measured === null ? null : { value: measured.value, low: measured.low, high: measured.high };

const comparisonOf = ({ difference, pValue, significant }: Comparison): SweepResult['comparison'] => ({
  ...difference,
  p_value: Number.isNaN(pValue) ? null : pValue,
  significant,
});
