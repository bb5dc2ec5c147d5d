/**
 * Whether a file asks anything at all.
 *
 * A row without anything to learn is an error of its own. That every word of a whole file is learnt and none asks for
 * it, because it holds nothing but answers or because the chat template writes nothing else, is seen at the end.
 */

import type { AnyExample } from '../domain/example.ts';
import { textOf } from './parts.ts';
import type { Report } from './problem.ts';
import type { TokenizedExample } from './tokenize.ts';

export class Supervision {
  #answers = 0;
  #asks = false;
  /** Of sequences that were made; null where none was. */
  #contextTokens: number | null = null;

  /** A row, and the tokens it became where somebody knows them. */
  add(checked: AnyExample, tokenized?: TokenizedExample): void {
    if (checked.format !== 'chat') return;
    if (tokenized !== undefined) {
      // No sequence can learn its first token.
      const context = tokenized.tokens - tokenized.targets - tokenized.sequences.length;
      this.#contextTokens = (this.#contextTokens ?? 0) + context;
    }
    this.#answers += 1;
    this.#asks ||= checked.example.messages.some(
      (message) => (message.role !== 'assistant' || message.weight === 0) && textOf(message).trim() !== '',
    );
  }

  /** A word to the report if everything is supervised. */
  judge(report: Report): void {
    if (this.#answers === 0) return;
    const place = { path: '$.messages', name: 'The file' };
    if (!this.#asks) {
      report.add('everything_supervised', place, {
        found: 'nothing but messages from the assistant',
        expected: 'something that they answer',
        suggestion: 'Add the messages of the user; a column was probably lost on the way.',
        message:
          'Every message of every example is from the assistant, so everything is supervised and nothing asks for it; expected messages that are answered.',
      });
    } else if (this.#contextTokens === 0) {
      report.add('everything_supervised', place, {
        found: 'a chat template that writes nothing but answers',
        expected: 'tokens of what they answer',
        message: `The model's chat template writes nothing but the assistant's messages, so every token is supervised; expected tokens of what they answer.`,
      });
    }
  }
}
