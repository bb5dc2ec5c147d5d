/**
 * The messages of a conversation against OpenAI's rules: roles, keys, contents, names, weights.
 *
 * Three of the four formats hold conversations. What only one of them asks for (who speaks last, who must speak at
 * all) is that format's own page.
 */

import type { Message, Role } from '../domain/example.ts';
import { checkImage, checkImageCount } from './images.ts';
import { meantName } from './meant.ts';
import { child, describe, isObject, quoted, type Fields, type Place, type Report } from './problem.ts';
import { checkCall, checkToolCalls } from './tools.ts';

export interface MessageRules {
  /** Whether a message may carry `weight`: only where all assistant messages are targets. */
  readonly weights: boolean;
  /** Whether images are looked at by OpenAI's rules, or refused as no base model here can see. */
  readonly images: boolean;
}

const messageKeys: Record<Role, readonly string[]> = {
  system: ['role', 'content', 'name'],
  developer: ['role', 'content', 'name'],
  user: ['role', 'content', 'name'],
  assistant: ['role', 'content', 'name', 'refusal', 'tool_calls', 'function_call'],
  tool: ['role', 'content', 'tool_call_id', 'name'],
  function: ['role', 'content', 'name'],
};
const weightedKeys = [...messageKeys.assistant, 'weight'];

/** The keys that a message of this role may have; `weight` only where all answers are targets. */
export const keysOfMessage = (role: Role, weights: boolean): readonly string[] =>
  role === 'assistant' && weights ? weightedKeys : messageKeys[role];

/** The list under `key`, or null when it is none, is empty or one of its messages is not as it should be. */
export function checkMessages(
  list: unknown,
  key: string,
  line: Place,
  rules: MessageRules,
  report: Report,
): readonly Message[] | null {
  const path = `${line.path}.${key}`;
  if (!Array.isArray(list) || list.length === 0) {
    report.add(
      'missing_messages_list',
      { path, name: `${line.name}, key "${key}"` },
      {
        found: describe(list),
        expected: 'a list of at least one message',
        suggestion: 'Put the messages in a list, each {"role": "…", "content": "…"}.',
      },
    );
    return null;
  }
  const before = report.errorCount;
  let images = 0;
  for (let i = 0; i < list.length; i++) {
    const place = { path: `${path}[${i}]`, name: `${line.name}, message ${i + 1}` };
    images += checkMessage(list[i], place, rules, report);
  }
  if (images > 0) checkImageCount(images, { path, name: line.name }, report);
  return report.errorCount > before ? null : (list as readonly Message[]);
}

/** How many images the message has. */
function checkMessage(message: unknown, place: Place, rules: MessageRules, report: Report): number {
  if (!isObject(message)) {
    const found = describe(message);
    const expected = 'an object with "role" and "content"';
    report.add('data_type', place, { found, expected, message: `${place.name} is ${found}, but must be ${expected}.` });
    return 0;
  }
  const role = roleOf(message, place, report);
  if (role === null) return 0;
  checkKeys(message, keysOfMessage(role, rules.weights), place, report, 'message_unrecognized_key');
  const images = checkContent(message, role, place, rules, report);
  checkName(message, role, place, report);
  if (role === 'tool' && typeof message['tool_call_id'] !== 'string') {
    const way = 'Give the id of the call that this message answers.';
    report.field('message_missing_key', place, 'tool_call_id', message['tool_call_id'], 'a string', way);
  }
  if (role === 'assistant') checkAnswer(message, place, rules, report);
  return images;
}

/** Names of roles that other tools use. */
const otherRoles: ReadonlyMap<string, Role> = new Map([
  ['human', 'user'],
  ['customer', 'user'],
  ['prompter', 'user'],
  ['gpt', 'assistant'],
  ['bot', 'assistant'],
  ['ai', 'assistant'],
  ['model', 'assistant'],
  ['chatgpt', 'assistant'],
  ['agent', 'assistant'],
]);

/** The role that a name most likely means, where it is none. */
export function meantRole(name: unknown): Role | null {
  if (typeof name !== 'string') return null;
  const plain = name.trim().toLowerCase();
  return isRole(plain) ? plain : (otherRoles.get(plain) ?? null);
}

function roleOf(message: Fields, place: Place, report: Report): Role | null {
  const { role } = message;
  if (isRole(role)) return role;
  const at = { path: `${place.path}.role`, name: place.name };
  const expected = `one of ${quoted(roles)}`;
  if (role === undefined) {
    const speaker = 'from' in message ? ' ShareGPT calls it "from"; tunesmith data convert reads such files.' : '';
    report.add('message_missing_key', at, {
      found: 'missing',
      expected,
      suggestion: `Say who speaks: "role": "user" or "role": "assistant".${speaker}`,
      message: `${place.name} Discriminator 'role' is missing in value`,
    });
    return null;
  }
  const found = describe(role);
  const meant = meantRole(role) ?? (typeof role === 'string' ? meantName(role, roles) : undefined);
  report.add('unrecognized_role', at, {
    found,
    expected,
    suggestion: meant === undefined ? null : `Write "role": "${meant}".`,
    message: `${place.name} Discriminator 'role' is ${found}, expected ${expected}.`,
  });
  return null;
}

