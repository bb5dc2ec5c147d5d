/** How many times a training set is gone through when nobody says: OpenAI's published rule. */

/** 3, more for less than 34 examples (up to 25), fewer for more than 8333. */
export function autoEpochs(examples: number): number {
  if (3 * examples < 100) return Math.min(25, Math.floor(100 / examples));
  if (3 * examples > 25_000) return Math.max(1, Math.floor(25_000 / examples));
  return 3;
}
