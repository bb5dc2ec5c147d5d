/**
 * Labelled examples and their files: OpenAI chat lines whose last message is the assistant's, and is the label.
 *
 * Anybody's chat JSONL is a labelled set when its answers repeat, so `--train` and `--test` take such files
 * as they are; an answer that stands only in the test is refused, as nothing could have learned it.
 */

import { readFile } from 'node:fs/promises';
import type { ChatCompletionMessageParam } from 'openai/resources';
import { invalid } from '../domain/errors.ts';

export interface LabelledExample {
  /** The messages up to the answer. */
  readonly prompt: readonly ChatCompletionMessageParam[];
  readonly label: string;
}

export function toJsonl(examples: readonly LabelledExample[]): string {
  return examples
    .map(({ prompt, label }) => JSON.stringify({ messages: [...prompt, { role: 'assistant', content: label }] }) + '\n')
    .join('');
}

/** The examples of a chat JSONL file; what is wrong with it is told by line. */
export async function readLabelled(path: string): Promise<LabelledExample[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw invalid(null, `${path} cannot be read: ${(cause as Error).message}`);
  });
  const examples: LabelledExample[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    if (line.trim() !== '') examples.push(parseLine(line, `${path}, line ${index + 1}`));
  }
  if (examples.length === 0) throw invalid(null, `${path} has no examples; one JSON object per line was expected.`);
  return examples;
}

function parseLine(line: string, where: string): LabelledExample {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw invalid(null, `${where}: not JSON (${(cause as Error).message}).`);
  }
  const messages = (value as { messages?: unknown } | null)?.messages;
  if (!Array.isArray(messages)) throw invalid(null, `${where}: "messages" is missing; a chat example was expected.`);
  const last = messages.at(-1) as { role?: unknown; content?: unknown } | undefined;
  if (last?.role !== 'assistant' || typeof last.content !== 'string' || last.content.trim() === '') {
    throw invalid(null, `${where}: the last message is not an assistant's text; its label was expected there.`);
  }
  return { prompt: messages.slice(0, -1) as ChatCompletionMessageParam[], label: last.content.trim() };
}

/** The labels that occur, the most frequent first, equal ones by alphabet. */
export function labelsOf(examples: readonly LabelledExample[]): string[] {
  const counts = new Map<string, number>();
  for (const { label } of examples) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([label]) => label);
}
