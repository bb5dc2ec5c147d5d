/** How many times a training set is gone through, and how many examples at a time, when nobody says: OpenAI's published rules. */

/** 3, more for less than 34 examples (up to 25), fewer for more than 8333. */
export function autoEpochs(examples: number): number {
  if (3 * examples < 100) return Math.min(25, Math.floor(100 / examples));
  if (3 * examples > 25_000) return Math.max(1, Math.floor(25_000 / examples));
  return 3;
}

export function autoBatchSize(examples: number, least = 1): number {
  return Math.min(256, Math.max(least, Math.round(0.002 * examples)));
}
