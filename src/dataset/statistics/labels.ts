/** Whether the answers are a closed set, as those of a classifier are, and how evenly its labels occur. */

import type { Repeats } from './repeats.ts';

export interface Labels {
  readonly different: number;
  /** The most frequent first; those that occur once are not among them. */
  readonly labels: readonly { readonly label: string; readonly count: number; readonly share: number }[];
  /** How many labels have a single example, which is too few to learn them. */
  readonly single: number;
  /** How often the most frequent label occurs for one of the rarest. */
  readonly imbalance: number;
}

const labelsMax = 200;
const labelLengthMax = 120;

/**
 * The labels, or null when answers are free: fewer than a third as many different answers as examples, which is how
 * OpenAI's old tool told a classifier, and none of them longer than a label is.
 */
export function labelsOf(answers: Repeats): Labels | null {
  const { count, different, single } = answers;
  if (3 * different >= count || different > labelsMax || answers.longestRepeated > labelLengthMax) return null;
  const repeated = answers.most();
  const rarest = single > 0 ? 1 : repeated.at(-1)!.count;
  return {
    different,
    labels: repeated.map(({ text, count: times }) => ({ label: text, count: times, share: times / count })),
    single,
    imbalance: repeated[0]!.count / rarest,
  };
}
