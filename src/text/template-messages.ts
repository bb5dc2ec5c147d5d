/**
 * OpenAI's messages as chat templates expect them.
 *
 * Templates are written for one shape: `content` is a text, arguments of a call are an object, and roles are
 * the ones the model knows. What a template does not know it would drop or misprint without a word, so that is
 * said in the text instead: tools go into the system message, calls and results into tagged JSON.
 */

import { createHash } from 'node:crypto';
import type { Message, Role, ToolCall, ToolDefinition } from '../domain/example.ts';
import { describeTools, isResult, writeCalls, writeResult } from './tool-calls/words.ts';

/** What a template can express, judged by what its source mentions. */
export interface TemplateAbilities {
  readonly tools: boolean;
  readonly toolCalls: boolean;
  readonly toolResults: boolean;
  /** Whether it copes with arguments that are still JSON text, which keeps them as the user wrote them. */
  readonly argumentsAsText: boolean;
  /** Whether it insists on ids of nine letters and digits, as Mistral's do. */
  readonly shortIds: boolean;
}

export interface TemplateMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  readonly name?: string;
  readonly tool_calls?: readonly TemplateToolCall[];
  readonly tool_call_id?: string;
}

interface TemplateToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: unknown };
}

export interface Conversation {
  readonly messages: readonly TemplateMessage[];
  readonly tools: readonly ToolDefinition[] | undefined;
}

export function abilitiesOf(templateSource: string): TemplateAbilities {
  return {
    tools: /\btools\b/u.test(templateSource),
    toolCalls: /\btool_calls\b/u.test(templateSource),
    toolResults: /["']tool["']/u.test(templateSource),
    argumentsAsText: /arguments\s+is\s+string/u.test(templateSource),
    shortIds: /\bid\s*\|\s*length\s*!=\s*9\b/u.test(templateSource),
  };
}

export function toConversation(
  messages: readonly Message[],
  tools: readonly ToolDefinition[] | undefined,
  abilities: TemplateAbilities,
): Conversation {
  const said: TemplateMessage[] = [];
  const called = new Map<string, string>();
  for (const message of messages) {
    for (const call of callsOf(message)) called.set(call.id, call.function.name);
    const next = toTemplateMessage(withCall(message, called, abilities), abilities);
    const last = said.at(-1);
    // Several results in a row are one turn of the user where the template knows no results.
    if (isWrappedResult(message, abilities) && last !== undefined && isResult(last.content)) {
      said[said.length - 1] = { ...last, content: `${last.content}\n${next.content}` };
    } else said.push(next);
  }
  if (tools === undefined || tools.length === 0) return { messages: said, tools: undefined };
  if (abilities.tools) return { messages: said, tools };
  const [first, ...rest] = said;
  if (first?.role === 'system') {
    return {
      messages: [{ ...first, content: `${first.content}\n\n${describeTools(tools)}` }, ...rest],
      tools: undefined,
    };
  }
  return { messages: [{ role: 'system', content: describeTools(tools) }, ...said], tools: undefined };
}

/** Some templates want to know which function a result is of, or which call, even where there were no ids yet. */
function withCall(message: Message, called: ReadonlyMap<string, string>, { shortIds }: TemplateAbilities): Message {
  if (message.role === 'function') return shortIds ? { ...message, tool_call_id: '' } : message;
  const name =
    message.role === 'tool' && message.name === undefined ? called.get(message.tool_call_id ?? '') : undefined;
  return name === undefined ? message : { ...message, name };
}

const roles: Record<Role, TemplateMessage['role']> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
  function: 'tool',
};

function toTemplateMessage(message: Message, abilities: TemplateAbilities): TemplateMessage {
  const role = roles[message.role];
  const content = textOf(message);
  if (isWrappedResult(message, abilities)) {
    return { role: 'user', content: writeResult(content) };
  }
  const calls = callsOf(message);
  if (calls.length > 0 && !abilities.toolCalls) {
    return { role, content: [content, writeCalls(calls)].filter((part) => part !== '').join('\n') };
  }
  return {
    role,
    content,
    ...(message.name === undefined ? {} : { name: message.name }),
    ...(message.tool_call_id === undefined ? {} : { tool_call_id: idFor(message.tool_call_id, abilities) }),
    ...(calls.length === 0 ? {} : { tool_calls: calls.map((call) => toTemplateCall(call, abilities)) }),
  };
}

function textOf({ content, refusal }: Message): string {
  if (typeof content === 'string') return content;
  if (content == null) return refusal ?? '';
  return content.map((part) => part.text).join('');
}

/** Calls in today's field or in the one it replaced. */
function callsOf({ tool_calls: calls, function_call: call }: Message): readonly ToolCall[] {
  if (calls !== undefined) return calls;
  return call === undefined ? [] : [{ id: '', type: 'function', function: call }];
}

function toTemplateCall(
  { id, function: { name, arguments: text } }: ToolCall,
  abilities: TemplateAbilities,
): TemplateToolCall {
  return {
    id: idFor(id, abilities),
    type: 'function',
    function: { name, arguments: abilities.argumentsAsText ? text : parsed(text) },
  };
}

/** The same short id for the same long one, in the call as in its result. */
function idFor(id: string, { shortIds }: TemplateAbilities): string {
  return shortIds ? createHash('sha256').update(id).digest('hex').slice(0, 9) : id;
}

/** Arguments as the object they spell; anything else stays the text it is. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return json;
  }
}

const isWrappedResult = ({ role }: Message, abilities: TemplateAbilities): boolean =>
  roles[role] === 'tool' && !abilities.toolResults;

/** For a template whose calls cannot be read back: it is told about tools in words only. */
export const withoutTools = (abilities: TemplateAbilities): TemplateAbilities => ({
  ...abilities,
  tools: false,
  toolCalls: false,
  toolResults: false,
});
