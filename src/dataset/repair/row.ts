/**
 * The repairs of one row that need no look at its neighbours: names in the wrong case, extra keys, numbers that
 * should be text, calls without their envelope. Rows are changed in place.
 */

import type { ExampleFormat, Role } from '../../domain/example.ts';
import { chatKeys } from '../chat-example.ts';
import { completionKeys } from '../completion-example.ts';
import { meantName } from '../meant.ts';
import { keysOfMessage, meantRole, roles } from '../messages.ts';
import { formerPreferenceKeys, inputKeys, preferenceKeys } from '../preference-example.ts';
import { child, describe, isObject } from '../problem.ts';
import type { Ask } from './changes.ts';

type Mutable = Record<string, unknown>;

/** Whether the row holds anything; an empty one is left out. */
export function repairRow(value: unknown, format: ExampleFormat, ask: Ask): boolean {
  if (isEmpty(value)) return !ask('empty-rows', '$', describe(value), 'left out');
  if (!isObject(value)) return true;
  const row = value as Mutable;
  repairTexts(row, '$', ask);
  const repairs = { chat: repairChat, completion: repairCompletion, preference: repairPreference, reinforcement };
  repairs[format](row, ask);
  const why = emptiness(row, format);
  return why === null || !ask('empty-rows', '$', why, 'left out');
}

const isEmpty = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.keys(value).length === 0);

/** What is empty in a row that has nothing to learn. */
function emptiness(row: Mutable, format: ExampleFormat): string | null {
  if (format === 'completion') {
    const { completion } = row;
    const empty = completion === undefined || completion === null || completion === '';
    return empty ? `a completion that is ${describe(completion)}` : null;
  }
  if (format !== 'chat') return null;
  const { messages } = row;
  if (!Array.isArray(messages)) return null;
  const answers = (messages as unknown[]).filter(
    (message): message is Mutable => isObject(message) && message['role'] === 'assistant' && message['weight'] !== 0,
  );
  const empty = (answer: Mutable): boolean =>
    (answer['content'] ?? '') === '' && !answer['tool_calls'] && !answer['function_call'] && !answer['refusal'];
  return answers.length > 0 && answers.every(empty) ? 'an answer without words' : null;
}

function repairChat(row: Mutable, ask: Ask): void {
  renameKeys(row, chatKeys, '$', ask);
  if ('messages' in row) removeKeys(row, chatKeys, '$', ask);
  repairConversation(row, '$', true, ask);
  const { messages } = row;
  if (!Array.isArray(messages)) return;
  const last = messages.findLastIndex((message) => isObject(message) && message['role'] === 'assistant');
  if (last < 0 || last === messages.length - 1) return;
  const count = messages.length - 1 - last;
  if (ask('trailing-messages', `$.messages[${last + 1}]`, `${count} after the last answer`, 'removed'))
    messages.length = last + 1;
}

function repairCompletion(row: Mutable, ask: Ask): void {
  renameKeys(row, completionKeys, '$', ask);
  if ('prompt' in row && 'completion' in row) removeKeys(row, completionKeys, '$', ask);
  for (const key of completionKeys) row[key] = asText(row[key], `$.${key}`, ask);
  const { prompt } = row;
  if ((prompt === undefined || prompt === null) && ask('contents', '$.prompt', describe(prompt), '""'))
    row['prompt'] = '';
}

function repairPreference(row: Mutable, ask: Ask): void {
  const former = Object.keys(row).some((key) => key.toLowerCase().includes('completion'));
  const keys = former ? formerPreferenceKeys : preferenceKeys;
  renameKeys(row, keys, '$', ask);
  if (keys.every((key) => key in row)) removeKeys(row, keys, '$', ask);
  const [inputKey, betterKey, worseKey] = keys as [string, string, string];
  const input = row[inputKey];
  if (isObject(input)) {
    renameKeys(input, inputKeys, '$.input', ask);
    if ('messages' in input) removeKeys(input, inputKeys, '$.input', ask);
    repairConversation(input, '$.input', false, ask);
  }
  for (const key of [betterKey, worseKey]) repairMessages(row[key], `$.${key}`, false, ask);
}

function reinforcement(row: Mutable, ask: Ask): void {
  repairConversation(row, '$', false, ask);
}

function repairConversation(row: Mutable, path: string, weights: boolean, ask: Ask): void {
  const parallel = row['parallel_tool_calls'];
  if (typeof parallel === 'string' && /^(true|false)$/i.test(parallel)) {
    const meant = parallel.toLowerCase();
    if (ask('tool-calls', `${path}.parallel_tool_calls`, JSON.stringify(parallel), meant))
      row['parallel_tool_calls'] = meant === 'true';
  }
  if (Array.isArray(row['functions']) && row['functions'].length === 0) remove(row, 'functions', path, ask);
  if (row['tools'] === null) remove(row, 'tools', path, ask);
  repairMessages(row['messages'], `${path}.messages`, weights, ask);
}

