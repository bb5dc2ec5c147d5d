/** The answers that went furthest wrong, with what was asked: the first thing to read when a figure disappoints. */

import type { Answered } from './ask.ts';
import type { Evaluation } from './evaluate.ts';
import { callsOf, textOf } from './task.ts';
import type { Message } from '../domain/example.ts';

export interface Mistake {
  readonly line: number;
  /** The conversation, one message after the other. */
  readonly input: string;
  readonly expected: string;
  /** Null when there was no answer; then `error` says why. */
  readonly answered: string | null;
  readonly error: string | null;
  readonly score: number;
  readonly confidence: number | null;
}

/** The lowest score first; among equals the one the model was surest of. */
export function worstMistakes(evaluation: Evaluation, items: readonly Answered[], count: number): Mistake[] {
  const wrong = evaluation.verdicts
    .map((verdict, i) => ({ ...verdict, item: items[i]! }))
    .filter((each) => !each.right);
  wrong.sort((a, b) => a.score - b.score || (b.confidence ?? 0) - (a.confidence ?? 0) || a.line - b.line);
  return wrong.slice(0, count).map(({ line, score, confidence, item }) => ({
    line,
    input: item.input.map((message) => `${message.role}: ${shown(message)}`).join('\n'),
    expected: shown(item.reference),
    answered: item.answer === null ? null : shown(item.answer),
    error: item.error,
    score,
    confidence,
  }));
}

function shown(message: Message): string {
  const calls = callsOf(message).map((call) => `${call.name}(${call.arguments})`);
  return [textOf(message), ...calls].filter((each) => each !== '').join('\n');
}
