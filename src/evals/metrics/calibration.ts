/**
 * Whether a model that says 80 % is right 80 times of 100: a reliability curve and what it sums up to.
 *
 * Confidences are put into bins of equal width, each with its mean confidence and its share of right answers. The
 * expected calibration error (ECE) is the mean gap between the two, weighed by the bins' cases; the greatest gap and
 * the Brier score (mean squared distance of confidence from right = 1, wrong = 0) come with it. A bin holds its upper
 * edge, as scikit-learn's `calibration_curve` has it. ECE of few cases is too high by chance: an empty or thin bin
 * has a gap even when the model is honest. What is no probability is left out and counted in `skipped`.
 */

import { bootstrapAll, everyCaseOnce, wilson, type BootstrapOptions, type Counts, type Estimate } from './estimate.ts';
import type { Ranked } from './ranking.ts';

export interface Confident {
  readonly confidence: number;
  readonly right: boolean;
}

export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Mean confidence in the bin; NaN in an empty one. */
  readonly confidence: number;
  readonly accuracy: Estimate;
}

export interface Calibration {
  readonly expectedError: Estimate;
  readonly greatestError: Estimate;
  readonly brier: Estimate;
  readonly bins: readonly ReliabilityBin[];
  readonly skipped: number;
}

export const binsUsual = 10;

/** null when no case has a confidence. */
export function calibration(
  cases: readonly Confident[],
  { bins = binsUsual, ...options }: BootstrapOptions & { readonly bins?: number } = {},
): Calibration | null {
  const usable = cases.filter(({ confidence }) => confidence >= 0 && confidence <= 1);
  if (usable.length === 0) return null;
  // Multiples of the width, not quotients: the same doubles as numpy's linspace.
  const edges = Array.from({ length: bins + 1 }, (_, i) => (i === bins ? 1 : i * (1 / bins)));
  const places = usable.map(({ confidence }) => {
    const place = edges.findIndex((edge, i) => i > 0 && confidence <= edge);
    return place - 1;
  });

  const gathered = (counts: Counts): Bin[] => {
    const sums = Array.from({ length: bins }, () => ({ count: 0, confidence: 0, right: 0 }));
    for (const [i, { confidence, right }] of usable.entries()) {
      const bin = sums[places[i]!]!;
      bin.count += counts[i]!;
      bin.confidence += counts[i]! * confidence;
      if (right) bin.right += counts[i]!;
    }
    return sums;
  };
  const statistic = (counts: Counts): number[] => {
    const filled = gathered(counts).filter(({ count }) => count > 0);
    const gaps = filled.map(({ confidence, right }) => Math.abs(confidence - right));
    let squares = 0;
    for (const [i, { confidence, right }] of usable.entries())
      squares += counts[i]! * (confidence - Number(right)) ** 2;
    return [
      gaps.reduce((sum, gap) => sum + gap, 0) / usable.length,
      Math.max(...gaps.map((gap, i) => gap / filled[i]!.count)),
      squares / usable.length,
    ];
  };
  const [expectedError, greatestError, brier] = bootstrapAll(
    usable.length,
    { statistic },
    { ...options, bounded: false },
  );
  return {
    expectedError: expectedError!,
    greatestError: greatestError!,
    brier: brier!,
    bins: gathered(everyCaseOnce(usable.length)).map((bin, i) => ({
      from: edges[i]!,
      to: edges[i + 1]!,
      count: bin.count,
      confidence: bin.confidence / bin.count,
      accuracy: wilson(bin.right, bin.count),
    })),
    skipped: cases.length - usable.length,
  };
}

interface Bin {
  readonly count: number;
  /** Sums over the cases in the bin. */
  readonly confidence: number;
  readonly right: number;
}

/** Each case's most probable label and whether it is the true one; ties go to the label named first. */
export function confidences(cases: readonly Ranked[]): Confident[] {
  return cases.map(({ actual, probabilities }) => {
    let [best, confidence] = [null as string | null, Number.NaN];
    for (const [label, probability] of Object.entries(probabilities ?? {})) {
      if (Number.isNaN(probability)) return { confidence: Number.NaN, right: false };
      if (best === null || probability > confidence) [best, confidence] = [label, probability];
    }
    return { confidence, right: best === actual };
  });
}
