/**
 * How near free texts come to their references, over a whole test; all from 0 to 1.
 *
 *   exactMatch          equal but for white space at the ends
 *   bleu                sacrebleu's corpus BLEU: 13a words, exponential smoothing. It sums n-grams over the test, and
 *                       is 0 where no text has four words; it is not the mean of sentence scores
 *   chrf, chrfPlusPlus  sacrebleu's (`chrf.ts`)
 *   rouge1, 2, L        means of rouge-score's F-measure, without stemming
 *   meteor              mean of NLTK's METEOR with stems and without synonyms
 *
 * The scores of single pairs are the graders' (`graders/similarity`). An absent answer is an empty text.
 */

import { textMetrics } from '../../graders/similarity/metrics.ts';
import { gramCount, ngrams, overlap, words13a } from '../../graders/similarity/words.ts';
import { chrfStatistic } from './chrf.ts';
import {
  bootstrapAll,
  columnSums,
  meanStatistic,
  share,
  type BootstrapOptions,
  type Estimate,
  type Statistic,
} from './estimate.ts';

export interface TextCase {
  readonly predicted: string | null;
  readonly reference: string;
}

export type TextFigure = 'bleu' | 'chrf' | 'chrfPlusPlus' | 'rouge1' | 'rouge2' | 'rougeL' | 'meteor';

export interface TextScores extends Readonly<Record<TextFigure, Estimate>> {
  readonly exactMatch: Estimate;
  /** Per case, for McNemar's test. */
  readonly exact: readonly boolean[];
}

export function textScores(cases: readonly TextCase[], options: BootstrapOptions = {}): TextScores {
  const statistics = Object.entries(textStatistics(cases));
  const estimates = bootstrapAll(
    cases.length,
    { statistic: (counts) => statistics.map(([, statistic]) => statistic(counts)) },
    options,
  );
  const figures = Object.fromEntries(statistics.map(([name], i) => [name, estimates[i]!]));
  const exact = exactMatches(cases);
  return { ...(figures as Record<TextFigure, Estimate>), exactMatch: share(exact), exact };
}

export const exactMatches = (cases: readonly TextCase[]): boolean[] =>
  cases.map(({ predicted, reference }) => predicted?.trim() === reference.trim());

/** Every figure as a statistic, for paired comparisons. */
export function textStatistics(cases: readonly TextCase[]): Record<TextFigure, Statistic> {
  const pairs = cases.map(({ predicted, reference }) => ({ text: predicted ?? '', reference }));
  const average = (metric: (text: string, reference: string) => number): Statistic =>
    meanStatistic(pairs.map(({ text, reference }) => metric(text, reference)));
  return {
    bleu: bleuStatistic(pairs),
    chrf: chrfStatistic(pairs, 0),
    chrfPlusPlus: chrfStatistic(pairs, 2),
    rouge1: average(textMetrics.rouge_1),
    rouge2: average(textMetrics.rouge_2),
    rougeL: average(textMetrics.rouge_l),
    meteor: average(textMetrics.meteor),
  };
}

const ordersMax = 4;

function bleuStatistic(pairs: readonly { readonly text: string; readonly reference: string }[]): Statistic {
  // Words found and wanted, then for each order the n-grams shared and found.
  const sumsOf = columnSums(
    pairs.map(({ text, reference }) => {
      const [words, expected] = [words13a(text), words13a(reference)];
      const orders = Array.from({ length: ordersMax }, (_, i) => [
        overlap(ngrams(words, i + 1), ngrams(expected, i + 1)),
        gramCount(words, i + 1),
      ]);
      return [words.length, expected.length, ...orders.flat()];
    }),
  );
  return (counts) => {
    const sums = sumsOf(counts);
    const [length, lengthWanted, orders] = [sums[0]!, sums[1]!, sums.subarray(2)];
    let logs = 0;
    let matched = false;
    let smoothing = 1;
    for (let order = 0; order < ordersMax; order++) {
      const [shared, found] = [orders[2 * order]!, orders[2 * order + 1]!];
      if (found === 0) return 0;
      if (shared > 0) matched = true;
      else smoothing *= 2;
      logs += Math.log((shared > 0 ? shared : 1 / smoothing) / found);
    }
    return matched ? Math.min(1, Math.exp(1 - lengthWanted / length)) * Math.exp(logs / ordersMax) : 0;
  };
}
