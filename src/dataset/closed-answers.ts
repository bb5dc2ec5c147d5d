/**
 * Whether the answers of a training file are of a small closed set, so that a model may later be held to it.
 *
 * They are when short texts of one line come back: at most fifty of them, each twice on average, and no answer is
 * anything else. A JSON object or list is data and not a label.
 */

import type { AnyExample } from '../domain/example.ts';

const answersMax = 50;
const lettersMax = 80;
const repeatsMin = 2;

export class ClosedAnswers {
  readonly #counts = new Map<string, number>();
  #examples = 0;
  #open = false;

  add({ format, example }: AnyExample): void {
    if (this.#open) return;
    const message = format === 'chat' ? example.messages.findLast(({ role }) => role === 'assistant') : undefined;
    const content = message?.content;
    const text = (typeof content === 'string' ? content : (content?.map((part) => part.text).join('') ?? '')).trim();
    const calls = (message?.tool_calls?.length ?? 0) > 0 || message?.function_call != null;
    this.#examples += 1;
    this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
    this.#open = calls || !isLabel(text) || this.#counts.size > answersMax;
  }

  /** The most frequent first, equally frequent ones by alphabet; null where answers are not of a closed set. */
  get answers(): readonly string[] | null {
    const count = this.#counts.size;
    if (this.#open || count < 2 || this.#examples / count < repeatsMin) return null;
    return [...this.#counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([answer]) => answer);
  }
}

const isLabel = (text: string): boolean =>
  text !== '' && text.length <= lettersMax && !text.includes('\n') && !/^[[{]/.test(text);
