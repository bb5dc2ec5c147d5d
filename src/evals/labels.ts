/**
 * Labels in answers: which one an answer names, and how probable each was, read from the answer's own tokens.
 *
 * Probabilities need no second request: with `logprobs` any OpenAI-compatible server tells, for every token of a
 * greedy answer, what else it might have been. At each token the labels that still fit the answer share what
 * probability is left: an alternative that leads to other labels takes its part away for them, and the answer's own
 * token goes on with the rest. Alternatives that lead to no label are nobody's, and in the end the labels' parts are
 * made to sum to one. Where an alternative fits several labels that only later tokens would part, they share evenly.
 */

/** The label that an answer names first, as a whole word and in any case: "It is Spam." says spam. */
export function findLabel(answer: string, labels: readonly string[]): string | null {
  const text = answer.trim().toLowerCase();
  const exact = labels.find((label) => label === answer.trim()) ?? labels.find((label) => label.toLowerCase() === text);
  if (exact !== undefined) return exact;
  const places = labels
    .map((label) => ({ label, at: wordPlace(text, label.toLowerCase()) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at || b.label.length - a.label.length);
  return places[0]?.label ?? null;
}

function wordPlace(text: string, word: string): number {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!isLetter(text[at - 1]) && !isLetter(text[at + word.length])) return at;
  }
  return -1;
}

const isLetter = (letter: string | undefined): boolean => letter !== undefined && /[\p{L}\p{N}_]/u.test(letter);

export interface AnswerToken {
  readonly token: string;
  readonly logprob: number;
  readonly top_logprobs: readonly { readonly token: string; readonly logprob: number }[];
}

/** Probabilities that sum to one, or null where the tokens tell of no label. */
export function labelProbabilities(
  tokens: readonly AnswerToken[],
  labels: readonly string[],
): Record<string, number> | null {
  const parts = new Map(labels.map((label) => [label, 0]));
  const give = (fitting: readonly string[], probability: number): void => {
    for (const label of fitting) parts.set(label, parts.get(label)! + probability / fitting.length);
  };
  let [said, left] = ['', 1];
  for (const { token, logprob, top_logprobs } of tokens) {
    if (said === '' && token.trim() === '') continue; // a line break before the answer
    for (const other of top_logprobs) {
      if (other.token === token) continue;
      give(fittingLabels(said + other.token, labels), left * Math.exp(other.logprob));
    }
    said += token;
    left *= Math.exp(logprob);
    const fitting = fittingLabels(said, labels);
    // With one label left nothing else can take from it; with none the answer has left the labels.
    if (fitting.length <= 1) {
      give(fitting, left);
      left = 0;
      break;
    }
  }
  if (left > 0) give(fittingLabels(said, labels, true), left);
  const total = [...parts.values()].reduce((sum, part) => sum + part, 0);
  if (!(total > 0)) return null;
  return Object.fromEntries([...parts].map(([label, part]) => [label, part / total]));
}

/** The labels that a text begins, or that begin it as a whole word; of the latter the longest. An ended text is only its own. */
function fittingLabels(text: string, labels: readonly string[], ended = false): string[] {
  const said = text.trimStart().toLowerCase();
  if (said === '') return [];
  const whole = said.trimEnd();
  if (ended) return labels.filter((label) => label.toLowerCase() === whole);
  const begun = labels.filter((label) => label.toLowerCase().startsWith(said));
  if (begun.length > 0) return begun;
  const passed = labels.filter((label) => said.startsWith(label.toLowerCase()) && !isLetter(said[label.length]));
  return passed.sort((a, b) => b.length - a.length).slice(0, 1);
}
