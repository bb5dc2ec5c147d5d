import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bagOfWords, majority, nearestNeighbour, type Embedded } from '../../../src/evals/baselines/baselines.ts';
import { choosePenalty, gradient, trainLogistic } from '../../../src/evals/baselines/logistic.ts';
import { similarity, WordSpace, type SparseVector } from '../../../src/evals/baselines/words.ts';
import { textOf, type TestItem } from '../../../src/evals/task.ts';
import { seededRandom } from '../../../src/random.ts';

const item = (question: string, answer: string, line = 1): TestItem => ({
  line,
  input: [
    { role: 'system', content: 'Answer.' },
    { role: 'user', content: question },
  ],
  reference: { role: 'assistant', content: answer },
});
const answersOf = (answered: readonly { answer: Parameters<typeof textOf>[0] | null }[]): (string | null)[] =>
  answered.map(({ answer }) => (answer === null ? null : textOf(answer)));

const dense = (...values: number[]): SparseVector => ({
  places: Int32Array.from(values.keys()),
  values: Float64Array.from(values),
});

test('texts with the same words are alike, with none in common not at all, and rare words weigh more', () => {
  const space = WordSpace.learn(['the cat sat', 'the dog sat', 'the bird flew']);
  const [cat, same, bird] = ['The cat SAT!', 'the cat sat', 'bird flew'].map((text) => space.vectorOf(text));
  expect(similarity(cat!, same!)).toBeCloseTo(1, 12);
  expect(similarity(cat!, bird!)).toBe(0);
  expect(similarity(space.vectorOf('cat'), space.vectorOf('the cat'))).toBeGreaterThan(
    similarity(space.vectorOf('the'), space.vectorOf('the cat')),
  );
  expect(space.vectorOf('unheard of').places).toHaveLength(0);
});

test('the logistic regression ends where its gradient is nothing, and its gradient is that of its loss', () => {
  const random = seededRandom(3);
  const vectors = Array.from({ length: 40 }, () => dense(random() - 0.5, random() - 0.5, random() - 0.5));
  const actual = vectors.map(({ values }) => (values[0]! > 0.2 ? 0 : values[1]! > 0 ? 1 : 2));
  const shape = { classes: 3, features: 3, penalty: 0.01 };
  const { weights, probabilitiesOf } = trainLogistic(vectors, actual, shape);
  expect(Math.max(...gradient(weights, vectors, actual, shape).map(Math.abs))).toBeLessThan(1e-6);
  expect(probabilitiesOf(vectors[0]!).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);

  const lossAt = (moved: Float64Array): number => {
    const scores = vectors.map(({ values }, i) => {
      const logits = [0, 1, 2].map((k) => [...values, 1].reduce((sum, value, j) => sum + value * moved[4 * k + j]!, 0));
      return Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[actual[i]!]!;
    });
    const size = moved.reduce((sum, weight, place) => sum + (place % 4 === 3 ? 0 : weight ** 2), 0);
    return scores.reduce((sum, each) => sum + each, 0) / scores.length + (shape.penalty / 2) * size;
  };
  const at = weights.map((_, i) => Math.sin(i + 1));
  const slope = gradient(at, vectors, actual, shape);
  for (const place of at.keys()) {
    const near = (step: number): number => lossAt(at.with(place, at[place]! + step));
    expect(slope[place]).toBeCloseTo((near(1e-5) - near(-1e-5)) / 2e-5, 6);
  }
});

test('weights and probabilities are those of scikit-learn', () => {
  const path = join(import.meta.dirname, '../../goldens/logistic.json');
  const { rows, labels, cases } = JSON.parse(readFileSync(path, 'utf8')) as {
    rows: number[][];
    labels: number[];
    cases: { strength: number; weights: number[][]; probabilities: number[][] }[];
  };
  const vectors = rows.map((row) => dense(...row));
  for (const { strength, weights, probabilities } of cases) {
    // There a sum of losses is weighed against the penalty, here their mean.
    const shape = { classes: 3, features: 4, penalty: 1 / (strength * rows.length) };
    const trained = trainLogistic(vectors, labels, shape);
    for (const [k, ofClass] of weights.entries())
      for (const [j, weight] of ofClass.entries()) expect(trained.weights[5 * k + j]).toBeCloseTo(weight, 3);
    for (const [i, shares] of probabilities.entries())
      for (const [k, share] of shares.entries()) expect(trained.probabilitiesOf(vectors[i]!)[k]).toBeCloseTo(share, 4);
  }
});

