import { expect, test } from 'vitest';
import { findLabel, labelProbabilities, type AnswerToken } from '../../src/evals/labels.ts';

const token = (text: string, probability: number, others: Record<string, number> = {}): AnswerToken => ({
  token: text,
  logprob: Math.log(probability),
  top_logprobs: Object.entries({ [text]: probability, ...others }).map(([other, p]) => ({
    token: other,
    logprob: Math.log(p),
  })),
});

test('a label is found as a whole word in any case, exact spelling first', () => {
  expect(findLabel('It is Spam.', ['ham', 'spam'])).toBe('spam');
  expect(findLabel('hamster', ['ham', 'spam'])).toBeNull();
  expect(findLabel('A', ['a', 'A'])).toBe('A');
});

test('the first token parts the labels, what belongs to none is left out', () => {
  const probabilities = labelProbabilities([token(' spam', 0.6, { ' ham': 0.2, ' the': 0.2 })], ['ham', 'spam']);
  expect(probabilities!['spam']).toBeCloseTo(0.75, 12);
  expect(probabilities!['ham']).toBeCloseTo(0.25, 12);
});

test('labels that begin alike are parted by the token that parts them', () => {
  const tokens = [token('not', 0.8, { yes: 0.2 }), token(' sure', 0.25, { ' now': 0.75 })];
  const probabilities = labelProbabilities(tokens, ['yes', 'not sure', 'not now']);
  expect(probabilities!['yes']).toBeCloseTo(0.2, 12);
  expect(probabilities!['not sure']).toBeCloseTo(0.2, 12); // 0.8 · 0.25
  expect(probabilities!['not now']).toBeCloseTo(0.6, 12);
});

test('alternatives that fit several labels are shared evenly, and other spellings count together', () => {
  const probabilities = labelProbabilities([token('yes', 0.5, { n: 0.3, YES: 0.2 })], ['yes', 'no', 'never']);
  expect(probabilities!['yes']).toBeCloseTo(0.7, 12);
  expect(probabilities!['no']).toBeCloseTo(0.15, 12);
});

test('an answer that ends where a longer label would go on is the shorter label', () => {
  expect(labelProbabilities([token('spam', 0.9)], ['spam', 'spammy'])).toEqual({ spam: 1, spammy: 0 });
});

test('an answer without any label has no probabilities', () => {
  expect(labelProbabilities([token('Well', 0.9, { So: 0.1 })], ['ham', 'spam'])).toBeNull();
  expect(labelProbabilities([], ['ham', 'spam'])).toBeNull();
});
