/**
 * How alike two texts are, from 0 to 1, in the ways that OpenAI's `text_similarity` names.
 *
 * Each metric is defined by a reference package, and `tests/goldens/make_similarity.py` holds ours to it:
 *
 *   fuzzy_match   rapidfuzz's ratio: twice the common subsequence over both lengths, in characters
 *   bleu          sacrebleu's sentence BLEU: 13a words, exponential smoothing, only orders that the text is long enough for
 *   gleu          NLTK's sentence GLEU, over the same words
 *   meteor        NLTK's METEOR over the same words: equal words, then equal stems; no WordNet, hence no synonyms
 *   rouge_*       rouge-score's F-measure, without stemming
 *
 * `cosine` needs a model and is not here. The text judged comes first, the reference second: BLEU and METEOR care.
 */

import { porterStem } from './porter.ts';
import { commonSubsequence } from './subsequence.ts';
import { gramCount, ngrams, overlap, words13a, wordsAlphanumeric } from './words.ts';

export type TextMetric =
  'fuzzy_match' | 'bleu' | 'gleu' | 'meteor' | 'rouge_1' | 'rouge_2' | 'rouge_3' | 'rouge_4' | 'rouge_5' | 'rouge_l';

export const textMetrics: Readonly<Record<TextMetric, (text: string, reference: string) => number>> = {
  fuzzy_match: fuzzyRatio,
  bleu,
  gleu,
  meteor,
  rouge_1: (text, reference) => rougeN(1, text, reference),
  rouge_2: (text, reference) => rougeN(2, text, reference),
  rouge_3: (text, reference) => rougeN(3, text, reference),
  rouge_4: (text, reference) => rougeN(4, text, reference),
  rouge_5: (text, reference) => rougeN(5, text, reference),
  rouge_l: rougeL,
};

function fuzzyRatio(text: string, reference: string): number {
  const [a, b] = [Array.from(text), Array.from(reference)];
  return a.length + b.length === 0 ? 1 : (2 * commonSubsequence(a, b)) / (a.length + b.length);
}

const ordersMax = 4;

function bleu(text: string, reference: string): number {
  const [words, expected] = [words13a(text), words13a(reference)];
  const logs: number[] = [];
  let matched = false;
  let smoothing = 1;
  for (let order = 1; order <= ordersMax && gramCount(words, order) > 0; order++) {
    const shared = overlap(ngrams(words, order), ngrams(expected, order));
    if (shared > 0) matched = true;
    else smoothing *= 2;
    logs.push(Math.log((shared > 0 ? shared : 1 / smoothing) / gramCount(words, order)));
  }
  if (!matched) return 0;
  const brevity = Math.min(1, Math.exp(1 - expected.length / words.length));
  return brevity * Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
}

function gleu(text: string, reference: string): number {
  const [words, expected] = [words13a(text), words13a(reference)];
  let shared = 0;
  let [found, wanted] = [0, 0];
  for (let order = 1; order <= ordersMax; order++) {
    shared += overlap(ngrams(words, order), ngrams(expected, order));
    found += gramCount(words, order);
    wanted += gramCount(expected, order);
  }
  return shared === 0 ? 0 : shared / Math.max(found, wanted);
}

function meteor(text: string, reference: string): number {
  const [words, expected] = [words13a(text), words13a(reference)].map((each) =>
    each.map((word) => word.toLowerCase()),
  ) as [string[], string[]];
  const pairs = aligned(words, expected);
  if (pairs.length === 0) return 0;
  const [precision, recall] = [pairs.length / words.length, pairs.length / expected.length];
  const mean = (precision * recall) / (0.9 * precision + 0.1 * recall);
  const runs = pairs.filter(([i, j], k) => pairs[k - 1]?.[0] !== i - 1 || pairs[k - 1]?.[1] !== j - 1).length;
  return mean * (1 - 0.5 * (runs / pairs.length) ** 3);
}

/** Places of words that mean the same, each used once: equal words first, then equal stems, from the end on. */
function aligned(words: readonly string[], expected: readonly string[]): [number, number][] {
  const pairs: [number, number][] = [];
  let [left, open] = [[...words.keys()], [...expected.keys()]];
  for (const form of [(word: string) => word, porterStem]) {
    const places = new Map<string, number[]>();
    for (const j of open) {
      const key = form(expected[j]!);
      places.set(key, [...(places.get(key) ?? []), j]);
    }
    const taken = new Set<number>();
    const unmatched: number[] = [];
    for (const i of left.toReversed()) {
      const j = places.get(form(words[i]!))?.pop();
      if (j === undefined) unmatched.unshift(i);
      else {
        pairs.push([i, j]);
        taken.add(j);
      }
    }
    [left, open] = [unmatched, open.filter((j) => !taken.has(j))];
  }
  return pairs.sort(([i], [k]) => i - k);
}

function rougeN(order: number, text: string, reference: string): number {
  const [words, expected] = [wordsAlphanumeric(text), wordsAlphanumeric(reference)];
  const shared = overlap(ngrams(words, order), ngrams(expected, order));
  return harmonic(shared, gramCount(words, order), gramCount(expected, order));
}

function rougeL(text: string, reference: string): number {
  const [words, expected] = [wordsAlphanumeric(text), wordsAlphanumeric(reference)];
  return harmonic(commonSubsequence(words, expected), words.length, expected.length);
}

/** The F-measure of what is shared, among what was found and what was wanted. */
const harmonic = (shared: number, found: number, wanted: number): number =>
  shared === 0 ? 0 : (2 * shared) / (found + wanted);
