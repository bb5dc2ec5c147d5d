/**
 * A file as items of an evaluation: `{"item": {…}}` a line, as OpenAI has it, or chats, whose last answer is the right
 * one and whose beginning is what is asked.
 */

import type { FileObject } from '../../../../src/domain/file.ts';
import { openai } from '../../api.ts';

export interface Items {
  /** As `POST /v1/files` is to get it; null where the file is fit as it is. */
  readonly converted: string | null;
  readonly count: number;
  readonly fields: readonly string[];
  /** The one that most likely holds the right answer. */
  readonly answer: string;
  readonly example: Readonly<Record<string, unknown>>;
  readonly schema: Readonly<Record<string, unknown>>;
  /** Whether the lines hold answers to be judged already. */
  readonly hasAnswers: boolean;
}

const answerNames = ['answer', 'label', 'expected', 'reference', 'output', 'target', 'ideal'];

export function readItems(text: string): Items {
  const lines = text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [{ line: i + 1, text: line }]));
  if (lines.length === 0) throw new Error('The file is empty.');
  let chats = 0;
  let answers = 0;
  const items = lines.map(({ line, text: said }) => {
    const { item, isChat, hasAnswer } = itemOf(said, line);
    if (isChat) chats += 1;
    if (hasAnswer) answers += 1;
    return item;
  });
  const first = items[0]!;
  const fields = Object.keys(first);
  const texts = fields.filter((field) => typeof first[field] !== 'object');
  return {
    converted:
      chats === 0 && isWrapped(lines[0]!.text) ? null : items.map((item) => `${JSON.stringify({ item })}\n`).join(''),
    count: items.length,
    fields,
    answer: answerNames.find((name) => fields.includes(name)) ?? texts.at(-1) ?? fields[0] ?? 'answer',
    example: first,
    schema: schemaOf(items),
    hasAnswers: answers === items.length,
  };
}

const isWrapped = (line: string): boolean => 'item' in (JSON.parse(line) as object);

function itemOf(text: string, line: number): { item: Record<string, unknown>; isChat: boolean; hasAnswer: boolean } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`Line ${line} is not JSON. A line is an item, such as {"item": {"question": "…", "answer": "…"}}.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`Line ${line} is no JSON object.`);
  const row = value as Record<string, unknown>;
  if (typeof row['item'] === 'object' && row['item'] !== null)
    return { item: row['item'] as Record<string, unknown>, isChat: false, hasAnswer: row['sample'] != null };
  if (!Array.isArray(row['messages'])) return { item: row, isChat: false, hasAnswer: false };
  const messages = row['messages'] as { role?: string; content?: unknown }[];
  const last = messages.at(-1);
  if (last?.role !== 'assistant' || typeof last.content !== 'string')
    throw new Error(
      `Line ${line}: the last message is not the assistant's, so there is nothing to hold answers against.`,
    );
  const asked = messages.slice(0, -1).map(({ role, content }) => ({ role, content }));
  return { item: { messages: asked, answer: last.content }, isChat: true, hasAnswer: false };
}

/** The file that a run can read: the one that is there, or one that is made of it. */
export async function itemsFile(file: FileObject, items: Items): Promise<FileObject> {
  if (items.converted === null && file.purpose === 'evals') return file;
  const text = items.converted ?? (await contentOf(file));
  return await sendItems(file.filename.replace(/(\.jsonl)?$/, '.items.jsonl'), text);
}

export const sendItems = async (name: string, text: string): Promise<FileObject> =>
  (await openai.files.create({ file: new File([text], name), purpose: 'evals' })) as FileObject;

/** As much as a browser should hold. */
export const bytesMax = 64 * 1024 * 1024;

export async function contentOf(file: FileObject): Promise<string> {
  if (file.bytes > bytesMax) throw new Error(`${file.filename} is too large to be read here; upload a part of it.`);
  return await (await openai.files.content(file.id)).text();
}

/** What all items have in common: a field that some lack, or have otherwise, is not demanded. */
function schemaOf(items: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown> {
  const typeOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);
  const names = [...new Set(items.flatMap((item) => Object.keys(item)))];
  const types = (name: string): string[] => [...new Set(items.map((item) => typeOf(item[name])))];
  const everywhere = (name: string): boolean => items.every((item) => Object.hasOwn(item, name));
  return {
    type: 'object',
    properties: Object.fromEntries(
      names.map((name) => [name, everywhere(name) && types(name).length === 1 ? { type: types(name)[0] } : {}]),
    ),
    required: names.filter(everywhere),
  };
}
