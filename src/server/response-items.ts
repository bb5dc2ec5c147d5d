/**
 * The input of a response: items as callers send them, as they are kept, and as messages for the model.
 *
 * Callers may send a text, short messages, the output of earlier responses just as it came, or references to
 * kept items. Kept items have one spelling, with an id each.
 */

import { z } from 'zod';
import type { Item } from '../answers/response.ts';
import { invalid } from '../domain/errors.ts';
import type { Message, ToolCall } from '../domain/example.ts';
import { newId } from '../domain/ids.ts';
import { optional } from './validation.ts';

const id = optional(z.string());
const inputText = z.object({ type: z.literal('input_text'), text: z.string() });
const outputText = z.object({ type: z.literal('output_text'), text: z.string() });
const refusal = z.object({ type: z.literal('refusal'), refusal: z.string() });
const part = z.discriminatedUnion('type', [inputText, outputText, refusal]);

const item = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message'),
    role: z.enum(['user', 'assistant', 'system', 'developer']),
    content: z.union([z.string(), z.array(part)]),
    id,
  }),
  z.object({ type: z.literal('function_call'), call_id: z.string(), name: z.string(), arguments: z.string(), id }),
  z.object({
    type: z.literal('function_call_output'),
    call_id: z.string(),
    output: z.union([z.string(), z.array(z.discriminatedUnion('type', [inputText]))]),
    id,
  }),
  // What a model thought elsewhere; models here are not shown it.
  z.object({ type: z.literal('reasoning'), id, summary: optional(z.array(z.unknown())) }),
  z.object({ type: z.literal('item_reference'), id: z.string() }),
]);

/** A message may leave its type out, and so may a reference. */
const typed = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || ('type' in value && value.type !== null)) return value;
  return { ...value, type: 'role' in value ? 'message' : 'item_reference' };
};

export const inputSchema = z.union([z.string(), z.array(z.preprocess(typed, item))]);

type AskedItem = Exclude<z.output<typeof inputSchema>, string>[number];

/** New items as they are kept. `find` looks up those that are only referred to. */
export async function itemsOf(
  input: z.output<typeof inputSchema>,
  find: (id: string) => Promise<Item | null>,
): Promise<Item[]> {
  const asked: AskedItem[] =
    typeof input === 'string' ? [{ type: 'message', role: 'user', content: input, id: undefined }] : input;
  const items: Item[] = [];
  for (const [i, each] of asked.entries()) {
    if (each.type !== 'item_reference') items.push(kept(each));
    else {
      const found = await find(each.id);
      if (found === null) throw invalid(`input[${i}].id`, `Item with id '${each.id}' not found.`);
      items.push(found);
    }
  }
  return items;
}

function kept(asked: Exclude<AskedItem, { type: 'item_reference' }>): Item {
  const status = 'completed' as const;
  switch (asked.type) {
    case 'function_call': {
      const { call_id, name, arguments: text } = asked;
      return { type: 'function_call', id: asked.id ?? newId('functionCall'), call_id, name, arguments: text, status };
    }
    case 'function_call_output': {
      const { call_id, output } = asked;
      return { type: 'function_call_output', id: asked.id ?? newId('functionCall'), call_id, output, status };
    }
    case 'reasoning':
      return { type: 'reasoning', id: asked.id ?? newId('message'), summary: [] };
    default:
      return keptMessage(asked);
  }
}

function keptMessage({ id = newId('message'), role, content }: Extract<AskedItem, { type: 'message' }>): Item {
  const status = 'completed' as const;
  const parts = typeof content === 'string' ? [{ type: 'input_text' as const, text: content }] : content;
  if (role !== 'assistant') {
    const texts = parts.map((part) => ({ type: 'input_text' as const, text: textOf(part) }));
    return { type: 'message', id, role, status, content: texts };
  }
  const said = parts.map((part) =>
    part.type === 'refusal' ? part : { type: 'output_text' as const, text: part.text, annotations: [], logprobs: [] },
  );
  return { type: 'message', id, role, status, content: said };
}

/** The conversation that a model is shown; every call in it has its output, and every output its call. */
export function messagesOf(instructions: string | null, items: readonly Item[]): Message[] {
  const messages: Message[] = instructions === null ? [] : [{ role: 'developer', content: instructions }];
  const open = new Set<string>();
  for (const item of items) {
    switch (item.type) {
      case 'message':
        messages.push({ role: item.role, content: item.content.map(textOf).join('') });
        break;
      case 'function_call': {
        open.add(item.call_id);
        const { name, arguments: text } = item;
        addCall(messages, { id: item.call_id, type: 'function', function: { name, arguments: text } });
        break;
      }
      case 'function_call_output': {
        const { call_id, output } = item;
        if (!open.delete(call_id))
          throw invalid('input', `No tool call found for function call output with call_id ${call_id}.`);
        const content = typeof output === 'string' ? output : output.map(textOf).join('');
        messages.push({ role: 'tool', tool_call_id: call_id, content });
        break;
      }
      default: // reasoning
    }
  }
  for (const callId of open) throw invalid('input', `No tool output found for function call ${callId}.`);
  return messages;
}

/** Calls in a row are one turn of the assistant, together with what it said before them. */
function addCall(messages: Message[], call: ToolCall): void {
  const last = messages.at(-1);
  if (last?.role !== 'assistant') messages.push({ role: 'assistant', content: null, tool_calls: [call] });
  else messages[messages.length - 1] = { ...last, tool_calls: [...(last.tool_calls ?? []), call] };
}

function textOf(part: { readonly type: string }): string {
  const { text, refusal } = part as { text?: string; refusal?: string };
  return text ?? refusal ?? '';
}
