import { expect, test } from 'vitest';
import { costOf, planRungs, ranked } from '../../src/sweep/halving.ts';

const usual = { trials: 9, examples: 900, factor: 3, smallest: 50, finalists: 2 };

test('one trial in three goes on to three times the data, and the last two see all of it', () => {
  const rungs = planRungs(usual);
  expect(rungs).toEqual([
    { trials: 9, examples: 100 },
    { trials: 3, examples: 300 },
    { trials: 2, examples: 900 },
  ]);
  expect(costOf(rungs)).toBeCloseTo(4); // 9/9 + 3/3 + 2, in place of 9
});

test('no rung is smaller than the least, so little data has fewer rungs', () => {
  expect(planRungs({ ...usual, smallest: 101 })).toEqual([
    { trials: 9, examples: 300 },
    { trials: 3, examples: 900 },
  ]);
  expect(planRungs({ ...usual, smallest: 301 })).toEqual([{ trials: 9, examples: 900 }]);
});

test('a factor of 1 stops nothing, and no more trials are kept than there are', () => {
  expect(planRungs({ ...usual, factor: 1 })).toEqual([{ trials: 9, examples: 900 }]);
  expect(planRungs({ ...usual, trials: 1 })).toEqual([{ trials: 1, examples: 900 }]);
  expect(planRungs({ ...usual, trials: 4, finalists: 9 })).toEqual([{ trials: 4, examples: 900 }]);
});

test('where rungs would save nothing there is one', () => {
  // 4/2 + 2 is 4, and 3/3 + 2 is 3.
  expect(planRungs({ ...usual, trials: 4, factor: 2 })).toEqual([{ trials: 4, examples: 900 }]);
  expect(planRungs({ ...usual, trials: 3 })).toEqual([{ trials: 3, examples: 900 }]);
  expect(planRungs({ ...usual, trials: 4 })).toHaveLength(2);
});

test('the best is first, ties go to the lower loss, and what failed is last', () => {
  const trials = [
    { id: 'failed', value: null, loss: null },
    { id: 'tied', value: 0.8, loss: 0.5 },
    { id: 'lower', value: 0.8, loss: 0.4 },
    { id: 'worst', value: 0.2, loss: 0.1 },
  ];
  const order = (lowerIsBetter: boolean) => ranked(trials, lowerIsBetter).map(({ id }) => id);
  expect(order(false)).toEqual(['lower', 'tied', 'worst', 'failed']);
  expect(order(true)).toEqual(['worst', 'lower', 'tied', 'failed']);
});
