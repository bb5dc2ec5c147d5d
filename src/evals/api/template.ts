/** What a model is asked about an item: a template with the item's values in it, or messages that the item holds. */

import { lookUp, render, UnknownVariable } from '../../graders/template.ts';
import { ItemFailure } from './failure.ts';
import type { InputMessages } from './request.ts';

export interface AskedMessage {
  readonly role: string;
  readonly content: unknown;
  readonly [key: string]: unknown;
}

/** Logs say themselves what was asked. */
export const itsOwnInput: InputMessages = { type: 'item_reference', item_reference: 'item.input' };

export function messagesFor(input: InputMessages, item: unknown): AskedMessage[] {
  const subject = { item, sample: {} };
  try {
    if (input.type === 'item_reference') return asMessages(lookUp(input.item_reference, subject), input.item_reference);
    return input.template.map(({ role, content }) => ({
      role,
      content: [content]
        .flat()
        .map((part) => render(typeof part === 'string' ? part : 'text' in part ? (part.text as string) : '', subject))
        .join(''),
    }));
  } catch (error) {
    if (error instanceof UnknownVariable) throw new ItemFailure('invalid_variable_error', error.message);
    throw error;
  }
}

function asMessages(value: unknown, path: string): AskedMessage[] {
  if (typeof value === 'string') return [{ role: 'user', content: value }];
  const isMessage = (each: unknown): each is AskedMessage =>
    typeof each === 'object' && each !== null && 'role' in each;
  if (Array.isArray(value) && value.length > 0 && value.every(isMessage)) return value;
  throw new ItemFailure(
    'invalid_input_messages',
    `${path} is no list of messages. Expected [{"role": "user", "content": "…"}, …].`,
  );
}
