/**
 * How likely each of some answers is when the answer has to be one of them, from as few evaluations as can be.
 *
 * Answers are token sequences, their end token included, so none of them is the beginning of another. Held to them, the
 * model chooses only where they part: there its probabilities are those of the tokens that go on, made to sum to one.
 * Most sets part at the first token, and then what the prompt's evaluation says is all that is needed.
 *
 *   spam <end>        root: spam 0.7 (not) 0.3
 *   not spam <end>      "not": one way on, so nothing is asked there
 */

export interface Branch {
  /** Tokens after the prompt that lead there. */
  readonly path: readonly number[];
  /** The tokens that go on from there, at least two. */
  readonly tokens: readonly number[];
}

/** Every place where the answers part, the root first; answers that are the same share their probability. */
export function branchesOf(answers: readonly (readonly number[])[]): Branch[] {
  const found = new Map<string, { path: readonly number[]; tokens: Set<number> }>();
  for (const answer of answers) {
    for (let depth = 0; depth < answer.length; depth++) {
      const path = answer.slice(0, depth);
      const key = path.join();
      const node = found.get(key) ?? { path, tokens: new Set<number>() };
      node.tokens.add(answer[depth]!);
      found.set(key, node);
    }
  }
  return [...found.values()]
    .filter(({ path, tokens }) => tokens.size > 1 || path.length === 0)
    .map(({ path, tokens }) => ({ path, tokens: [...tokens] }))
    .sort((a, b) => a.path.length - b.path.length);
}

/** Natural logarithms of the answers' probabilities, from those of each branch's tokens in its order. */
export function answerLogprobs(
  answers: readonly (readonly number[])[],
  branches: readonly Branch[],
  logprobs: readonly (readonly number[])[],
): Float32Array {
  const shares = new Map<string, ReadonlyMap<number, number>>();
  for (const [i, { path, tokens }] of branches.entries()) {
    const own = logprobs[i]!;
    const largest = Math.max(...own);
    const total = largest + Math.log(own.reduce((sum, log) => sum + Math.exp(log - largest), 0));
    shares.set(path.join(), new Map(tokens.map((token, k) => [token, own[k]! - total])));
  }
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(answer.join(), (counts.get(answer.join()) ?? 0) + 1);
  return Float32Array.from(answers, (answer) => {
    const sum = answer.reduce(
      (log, token, depth) => log + (shares.get(answer.slice(0, depth).join())?.get(token) ?? 0),
      0,
    );
    return sum - Math.log(counts.get(answer.join())!);
  });
}