function checkContent(message: Fields, role: Role, place: Place, rules: MessageRules, report: Report): number {
  const { content } = message;
  if (typeof content === 'string') {
    if (role !== 'assistant' || content !== '' || message['tool_calls'] != null || message['function_call'] != null)
      return 0;
    report.add(
      'empty_answer',
      { path: `${place.path}.content`, name: place.name },
      {
        found: '""',
        expected: 'something to say',
        suggestion: 'Write the answer, or leave the example out: an empty one teaches to say nothing.',
        message: `${place.name}: the assistant's "content" is empty, which teaches to say nothing.`,
      },
    );
    return 0;
  }
  if (content === undefined || content === null) {
    const calls = message['tool_calls'] ?? message['function_call'];
    if (role === 'assistant' && calls !== undefined && calls !== null) return 0;
    const unless = role === 'assistant' ? ' or the message must have "tool_calls"' : '';
    const code = content === undefined ? 'message_missing_key' : 'missing_content';
    report.field(code, place, 'content', content, `a string${unless}`, 'Write the text, or leave the example out.');
    return 0;
  }
  if (!Array.isArray(content)) {
    const text = typeof content === 'number' || typeof content === 'boolean' ? `"${content}"` : null;
    const way = text === null ? null : `Write it as text: "content": ${text}.`;
    report.field('missing_content', place, 'content', content, 'a string or a list of text parts', way);
    return 0;
  }
  let images = 0;
  for (let i = 0; i < content.length; i++) {
    const part: unknown = content[i];
    if (isObject(part) && part['type'] === 'text' && typeof part['text'] === 'string') continue;
    const at = { path: `${place.path}.content[${i}]`, name: `${place.name}, content part ${i + 1}` };
    if (rules.images && isObject(part) && part['type'] === 'image_url') {
      images += 1;
      checkImage(part, role, at, report);
      continue;
    }
    const found =
      isObject(part) && typeof part['type'] === 'string' ? `a part of type ${describe(part['type'])}` : describe(part);
    report.add('missing_content', at, {
      found,
      expected: '{"type": "text", "text": "…"}',
      suggestion: 'Leave the part out, or say in words what it shows.',
      message: `${at.name}: found ${found}; this model learns from text only, expected {"type": "text", "text": "…"}.`,
    });
  }
  return images;
}

const namePattern = /^[a-zA-Z0-9_-]{1,64}$/;

function checkName({ name }: Fields, role: Role, place: Place, report: Report): void {
  if (typeof name === 'string') {
    if (namePattern.test(name)) return;
    report.add(
      'odd_name',
      { path: `${place.path}.name`, name: place.name },
      {
        found: describe(name),
        expected: 'up to 64 letters, digits, underscores and dashes',
        suggestion: 'Rename it: OpenAI refuses such names when the model is used.',
      },
    );
    return;
  }
  if (name === undefined || name === null ? role !== 'function' : false) return;
  const code = name === undefined ? 'message_missing_key' : 'invalid_value';
  report.field(code, place, 'name', name, 'a string', 'Give the name as text, or leave it out.');
}

function checkAnswer(message: Fields, place: Place, { weights }: MessageRules, report: Report): void {
  const { refusal, weight, tool_calls: calls, function_call: call } = message;
  if (refusal !== undefined && refusal !== null && typeof refusal !== 'string') {
    report.field('invalid_value', place, 'refusal', refusal, 'a string');
  }
  if (weights && weight !== undefined && weight !== 0 && weight !== 1) {
    const way = 'Write 1, or leave it out, to learn the message; 0 to keep it as context only.';
    report.field('invalid_weight', place, 'weight', weight, '0 or 1', way);
  }
  if (calls !== undefined && calls !== null) checkToolCalls(calls, place, report);
  if (call !== undefined && call !== null) {
    checkCall(call, { path: `${place.path}.function_call`, name: `${place.name}, "function_call"` }, report);
  }
}

/** Keys that a row or a message must not have. */
export function checkKeys(
  fields: Fields,
  known: readonly string[],
  place: Place,
  report: Report,
  code: 'unrecognized_key' | 'message_unrecognized_key' = 'unrecognized_key',
): void {
  for (const key in fields) {
    if (known.includes(key)) continue;
    const meant = report.isFull ? undefined : meantName(key, known);
    report.add(
      code,
      { path: child(place.path, key), name: place.name },
      {
        found: `the key ${describe(key)}`,
        expected: `only ${quoted(known)}`,
        suggestion: meant === undefined || Object.hasOwn(fields, meant) ? 'Remove it.' : `Rename it to "${meant}".`,
        message: `${place.name} contains an extra ${describe(key)}. Expected only ${quoted(known)}.`,
      },
    );
  }
}

export const roles = Object.keys(messageKeys) as Role[];
const isRole = (value: unknown): value is Role => typeof value === 'string' && Object.hasOwn(messageKeys, value);
