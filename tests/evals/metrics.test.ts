import { expect, test } from 'vitest';
import {
  bootstrap,
  classScores,
  confusionOf,
  median,
  percentile,
  score,
  wilson,
  type Judged,
} from '../../src/evals/metrics.ts';
import { seededRandom, shuffled } from '../../src/random.ts';

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
  // precision = 8 / (8 + 2) = 0.8; recall = 8 / 10 = 0.8; F1 = 2 · 0.64 / 1.6 = 0.8
  expect(classScores(confusionOf(mail), 'spam')).toEqual({
    precision: 0.8,
    recall: 0.8,
    f1: 0.8000000000000002,
    support: 10,
  });
  // precision = 8 / (8 + 1) = 0.8889; recall = 8 / 10; F1 = 2 · 0.8889 · 0.8 / 1.6889 = 0.8421
  const ham = classScores(confusionOf(mail), 'ham');
  expect(ham.precision).toBeCloseTo(8 / 9, 12);
  expect(ham.f1).toBeCloseTo(16 / 19, 12);
});

test('an answer without a label is wrong and is counted', () => {
  const scores = score(mail, { positive: 'spam' });
  expect(scores.accuracy.value).toBe(0.8); // (8 + 8) / 20
  expect(scores.unparsed).toBe(1);
  expect(scores.recall.value).toBe(0.8); // 8 of 10: the unlabelled one is missed, not left out
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
  expect([...scores.perClass.keys()]).toEqual(['a', 'b']);
});

test('a class that is never answered scores 0 and its precision could be anything', () => {
  const scores = score(cases([['spam', 'ham', 5], ['ham', 'ham', 5]]), { positive: 'spam' }); // prettier-ignore
  expect(scores.precision).toEqual({ value: 0, low: 0, high: 1 });
  expect(scores.recall.value).toBe(0);
  expect(scores.f1.value).toBe(0);
});

test("Wilson's interval is the textbook's", () => {
  // 8 of 10, z = 1.96: centre = (0.8 + 3.8416 / 20) / 1.38416 = 0.716738
  // reach = 1.96 · √(0.8·0.2/10 + 3.8416/400) / 1.38416 = 1.96 · √0.025604 / 1.38416 = 0.226581
  const { low, high } = wilson(8, 10, 1.96);
  expect(low).toBeCloseTo(0.716738 - 0.226581, 5);
  expect(high).toBeCloseTo(0.716738 + 0.226581, 5);
  // All of 200: low = 200 / (200 + 3.8416) = 0.981154, high = 1
  expect(wilson(200, 200, 1.96).low).toBeCloseTo(200 / 203.8416, 9);
  expect(wilson(200, 200, 1.96).high).toBeCloseTo(1, 12);
  expect(wilson(0, 50).low).toBe(0);
});

test('the bootstrap agrees with Wilson where both apply, and repeats itself', () => {
  const right = Array.from({ length: 200 }, (_, i) => (i < 150 ? 1 : 0));
  const mean = (sample: readonly number[]): number => sample.reduce((sum, each) => sum + each, 0) / sample.length;
  const drawn = bootstrap(right, mean, 7);
  const formula = wilson(150, 200);
  expect(drawn.value).toBe(0.75);
  expect(drawn.low).toBeCloseTo(formula.low, 1);
  expect(drawn.high).toBeCloseTo(formula.high, 1);
  expect(bootstrap(right, mean, 7)).toEqual(drawn);
  expect(bootstrap(right, mean, 8)).not.toEqual(drawn);
});

test('percentiles lie on the line between neighbours', () => {
  expect(percentile([10, 20, 30, 40, 50], 0.25)).toBe(20);
  expect(percentile([10, 20], 0.975)).toBeCloseTo(19.75, 12); // 10 + 0.975 · 10
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test('nothing to score is said, not computed', () => {
  expect(() => score([])).toThrow('no cases');
});

test('shuffles keep everything, depend on the seed alone, and prefer no order', () => {
  const items = [0, 1, 2];
  expect(shuffled(items, seededRandom(1))).toEqual(shuffled(items, seededRandom(1)));
  const random = seededRandom(3);
  const orders = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = shuffled(items, random).join('');
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  // 6 orders, 1000 each expected; standard deviation √(6000 · 1/6 · 5/6) = 29
  expect(orders.size).toBe(6);
  for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(5 * 29);
});
