/**
 * Whether a file asks anything at all.
 *
 * A row without anything to learn is an error of its own. That nothing but answers is in a whole file of
 * conversations, so that every word is learnt and no word asks for it, is seen only at the end.
 */

import type { AnyExample } from '../domain/example.ts';
import { textOf } from './parts.ts';
import type { Report } from './problem.ts';

export class Supervision {
  #answers = 0;
  #asks = false;

  add(checked: AnyExample): void {
    if (checked.format !== 'chat') return;
    this.#answers += 1;
    this.#asks ||= checked.example.messages.some(
      (message) => (message.role !== 'assistant' || message.weight === 0) && textOf(message).trim() !== '',
    );
  }

  /** Whether everything is supervised; a word to the report if so. */
  judge(report: Report): void {
    if (this.#answers === 0 || this.#asks) return;
    report.add(
      'everything_supervised',
      { path: '$.messages', name: 'The file' },
      {
        found: 'nothing but messages from the assistant',
        expected: 'something that they answer',
        suggestion: 'Add the messages of the user; a column was probably lost on the way.',
        message:
          'Every message of every example is from the assistant, so everything is supervised and nothing asks for it; expected messages that are answered.',
      },
    );
  }
}
