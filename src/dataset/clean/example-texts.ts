/**
 * The texts of a row as it stands in its file, changed in place of one another and nothing else touched: keys,
 * names, ids, tools and weights stay, and so does the order of everything.
 *
 * Text that is JSON (a tool call's arguments, a tool's answer, a structured answer) is changed inside its strings,
 * so that it stays JSON, spaces and all.
 */

import type { AnyExample, ExampleFormat, Message, Role } from '../../domain/example.ts';
import { hasImages } from '../chat-example.ts';
import { partsOf, type Parts } from '../parts.ts';
import { isObject, type Fields } from '../problem.ts';

export interface TextPlace {
  readonly role: Role | 'extra';
  /** A value inside of JSON, or of a key beside the messages: what it means is not ours to know. */
  readonly isValue: boolean;
  /** Of a prompt/completion pair: white space at its ends separates the two and belongs to it. */
  readonly isBare: boolean;
}

export type TextChange = (text: string, place: TextPlace) => string;

/** The row with its texts changed; the very row when no text was. */
export const mapTexts = (row: Fields, format: ExampleFormat, change: TextChange): Fields =>
  mappers[format](row, change);

const mappers: Readonly<Record<ExampleFormat, (row: Fields, change: TextChange) => Fields>> = {
  chat: (row, change) => mapKeys(row, { messages: (list) => mapMessages(list, change) }),
  completion: (row, change) => {
    const bare = (role: Role) => (text: unknown) =>
      typeof text === 'string' ? change(text, { role, isValue: false, isBare: true }) : text;
    return mapKeys(row, { prompt: bare('user'), completion: bare('assistant') });
  },
  preference: (row, change) => {
    const messages = (list: unknown): unknown => mapMessages(list, change);
    return mapKeys(row, {
      input: (input) => (isObject(input) ? mapKeys(input, { messages }) : input),
      preferred_output: messages,
      non_preferred_output: messages,
      preferred_completion: messages,
      non_preferred_completion: messages,
    });
  },
  reinforcement: (row, change) => {
    const others = Object.keys(row).filter((key) => !rowKeys.has(key));
    const deep = (value: unknown): unknown => mapDeep(value, change);
    return mapKeys(row, {
      ...Object.fromEntries(others.map((key) => [key, deep])),
      messages: (list) => mapMessages(list, change),
    });
  },
};

const rowKeys: ReadonlySet<string> = new Set(['messages', 'tools', 'parallel_tool_calls', 'functions']);

/** The words by which a row is compared with others; rows with images are the same or not, but never alike. */
export function comparableParts(row: Fields, format: ExampleFormat): Parts {
  const { messages } = row;
  if (!Array.isArray(messages) || !hasImages(messages as Message[])) return partsOfRow(row, format);
  return { system: null, prompt: '', answer: '', texts: [{ role: 'user', text: JSON.stringify(row) }] };
}

/** The words of a row that is known to be correct, whether or not it has images. */
export function partsOfRow(row: Fields, format: ExampleFormat): Parts {
  const example =
    format === 'preference'
      ? {
          input: row['input'],
          preferred_output: row['preferred_output'] ?? row['preferred_completion'],
          non_preferred_output: row['non_preferred_output'] ?? row['non_preferred_completion'],
        }
      : row;
  return partsOf({ format, example } as unknown as AnyExample);
}

type Mapped = (value: unknown) => unknown;

/** A copy with the values of some keys mapped; the object itself when none of them changes. */
function mapKeys(object: Fields, mapped: Readonly<Record<string, Mapped>>): Fields {
  let changed = false;
  const entries = Object.entries(object).map(([key, value]): [string, unknown] => {
    if (!Object.hasOwn(mapped, key)) return [key, value];
    const after = mapped[key]!(value);
    changed ||= after !== value;
    return [key, after];
  });
  return changed ? Object.fromEntries(entries) : object;
}

function mapList(list: readonly unknown[], map: Mapped): readonly unknown[] {
  const after = list.map(map);
  return after.some((each, i) => each !== list[i]) ? after : list;
}

function mapMessages(list: unknown, change: TextChange): unknown {
  if (!Array.isArray(list)) return list;
  return mapList(list, (message) => (isObject(message) ? mapMessage(message, change) : message));
}

function mapMessage(message: Fields, change: TextChange): Fields {
  const role = message['role'] as Role;
  const text: Mapped = (value) => (typeof value === 'string' ? mapText(value, role, change) : value);
  const call: Mapped = (value) => (isObject(value) ? mapKeys(value, { arguments: text }) : value);
  const part: Mapped = (value) => (isObject(value) ? mapKeys(value, { text }) : value);
  return mapKeys(message, {
    content: (content) => (Array.isArray(content) ? mapList(content, part) : text(content)),
    refusal: text,
    function_call: call,
    tool_calls: (calls) =>
      Array.isArray(calls)
        ? mapList(calls, (each) => (isObject(each) ? mapKeys(each, { function: call }) : each))
        : calls,
  });
}

function mapText(text: string, role: Role, change: TextChange): string {
  return isJson(text) ? mapJson(text, role, change) : change(text, { role, isValue: false, isBare: false });
}

function isJson(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Strings (a key is one before a colon) and numbers; what is in a number and must go becomes a string. */
const jsonTokens = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|-?\d[\d.eE+-]*/g;

function mapJson(text: string, role: Role, change: TextChange): string {
  return text.replaceAll(jsonTokens, (token: string, colon: string | undefined) => {
    if (colon !== undefined) return token;
    const value = token.startsWith('"') ? (JSON.parse(token) as string) : token;
    const after = change(value, { role, isValue: true, isBare: false });
    return after === value ? token : JSON.stringify(after);
  });
}

function mapDeep(value: unknown, change: TextChange): unknown {
  if (typeof value === 'string') return change(value, { role: 'extra', isValue: true, isBare: false });
  if (Array.isArray(value)) return mapList(value, (each) => mapDeep(each, change));
  if (!isObject(value)) return value;
  return mapKeys(
    value,
    Object.fromEntries(Object.keys(value).map((key) => [key, (each: unknown) => mapDeep(each, change)])),
  );
}
