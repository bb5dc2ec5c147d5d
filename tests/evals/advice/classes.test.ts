import { expect, test } from 'vitest';
import { adviceOfClasses } from '../../../src/evals/advice/classes.ts';
import type { Answered } from '../../../src/evals/ask.ts';
import { evaluate } from '../../../src/evals/evaluate.ts';
import type { TestItem } from '../../../src/evals/task.ts';

const item = (label: string, line = 1): TestItem => ({
  line,
  input: [{ role: 'user', content: 'what is it?' }],
  reference: { role: 'assistant', content: label },
});

/** Pairs of what is true and what was answered, each so many times. */
function evaluation(...cases: readonly (readonly [truth: string, answer: string, times: number])[]) {
  const answered = cases.flatMap(([truth, answer, times]) =>
    Array.from({ length: times }, (_, i): Answered => ({
      ...item(truth, i + 1),
      answer: { role: 'assistant', content: answer },
      probabilities: null,
      error: null,
      latencyMs: 1,
      promptTokens: 1,
      cachedTokens: 0,
      completionTokens: 1,
    })),
  );
  return evaluate('classification', answered);
}

const training = (counts: Readonly<Record<string, number>>): TestItem[] =>
  Object.entries(counts).flatMap(([label, count]) => Array.from({ length: count }, () => item(label)));

const weakRefund = evaluation(['bug', 'bug', 50], ['praise', 'praise', 50], ['refund', 'refund', 4], ['refund', 'bug', 14], ['refund', 'praise', 2]); // prettier-ignore

test('a weak class that the training file has little of asks for more of it, with the counts', () => {
  const [advice, ...others] = adviceOfClasses(weakRefund, training({ bug: 100, praise: 90, refund: 10 }));
  expect(others).toEqual([]);
  expect(advice).toMatchObject({ kind: 'more_of_class', text: 'Bring more examples of "refund".' });
  // 4 of 20 found; 104 of 120 in all.
  expect(advice!.evidence[0]).toMatch(
    /^Of 20 cases of "refund" 20 % were found \(\d+ % - \d+ %\); of all together 87 %\.$/,
  );
  expect(advice!.evidence[1]).toBe('14 of its 16 misses were answered "bug".');
  expect(advice!.evidence[2]).toBe('The training file has 10 of it among 200; an even share would be 67.');
});

test('a weak class with examples enough is confused with another', () => {
  const [advice] = adviceOfClasses(weakRefund, training({ bug: 50, praise: 50, refund: 80 }));
  expect(advice).toMatchObject({ kind: 'confused_classes' });
  expect(advice!.text).toContain('Tell "refund" and "bug" apart');
});

test('without a training file the errors alone speak', () => {
  const [advice] = adviceOfClasses(weakRefund, null);
  expect(advice!.kind).toBe('more_of_class');
  expect(advice!.evidence).toHaveLength(2);
});

test('what chance may have done is no ground for advice', () => {
  const near = evaluation(['a', 'a', 8], ['a', 'b', 2], ['b', 'b', 9], ['b', 'a', 1]);
  expect(adviceOfClasses(near, null)).toEqual([]);
  const rare = evaluation(['a', 'a', 90], ['b', 'a', 3]);
  expect(adviceOfClasses(rare, null)).toEqual([]);
});
