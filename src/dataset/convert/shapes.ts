/**
 * Shapes of rows that already are conversations: OpenAI's own formats, ShareGPT, Alpaca, preference pairs.
 *
 * A shape is recognised by the fields of the first row and reads every row after it. Rows of any other shape are
 * plain columns, which `slots.ts` makes sense of.
 */

import type { Message, Role, ToolDefinition } from '../../domain/example.ts';
import type { Draft } from './draft.ts';
import { fill, asText } from './template.ts';
import type { Slots } from './slots.ts';
import type { Fields } from './source.ts';

export interface Shape {
  readonly name: string;
  /** Whether rows with these fields are of this shape. */
  matches(fields: Fields): boolean;
  /** Throws an Error that says what in the row is not as it should be. */
  read(fields: Fields): Draft;
  /** The fields it reads; the others are not used. */
  readonly fields: readonly string[];
}

const text = (fields: Fields, name: string): string => asText(fields.get(name));
const has = (fields: Fields, ...names: readonly string[]): boolean => names.every((name) => fields.has(name));
const say = (role: Role, content: string): Message[] => (content.trim() === '' ? [] : [{ role, content }]);

export const shapes: readonly Shape[] = [
  {
    name: 'OpenAI preference',
    fields: ['input', 'preferred_output', 'non_preferred_output'],
    matches: (fields) => has(fields, 'input', 'preferred_output', 'non_preferred_output'),
    read(fields) {
      const input = fromJson(fields.get('input'), 'input');
      if (!isRecord(input)) throw new Error('"input" is not an object with "messages"');
      return {
        prompt: messageList(input['messages'], 'input.messages'),
        answer: messageList(fields.get('preferred_output'), 'preferred_output'),
        rejected: messageList(fields.get('non_preferred_output'), 'non_preferred_output'),
        ...toolsOf(input['tools']),
        item: {},
      };
    },
  },
  {
    name: 'preference pairs (chosen, rejected)',
    fields: ['prompt', 'question', 'instruction', 'input', 'system', 'conversations', 'chosen', 'rejected'],
    matches: (fields) => has(fields, 'chosen', 'rejected'),
    read: readPair,
  },
  {
    name: 'OpenAI chat',
    fields: ['messages', 'tools', 'parallel_tool_calls'],
    matches: (fields) => isListLike(fields.get('messages')),
    read(fields) {
      const messages = messageList(fields.get('messages'), 'messages');
      const item = [...fields].filter(([name]) => !['messages', 'tools', 'parallel_tool_calls'].includes(name));
      const reference = item.find(([name]) => name === 'reference_answer')?.[1];
      const isAsked = messages.at(-1)?.role !== 'assistant' && typeof reference === 'string';
      const draft = isAsked
        ? { prompt: messages, answer: say('assistant', reference), rejected: [] }
        : splitAnswer(messages);
      const parallelToolCalls = fields.get('parallel_tool_calls');
      return {
        ...draft,
        ...toolsOf(fields.get('tools')),
        ...(typeof parallelToolCalls === 'boolean' && { parallelToolCalls }),
        item: Object.fromEntries(item),
      };
    },
  },
  {
    name: 'ShareGPT',
    fields: ['conversations', 'conversation', 'system', 'tools'],
    matches: (fields) => isListLike(fields.get('conversations')) || isListLike(fields.get('conversation')),
    read(fields) {
      const name = fields.has('conversations') ? 'conversations' : 'conversation';
      const turns = shareGptMessages(fields.get(name), name);
      const first = turns[0]?.role === 'system' ? [] : say('system', text(fields, 'system'));
      return { ...splitAnswer([...first, ...turns]), ...toolsOf(fields.get('tools')), item: {} };
    },
  },
  {
    name: 'Alpaca',
    fields: ['instruction', 'input', 'output', 'system', 'history'],
    matches: (fields) => has(fields, 'instruction', 'output'),
    read(fields) {
      const prompt = [text(fields, 'instruction'), text(fields, 'input')].filter((part) => part.trim() !== '');
      return {
        prompt: [
          ...say('system', text(fields, 'system')),
          ...historyOf(fields.get('history')),
          ...say('user', prompt.join('\n\n')),
        ],
        answer: say('assistant', text(fields, 'output')),
        rejected: [],
        item: {},
      };
    },
  },
];

/** Rows of plain columns, by templates. */
export function columnsShape(slots: Slots): Pick<Shape, 'read'> {
  return {
    read: (fields) => ({
      prompt: [
        ...say('system', slots.system === null ? '' : fill(slots.system, fields)),
        ...say('user', fill(slots.user, fields)),
      ],
      answer: slots.assistant === null ? [] : say('assistant', fill(slots.assistant, fields)),
      rejected: slots.rejected === null ? [] : say('assistant', fill(slots.rejected, fields)),
      item: Object.fromEntries(fields),
    }),
  };
}

/** The last turn of the assistant is the answer; what the user says after it has none. */
function splitAnswer(messages: readonly Message[]): Draft {
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  const answered = last >= 0 && !messages.slice(last + 1).some(({ role }) => role === 'tool');
  if (!answered) return { prompt: messages, answer: [], rejected: [], item: {} };
  return {
    prompt: messages.slice(0, last),
    answer: messages.slice(last, last + 1),
    unanswered: messages.slice(last + 1),
    rejected: [],
    item: {},
  };
}

