/**
 * Logistic regression over sparse vectors, for any number of classes, with an L2 penalty on all but the biases:
 *
 *   minimise   mean of -log p(class | vector)  +  penalty / 2 · |weights|²
 *
 * The sum is convex, so there is one answer; Nesterov's accelerated gradient with restarts (O'Donoghue and Candès,
 * 2015) walks to it from zero, without chance: the same rows give the same weights. A step is one over the greatest
 * curvature, which for softmax is half the longest vector's square.
 */

import type { SparseVector } from './words.ts';

export interface LogisticOptions {
  readonly classes: number;
  readonly features: number;
  readonly penalty: number;
  readonly stepsMax?: number;
}

export interface Logistic {
  /** [classes × (features + 1)], the bias last in each row. */
  readonly weights: Float64Array;
  readonly probabilitiesOf: (vector: SparseVector) => Float64Array;
}

/** The greatest part of the gradient at which it counts as zero. */
const tolerance = 1e-6;

export function trainLogistic(
  vectors: readonly SparseVector[],
  actual: readonly number[],
  { classes, features, penalty, stepsMax = 2000 }: LogisticOptions,
): Logistic {
  const row = features + 1;
  const longest = vectors.reduce((most, { values }) => Math.max(most, squared(values)), 0);
  const step = 1 / ((longest + 1) / 2 + penalty);
  const weights = new Float64Array(classes * row);
  const ahead = new Float64Array(classes * row);
  let momentum = 1;
  for (let i = 0; i < stepsMax; i++) {
    const slope = gradient(ahead, vectors, actual, { classes, features, penalty });
    let [steepest, along] = [0, 0];
    for (let place = 0; place < slope.length; place++) {
      const part = slope[place]!;
      steepest = Math.max(steepest, Math.abs(part));
      along += part * (ahead[place]! - step * part - weights[place]!);
    }
    if (steepest < tolerance) {
      weights.set(ahead);
      break;
    }
    // Uphill means the momentum has carried too far.
    const grown = along > 0 ? 1 : (1 + Math.sqrt(1 + 4 * momentum ** 2)) / 2;
    const carry = along > 0 ? 0 : (momentum - 1) / grown;
    for (let place = 0; place < slope.length; place++) {
      const before = weights[place]!;
      weights[place] = ahead[place]! - step * slope[place]!;
      ahead[place] = weights[place]! + carry * (weights[place]! - before);
    }
    momentum = grown;
  }
  return { weights, probabilitiesOf: (vector) => probabilities(weights, vector, classes, row) };
}

/** Of the penalised mean loss by each weight. */
export function gradient(
  weights: Float64Array,
  vectors: readonly SparseVector[],
  actual: readonly number[],
  { classes, features, penalty }: Pick<LogisticOptions, 'classes' | 'features' | 'penalty'>,
): Float64Array {
  const row = features + 1;
  const slope = new Float64Array(weights.length);
  for (let place = 0; place < slope.length; place++) slope[place] = penalty * weights[place]!;
  for (let bias = features; bias < slope.length; bias += row) slope[bias] = 0;
  for (const [i, vector] of vectors.entries()) {
    const { places, values } = vector;
    const shares = probabilities(weights, vector, classes, row);
    shares[actual[i]!]! -= 1;
    for (let k = 0; k < classes; k++) {
      const pull = shares[k]! / vectors.length;
      for (let j = 0; j < places.length; j++) slope[k * row + places[j]!]! += pull * values[j]!;
      slope[k * row + features]! += pull;
    }
  }
  return slope;
}

function probabilities(weights: Float64Array, { places, values }: SparseVector, classes: number, row: number) {
  const scores = new Float64Array(classes);
  let most = -Infinity;
  for (let k = 0; k < classes; k++) {
    let score = weights[k * row + row - 1]!;
    for (let j = 0; j < places.length; j++) score += weights[k * row + places[j]!]! * values[j]!;
    scores[k] = score;
    most = Math.max(most, score);
  }
  let total = 0;
  for (let k = 0; k < classes; k++) total += scores[k] = Math.exp(scores[k]! - most);
  for (let k = 0; k < classes; k++) scores[k]! /= total;
  return scores;
}

const squared = (values: Float64Array): number => values.reduce((sum, value) => sum + value * value, 0);

/** How much a sum of losses weighs against the penalty, as scikit-learn's `C`; the first that is best wins. */
const strengths = [1, 10, 100];
const folds = 5;
const rowsForChoice = 2000;

/**
 * The penalty that foretells held-out fifths of the rows best, by their mean loss. Rows are dealt to the fifths class
 * by class, so that each has its share of every class; too few rows to hold any out get the middle strength.
 */
export function choosePenalty(
  allVectors: readonly SparseVector[],
  allActual: readonly number[],
  shape: Pick<LogisticOptions, 'classes' | 'features'>,
): number {
  const [vectors, actual] = [allVectors.slice(0, rowsForChoice), allActual.slice(0, rowsForChoice)];
  const dealt = new Map<number, number>();
  const foldOf = actual.map((label) => {
    const before = dealt.get(label) ?? 0;
    dealt.set(label, before + 1);
    return before % folds;
  });
  const penaltyOf = (strength: number): number => 1 / (strength * allVectors.length);
  if (vectors.length < 10 * folds) return penaltyOf(strengths[1]!);
  const lossOf = (strength: number): number => {
    let loss = 0;
    for (let fold = 0; fold < folds; fold++) {
      const learn = [...vectors.keys()].filter((i) => foldOf[i] !== fold);
      const held = [...vectors.keys()].filter((i) => foldOf[i] === fold);
      const { probabilitiesOf } = trainLogistic(
        learn.map((i) => vectors[i]!),
        learn.map((i) => actual[i]!),
        { ...shape, penalty: 1 / (strength * learn.length), stepsMax: 100 },
      );
      for (const i of held) loss -= Math.log(Math.max(1e-12, probabilitiesOf(vectors[i]!)[actual[i]!]!));
    }
    return loss;
  };
  const losses = strengths.map(lossOf);
  return penaltyOf(strengths[losses.indexOf(Math.min(...losses))]!);
}
