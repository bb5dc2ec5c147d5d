import { expect, test } from 'vitest';
import { EarlyStopping, OverfittingWatch, type Evaluation } from '../../src/engine/stopping.ts';

const evaluation = (step: number, loss: number, trainingLoss = loss, exactAnswers = 0): Evaluation => ({
  step,
  validation: { loss, tokenAccuracy: 0.5, exactAnswers },
  trainingLoss,
});

const plan = { patience: 2, minDelta: 0, metric: 'loss', interval: 10 } as const;

test('training stops when patience is at its end, and the best checkpoint wins', () => {
  const stopping = new EarlyStopping(plan);
  const verdicts = [3, 2, 1.5, 1.6, 1.7].map((loss, i) => {
    const best = stopping.see(evaluation((i + 1) * 10, loss));
    return [best, stopping.verdict !== null];
  });
  expect(verdicts).toEqual([
    [true, false],
    [true, false],
    [true, false],
    [false, false],
    [false, true],
  ]);
  expect(stopping.bestStep).toBe(30);
  expect(stopping.verdict).toBe(
    'Early stopping at step 50: the validation loss has not improved in 2 evaluations; it was best at step 30 (1.5000, now 1.7000).',
  );
  expect(stopping.choice).toBe(
    'The checkpoint of step 30 becomes the model: its validation loss of 1.5000 is the best of 5 evaluations, the last one had 1.7000.',
  );
});

test('gains that are too small are no improvement, yet the best is still the best', () => {
  const stopping = new EarlyStopping({ ...plan, minDelta: 0.1 });
  for (const [i, loss] of [1, 0.95, 0.92].entries()) stopping.see(evaluation(i + 1, loss));
  expect(stopping.verdict).toMatch(/has not improved by more than 0.1 in 2 evaluations/);
  expect(stopping.bestStep).toBe(3);
  const slow = new EarlyStopping({ ...plan, minDelta: 0.1 });
  for (const [i, loss] of [1, 0.95, 0.89].entries()) slow.see(evaluation(i + 1, loss));
  expect(slow.verdict).toBeNull();
});

test('accuracy is better when it is larger', () => {
  const stopping = new EarlyStopping({ ...plan, metric: 'exact_answers' });
  for (const [i, share] of [0.2, 0.8, 0.5, 0.8].entries()) stopping.see(evaluation(i + 1, 1, 1, share));
  expect(stopping.bestStep).toBe(2);
  expect(stopping.verdict).toMatch(/share of exact answers/);
});

test('a model that gets worse on what it has not seen while it learns its examples is told of once', () => {
  const watch = new OverfittingWatch();
  const said = [
    evaluation(1, 2, 2),
    evaluation(2, 1.5, 1.4),
    evaluation(3, 1.6, 1),
    evaluation(4, 1.8, 0.6),
    evaluation(5, 2.1, 0.3),
  ].map((one) => watch.see(one));
  expect(said.map((one) => one !== null)).toEqual([false, false, false, true, false]);
  expect(said[3]).toMatch(
    /since step 2 the validation loss has risen from 1.5000 to 1.8000 while the training loss fell from 1.4000 to 0.6000/,
  );
});

test('a model that gets worse at both does not overfit', () => {
  const watch = new OverfittingWatch();
  for (const loss of [1, 2, 3, 4]) expect(watch.see(evaluation(loss, loss))).toBeNull();
});
