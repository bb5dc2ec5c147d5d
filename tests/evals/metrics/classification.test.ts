import { expect, test } from 'vitest';
import { confusionOf, fStatistic, score, type Judged } from '../../../src/evals/metrics/classification.ts';
import { everyCaseOnce } from '../../../src/evals/metrics/estimate.ts';

const cases = (counts: readonly (readonly [actual: string, predicted: string | null, count: number])[]): Judged[] =>
  counts.flatMap(([actual, predicted, count]) => Array.from({ length: count }, () => ({ actual, predicted })));

/** Of 10 spam 8 were found and 1 got no label; of 10 ham 2 were called spam. */
const mail = cases([
  ['spam', 'spam', 8],
  ['spam', 'ham', 1],
  ['spam', null, 1],
  ['ham', 'spam', 2],
  ['ham', 'ham', 8],
]);

test('scores of a class follow from the counts', () => {
  const { perClass } = score(mail, { beta: 2 });
  // precision = 8 / (8 + 2) = 0.8; recall = 8 / 10 = 0.8; F1 and every F-beta = 0.8
  const spam = perClass.get('spam')!;
  expect(spam).toMatchObject({ precision: { value: 0.8, n: 10 }, recall: { value: 0.8, n: 10 }, support: 10, answered: 10 }); // prettier-ignore
  expect(spam.f1.value).toBeCloseTo(0.8, 12);
  expect(spam.fBeta?.value).toBeCloseTo(0.8, 12);
  // precision = 8 / (8 + 1) = 0.8889; recall = 8 / 10; F1 = 16 / 19; F2 = 5 · 8 / (9 + 4 · 10) = 40 / 49
  const ham = perClass.get('ham')!;
  expect(ham.precision.value).toBeCloseTo(8 / 9, 12);
  expect(ham.f1.value).toBeCloseTo(16 / 19, 12);
  expect(ham.fBeta?.value).toBeCloseTo(40 / 49, 12);
});

test('an answer without a label is wrong and is counted', () => {
  const scores = score(mail, { positive: 'spam' });
  expect(scores.accuracy.value).toBe(0.8); // (8 + 8) / 20
  expect(scores.unparsed).toBe(1);
  expect(scores.recall.value).toBe(0.8); // 8 of 10: the unlabelled one is missed, not left out
  expect(scores.confusion.count('spam', null)).toBe(1);
  expect(scores.averages.micro.precision.value).toBeCloseTo(16 / 19, 12); // the unlabelled one was not answered
});

test('without a positive class every class weighs the same', () => {
  // a: precision 1/1, recall 1/2, F1 2/3 · b: precision 4/5, recall 4/4, F1 8/9
  const scores = score(
    cases([
      ['a', 'a', 1],
      ['a', 'b', 1],
      ['b', 'b', 4],
    ]),
  );
  expect(scores.precision.value).toBeCloseTo((1 + 0.8) / 2, 12);
  expect(scores.recall.value).toBeCloseTo((0.5 + 1) / 2, 12);
  expect(scores.f1.value).toBeCloseTo((2 / 3 + 8 / 9) / 2, 12);
  expect(scores.averages.weighted.f1.value).toBeCloseTo((2 * (2 / 3) + 4 * (8 / 9)) / 6, 12);
  expect([...scores.perClass.keys()]).toEqual(['a', 'b']);
});

test('a class that is never answered scores 0 and its precision could be anything', () => {
  const scores = score(cases([['spam', 'ham', 5], ['ham', 'ham', 5]]), { positive: 'spam' }); // prettier-ignore
  expect(scores.precision).toEqual({ value: 0, low: 0, high: 1, n: 0, small: true });
  expect(scores.recall.value).toBe(0);
  expect(scores.f1.value).toBe(0);
});

test('a label that was never true counts as a class unless the classes are named', () => {
  const answers = cases([['a', 'a', 3], ['a', 'made up', 1]]); // prettier-ignore
  const open = score(answers);
  expect(open.confusion.labels).toEqual(['a', 'made up']);
  expect(open.recall.value).toBeCloseTo(0.75 / 2, 12);
  const closed = score(answers, { labels: ['a', 'b'] });
  expect([...closed.perClass.keys()]).toEqual(['a', 'b']);
  expect(closed.perClass.get('a')?.precision.value).toBe(1); // 3 of the 3 that said a
  expect(closed.averages.weighted.recall.value).toBeCloseTo(0.75, 12);
  expect(closed.accuracy.value).toBe(0.75);
});

