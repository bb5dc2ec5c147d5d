/** Log-probabilities as completions spell them: columns instead of rows, and where in the text each token begins. */

import type OpenAI from 'openai';
import type { PromptToken, TokenText } from '../serving/serving.ts';

export type TextLogprobs = Required<OpenAI.CompletionChoice.Logprobs>;

/** Collects the tokens of one text from left to right. */
export class LogprobColumns {
  #columns = emptyColumns();
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  /** Characters before the next token. */
  #offset: number;

  constructor(offset: number) {
    this.#offset = offset;
  }

  add(tokens: readonly PromptToken[]): void {
    const { text_offset, tokens: names, token_logprobs, top_logprobs } = this.#columns;
    for (const token of tokens) {
      text_offset.push(this.#offset);
      names.push(nameOf(token));
      // The first token of a text has no odds. OpenAI answers null there, which the types do not know.
      token_logprobs.push(token.logprob as number);
      top_logprobs.push(alternativesOf(token) as Record<string, number>);
      const text =
        token.bytes === null ? token.token : this.#decoder.decode(Uint8Array.from(token.bytes), { stream: true });
      this.#offset += lengthOf(text);
    }
  }

  /** What was added since the last time. */
  take(): TextLogprobs {
    const columns = this.#columns;
    this.#columns = emptyColumns();
    return columns;
  }
}

/** Characters as a Python program counts them. */
export const lengthOf = (text: string): number => Array.from(text).length;

const emptyColumns = (): TextLogprobs => ({ text_offset: [], tokens: [], token_logprobs: [], top_logprobs: [] });

/** A part of a character is shown by its bytes. */
function nameOf({ token, bytes }: Pick<TokenText, 'token' | 'bytes'>): string {
  return bytes === null || Buffer.from(bytes).toString() === token ? token : `bytes:${token}`;
}

/** The most likely tokens, and the one that was taken if it is not among them. */
function alternativesOf(token: PromptToken): Record<string, number> | null {
  if (token.top_logprobs === null || token.logprob === null) return null;
  const found = new Map<string, number>();
  for (const each of [...token.top_logprobs, { ...token, logprob: token.logprob }])
    if (!found.has(nameOf(each))) found.set(nameOf(each), each.logprob);
  return Object.fromEntries(found);
}
