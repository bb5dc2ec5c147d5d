/** The messages of a chat completion: what each role may hold, and that results follow the calls they answer. */

import { z } from 'zod';
import { invalid } from '../domain/errors.ts';
import type { Message } from '../domain/example.ts';
import { optional } from './validation.ts';

const textPart = z.object({ type: z.literal('text'), text: z.string() });
const refusalPart = z.object({ type: z.literal('refusal'), refusal: z.string() });
const textParts = z.array(z.discriminatedUnion('type', [textPart])).min(1);
const answerParts = z.array(z.discriminatedUnion('type', [textPart, refusalPart])).min(1);
const content = z.union([z.string(), textParts]);
const name = optional(z.string());
const functionCall = z.strictObject({ name: z.string(), arguments: z.string() });
const toolCall = z.strictObject({ id: z.string(), type: z.literal('function'), function: functionCall });

export const messageSchema = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('system'), content, name }),
  z.strictObject({ role: z.literal('developer'), content, name }),
  z.strictObject({ role: z.literal('user'), content, name }),
  z.strictObject({
    role: z.literal('assistant'),
    content: z.union([z.string(), answerParts]).nullish(),
    name,
    refusal: optional(z.string()),
    tool_calls: optional(z.array(toolCall).min(1)),
    function_call: optional(functionCall),
    // An answer of ours that comes back as history has these.
    annotations: z.unknown().optional(),
    parsed: z.unknown().optional(),
    audio: z.null().optional(),
  }),
  z.strictObject({ role: z.literal('tool'), content, tool_call_id: z.string(), name }),
  z.strictObject({ role: z.literal('function'), content: content.nullable(), name: z.string() }),
]);

export type ChatMessage = z.output<typeof messageSchema>;

/** The conversation as models are shown it; templates know text only, so what was refused with is what was said. */
export function conversationOf(messages: readonly ChatMessage[]): Message[] {
  checkCalls(messages);
  return messages.map((message) => {
    if (message.role !== 'assistant') return message;
    const { content, annotations: _, parsed: __, audio: ___, ...rest } = message;
    if (!Array.isArray(content)) return { ...rest, content: content ?? rest.refusal ?? null };
    const parts = content.map((part) => ({
      type: 'text' as const,
      text: part.type === 'text' ? part.text : part.refusal,
    }));
    return { ...rest, content: parts };
  });
}

/** Every call is answered before anybody else speaks, and nothing is answered that was not called. */
function checkCalls(messages: readonly ChatMessage[]): void {
  const open = new Set<string>();
  for (const [i, message] of messages.entries()) {
    if (message.role === 'tool') {
      if (!open.delete(message.tool_call_id)) throw answersNothing(i);
      continue;
    }
    if (open.size > 0) throw unanswered(open);
    if (message.role === 'assistant') for (const { id } of message.tool_calls ?? []) open.add(id);
  }
  if (open.size > 0) throw unanswered(open);
}

const answersNothing = (i: number) =>
  invalid(
    `messages[${i}].role`,
    "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
  );

const unanswered = (ids: ReadonlySet<string>) =>
  invalid(
    'messages',
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...ids].join(', ')}.`,
  );