/** `chosen` and `rejected` as texts, as messages, or as whole conversations that begin alike. */
function readPair(fields: Fields): Draft {
  const [chosen, rejected] = ['chosen', 'rejected'].map((name) => answerTurns(fields.get(name), name));
  const said = fields.get('prompt') ?? fields.get('question') ?? fields.get('conversations');
  const asked = isListLike(said)
    ? shareGptMessages(said, 'prompt')
    : say('user', said === undefined ? alpacaPrompt(fields) : asText(said));
  const alike = asked.length > 0 && (chosen ?? []).length <= 1 ? 0 : commonLength(chosen ?? [], rejected ?? []);
  const system = say('system', text(fields, 'system'));
  return {
    prompt: [...system, ...(alike > 0 ? (chosen ?? []).slice(0, alike) : asked)],
    answer: (chosen ?? []).slice(alike),
    rejected: (rejected ?? []).slice(alike),
    item: {},
  };
}

const alpacaPrompt = (fields: Fields): string =>
  [text(fields, 'instruction'), text(fields, 'input')].filter((part) => part.trim() !== '').join('\n\n');

function answerTurns(value: unknown, name: string): readonly Message[] {
  if (isListLike(value)) return shareGptMessages(value, name);
  if (isRecord(value)) return shareGptMessages([value], name);
  return say('assistant', asText(value));
}

function commonLength(a: readonly Message[], b: readonly Message[]): number {
  let length = 0;
  while (length < a.length - 1 && JSON.stringify(a[length]) === JSON.stringify(b[length])) length++;
  return length;
}

const shareGptRoles: Readonly<Record<string, Role>> = {
  system: 'system', developer: 'developer', human: 'user', user: 'user', prompter: 'user',
  gpt: 'assistant', assistant: 'assistant', chatgpt: 'assistant', bot: 'assistant', bard: 'assistant', bing: 'assistant',
  model: 'assistant', function_call: 'assistant', tool: 'tool', observation: 'tool', function_response: 'tool',
}; // prettier-ignore

/** `{from, value}` or `{role, content}` turns; calls of functions become tool calls, answered in their order. */
function shareGptMessages(value: unknown, name: string): Message[] {
  const turns = fromJson(value, name);
  if (!Array.isArray(turns)) throw new Error(`"${name}" is not a list of turns`);
  let calls = 0;
  let answered = 0;
  return turns.map((turn: unknown, i): Message => {
    if (!isRecord(turn)) throw new Error(`${name}[${i}] is no object`);
    if (typeof turn['role'] === 'string' && !('from' in turn) && 'content' in turn && turn['role'] in ownRoles) {
      return turn as unknown as Message;
    }
    const from = asText(turn['from'] ?? turn['role']).toLowerCase();
    const role = Object.hasOwn(shareGptRoles, from) ? shareGptRoles[from] : undefined;
    if (role === undefined)
      throw new Error(`${name}[${i}] is from "${from}"; ${Object.keys(shareGptRoles).join(', ')} are known`);
    const content = asText(turn['value'] ?? turn['content'] ?? turn['text']);
    if (from === 'function_call')
      return { role, content: null, tool_calls: [toolCall(content, ++calls, `${name}[${i}]`)] };
    if (role === 'tool') return { role, content, tool_call_id: `call_${Math.min(++answered, calls)}` };
    return { role, content };
  });
}

const ownRoles: Readonly<Record<string, true>> = {
  system: true,
  developer: true,
  user: true,
  assistant: true,
  tool: true,
};

function toolCall(content: string, number: number, where: string): NonNullable<Message['tool_calls']>[number] {
  const call = fromJson(content, where);
  if (!isRecord(call) || typeof call['name'] !== 'string')
    throw new Error(`${where} is no function call {"name", "arguments"}`);
  return {
    id: `call_${number}`,
    type: 'function',
    function: { name: call['name'], arguments: asText(call['arguments'] ?? {}) },
  };
}

function messageList(value: unknown, name: string): Message[] {
  const messages = fromJson(value, name);
  if (!Array.isArray(messages) || !messages.every(isRecord)) throw new Error(`"${name}" is not a list of messages`);
  return messages.some((message) => 'from' in message)
    ? shareGptMessages(messages, name)
    : (messages as unknown as Message[]);
}

function historyOf(value: unknown): Message[] {
  const turns = value === undefined || value === null || value === '' ? [] : fromJson(value, 'history');
  if (!Array.isArray(turns)) throw new Error('"history" is not a list of [question, answer] pairs');
  return turns.flatMap((turn: unknown) => {
    if (!Array.isArray(turn)) throw new Error('"history" is not a list of [question, answer] pairs');
    return [...say('user', asText(turn[0])), ...say('assistant', asText(turn[1]))];
  });
}

function toolsOf(value: unknown): { tools?: readonly ToolDefinition[] } {
  if (value === undefined || value === null || value === '') return {};
  const tools = fromJson(value, 'tools');
  if (!Array.isArray(tools)) throw new Error('"tools" is not a list');
  const wrapped = tools.map((tool: unknown) =>
    isRecord(tool) && !('function' in tool) ? { type: 'function', function: tool } : tool,
  );
  return { tools: wrapped as ToolDefinition[] };
}

/** Lists inside of CSV and Parquet are often JSON texts. */
function fromJson(value: unknown, name: string): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    throw new Error(`"${name}" is a text that is not JSON`);
  }
}

const isListLike = (value: unknown): boolean =>
  Array.isArray(value) || (typeof value === 'string' && /^\s*\[\s*\{/.test(value));

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
