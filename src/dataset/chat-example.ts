/**
 * One parsed line of a chat file against the format's rules: every fault with its JSON path, or the example.
 *
 * The sentences begin the way OpenAI's do ("Example 3 contains an extra "weight".") because users search for
 * them; what was found and what was expected follow. Knows nothing of files, tokens or models.
 */

import type { ChatExample, Message, Role, ToolDefinition } from '../domain/example.ts';

/** `format`: the line has a wrong shape. `content`: its shape is right and it cannot be trained on. */
export interface Fault {
  readonly kind: 'format' | 'content';
  /** Where in the line, e.g. `$.messages[1].role`; list positions count from 0 as in JSONPath. */
  readonly path: string;
  readonly message: string;
}

export interface CheckedExample {
  /** Null when there are faults. */
  readonly example: ChatExample | null;
  readonly faults: readonly Fault[];
  /** Tools that the assistant calls and the example does not define. */
  readonly undefinedTools: readonly string[];
  /** Messages after the last one from the assistant: context for nothing. */
  readonly trailingMessages: number;
}

type Fields = Readonly<Record<string, unknown>>;
type Report = (kind: Fault['kind'], path: string, message: string) => void;

const lineKeys = ['messages', 'tools', 'parallel_tool_calls', 'functions'];
const messageKeys: Record<Role, readonly string[]> = {
  system: ['role', 'content', 'name'],
  developer: ['role', 'content', 'name'],
  user: ['role', 'content', 'name'],
  assistant: ['role', 'content', 'name', 'refusal', 'tool_calls', 'function_call', 'weight'],
  tool: ['role', 'content', 'tool_call_id', 'name'],
  function: ['role', 'content', 'name'],
};
const functionsMax = 128;

/** Checks one line's value; `n` is the example's number, from 1, as OpenAI's messages count. */
export function checkChatExample(value: unknown, n: number): CheckedExample {
  const faults: Fault[] = [];
  const report: Report = (kind, path, message) => faults.push({ kind, path, message });
  const empty = { example: null, faults, undefinedTools: [], trailingMessages: 0 };

  if (!isObject(value)) {
    report('format', '$', `Example ${n} is ${describe(value)}, but must be a JSON object.`);
    return empty;
  }
  if (!('messages' in value)) {
    report('content', '$', missingMessages(value, n));
    return empty;
  }
  extraKeys(value, lineKeys, '$', `Example ${n}`, report);
  const tools = checkTools(value, n, report);
  if ('parallel_tool_calls' in value && typeof value['parallel_tool_calls'] !== 'boolean') {
    const found = describe(value['parallel_tool_calls']);
    report(
      'content',
      '$.parallel_tool_calls',
      `Example ${n}, key "parallel_tool_calls": found ${found}, expected true or false.`,
    );
  }
  const messages = value['messages'];
  if (!Array.isArray(messages) || messages.length === 0) {
    const found = Array.isArray(messages) ? 'an empty list' : describe(messages);
    report(
      'content',
      '$.messages',
      `Example ${n}, key "messages": found ${found}, expected a list of at least one message.`,
    );
    return empty;
  }
  messages.forEach((message: unknown, i) =>
    checkMessage(message, `$.messages[${i}]`, `Example ${n}, message ${i + 1}`, report),
  );
  if (faults.length > 0) return empty;

  const checked = messages as readonly Message[];
  checkToolAnswers(checked, n, report);
  const answers = checked.filter(({ role }) => role === 'assistant');
  if (answers.length === 0) {
    report('content', '$.messages', `Example ${n}, key "messages": At least one message must be from the assistant.`);
  } else if (answers.every(({ weight }) => weight === 0)) {
    report(
      'content',
      '$.messages',
      `Example ${n}, key "messages": every assistant message has "weight": 0, so there is nothing to learn; at least one must have weight 1 or none.`,
    );
  }
  const called = checked.flatMap(
    (message) => message.tool_calls?.map((call) => call.function.name) ?? message.function_call?.name ?? [],
  );
  const defined = new Set(tools.map((tool) => tool.function.name));
  return {
    example:
      faults.length > 0 ? null : { messages: checked, ...(tools.length > 0 && { tools }), ...parallelCalls(value) },
    faults,
    undefinedTools: [...new Set(called)].filter((name) => !defined.has(name)),
    trailingMessages: checked.length - 1 - checked.findLastIndex(({ role }) => role === 'assistant'),
  };
}

