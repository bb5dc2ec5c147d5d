/**
 * Successive halving: many trials see little of the data, the best of them more, and few all of it.
 *
 *   rung 1   9 trials   1/9 of the examples
 *   rung 2   3 trials   1/3
 *   rung 3   2 trials   all
 *
 * Every training is a whole one, its learning rate falling to the end; what grows from rung to rung is the data
 * (docs/decisions/0010-sweeps-grow-the-data.md). After K. Jamieson and A. Talwalkar, "Non-stochastic best arm
 * identification and hyperparameter optimization", 2016.
 */

export interface Rung {
  /** Of the training set. */
  readonly examples: number;
  readonly trials: number;
}

export interface HalvingOptions {
  readonly trials: number;
  /** In the training set. */
  readonly examples: number;
  /** One in so many goes on, to so many times the data; at 1 all trials train on everything at once. */
  readonly factor: number;
  /** No rung trains on fewer examples than that. */
  readonly smallest: number;
  /** At least so many are trained in full, so that the best can be compared with another. */
  readonly finalists: number;
}

/** From the rung with most trials to the one that trains on everything. */
export function planRungs({ trials, examples, factor, smallest, finalists }: HalvingOptions): Rung[] {
  const counts = [trials];
  const least = Math.min(trials, Math.max(1, finalists));
  const canShrink = (): boolean => factor > 1 && Math.floor(examples / factor ** counts.length) >= smallest;
  while (counts.at(-1)! > least && canShrink()) {
    counts.push(Math.max(least, Math.ceil(counts.at(-1)! / factor)));
  }
  const rungs = counts.map((count, i) => ({
    trials: count,
    examples: Math.floor(examples / factor ** (counts.length - 1 - i)),
  }));
  // Few trials are cheaper trained in full at once.
  return costOf(rungs) < trials ? rungs : [{ trials, examples }];
}

/** What the rungs cost, in trainings on the whole set. */
export const costOf = (rungs: readonly Rung[]): number =>
  rungs.reduce((sum, { trials, examples }) => sum + (trials * examples) / rungs.at(-1)!.examples, 0);

export interface Scored {
  readonly id: string;
  /** Null where there is none: the training failed. */
  readonly value: number | null;
  /** Parts trials of equal value; smaller is better. */
  readonly loss: number | null;
}

/** The best first; equal ones by their loss, then in their order; those without a value last. */
export function ranked<Trial extends Scored>(trials: readonly Trial[], lowerIsBetter: boolean): Trial[] {
  const worst = Number.POSITIVE_INFINITY;
  const place = ({ value }: Scored): number => (value === null ? worst : lowerIsBetter ? value : -value);
  const loss = (trial: Scored): number => trial.loss ?? worst;
  const order = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);
  return [...trials].sort((a, b) => order(place(a), place(b)) || order(loss(a), loss(b)));
}
