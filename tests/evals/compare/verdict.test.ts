/** The rule of which to use, on cases made so that one can see what is right. */

import { expect, test } from 'vitest';
import type { Answered } from '../../../src/evals/ask.ts';
import { compare, type Contestant } from '../../../src/evals/compare/compare.ts';
import type { Kind, Verdict } from '../../../src/evals/compare/verdict.ts';
import { seededRandom } from '../../../src/random.ts';

const count = 200;

/** Right in so many of 200 cases, which ones by lot; two contenders with one seed are right in the same ones as far as they go. */
function contestant(kind: Kind, name: string, right: number, { of = count, seed = 1 } = {}): Contestant {
  const random = seededRandom(seed);
  const order = Array.from({ length: of }, (_, i) => ({ i, at: random() })).sort((a, b) => a.at - b.at);
  const place = new Map(order.map(({ i }, rank) => [i, rank]));
  const answers = Array.from({ length: of }, (_, i): Answered => {
    const [truth, other] = i % 2 === 0 ? (['spam', 'ham'] as const) : (['ham', 'spam'] as const);
    return {
      line: i + 1,
      input: [{ role: 'user', content: `mail ${i}` }],
      reference: { role: 'assistant', content: truth },
      answer: { role: 'assistant', content: place.get(i)! < right ? truth : other },
      probabilities: null,
      error: null,
      latencyMs: 10,
      promptTokens: 20,
      cachedTokens: 0,
      completionTokens: 1,
    };
  });
  return {
    kind,
    name,
    model: name,
    shots: 0,
    isHere: kind !== 'endpoint',
    answers,
    tokensThere: { prompt: 20, answer: 1 },
  };
}

const verdictOf = (...contestants: Contestant[]): Verdict => compare('classification', contestants).verdict;

test('a fine-tune significantly better than base, examples and baselines is to be used', () => {
  const verdict = verdictOf(
    contestant('majority', 'always "ham"', 100),
    contestant('bag_of_words', 'bag of words', 160),
    contestant('base', 'base', 70),
    contestant('few_shot', 'base, 8-shot', 120),
    contestant('fine_tune', 'ft:x', 196),
  );
  expect(verdict).toMatchObject({ use: 'ft:x', best: 'ft:x', fineTuningWorthIt: true, unsure: false });
  expect(verdict.sentence).toBe(
    'Use ft:x: F1, macro 98.0 %, significantly better than all that takes less (the best of that is bag of words, 80.0 %).',
  );
});

test('a fine-tune no better than a cheap baseline was not worth it', () => {
  const verdict = verdictOf(
    contestant('bag_of_words', 'bag of words', 190),
    contestant('base', 'base', 70),
    contestant('fine_tune', 'ft:x', 192, { seed: 2 }),
  );
  expect(verdict).toMatchObject({ use: 'bag of words', best: 'ft:x', fineTuningWorthIt: false });
  expect(verdict.sentence).toMatch(/^Use bag of words: F1, macro 95\.0 %, and nothing that takes more is significantly better \(ft:x is ahead by 1\.0 points, .*; fine-tuning was not worth it: ft:x is not significantly better than what takes less \(1\.0 points, .* against bag of words, p = 0\.\d+\)\.$/); // prettier-ignore
});

test('a fine-tune no better than the base with examples in its prompt was not worth it', () => {
  const verdict = verdictOf(
    contestant('base', 'base', 120),
    contestant('few_shot', 'base, 8-shot', 184),
    contestant('fine_tune', 'ft:x', 184, { seed: 3 }),
  );
  expect(verdict).toMatchObject({ use: 'base, 8-shot', fineTuningWorthIt: false });
});

test('a fine-tune worse than its base was not worth it, and a base as good as all else is used as it is', () => {
  const verdict = verdictOf(
    contestant('base', 'base', 180),
    contestant('few_shot', 'base, 8-shot', 178),
    contestant('fine_tune', 'ft:x', 120),
  );
  expect(verdict).toMatchObject({ use: 'base', best: 'base', fineTuningWorthIt: false });
  expect(verdict.sentence).toContain('fine-tuning was not worth it: ft:x is not significantly better');
});

test('of two fine-tunes as good as each other neither is called worthless for the other', () => {
  const verdict = verdictOf(
    contestant('base', 'base', 100),
    contestant('fine_tune', 'ft:x', 190),
    contestant('fine_tune', 'ft:y', 192),
    contestant('checkpoint', 'ft:y:ckpt-step-5', 193),
  );
  expect(verdict).toMatchObject({ use: 'ft:y', best: 'ft:y:ckpt-step-5', fineTuningWorthIt: true });
});

test('an endpoint elsewhere is used where it is significantly better than the best of this machine, and only there', () => {
  const here = [contestant('base', 'base', 100), contestant('fine_tune', 'ft:x', 170)];
  expect(verdictOf(...here, contestant('endpoint', 'gpt at there', 198))).toMatchObject({
    use: 'gpt at there',
    fineTuningWorthIt: true,
    sentence: expect.stringContaining('significantly better than the best of this machine (ft:x') as unknown,
  });
  expect(verdictOf(...here, contestant('endpoint', 'gpt at there', 172))).toMatchObject({ use: 'ft:x' });
  expect(verdictOf(contestant('endpoint', 'a', 150), contestant('endpoint', 'b', 152))).toMatchObject({
    use: 'b',
    fineTuningWorthIt: null,
    sentence: 'Use b: F1, macro 76.0 %; not significantly better than a.',
  });
});

test('on ten questions five more right answers prove nothing: the best is used for now, and the sentence says so', () => {
  const verdict = verdictOf(contestant('base', 'base', 5, { of: 10 }), contestant('fine_tune', 'ft:x', 10, { of: 10 }));
  // McNemar: five cases differ, all one way: 2 / 2^5 = 0.0625
  expect(verdict).toMatchObject({ use: 'ft:x', best: 'ft:x', fineTuningWorthIt: false, unsure: true });
  expect(verdict.sentence).toMatch(
    /^Use ft:x for now: F1, macro 100\.0 %, the best, but 10 questions are too few to show it; that fine-tuning was worth it is not shown: .* p = 0\.063\)\.$/,
  );
});

test('a gap that the test is too small to show is told', () => {
  const verdict = verdictOf(
    contestant('base', 'base', 44, { of: 60 }),
    contestant('fine_tune', 'ft:x', 49, { of: 60, seed: 4 }),
  );
  expect(verdict).toMatchObject({ use: 'base', fineTuningWorthIt: false, unsure: true });
  expect(verdict.sentence).toMatch(/; but 60 questions cannot rule out that ft:x is up to \d\d\.\d points better\.$/);
});

test('many contenders make each comparison stricter', () => {
  const fineTune = contestant('fine_tune', 'ft:x', 188, { seed: 1 });
  const rival = contestant('base', 'base', 174, { seed: 9 });
  const alone = compare('classification', [rival, fineTune]);
  const more = Array.from({ length: 20 }, (_, i) => contestant('base', `other ${i}`, 174, { seed: 20 + i }));
  const crowded = compare('classification', [rival, fineTune, ...more]);
  const adjusted = (compared: typeof alone): number => compared.rows.find(({ name }) => name === 'ft:x')!.difference!.pAdjusted; // prettier-ignore
  expect(adjusted(alone)).toBeLessThan(0.05);
  expect(adjusted(crowded)).toBeGreaterThan(adjusted(alone));
});
