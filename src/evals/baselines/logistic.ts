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
  let weights = new Float64Array(classes * row);
  let ahead = weights;
  let momentum = 1;
  for (let i = 0; i < stepsMax; i++) {
    const slope = gradient(ahead, vectors, actual, { classes, features, penalty });
    if (slope.every((part) => Math.abs(part) < tolerance)) {
      weights = ahead;
      break;
    }
    const next = ahead.map((weight, place) => weight - step * slope[place]!);
    // Uphill means the momentum has carried too far.
    const uphill = slope.reduce((sum, part, place) => sum + part * (next[place]! - weights[place]!), 0) > 0;
    const grown = uphill ? 1 : (1 + Math.sqrt(1 + 4 * momentum ** 2)) / 2;
    const carry = uphill ? 0 : (momentum - 1) / grown;
    const before = weights;
    ahead = next.map((weight, place) => weight + carry * (weight - before[place]!));
    [weights, momentum] = [next, grown];
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
  const slope = weights.map((weight, place) => (place % row === features ? 0 : penalty * weight));
  for (const [i, vector] of vectors.entries()) {
    const shares = probabilities(weights, vector, classes, row);
    shares[actual[i]!]! -= 1;
    for (const [k, share] of shares.entries()) {
      const pull = share / vectors.length;
      for (const [j, place] of vector.places.entries()) slope[k * row + place]! += pull * vector.values[j]!;
      slope[k * row + features]! += pull;
    }
  }
  return slope;
}

function probabilities(weights: Float64Array, { places, values }: SparseVector, classes: number, row: number) {
  const scores = new Float64Array(classes);
  for (let k = 0; k < classes; k++) {
    let score = weights[k * row + row - 1]!;
    for (let j = 0; j < places.length; j++) score += weights[k * row + places[j]!]! * values[j]!;
    scores[k] = score;
  }
  const most = Math.max(...scores);
  const parts = scores.map((score) => Math.exp(score - most));
  const total = parts.reduce((sum, part) => sum + part, 0);
  return parts.map((part) => part / total);
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
        { ...shape, penalty: 1 / (strength * learn.length), stepsMax: 200 },
      );
      for (const i of held) loss -= Math.log(Math.max(1e-12, probabilitiesOf(vectors[i]!)[actual[i]!]!));
    }
    return loss;
  };
  const losses = strengths.map(lossOf);
  return penaltyOf(strengths[losses.indexOf(Math.min(...losses))]!);
}
