/**
 * Chat completions that were kept (`store: true`) → chat examples: what was asked, and the answer that was given.
 *
 * Answers that were cut at a limit or by a filter teach the model to stop there, and are left out.
 */

import type OpenAI from 'openai';
import type { ChatExample, Message, ToolDefinition } from '../domain/example.ts';

export interface StoredQuery {
  readonly metadata: Readonly<Record<string, string>>;
  readonly model?: string | undefined;
  /** Examples at most. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type StoredExample =
  { readonly example: ChatExample } | { readonly skipped: { readonly id: string; readonly reason: string } };

export async function* collectStored(
  openai: OpenAI,
  { metadata, model, limit, signal }: StoredQuery,
): AsyncGenerator<StoredExample, void> {
  const query = {
    order: 'asc' as const,
    limit: 100,
    ...(Object.keys(metadata).length > 0 && { metadata: { ...metadata } }),
    ...(model !== undefined && { model }),
  };
  let count = 0;
  for await (const completion of openai.chat.completions.list(query, { signal })) {
    if (count === limit) return;
    const [choice] = completion.choices;
    if (choice === undefined || !['stop', 'tool_calls', 'function_call'].includes(choice.finish_reason)) {
      yield { skipped: { id: completion.id, reason: `its answer ended by "${choice?.finish_reason ?? 'nothing'}"` } };
      continue;
    }
    const messages: Message[] = [];
    for await (const message of openai.chat.completions.messages.list(
      completion.id,
      { limit: 100, order: 'asc' },
      { signal },
    ))
      messages.push(toMessage(message));
    if (messages.length === 0) {
      yield { skipped: { id: completion.id, reason: 'what was asked is not kept' } };
      continue;
    }
    count++;
    const tools = (completion as { tools?: readonly ToolDefinition[] | null }).tools;
    const hasTools = tools !== undefined && tools !== null && tools.length > 0;
    yield { example: { messages: [...messages, toMessage(choice.message)], ...(hasTools && { tools }) } };
  }
}

/** What training takes of a message; ids, annotations and empty fields stay behind. */
function toMessage(stored: OpenAI.ChatCompletionStoreMessage | OpenAI.ChatCompletionMessage): Message {
  const { role, content, content_parts, name, refusal, tool_calls, tool_call_id } = stored as unknown as Message & {
    readonly content_parts?: Message['content'];
  };
  const hasCalls = tool_calls !== undefined && tool_calls !== null && tool_calls.length > 0;
  return {
    role,
    content: content ?? content_parts ?? null,
    ...(name && { name }),
    ...(refusal && { refusal }),
    ...(hasCalls && { tool_calls }),
    ...(tool_call_id && { tool_call_id }),
  };
}