function repairMessages(messages: unknown, path: string, weights: boolean, ask: Ask): void {
  if (!Array.isArray(messages)) return;
  messages.forEach((message: unknown, i) => {
    if (isObject(message)) repairMessage(message, `${path}[${i}]`, weights, ask);
  });
}

function repairMessage(message: Mutable, path: string, weights: boolean, ask: Ask): void {
  renameKeys(message, keysOfMessage('assistant', true).concat('tool_call_id'), path, ask);
  const role = meantRole(message['role']) ?? misspeltRole(message['role']);
  if (role === null) return;
  if (message['role'] !== role && ask('roles', `${path}.role`, describe(message['role']), JSON.stringify(role)))
    message['role'] = role;
  if (role === 'assistant') {
    if (weights) repairWeight(message, path, ask);
    repairCalls(message, path, ask);
  }
  removeKeys(message, keysOfMessage(role, weights), path, ask);
  if ('content' in message) message['content'] = asText(message['content'], `${path}.content`, ask);
  if (message['name'] === null) remove(message, 'name', path, ask);
}

/** A letter or two amiss, where only one role can be meant. */
const misspeltRole = (role: unknown): Role | null =>
  typeof role === 'string' ? (meantName(role, roles) ?? null) : null;

function repairWeight(message: Mutable, path: string, ask: Ask): void {
  const { weight } = message;
  const meant = new Map<unknown, number>([
    ['0', 0],
    ['1', 1],
    [false, 0],
    [true, 1],
  ]).get(weight);
  if (meant !== undefined) {
    if (ask('weights', `${path}.weight`, JSON.stringify(weight), String(meant))) message['weight'] = meant;
  } else if (weight === null) remove(message, 'weight', path, ask);
}

function repairCalls(message: Mutable, path: string, ask: Ask): void {
  const calls = message['tool_calls'];
  if (calls === null || (Array.isArray(calls) && calls.length === 0)) {
    if (ask('tool-calls', `${path}.tool_calls`, describe(calls), 'removed')) delete message['tool_calls'];
  } else if (Array.isArray(calls)) {
    calls.forEach((call: unknown, i) => {
      if (!isObject(call)) return;
      const at = `${path}.tool_calls[${i}]`;
      const bare = call['type'] === undefined && isObject(call['function']);
      if (bare && ask('tool-calls', `${at}.type`, 'missing', '"function"')) (call as Mutable)['type'] = 'function';
      writeArguments(call['function'], `${at}.function`, ask);
    });
  }
  if (message['function_call'] === null) remove(message, 'function_call', path, ask);
  else writeArguments(message['function_call'], `${path}.function_call`, ask);
}

/** Arguments are JSON text; many tools write them as the object itself. */
function writeArguments(call: unknown, path: string, ask: Ask): void {
  if (!isObject(call) || !isObject(call['arguments'])) return;
  const text = JSON.stringify(call['arguments']);
  if (ask('tool-calls', `${path}.arguments`, describe(call['arguments']), JSON.stringify(text)))
    (call as Mutable)['arguments'] = text;
}

function asText(value: unknown, path: string, ask: Ask): unknown {
  if (typeof value !== 'number' && typeof value !== 'boolean') return value;
  return ask('contents', path, String(value), `"${value}"`) ? String(value) : value;
}

function renameKeys(fields: Mutable, known: readonly string[], path: string, ask: Ask): void {
  for (const key of Object.keys(fields)) {
    const plain = key.trim().toLowerCase();
    if (known.includes(key) || !known.includes(plain) || plain in fields) continue;
    if (!ask('keys', child(path, key), JSON.stringify(key), JSON.stringify(plain))) continue;
    fields[plain] = fields[key];
    delete fields[key];
  }
}

function removeKeys(fields: Mutable, known: readonly string[], path: string, ask: Ask): void {
  for (const key of Object.keys(fields)) if (!known.includes(key)) remove(fields, key, path, ask);
}

function remove(fields: Mutable, key: string, path: string, ask: Ask): void {
  if (ask('keys', child(path, key), describe(fields[key]), 'removed')) delete fields[key];
}

/** Replaces half characters, and removes `__proto__` where it stands; the depth was checked before. */
function repairTexts(value: unknown, path: string, ask: Ask): void {
  if (typeof value !== 'object' || value === null) return;
  const fields = value as Mutable;
  for (const key of Object.keys(fields)) {
    const at = Array.isArray(value) ? `${path}[${key}]` : child(path, key);
    const each = fields[key];
    if (key === '__proto__') remove(fields, key, path, ask);
    else if (typeof each !== 'string') repairTexts(each, at, ask);
    else if (!each.isWellFormed() && ask('surrogates', at, 'half a character', 'U+FFFD'))
      fields[key] = each.toWellFormed();
  }
}
