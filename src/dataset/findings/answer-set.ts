/**
 * Whether a file's answers are labels: few, short and said again and again, as in classification.
 *
 * Then their balance matters and two answers to one prompt contradict each other; answers in prose may differ.
 */

const labelsMax = 200;
const labelLengthMax = 120;
/** There are more examples than this for every label on average, as OpenAI's old tool told a classifier. */
const examplesPerLabel = 3;

export class AnswerSet {
  #examples = 0;
  #open = false;
  readonly #counts = new Map<string, number>();

  add(answer: string): void {
    this.#examples += 1;
    if (this.#open) return;
    const label = answer.trim();
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + 1);
    if (label.length > labelLengthMax || this.#counts.size > labelsMax) this.#open = true;
  }

  /** Examples of each label, the most frequent first; null when the answers are no labels. */
  labels(): ReadonlyMap<string, number> | null {
    const distinct = this.#counts.size;
    if (this.#open || distinct === 0 || this.#examples <= distinct * examplesPerLabel) return null;
    return new Map([...this.#counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)));
  }
}
