/**
 * What every shape of example says: a conversation, the answer to it, perhaps a worse one; and how each of the four
 * formats writes it.
 */

import type { AnyExample, ExampleFormat, Message, ToolDefinition } from '../../domain/example.ts';
import { asText } from './template.ts';

export interface Draft {
  /** Up to the answer, the system message first. */
  readonly prompt: readonly Message[];
  readonly answer: readonly Message[];
  readonly rejected: readonly Message[];
  /** What the user says after the answer: a task for reinforcement, and left out elsewhere. */
  readonly unanswered?: readonly Message[];
  readonly tools?: readonly ToolDefinition[];
  readonly parallelToolCalls?: boolean;
  /** What else the row has, for a grader. */
  readonly item: Readonly<Record<string, unknown>>;
}

/** Why a row makes no example. */
export type Lack = 'no prompt' | 'no answer' | 'no rejected answer';

/** The example in that format, or what it lacks. */
export function toExample(draft: Draft, format: ExampleFormat): AnyExample['example'] | Lack {
  const { prompt, answer, rejected, item } = draft;
  const tools = {
    ...(draft.tools !== undefined && draft.tools.length > 0 && { tools: draft.tools }),
    ...(draft.parallelToolCalls !== undefined && { parallel_tool_calls: draft.parallelToolCalls }),
  };
  if (!prompt.some(({ role }) => role !== 'system' && role !== 'developer')) return 'no prompt';
  if (format === 'reinforcement') {
    if (draft.unanswered !== undefined && draft.unanswered.length > 0)
      return { messages: [...prompt, ...answer, ...draft.unanswered], ...tools, ...item };
    const reference = answer.length === 0 || 'reference_answer' in item ? {} : { reference_answer: textOf(answer) };
    return { messages: prompt, ...tools, ...item, ...reference };
  }
  if (answer.length === 0) return 'no answer';
  if (format === 'chat') return { messages: [...prompt, ...answer], ...tools };
  if (format === 'completion') return { prompt: promptText(prompt), completion: textOf(answer) };
  if (rejected.length === 0) return 'no rejected answer';
  return { input: { messages: prompt, ...tools }, preferred_output: answer, non_preferred_output: rejected };
}

const textOf = (messages: readonly Message[]): string => messages.map(({ content }) => contentText(content)).join('\n');

export function contentText(content: Message['content']): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => (part.type === 'text' ? part.text : asText(part))).join('');
}

/** A prompt for a base model: a single question is itself; a conversation names who speaks. */
function promptText(prompt: readonly Message[]): string {
  const system = prompt.filter(({ role }) => role === 'system' || role === 'developer');
  const turns = prompt.filter((message) => !system.includes(message));
  const text =
    turns.length === 1
      ? textOf(turns)
      : [...turns.map(({ role, content }) => `${speakers[role] ?? role}: ${contentText(content)}`), 'Assistant:'].join(
          '\n',
        );
  return [...system.map(({ content }) => contentText(content)), text].join('\n\n');
}

const speakers: Readonly<Record<string, string>> = { user: 'User', assistant: 'Assistant', tool: 'Tool' };
