/**
 * How surprised a model is by reference answers: the exponential of the mean negative log-probability of a token.
 *
 * 1 is certainty, the size of the vocabulary is a blind guess. Perplexities of models with different tokenizers do not
 * compare: their tokens are not the same. Intervals draw answers, since tokens of one answer are no independent cases.
 * A token held impossible (-∞) makes it endless. An answer with a log-probability that is none (not a number, above 0)
 * is left out and counted in `skipped`, as is one without tokens.
 */

import { bootstrap, type BootstrapOptions, type Estimate, type Statistic } from './estimate.ts';

export interface Perplexity {
  readonly perplexity: Estimate;
  readonly tokens: number;
  readonly skipped: number;
}

/** What a sum of exponentials may be above 0 by rounding. */
const rounding = 1e-6;

/** Of natural logarithms, one list per answer; null when no answer is usable. */
export function perplexity(answers: readonly (readonly number[])[], options: BootstrapOptions = {}): Perplexity | null {
  const usable = answers.filter((each) => each.length > 0 && each.every((one) => one <= rounding));
  if (usable.length === 0) return null;
  return {
    perplexity: bootstrap(usable.length, perplexityStatistic(usable), { ...options, bounded: false }),
    tokens: usable.reduce((sum, each) => sum + each.length, 0),
    skipped: answers.length - usable.length,
  };
}

/** For a paired comparison of models with the same tokenizer. */
export function perplexityStatistic(answers: readonly (readonly number[])[]): Statistic {
  const sums = answers.map((each) => each.reduce((sum, one) => sum + one, 0));
  return (counts) => {
    let [sum, tokens] = [0, 0];
    for (const [i, each] of answers.entries()) {
      if (counts[i] === 0) continue; // 0 · ∞ is no number
      sum += counts[i]! * sums[i]!;
      tokens += counts[i]! * each.length;
    }
    return Math.exp(-sum / tokens);
  };
}