/** Other fine-tuning formats are recognised, so that the message can say what the file is. */
function missingMessages(line: Fields, n: number): string {
  const expected =
    'expected chat messages: {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}';
  if ('prompt' in line && 'completion' in line) {
    return `Unexpected file format, ${expected}. Example ${n} is a prompt/completion pair.`;
  }
  if ('input' in line && ('preferred_output' in line || 'preferred_completion' in line)) {
    return `Example ${n} is in the preference format, but the specified fine-tuning job is not using 'dpo' as the training method (provided method=supervised); ${expected}.`;
  }
  const keys = Object.keys(line)
    .slice(0, 5)
    .map((key) => JSON.stringify(key));
  return `Example ${n} is missing key 'messages'. Found ${keys.length > 0 ? keys.join(', ') : 'an empty object'}, ${expected}.`;
}

function checkTools(line: Fields, n: number, report: Report): readonly ToolDefinition[] {
  const tools = checkDefinitions(line['tools'], '$.tools', `Example ${n}, key "tools"`, report, (tool, path, where) => {
    if (!isObject(tool) || tool['type'] !== 'function' || !isObject(tool['function'])) {
      report(
        'content',
        path,
        `${where}: found ${describe(tool)}, expected {"type": "function", "function": {"name": "…"}}.`,
      );
      return null;
    }
    return tool['function'];
  });
  // The deprecated spelling: the same definitions without their envelope.
  const functions = checkDefinitions(
    line['functions'],
    '$.functions',
    `Example ${n}, key "functions"`,
    report,
    (definition, path, where) => {
      if (isObject(definition)) return definition;
      report('content', path, `${where}: found ${describe(definition)}, expected {"name": "…"}.`);
      return null;
    },
  );
  return [...tools, ...functions];
}

function checkDefinitions(
  list: unknown,
  path: string,
  where: string,
  report: Report,
  definitionOf: (entry: unknown, path: string, where: string) => Fields | null,
): ToolDefinition[] {
  if (list === undefined) return [];
  if (!Array.isArray(list) || list.length > functionsMax || (list.length === 0 && path === '$.functions')) {
    const found = Array.isArray(list) ? `a list of ${list.length}` : describe(list);
    report('content', path, `${where}: found ${found}, expected a list of at most ${functionsMax} definitions.`);
    return [];
  }
  return list.flatMap((entry: unknown, i) => {
    const definition = definitionOf(entry, `${path}[${i}]`, `${where}, entry ${i + 1}`);
    if (definition === null) return [];
    const { name, description, parameters } = definition;
    const reportField = (key: string, found: unknown, expected: string): void =>
      report(
        'content',
        `${path}[${i}].${key}`,
        `${where}, entry ${i + 1}: "${key}" is ${describe(found)}, but must be ${expected}.`,
      );
    if (typeof name !== 'string' || name === '') reportField('name', name, 'a name');
    if (description !== undefined && typeof description !== 'string')
      reportField('description', description, 'a string');
    if (parameters !== undefined && !isObject(parameters))
      reportField('parameters', parameters, 'a JSON schema object');
    return [{ type: 'function', function: definition as unknown as ToolDefinition['function'] }];
  });
}

function checkMessage(message: unknown, path: string, where: string, report: Report): void {
  if (!isObject(message)) {
    report('content', path, `${where} is ${describe(message)}, but must be an object with "role" and "content".`);
    return;
  }
  if (!('role' in message)) {
    report('content', `${path}.role`, `${where} Discriminator 'role' is missing in value`);
    return;
  }
  const role = message['role'];
  if (!isRole(role)) {
    const expected = Object.keys(messageKeys)
      .map((name) => `"${name}"`)
      .join(', ');
    report(
      'content',
      `${path}.role`,
      `${where} Discriminator 'role' is ${describe(role)}, expected one of ${expected}.`,
    );
    return;
  }
  extraKeys(message, messageKeys[role], path, where, report);
  checkContent(message, role, path, where, report);
  const text = (key: string, required: boolean): void => {
    const found = message[key];
    if (typeof found === 'string' || (!required && (found === undefined || found === null))) return;
    report('content', `${path}.${key}`, `${where}: "${key}" is ${describe(found)}, but must be a string.`);
  };
  text('name', role === 'function');
  if (role === 'tool') text('tool_call_id', true);
  if (role !== 'assistant') return;
  text('refusal', false);
  const { weight, tool_calls: calls, function_call: call } = message;
  if (weight !== undefined && weight !== 0 && weight !== 1) {
    report('format', `${path}.weight`, `${where}: "weight" is ${describe(weight)}, but must be 0 or 1.`);
  }
  if (calls !== undefined && calls !== null) checkToolCalls(calls, `${path}.tool_calls`, where, report);
  if (call !== undefined && call !== null)
    checkCall(call, `${path}.function_call`, `${where}, "function_call"`, report);
}

