import { expect, test } from 'vitest';
import { learningRateAt, type Schedule } from '../../src/engine/schedule.ts';

const rates = (schedule: Omit<Schedule, 'peak' | 'totalSteps'>): number[] =>
  Array.from({ length: 10 }, (_, i) => learningRateAt(i + 1, { ...schedule, peak: 1, totalSteps: 10 }));

test('the rate climbs in equal steps, reaches its peak after the warm-up and stays there when constant', () => {
  const constant = rates({ kind: 'constant', warmupRatio: 0.3 });
  expect(constant).toEqual([0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1]);
});

test('a linear decay falls in equal steps and its last step still learns', () => {
  const linear = rates({ kind: 'linear', warmupRatio: 0 });
  linear.forEach((rate, i) => expect(rate).toBeCloseTo(1 - i / 10, 12));
});

test('a cosine decay is at half of the peak half-way', () => {
  const cosine = rates({ kind: 'cosine', warmupRatio: 0.2 });
  // Two warm-up steps of ten leave eight: step 3 is the peak, step 7 is 4/8 of the way.
  expect(cosine.slice(0, 3)).toEqual([1 / 3, 2 / 3, 1]);
  expect(cosine[6]).toBeCloseTo(0.5, 12);
  expect(cosine[9]).toBeGreaterThan(0);
});

test('a job of one step trains at its peak rate whatever the warm-up', () => {
  expect(learningRateAt(1, { kind: 'cosine', peak: 3e-4, totalSteps: 1, warmupRatio: 1 })).toBe(3e-4);
});