test('one class alone, one case alone and a positive class that is nowhere are scored', () => {
  const single = score([{ actual: 'a', predicted: 'a' }]);
  expect(single.f1).toMatchObject({ value: 1, high: 1, n: 1, small: true });
  expect(single.f1.low).toBeLessThan(0.25); // 1 of 1 proves next to nothing
  expect(score(mail, { positive: 'eggs' }).recall).toMatchObject({ value: 0, low: 0, high: 1, n: 0 });
});

test('labels may be named like what objects have', () => {
  const scores = score(cases([['__proto__', '__proto__', 2], ['constructor', '__proto__', 1]])); // prettier-ignore
  expect(scores.perClass.get('__proto__')?.support).toBe(2);
  expect(scores.confusion.count('constructor', '__proto__')).toBe(1);
  expect(scores.confusion.count('constructor', 'toString')).toBe(0);
});

test('a statistic for comparisons is the figure that is shown', () => {
  const whole = everyCaseOnce(mail.length);
  const scores = score(mail, { beta: 0.5 });
  for (const average of ['micro', 'macro', 'weighted'] as const) {
    expect(fStatistic(mail, { average })(whole)).toBeCloseTo(scores.averages[average].f1.value, 12);
    expect(fStatistic(mail, { average, beta: 0.5 })(whole)).toBeCloseTo(scores.averages[average].fBeta!.value, 12);
  }
  expect(fStatistic(mail, { positive: 'ham' })(whole)).toBeCloseTo(16 / 19, 12);
});

test('F-beta leans to recall above 1 and to precision below', () => {
  // Of "a": precision 5/10, recall 5/5: F2 = 5 · ½ / (4 · ½ + 1) = 5/6; F0.5 = 1.25 · ½ / (0.25 · ½ + 1) = 5/9
  const eager = cases([
    ['a', 'a', 5],
    ['b', 'a', 5],
  ]);
  const fOf = (beta: number): number => score(eager, { beta }).perClass.get('a')!.fBeta!.value;
  expect(fOf(2)).toBeCloseTo(5 / 6, 12);
  expect(fOf(0.5)).toBeCloseTo(5 / 9, 12);
});

test('a class of few cases is as uncertain as its own cases, however long the test', () => {
  const { perClass, averages } = score(
    cases([
      ['often', 'often', 995],
      ['rare', 'rare', 5],
    ]),
  );
  const rare = perClass.get('rare')!;
  // 5 of 5, by Wilson: 5 / (5 + 1.96²) = 0.566
  for (const figure of [rare.precision, rare.recall, rare.f1]) {
    expect(figure).toMatchObject({ value: 1, high: 1, n: 5, small: true });
    expect(figure.low).toBeCloseTo(0.566, 3);
  }
  expect(perClass.get('often')!.f1).toMatchObject({ n: 995, small: false });
  // Half of what "rare" may be off.
  expect(averages.macro.f1.low).toBeCloseTo(1 - (1 - 0.566) / 2, 2);
  expect(averages.micro.f1.low).toBeGreaterThan(0.99);
});

test('draws that miss a rare class do not count it as failed: an interval holds its own value', () => {
  const rare = Array.from({ length: 20 }, (_, i) => [`class ${i}`, `class ${i}`, 3] as const);
  const { averages, perClass } = score(cases([...rare, ['often', 'class 0', 1], ['often', 'often', 39]]));
  for (const { f1, precision, recall } of [...Object.values(averages), ...perClass.values()]) {
    for (const { low, value, high } of [f1, precision, recall]) {
      expect(low).toBeLessThanOrEqual(value);
      expect(high).toBeGreaterThanOrEqual(value);
    }
  }
  expect(averages.macro.f1.low).toBeGreaterThan(0.94); // a missed class counted as failed would take 0.05
});

test('nothing to score is said, not computed', () => {
  expect(() => score([])).toThrow('no cases');
  expect(confusionOf([]).labels).toEqual([]);
});
