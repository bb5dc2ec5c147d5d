/** One row of a preference file: a conversation, and two answers to it of which one is better. Text only. */

import type { AnyExample, Message } from '../domain/example.ts';
import { checkParallelCalls, parallelCalls } from './chat-example.ts';
import { checkKeys, checkMessages } from './messages.ts';
import { describe, isObject, type Fields, type Place, type Report } from './problem.ts';
import { checkDialogue, checkTools } from './tools.ts';

export const preferenceKeys = ['input', 'preferred_output', 'non_preferred_output'];
/** What the outputs were called until mid-2025. */
export const formerPreferenceKeys = ['input', 'preferred_completion', 'non_preferred_completion'];
export const inputKeys = ['messages', 'tools', 'parallel_tool_calls'];
const rules = { weights: false, images: false };

export function checkPreferenceExample(row: Fields, line: Place, report: Report): AnyExample | null {
  const former = 'preferred_completion' in row || 'non_preferred_completion' in row;
  const [inputKey, betterKey, worseKey] = (former ? formerPreferenceKeys : preferenceKeys) as [string, string, string];
  checkKeys(row, former ? formerPreferenceKeys : preferenceKeys, line, report);
  const input = row[inputKey];
  const inputPlace = { path: '$.input', name: `${line.name}, key "input"` };
  let messages: readonly Message[] | null = null;
  if (isObject(input)) {
    checkKeys(input, inputKeys, inputPlace, report);
    checkParallelCalls(input, inputPlace, report);
    messages = checkMessages(input['messages'], 'messages', inputPlace, rules, report);
    if (messages?.at(-1)?.role === 'assistant') answeredInput(messages.length, inputPlace, report);
  } else missingOrWrong(row, inputKey, '{"messages": […]}', line, report);
  const tools = isObject(input) ? checkTools(input, inputPlace, report) : [];
  const better = checkOutput(row, betterKey, line, report);
  const worse = checkOutput(row, worseKey, line, report);
  if (messages === null || better === null || worse === null || report.hasErrors) return null;
  checkDialogue(messages, tools, inputPlace, report);
  if (JSON.stringify(better) === JSON.stringify(worse)) {
    report.add(
      'same_outputs',
      { path: `$.${worseKey}`, name: line.name },
      {
        found: 'the same answer twice',
        expected: 'a better one and a worse one',
        suggestion: 'Leave the row out: it shows no preference.',
      },
    );
  }
  if (report.hasErrors) return null;
  const context = { messages, ...(tools.length > 0 && { tools }), ...parallelCalls(input as Fields) };
  return {
    format: 'preference',
    example: { input: context, preferred_output: better, non_preferred_output: worse },
  };
}

function answeredInput(count: number, { path, name }: Place, report: Report): void {
  report.add(
    'last_message',
    { path: `${path}.messages[${count - 1}]`, name },
    {
      found: 'a last message from the assistant',
      expected: 'a message that the two outputs answer',
      suggestion: 'Move the last answer into the outputs, or remove it.',
    },
  );
}

function checkOutput(row: Fields, key: string, line: Place, report: Report): readonly Message[] | null {
  const list = row[key];
  if (list === undefined) {
    missingOrWrong(row, key, 'a list of one assistant message', line, report);
    return null;
  }
  const messages = checkMessages(list, key, line, rules, report);
  if (messages === null) return null;
  const [answer] = messages;
  if (messages.length === 1 && answer!.role === 'assistant') return messages;
  report.add(
    'invalid_output',
    { path: `$.${key}`, name: `${line.name}, key "${key}"` },
    {
      found: messages.length > 1 ? `${messages.length} messages` : `a message from "${answer!.role}"`,
      expected: 'one message from the assistant',
    },
  );
  return null;
}

function missingOrWrong(row: Fields, key: string, expected: string, line: Place, report: Report): void {
  const value = row[key];
  const place = { path: `$.${key}`, name: line.name };
  if (value !== undefined) {
    report.field('invalid_value', line, key, value, expected);
    return;
  }
  const message = `${line.name} is missing key '${key}'.`;
  report.add('missing_key', place, { found: describe(value), expected, message });
}