function checkContent(message: Fields, role: Role, path: string, where: string, report: Report): void {
  const { content } = message;
  if (typeof content === 'string') return;
  if (content === undefined || content === null) {
    const calls = message['tool_calls'] ?? message['function_call'];
    if (role === 'assistant' && calls !== undefined && calls !== null) return;
    const unless = role === 'assistant' ? ' or the message must have "tool_calls"' : '';
    report('content', `${path}.content`, `${where}: "content" is ${describe(content)}, but must be a string${unless}.`);
    return;
  }
  if (!Array.isArray(content)) {
    report(
      'content',
      `${path}.content`,
      `${where}: "content" is ${describe(content)}, but must be a string or a list of text parts.`,
    );
    return;
  }
  content.forEach((part: unknown, i) => {
    if (isObject(part) && part['type'] === 'text' && typeof part['text'] === 'string') return;
    const found =
      isObject(part) && typeof part['type'] === 'string' ? `a part of type "${part['type']}"` : describe(part);
    report(
      'content',
      `${path}.content[${i}]`,
      `${where}, content part ${i + 1}: found ${found}; this model learns from text only, expected {"type": "text", "text": "…"}.`,
    );
  });
}

function checkToolCalls(calls: unknown, path: string, where: string, report: Report): void {
  if (!Array.isArray(calls) || calls.length === 0) {
    const found = Array.isArray(calls) ? 'an empty list' : describe(calls);
    report('content', path, `${where}: "tool_calls" is ${found}, but must be a list of at least one call.`);
    return;
  }
  calls.forEach((call: unknown, i) => {
    const callWhere = `${where}, tool call ${i + 1}`;
    if (!isObject(call) || typeof call['id'] !== 'string' || call['type'] !== 'function') {
      report(
        'content',
        `${path}[${i}]`,
        `${callWhere}: found ${describe(call)}, expected {"id": "…", "type": "function", "function": {"name": "…", "arguments": "{…}"}}.`,
      );
      return;
    }
    checkCall(call['function'], `${path}[${i}].function`, callWhere, report);
  });
}

function checkCall(call: unknown, path: string, where: string, report: Report): void {
  if (!isObject(call) || typeof call['name'] !== 'string' || typeof call['arguments'] !== 'string') {
    report(
      'content',
      path,
      `${where}: found ${describe(call)}, expected {"name": "…", "arguments": "{…}"} with both as strings.`,
    );
    return;
  }
  try {
    JSON.parse(call['arguments']);
  } catch {
    report(
      'content',
      `${path}.arguments`,
      `${where}: "arguments" is ${describe(call['arguments'])}, but must be JSON text.`,
    );
  }
}

/** A tool message answers a call that an assistant made before it. */
function checkToolAnswers(messages: readonly Message[], n: number, report: Report): void {
  const made = new Set<string>();
  messages.forEach((message, i) => {
    for (const call of message.tool_calls ?? []) made.add(call.id);
    if (message.role !== 'tool' || made.has(message.tool_call_id!)) return;
    const known =
      made.size > 0
        ? `one of ${[...made].map((id) => `"${id}"`).join(', ')}`
        : 'a call made by an assistant message before it';
    report(
      'content',
      `$.messages[${i}].tool_call_id`,
      `Example ${n}, message ${i + 1}: "tool_call_id" is "${message.tool_call_id}", expected ${known}.`,
    );
  });
}

function extraKeys(fields: Fields, known: readonly string[], path: string, where: string, report: Report): void {
  for (const key of Object.keys(fields)) {
    if (known.includes(key)) continue;
    const expected = known.map((name) => `"${name}"`).join(', ');
    report('format', `${path}.${key}`, `${where} contains an extra "${key}". Expected only ${expected}.`);
  }
}

const parallelCalls = (line: Fields): { parallel_tool_calls?: boolean } =>
  typeof line['parallel_tool_calls'] === 'boolean' ? { parallel_tool_calls: line['parallel_tool_calls'] } : {};

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isRole = (value: unknown): value is Role => typeof value === 'string' && Object.hasOwn(messageKeys, value);

/** What was found, short enough for a sentence. */
export function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object')
    return `an object with ${
      Object.keys(value)
        .slice(0, 4)
        .map((key) => `"${key}"`)
        .join(', ') || 'no keys'
    }`;
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text;
}