test('two rows and one feature: the weight is where penalty and loss balance', () => {
  // Classes mirror each other: w and -w on ±1; mean loss log(1 + e^-2w), so 2 / (1 + e^2w) = 2 · penalty · w.
  const { weights } = trainLogistic([dense(1), dense(-1)], [0, 1], { classes: 2, features: 1, penalty: 0.1 });
  const w = weights[0]!;
  expect(weights[2]).toBeCloseTo(-w, 6);
  expect(1 / (1 + Math.exp(2 * w))).toBeCloseTo(0.1 * w, 5);
});

test('the penalty is chosen by held-out rows: noise wants more of it than what is plain', () => {
  const random = seededRandom(5);
  const vectors = Array.from({ length: 100 }, () => dense(random() - 0.5, random() - 0.5));
  const shape = { classes: 2, features: 2 };
  const plain = choosePenalty(vectors, vectors.map(({ values }) => (values[0]! > 0 ? 0 : 1)), shape); // prettier-ignore
  const noise = choosePenalty(vectors, vectors.map(() => Math.floor(2 * random())), shape); // prettier-ignore
  expect(plain).toBeLessThan(noise);
});

test('the majority answers the most frequent label; of free texts the most typical one', () => {
  const training = [item('a', 'ham'), item('b', 'spam'), item('c', 'ham')];
  expect(answersOf(majority(training, [item('x', 'spam'), item('y', 'ham')]))).toEqual(['ham', 'ham']);
  const texts = [
    item('a', 'blue whales sing'),
    item('b', 'the weather is fine'),
    item('c', 'the weather is bad today'),
  ];
  expect(answersOf(majority(texts, [item('x', '?')]))).toEqual(['the weather is fine']);
  expect(() => majority([], [item('x', '?')])).toThrow('no training example');
});

test('a bag of words learns three labels from their words, with probabilities, the same each time', () => {
  const words = { sport: ['goal', 'match', 'team'], food: ['soup', 'bread', 'salt'], money: ['bank', 'rate', 'loan'] };
  const random = seededRandom(1);
  const draw = (label: keyof typeof words): TestItem =>
    item(`about ${Array.from({ length: 3 }, () => words[label][Math.floor(3 * random())]).join(' ')} today`, label);
  const labels = Object.keys(words) as (keyof typeof words)[];
  const training = Array.from({ length: 60 }, (_, i) => draw(labels[i % 3]!));
  const asked = Array.from({ length: 12 }, (_, i) => draw(labels[i % 3]!));
  const answered = bagOfWords(training, asked);
  expect(answersOf(answered)).toEqual(asked.map(({ reference }) => reference.content));
  expect(Object.values(answered[0]!.probabilities!).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  expect(bagOfWords(training, asked).map(({ probabilities }) => probabilities)).toEqual(
    answered.map(({ probabilities }) => probabilities),
  );
});

test('the nearest neighbour is found by direction from the middle; what has no vector is not answered', () => {
  const embedded = (...vector: number[]): Embedded => ({ vector, error: null, latencyMs: 5, promptTokens: 7 });
  const failed: Embedded = { vector: null, error: 'too long', latencyMs: 1, promptTokens: 0 };
  const training = [item('a', '{"x":1}'), item('b', '{"x":2}'), item('c', '{"x":3}')];
  // All vectors point along the first axis; from their middle, (10, 0), they go opposite ways.
  const known = [embedded(10, 1), embedded(10, -1), failed];
  const answered = nearestNeighbour(training, known, [item('p', '?'), item('q', '?')], [embedded(9, -0.5), failed]);
  expect(answersOf(answered)).toEqual(['{"x":2}', null]);
  expect(answered[0]).toMatchObject({ promptTokens: 7, error: null });
  expect(answered[0]!.latencyMs).toBeGreaterThanOrEqual(5);
  expect(answered[1]).toMatchObject({ error: 'too long' });
  expect(() => nearestNeighbour(training, [failed, failed, failed], [], [])).toThrow('No training question');
});
