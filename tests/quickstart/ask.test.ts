import { expect, test } from 'vitest';
import { findLabel } from '../../src/evals/labels.ts';
import { chooseShots, withShots } from '../../src/quickstart/ask.ts';
import { judged, majority, reportCells } from '../../src/quickstart/report.ts';
import type { LabelledExample } from '../../src/quickstart/labelled.ts';

const example = (text: string, label: string): LabelledExample => ({
  prompt: [
    { role: 'system', content: 'Judge.' },
    { role: 'user', content: text },
  ],
  label,
});

test.each([
  ['spam', 'spam'],
  [' Ham.\n', 'ham'],
  ['It is SPAM, not ham', 'spam'],
  ['**ham**', 'ham'],
  ['spammer', null],
  ['', null],
  ['I cannot say', null],
])('%j is read as %j', (answer, label) => {
  expect(findLabel(answer, ['ham', 'spam'])).toBe(label);
});

test('of two labels in one place the longer counts', () => {
  expect(findLabel('very good, I think', ['very', 'very good'])).toBe('very good');
});

test('shots become a conversation under one system message, before the question', () => {
  const messages = withShots([example('a', 'x'), example('b', 'y')], example('c', '?'));
  expect(messages.map(({ role, content }) => [role, content])).toEqual([
    ['system', 'Judge.'],
    ['user', 'a'],
    ['assistant', 'x'],
    ['user', 'b'],
    ['assistant', 'y'],
    ['user', 'c'],
  ]);
});

test('shots take the labels in turn, and fewer when there are no more', () => {
  const examples = [example('1', 'x'), example('2', 'x'), example('3', 'y'), example('4', 'x')];
  const texts = (count: number): unknown[] =>
    chooseShots(examples, ['x', 'y'], count).map(({ prompt }) => prompt[1]?.content);
  expect(texts(3)).toEqual(['1', '3', '2']);
  expect(texts(8)).toEqual(['1', '3', '2', '4']);
});

const data = {
  title: '',
  training: [example('1', 'x'), example('2', 'x'), example('3', 'y')],
  validation: [],
  test: [example('4', 'x'), example('5', 'y')],
  samples: [],
  labels: ['x', 'y'],
  positive: 'y',
  trainingPath: '',
  validationPath: null,
};

test('a row of the report has scores, the tokens of a prompt and the median wait', () => {
  const answer = { promptTokens: 100, latencyMs: 20 };
  const row = judged(data, 'some model', [
    { ...answer, label: 'x' },
    { ...answer, label: null, promptTokens: 120, latencyMs: 30 },
  ]);
  expect(row).toMatchObject({ promptTokens: 110, medianLatencyMs: 25 });
  // 1 of 2 right: (0.5 + 3.8414/4 ∓ …) / (1 + 3.8414/2) = 0.0945 and 0.9055
  expect(reportCells(row)).toEqual([
    'some model',
    '50.0 (9-91)',
    '0.0 (0-100)',
    '0.0 (0-79)',
    '0.0 (0-79)',
    '1',
    '110 tokens',
    '25 ms',
  ]);
});

test("the first row is what the training set's most frequent label would reach", () => {
  expect(reportCells(majority(data)).slice(0, 2)).toEqual(['always "x"', '50.0 (9-91)']);
});
