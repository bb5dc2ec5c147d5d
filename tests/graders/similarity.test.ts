/** Our metrics against the packages that define them; `goldens/make_similarity.py` says which is which. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { textMetrics, type TextMetric } from '../../src/graders/similarity/metrics.ts';
import { porterStem } from '../../src/graders/similarity/porter.ts';

interface Golden {
  readonly pairs: readonly { input: string; reference: string; scores: Record<TextMetric, number> }[];
  readonly stems: Readonly<Record<string, string>>;
}

const golden = JSON.parse(readFileSync(new URL('../goldens/similarity.json', import.meta.url), 'utf8')) as Golden;

describe.each(Object.keys(textMetrics) as TextMetric[])('%s', (metric) => {
  test('says what the reference package says', () => {
    for (const { input, reference, scores } of golden.pairs)
      expect(textMetrics[metric](input, reference), `${input} | ${reference}`).toBeCloseTo(scores[metric], 12);
  });
});

test('words are stemmed as NLTK stems them', () => {
  const stems = Object.fromEntries(Object.keys(golden.stems).map((word) => [word, porterStem(word)]));
  expect(stems).toEqual(golden.stems);
});

test('long texts are compared in moments', () => {
  const text = 'The quick brown fox jumps over the lazy dog. '.repeat(500);
  const started = performance.now();
  expect(textMetrics.fuzzy_match(text, text.replaceAll('fox', 'cat'))).toBeCloseTo(1 - 3 / 45, 2);
  expect(textMetrics.meteor(text, text)).toBeCloseTo(1, 2);
  expect(performance.now() - started).toBeLessThan(5000);
});
