/** One row of a chat file: a conversation in which the assistant says something worth learning. */

import type { AnyExample, Message } from '../domain/example.ts';
import { checkKeys, checkMessages } from './messages.ts';
import { meantName } from './meant.ts';
import { describe, isObject, quoted, type Fields, type Place, type Report } from './problem.ts';
import { checkDialogue, checkTools } from './tools.ts';

export const chatKeys = ['messages', 'tools', 'parallel_tool_calls', 'functions'];

/** The example, or null when the report has errors or the row has images. */
export function checkChatExample(row: Fields, line: Place, images: boolean, report: Report): AnyExample | null {
  if (!('messages' in row)) {
    missingMessages(row, line, report);
    return null;
  }
  checkKeys(row, chatKeys, line, report);
  const tools = checkTools(row, line, report);
  checkParallelCalls(row, line, report);
  const messages = checkMessages(row['messages'], 'messages', line, { weights: true, images }, report);
  if (messages === null || report.hasErrors) return null;
  checkDialogue(messages, tools, line, report);
  checkAnswers(messages, line, report);
  if (report.hasErrors || hasImages(messages)) return null;
  const example = { messages, ...(tools.length > 0 && { tools }), ...parallelCalls(row) };
  return { format: 'chat', example };
}

function checkAnswers(messages: readonly Message[], line: Place, report: Report): void {
  const place = { path: '$.messages', name: `${line.name}, key "messages"` };
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  if (last < 0) {
    report.add('example_missing_assistant_message', place, {
      found: 'no message from the assistant',
      expected: 'at least one',
      suggestion: 'Add the answer to learn. If a grader will judge answers, check it with --format reinforcement.',
      message: `${place.name}: At least one message must be from the assistant.`,
    });
    return;
  }
  if (messages.every(({ role, weight }) => role !== 'assistant' || weight === 0)) {
    report.add('nothing_supervised', place, {
      found: '"weight": 0 on every assistant message',
      expected: 'one with weight 1 or none',
      suggestion: 'Leave the weight of the answer to learn out.',
      message: `${place.name}: every assistant message has "weight": 0, so there is nothing to learn; at least one must have weight 1 or none.`,
    });
  }
  const trailing = messages.length - 1 - last;
  if (trailing === 0) return;
  report.add(
    'trailing_messages',
    { path: `$.messages[${last + 1}]`, name: line.name },
    {
      found: trailing === 1 ? 'a message after the last answer' : `${trailing} messages after the last answer`,
      expected: 'the assistant to speak last',
      suggestion: 'Remove them: what no answer follows teaches nothing.',
    },
  );
}

/** Other formats are recognised, so that the message can say what the row is. */
function missingMessages(row: Fields, line: Place, report: Report): void {
  const expected = '{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}';
  const wanted = `expected chat messages: ${expected}`;
  if ('prompt' in row && 'completion' in row) {
    report.add('mixed_formats', line, {
      found: 'a prompt/completion pair',
      expected,
      suggestion: 'tunesmith data convert makes conversations of such pairs.',
      message: `Unexpected file format, ${wanted}. ${line.name} is a prompt/completion pair.`,
    });
    return;
  }
  if ('input' in row && ('preferred_output' in row || 'preferred_completion' in row)) {
    report.add('mixed_formats', line, {
      found: 'a preference pair',
      expected,
      message: `${line.name} is in the preference format, but the specified fine-tuning job is not using 'dpo' as the training method (provided method=supervised); ${wanted}.`,
    });
    return;
  }
  const keys = Object.keys(row).slice(0, 5);
  const found = keys.length > 0 ? quoted(keys) : 'an empty object';
  const meant = keys.find((key) => meantName(key, ['messages']) !== undefined);
  const talk = 'conversations' in row ? 'This is ShareGPT; tunesmith data convert reads it.' : null;
  report.add('missing_messages_list', line, {
    found,
    expected,
    suggestion: meant === undefined ? talk : `Rename ${describe(meant)} to "messages".`,
    message: `${line.name} is missing key 'messages'. Found ${found}, ${wanted}.`,
  });
}

export function checkParallelCalls(row: Fields, line: Place, report: Report): void {
  const value = row['parallel_tool_calls'];
  if (value === undefined || typeof value === 'boolean') return;
  const place = { path: `${line.path}.parallel_tool_calls`, name: `${line.name}, key "parallel_tool_calls"` };
  const text = typeof value === 'string' ? value.toLowerCase() : '';
  report.add('invalid_value', place, {
    found: describe(value),
    expected: 'true or false',
    suggestion: text === 'true' || text === 'false' ? `Write ${text} without quotes.` : 'Leave it out for true.',
  });
}

export const parallelCalls = (row: Fields): { parallel_tool_calls?: boolean } =>
  typeof row['parallel_tool_calls'] === 'boolean' ? { parallel_tool_calls: row['parallel_tool_calls'] } : {};

/** Contents are typed as text; with `images` allowed, a checked message may hold them all the same. */
export const hasImages = (messages: readonly Message[]): boolean =>
  messages.some(
    ({ content }) =>
      Array.isArray(content) && content.some((part: unknown) => isObject(part) && part['type'] !== 'text'),
  );
