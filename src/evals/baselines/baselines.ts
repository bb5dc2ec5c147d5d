/**
 * What answers without a language model: the cheap ways that a fine-tune has to beat.
 *
 *   majority            the answer that the training file has most often; where none comes twice, its most typical
 *   bag of words        logistic regression over words and pairs of words; for labels only
 *   nearest neighbour   the answer of the training question whose embedding is nearest
 *
 * Each learns from the training file alone and answers the test as a model would, so that everything that measures
 * models measures these as well.
 */

import { partsOf } from '../../dataset/parts.ts';
import type { Message } from '../../domain/example.ts';
import { unanswered, type Answered } from '../ask.ts';
import { labelsOf, textOf, type TestItem } from '../task.ts';
import { choosePenalty, trainLogistic } from './logistic.ts';
import { WordSpace, type SparseVector } from './words.ts';

/** What is asked, without the system's words, which all questions share. */
export function questionOf({ input, reference }: TestItem): string {
  return partsOf({ format: 'chat', example: { messages: [...input, reference] } }).prompt;
}

/** The same answer to everything. */
export function majority(training: readonly TestItem[], test: readonly TestItem[]): Answered[] {
  const answer = mostCommon(training.map(({ reference }) => reference));
  return test.map((item) => answeredWith(item, answer, 0));
}

/** The most frequent answer, equally frequent ones by alphabet; of answers that all differ the most typical. */
export function mostCommon(answers: readonly Message[]): Message {
  const texts = answers.map(said);
  const [first] = labelsOf(texts);
  if (first === undefined) throw new Error('There is no training example to learn an answer from.');
  const often = texts.filter((text) => text === first).length;
  const at = often > 1 || answers.length === 1 ? texts.indexOf(first) : mostTypical(texts);
  return answers[at]!;
}

/** The text most like all others: nearest to the middle of their words. */
function mostTypical(texts: readonly string[]): number {
  const space = WordSpace.learn(texts);
  const vectors = texts.map((text) => space.vectorOf(text));
  const middle = new Float64Array(space.size);
  for (const { places, values } of vectors) for (const [i, place] of places.entries()) middle[place]! += values[i]!;
  const likeness = vectors.map(({ places, values }) =>
    places.reduce((sum, place, i) => sum + values[i]! * middle[place]!, 0),
  );
  return likeness.reduce((best, each, i) => (each > likeness[best]! + 1e-12 ? i : best), 0);
}

/** Labels with their probabilities; `labels` are those that the training file has. */
export function bagOfWords(training: readonly TestItem[], test: readonly TestItem[]): Answered[] {
  const actual = training.map(({ reference }) => textOf(reference));
  const labels = labelsOf(actual);
  const questions = training.map(questionOf);
  const space = WordSpace.learn(questions);
  const vectors = questions.map((text): SparseVector => space.vectorOf(text));
  const places = actual.map((label) => labels.indexOf(label));
  const shape = { classes: labels.length, features: space.size };
  const penalty = choosePenalty(vectors, places, shape);
  const { probabilitiesOf } = trainLogistic(vectors, places, { ...shape, penalty });
  return test.map((item) => {
    const startedMs = performance.now();
    const shares = probabilitiesOf(space.vectorOf(questionOf(item)));
    const label = labels[shares.indexOf(Math.max(...shares))]!;
    const latencyMs = performance.now() - startedMs;
    const probabilities = Object.fromEntries(labels.map((each, i) => [each, shares[i]!]));
    return { ...answeredWith(item, { role: 'assistant', content: label }, latencyMs), probabilities };
  });
}

/** A text as numbers, and what it took to get them; null where there are none, and `error` says why. */
export interface Embedded {
  readonly vector: readonly number[] | null;
  readonly error: string | null;
  readonly latencyMs: number;
  readonly promptTokens: number;
}

/** The answer of whichever training question points most nearly the same way, seen from the middle of all of them. */
export function nearestNeighbour(
  training: readonly TestItem[],
  trainingVectors: readonly Embedded[],
  test: readonly TestItem[],
  testVectors: readonly Embedded[],
): Answered[] {
  const known = training.flatMap(({ reference }, i) => {
    const { vector } = trainingVectors[i]!;
    return vector === null ? [] : [{ reference, vector }];
  });
  if (known.length === 0) throw new Error('No training question has an embedding.');
  const centre = middleOf(known.map(({ vector }) => vector));
  const neighbours = known.map(({ reference, vector }) => ({ reference, vector: directionOf(vector, centre) }));
  return test.map((item, i) => {
    const { vector, error, latencyMs, promptTokens } = testVectors[i]!;
    if (vector === null) return unanswered(item, error ?? 'no embedding', latencyMs);
    const startedMs = performance.now();
    const direction = directionOf(vector, centre);
    let [best, bestLikeness] = [neighbours[0]!, -Infinity];
    for (const neighbour of neighbours) {
      const likeness = neighbour.vector.reduce((sum, value, place) => sum + value * direction[place]!, 0);
      if (likeness > bestLikeness) [best, bestLikeness] = [neighbour, likeness];
    }
    return { ...answeredWith(item, best.reference, latencyMs + performance.now() - startedMs), promptTokens };
  });
}

/** Vectors of a language model all point much the same way; what tells them apart is how they leave their middle. */
function middleOf(vectors: readonly (readonly number[])[]): Float64Array {
  const middle = new Float64Array(vectors[0]!.length);
  for (const vector of vectors) for (const [i, value] of vector.entries()) middle[i]! += value / vectors.length;
  return middle;
}

function directionOf(vector: readonly number[], centre: Float64Array): Float64Array {
  const moved = Float64Array.from(vector, (value, i) => value - centre[i]!);
  const length = Math.hypot(...moved) || 1;
  return moved.map((value) => value / length);
}

const answeredWith = (item: TestItem, answer: Message, latencyMs: number): Answered => ({
  ...item,
  answer,
  probabilities: null,
  error: null,
  latencyMs,
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
});

/** Everything an answer says, its calls as well. */
function said(message: Message): string {
  const calls = message.function_call == null ? (message.tool_calls ?? []).map((call) => call.function) : [message.function_call]; // prettier-ignore
  return [textOf(message), ...calls.map((call) => `${call.name}(${call.arguments})`)].join('\n').trim();
}
