/**
 * How the error falls with the number of training examples, and what twice as many would bring.
 *
 *   error(n) = floor + scale · n^-slope        floor ≥ 0, scale ≥ 0, 0.05 ≤ slope ≤ 2
 *
 * The slope is looked for on a grid, as the other two then follow by least squares; there is no local minimum to be
 * caught in. Uncertainty comes from drawing anew: the caller's draws say what the errors might have been as well, each is
 * fitted, and the middle 95 % of what they foretell is the interval. Few points carry little: where the errors do not
 * fall beyond chance nothing is foretold, and where draws disagree about the bend that is said.
 */

import { interval, percentile } from './metrics/estimate.ts';

export interface PowerLaw {
  readonly floor: number;
  readonly scale: number;
  readonly slope: number;
}

export interface Foretold {
  readonly examples: number;
  readonly error: number;
  readonly low: number;
  readonly high: number;
}

export interface Extrapolation {
  /** Null where nothing can be foretold; then `reason` says why. */
  readonly law: PowerLaw | null;
  readonly foretold: readonly Foretold[];
  readonly reason: string | null;
  /** What to know beside the figures; null where there is nothing. */
  readonly caution: string | null;
}

const slopes = Array.from({ length: 60 }, (_, i) => 0.05 * 40 ** (i / 59));
const [slopeLeast, slopeMost] = [slopes[0]!, slopes.at(-1)!];

export const errorAt = ({ floor, scale, slope }: PowerLaw, examples: number): number =>
  floor + scale * examples ** -slope;

/** Least squares, each point weighing alike. At least two sizes. */
export function fitPowerLaw(sizes: readonly number[], errors: readonly number[]): PowerLaw {
  let best: PowerLaw | null = null;
  let bestMiss = Infinity;
  for (const slope of slopes) {
    const law = fitAt(slope, sizes, errors);
    const miss = sizes.reduce((sum, size, i) => sum + (errorAt(law, size) - errors[i]!) ** 2, 0);
    // Among equals the gentlest slope; rounding must not choose.
    if (miss >= bestMiss - 1e-15) continue;
    [best, bestMiss] = [law, miss];
  }
  return best!;
}

/** A straight line through (n^-slope, error), kept from falling with fewer examples and from a floor below none. */
function fitAt(slope: number, sizes: readonly number[], errors: readonly number[]): PowerLaw {
  const x = sizes.map((size) => size ** -slope);
  const [meanX, meanY] = [meanOf(x), meanOf(errors)];
  const spread = x.reduce((sum, each) => sum + (each - meanX) ** 2, 0);
  const scale = spread === 0 ? 0 : x.reduce((sum, each, i) => sum + (each - meanX) * (errors[i]! - meanY), 0) / spread;
  if (scale <= 0) return { floor: meanY, scale: 0, slope };
  const floor = meanY - scale * meanX;
  if (floor >= 0) return { floor, scale, slope };
  const through = x.reduce((sum, each, i) => sum + each * errors[i]!, 0) / x.reduce((sum, each) => sum + each ** 2, 0);
  return { floor: 0, scale: Math.max(0, through), slope };
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;

export interface CurveData {
  readonly sizes: readonly number[];
  readonly errors: readonly number[];
  /** What the errors might have been: a row per draw, in the order of the sizes. Empty where nobody can say. */
  readonly draws: readonly (readonly number[])[];
}

const drawsLeast = 100;

export function extrapolate({ sizes, errors, draws }: CurveData, targets: readonly number[]): Extrapolation {
  const cannot = (reason: string): Extrapolation => ({ law: null, foretold: [], reason, caution: null });
  if (new Set(sizes).size < 3)
    return cannot(`a curve takes at least three sizes of data; there are ${new Set(sizes).size}`);
  if (draws.length < drawsLeast)
    return cannot('one training per size, and no answers to draw from, leave the uncertainty unknown; train more than once per size'); // prettier-ignore
  const [smallest, largest] = [sizes.indexOf(Math.min(...sizes)), sizes.indexOf(Math.max(...sizes))];
  const falls = draws.map((drawn) => drawn[smallest]! - drawn[largest]!).sort((a, b) => a - b);
  if (!(percentile(falls, 0.025) > 0))
    return cannot(
      `from ${sizes[smallest]} to ${sizes[largest]} examples the error does not fall beyond what chance would do (by ${short(errors[smallest]! - errors[largest]!)}, interval ${short(percentile(falls, 0.025))} to ${short(percentile(falls, 0.975))})`,
    );
  const laws = draws.map((drawn) => fitPowerLaw(sizes, drawn));
  const law = fitPowerLaw(sizes, errors);
  const atEnds = laws.filter(({ slope }) => slope <= slopeLeast * 1.01 || slope >= slopeMost * 0.99).length;
  const foretold = targets.map((examples) => ({
    examples,
    error: errorAt(law, examples),
    ...interval(laws.map((each) => errorAt(each, examples))),
  }));
  const fall = errors[smallest]! - errors[largest]!;
  const reach = Math.max(0, ...foretold.map(({ low, high }) => high - low));
  return { law, foretold, reason: null, caution: cautionOf(atEnds / laws.length, reach, fall) };
}

/** What leaves a law open: draws that pile up at the ends of what it may be, or that part further than the points do. */
function cautionOf(shareAtEnds: number, reach: number, fall: number): string | null {
  const told = 'The bend of the curve is not identifiable from these points:';
  if (shareAtEnds > 0.25)
    return `${told} ${(100 * shareAtEnds).toFixed(0)} % of the draws lie at an end of what a curve may be. Take the middle as a guess.`;
  if (reach > fall)
    return `${told} what is foretold is as uncertain (${short(reach)}) as all that was gained so far (${short(fall)}). Take the middle as a guess.`;
  return null;
}

const short = (value: number): string => value.toFixed(3);
