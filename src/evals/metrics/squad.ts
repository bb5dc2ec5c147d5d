/**
 * Exact match and F1 of short answers, as SQuAD's own script has them: case, punctuation, English articles and white
 * space do not count, F1 is over shared words, and the best of several reference answers decides.
 */

import { mean, share, type BootstrapOptions, type Estimate } from './estimate.ts';
import { ngrams, overlap } from '../../graders/similarity/words.ts';

export interface SquadCase {
  /** null: there was no answer, which is right only where the reference is empty. */
  readonly predicted: string | null;
  readonly references: readonly string[];
}

export interface SquadScores {
  readonly exactMatch: Estimate;
  readonly f1: Estimate;
  /** Per case, for paired comparisons. */
  readonly exact: readonly boolean[];
  readonly f1s: readonly number[];
}

export function squadScores(cases: readonly SquadCase[], options: BootstrapOptions = {}): SquadScores {
  const best = (judge: (text: string, reference: string) => number): number[] =>
    cases.map(({ predicted, references }) => Math.max(0, ...references.map((one) => judge(predicted ?? '', one))));
  const f1s = best(squadF1);
  const exact = best((text, reference) => Number(squadExact(text, reference))).map((one) => one === 1);
  return { f1: mean(f1s, options), exactMatch: share(exact), exact, f1s };
}

export const squadExact = (text: string, reference: string): boolean =>
  squadWords(text).join(' ') === squadWords(reference).join(' ');

export function squadF1(text: string, reference: string): number {
  const [words, expected] = [squadWords(text), squadWords(reference)];
  if (words.length === 0 || expected.length === 0) return words.length === expected.length ? 1 : 0;
  return (2 * overlap(ngrams(words, 1), ngrams(expected, 1))) / (words.length + expected.length);
}

/** An article between letters of any alphabet, not only where JavaScript's `\b` sees a boundary. */
const article = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
const punctuation = /[!-/:-@[-`{-~]/g;

const squadWords = (text: string): string[] =>
  text.toLowerCase().replace(punctuation, '').replace(article, ' ').split(/\s+/u).filter(Boolean);
