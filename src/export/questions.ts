/** Questions to try an export with: the first conversations of a file, up to where the assistant last speaks. */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Message } from '../domain/example.ts';
import { probesWanted } from './probes.ts';

/** Lines of another kind are passed over. */
export async function questionsIn(path: string): Promise<Message[][]> {
  const questions: Message[][] = [];
  const input = createReadStream(path);
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      const messages = messagesOf(line);
      if (messages.length > 0) questions.push(messages);
      if (questions.length === probesWanted) break;
    }
  } catch {
    return questions; // the file went away; plain questions take its place
  } finally {
    input.destroy();
  }
  return questions;
}

function messagesOf(line: string): Message[] {
  try {
    const { messages } = JSON.parse(line) as { messages?: Message[] };
    const last = messages?.findLastIndex(({ role }) => role === 'assistant') ?? -1;
    return last < 0 ? [] : messages!.slice(0, last);
  } catch {
    return [];
  }
}
