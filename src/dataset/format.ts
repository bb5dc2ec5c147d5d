/** Which of the four formats a file is in, judged by its first rows: all rows of a file share one. */

import type { ExampleFormat } from '../domain/example.ts';
import { isObject, type Fields } from './problem.ts';
import { longText } from './survey.ts';

const rowsAsked = 50;
const chatKeys: ReadonlySet<string> = new Set(['messages', 'tools', 'parallel_tool_calls', 'functions']);

/** What most of these lines look like; null when none looks like anything. */
export function formatOf(texts: readonly string[]): ExampleFormat | null {
  const votes = new Map<ExampleFormat, number>();
  for (const text of texts.slice(0, rowsAsked)) {
    const format = formatOfRow(parsed(text));
    if (format !== null) votes.set(format, (votes.get(format) ?? 0) + 1);
  }
  return [...votes].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

/** The format of one row. A conversation that waits for an answer, beside keys of its own, is for reinforcement. */
export function formatOfRow(row: unknown): ExampleFormat | null {
  if (!isObject(row)) return null;
  const keys = Object.keys(row).map((key) => key.trim().toLowerCase());
  if (keys.some((key) => /^(non_)?preferred_(output|completion)$/.test(key))) return 'preference';
  if (!keys.includes('messages')) return keys.includes('prompt') || keys.includes('completion') ? 'completion' : null;
  return keys.some((key) => !chatKeys.has(key)) && waits(row) ? 'reinforcement' : 'chat';
}

function waits(row: Fields): boolean {
  const { messages } = row;
  if (!Array.isArray(messages)) return false;
  const last: unknown = messages.at(-1);
  return (
    isObject(last) &&
    last['role'] === 'user' &&
    messages.every((each) => !isObject(each) || each['weight'] === undefined)
  );
}

function parsed(text: string): unknown {
  if (text.length > longText) return null; // its depth and size are not known yet
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
