/** One row of a reinforcement file: a conversation that waits for an answer, and whatever its grader wants to know. */

import type { AnyExample, ReinforcementExample } from '../domain/example.ts';
import { checkParallelCalls, hasImages } from './chat-example.ts';
import { checkMessages } from './messages.ts';
import { describe, type Fields, type Place, type Report } from './problem.ts';
import { checkDialogue, checkTools } from './tools.ts';

export function checkReinforcementExample(
  row: Fields,
  line: Place,
  images: boolean,
  report: Report,
): AnyExample | null {
  if (!('messages' in row)) {
    report.add('missing_messages_list', line, {
      found: describe(row),
      expected: '{"messages": [{"role": "user", "content": "…"}], …}',
      message: `${line.name} is missing key 'messages'.`,
    });
    return null;
  }
  const tools = checkTools(row, line, report);
  checkParallelCalls(row, line, report);
  const messages = checkMessages(row['messages'], 'messages', line, { weights: false, images }, report);
  if (messages === null) return null;
  checkDialogue(messages, tools, line, report);
  const { role } = messages.at(-1)!;
  if (role !== 'user') {
    report.add(
      'last_message',
      { path: `$.messages[${messages.length - 1}]`, name: line.name },
      {
        found: `a last message from "${role}"`,
        expected: 'a last message from "user": the model answers it, and the grader judges',
        suggestion:
          role === 'assistant' ? 'Move the answer to a key of its own, for the grader to compare with.' : null,
      },
    );
  }
  if (report.hasErrors || hasImages(messages)) return null;
  return { format: 'reinforcement', example: row as unknown as ReinforcementExample };
}
