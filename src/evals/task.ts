/**
 * A test set: conversations whose last assistant message is the reference, and which kind of answer that is.
 *
 *   classification   references from a small closed set of short texts
 *   extraction       every reference is a JSON object or list
 *   tool_calls       at least a fifth of the references call tools (the others show when not to)
 *   text             everything else
 *
 * The kind is read from the references alone; nobody needs to say it, and everybody may.
 */

import type { AnyExample, Message, ToolCall, ToolDefinition } from '../domain/example.ts';
import { invalid } from '../domain/errors.ts';
import { readRows } from '../dataset/rows.ts';
import { readJson } from './metrics/json.ts';

export type Task = 'classification' | 'extraction' | 'text' | 'tool_calls';

export const tasks: readonly Task[] = ['classification', 'extraction', 'text', 'tool_calls'];

/** One question of a test, and the answer that is right. */
export interface TestItem {
  /** Of the file, from 1. */
  readonly line: number;
  readonly input: readonly Message[];
  readonly reference: Message;
  readonly tools?: readonly ToolDefinition[] | undefined;
}

export interface Recognised {
  readonly task: Task;
  /** The closed set of answers, the most frequent first; empty unless this is a classification. */
  readonly labels: readonly string[];
  /** Why, for people. */
  readonly reason: string;
}

const labelsMax = 50;
const labelLettersMax = 80;
/** A label comes back: on average a closed set has each of its texts so often. */
const repeatsMin = 2;
const callsShareMin = 0.2;

export function recogniseTask(references: readonly Message[]): Recognised {
  if (references.length === 0) throw invalid(null, 'The test has no examples.');
  const calling = references.filter((reference) => callsOf(reference).length > 0).length;
  if (calling / references.length >= callsShareMin)
    return { task: 'tool_calls', labels: [], reason: `${calling} of ${references.length} references call tools` };
  const texts = references.map(textOf);
  if (texts.every(isStructured))
    return { task: 'extraction', labels: [], reason: 'every reference is a JSON object or list' };
  const labels = labelsOf(texts);
  const isClosed = labels.length <= labelsMax && references.length / labels.length >= repeatsMin;
  if (isClosed && labels.every((label) => label !== '' && label.length <= labelLettersMax && !label.includes('\n')))
    return { task: 'classification', labels, reason: `${labels.length} different short references come back` };
  return { task: 'text', labels: [], reason: 'the references are free texts' };
}

/** The kind that was asked for, made sure that the references are of it. */
export function taskAsSet(task: Task, items: readonly TestItem[]): Recognised {
  const reason = 'as asked for';
  if (task === 'extraction') {
    const plain = items.find(({ reference }) => readJson(textOf(reference)) === null);
    if (plain !== undefined)
      throw invalid(null, `Line ${plain.line}: the reference is not JSON; for an extraction it must be.`);
  }
  const labels = task === 'classification' ? labelsOf(items.map(({ reference }) => textOf(reference))) : [];
  return { task, labels, reason };
}

/** The kind as said, or else as the references look; `labels` where the file does not show the whole closed set. */
export function chosenTask(
  { task, labels }: { readonly task?: Task | undefined; readonly labels?: readonly string[] | undefined },
  items: readonly TestItem[],
): Recognised {
  const wanted = task ?? (labels === undefined ? undefined : 'classification');
  const recognised =
    wanted === undefined ? recogniseTask(items.map(({ reference }) => reference)) : taskAsSet(wanted, items);
  if (labels === undefined) return recognised;
  const unknown = recognised.labels.find((label) => !labels.includes(label));
  if (unknown !== undefined || labels.includes(''))
    throw invalid(
      'labels',
      `The labels must name every label of the file, and nothing empty; "${unknown ?? ''}" is amiss.`,
    );
  return { ...recognised, labels: [...new Set(labels)] };
}

/** The texts that occur, the most frequent first, equally frequent ones by alphabet. */
export function labelsOf(texts: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([label]) => label);
}

/** What a message says, its parts joined, without white space around it. */
export function textOf({ content }: Pick<Message, 'content'>): string {
  const text = typeof content === 'string' ? content : (content ?? []).map((part) => part.text).join('');
  return text.trim();
}

/** The calls of a message, the deprecated single one too. */
export function callsOf(message: Message): ToolCall['function'][] {
  if (message.function_call != null) return [message.function_call];
  return (message.tool_calls ?? []).map((call) => call.function);
}

function isStructured(text: string): boolean {
  const value = readJson(text)?.value;
  return typeof value === 'object' && value !== null;
}

export interface TestOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
}

/** Every example of an OpenAI chat file; the first line that is not one is an error that says what is wrong. */
export async function readTest(path: string, options: TestOptions = {}): Promise<TestItem[]> {
  const items: TestItem[] = [];
  for await (const { line, checked, problems } of readRows(path, { ...options, format: 'chat', images: false })) {
    if (checked === null) {
      const problem = problems.find(({ severity }) => severity === 'error') ?? problems[0];
      throw invalid(null, `${path}: ${problem?.message ?? `line ${line} is no chat example.`}`);
    }
    const item = itemOf(line, checked);
    if (item === null) throw invalid(null, `${path}, line ${line}: the last message is not the assistant's.`);
    items.push(item);
  }
  if (items.length === 0) throw invalid(null, `${path} has no examples; one JSON object per line was expected.`);
  return items;
}

/** The last assistant message is the reference and all before it the question; null where that cannot be. */
export function itemOf(line: number, { format, example }: AnyExample): TestItem | null {
  if (format !== 'chat') return null;
  const { messages, tools } = example;
  const reference = messages.at(-1);
  if (reference?.role !== 'assistant' || messages.length < 2) return null;
  return { line, input: messages.slice(0, -1), reference, ...(tools !== undefined && { tools }) };
}
