/** Tools: their definitions, the calls an assistant makes, and the answers to these calls. */

import type { Message, ToolDefinition } from '../domain/example.ts';
import { describe, isObject, quoted, type Fields, type Place, type Report } from './problem.ts';

const definitionsMax = 128;
const namePattern = /^[a-zA-Z0-9_-]{1,64}$/;

/** What `tools` and the deprecated `functions` define together. */
export function checkTools(row: Fields, line: Place, report: Report): readonly ToolDefinition[] {
  if (row['tools'] === undefined && row['functions'] === undefined) return [];
  const tools = checkDefinitions(row['tools'], 'tools', line, report, (tool, place) => {
    if (isObject(tool) && tool['type'] === 'function' && isObject(tool['function'])) return tool['function'];
    const bare = isObject(tool) && typeof tool['name'] === 'string';
    report.add('invalid_tool', place, {
      found: describe(tool),
      expected: '{"type": "function", "function": {"name": "…"}}',
      suggestion: bare ? 'Wrap it: {"type": "function", "function": { … }}.' : null,
    });
    return null;
  });
  // The deprecated spelling: the same definitions without their envelope.
  const functions = checkDefinitions(row['functions'], 'functions', line, report, (definition, place) => {
    if (isObject(definition)) return definition;
    report.add('invalid_tool', place, { found: describe(definition), expected: '{"name": "…"}' });
    return null;
  });
  return [...tools, ...functions];
}

function checkDefinitions(
  list: unknown,
  key: 'tools' | 'functions',
  line: Place,
  report: Report,
  definitionOf: (entry: unknown, place: Place) => Fields | null,
): ToolDefinition[] {
  if (list === undefined) return [];
  const path = `${line.path}.${key}`;
  const name = `${line.name}, key "${key}"`;
  if (!Array.isArray(list) || list.length > definitionsMax || (list.length === 0 && key === 'functions')) {
    report.add(
      'invalid_tool',
      { path, name },
      {
        found: Array.isArray(list) ? `a list of ${list.length}` : describe(list),
        expected: `a list of at most ${definitionsMax} definitions`,
        suggestion: Array.isArray(list) && list.length === 0 ? `Leave "${key}" out.` : null,
      },
    );
    return [];
  }
  return list.flatMap((entry: unknown, i) => {
    const entryName = `${name}, entry ${i + 1}`;
    const definition = definitionOf(entry, { path: `${path}[${i}]`, name: entryName });
    if (definition === null) return [];
    const place = { path: key === 'tools' ? `${path}[${i}].function` : `${path}[${i}]`, name: entryName };
    checkDefinition(definition, place, report);
    return [{ type: 'function', function: definition as unknown as ToolDefinition['function'] }];
  });
}

function checkDefinition({ name, description, parameters, strict }: Fields, place: Place, report: Report): void {
  const field = (key: string, value: unknown, expected: string): void =>
    report.field('invalid_tool', place, key, value, expected);
  if (typeof name !== 'string' || name === '') field('name', name, 'a name');
  else if (!namePattern.test(name)) {
    report.add(
      'odd_name',
      { path: `${place.path}.name`, name: place.name },
      {
        found: describe(name),
        expected: 'up to 64 letters, digits, underscores and dashes',
        suggestion: 'Rename the tool: OpenAI refuses such names when the model is used.',
      },
    );
  }
  if (description !== undefined && typeof description !== 'string') field('description', description, 'a string');
  if (parameters !== undefined && !isObject(parameters)) field('parameters', parameters, 'a JSON schema object');
  if (strict !== undefined && strict !== null && typeof strict !== 'boolean') field('strict', strict, 'true or false');
}

/** `place` is that of the message. */
export function checkToolCalls(calls: unknown, place: Place, report: Report): void {
  if (!Array.isArray(calls) || calls.length === 0) {
    const way = Array.isArray(calls) ? 'Leave "tool_calls" out where nothing is called.' : null;
    report.field('invalid_tool_call', place, 'tool_calls', calls, 'a list of at least one call', way);
    return;
  }
  calls.forEach((call: unknown, i) => {
    const at = { path: `${place.path}.tool_calls[${i}]`, name: `${place.name}, tool call ${i + 1}` };
    if (isObject(call) && call['function'] !== undefined) {
      checkCall(call['function'], { path: `${at.path}.function`, name: at.name }, report);
    }
    if (isObject(call) && typeof call['id'] === 'string' && call['type'] === 'function' && 'function' in call) return;
    const lacksType = isObject(call) && typeof call['id'] === 'string' && call['type'] === undefined;
    report.add('invalid_tool_call', at, {
      found: describe(call),
      expected: '{"id": "…", "type": "function", "function": {"name": "…", "arguments": "{…}"}}',
      suggestion: lacksType ? 'Add "type": "function".' : null,
    });
  });
}

/** A name with arguments: what is called, by a tool call or by the deprecated `function_call`. */
export function checkCall(call: unknown, place: Place, report: Report): void {
  const expected = '{"name": "…", "arguments": "{…}"} with both as strings';
  if (!isObject(call) || typeof call['name'] !== 'string' || typeof call['arguments'] !== 'string') {
    const unwritten = isObject(call) && isObject(call['arguments']);
    const path = unwritten ? `${place.path}.arguments` : place.path;
    report.add(
      'invalid_tool_call',
      { path, name: place.name },
      {
        found: describe(call),
        expected,
        suggestion: unwritten ? 'Write the arguments as JSON text: "{\\"key\\": \\"value\\"}".' : null,
      },
    );
    return;
  }
  try {
    JSON.parse(call['arguments']);
  } catch {
    const way = 'Arguments are a JSON object written as text: "{\\"key\\": \\"value\\"}".';
    report.field('invalid_tool_call', place, 'arguments', call['arguments'], 'JSON text', way);
  }
}

/**
 * Calls and answers in their order: an answer needs a call before it, a call an answer after it unless the
 * conversation ends there, and a called tool its definition.
 */
export function checkDialogue(
  messages: readonly Message[],
  tools: readonly ToolDefinition[],
  line: Place,
  report: Report,
): void {
  if (!messages.some(({ role, tool_calls, function_call }) => role === 'tool' || tool_calls || function_call)) return;
  const open = new Map<string, Place>();
  const made = new Set<string>();
  messages.forEach((message, i) => {
    const place = { path: `${line.path}.messages[${i}]`, name: `${line.name}, message ${i + 1}` };
    if (message.role === 'tool') {
      if (!made.has(message.tool_call_id!)) strayAnswer(message.tool_call_id!, made, place, report);
      open.delete(message.tool_call_id!);
      return;
    }
    for (const [id, call] of open) unanswered(id, call, report);
    open.clear();
    message.tool_calls?.forEach(({ id }, c) => {
      const at = { path: `${place.path}.tool_calls[${c}].id`, name: `${place.name}, tool call ${c + 1}` };
      if (made.has(id)) repeated(id, at, report);
      made.add(id);
      open.set(id, at);
    });
  });
  undefinedTools(messages, tools, line, report);
}

function strayAnswer(id: string, made: ReadonlySet<string>, { path, name }: Place, report: Report): void {
  const found = describe(id);
  const expected = made.size > 0 ? `one of ${quoted([...made])}` : 'a call made by an assistant message before it';
  report.add(
    'unknown_tool_call',
    { path: `${path}.tool_call_id`, name },
    {
      found,
      expected,
      suggestion: made.size === 1 ? `Write "tool_call_id": ${quoted([...made])}.` : null,
      message: `${name}: "tool_call_id" is ${found}, expected ${expected}.`,
    },
  );
}

function unanswered(id: string, place: Place, report: Report): void {
  report.add('unanswered_tool_call', place, {
    found: `no answer to ${describe(id)}`,
    expected: 'a tool message that answers it before the conversation goes on',
    suggestion: `Add {"role": "tool", "tool_call_id": ${describe(id)}, "content": "…"} after the call.`,
  });
}

function repeated(id: string, place: Place, report: Report): void {
  report.add('repeated_tool_call', place, {
    found: `the id ${describe(id)} again`,
    expected: 'an id of its own for each call',
    suggestion: 'Number the calls.',
  });
}

function undefinedTools(
  messages: readonly Message[],
  tools: readonly ToolDefinition[],
  line: Place,
  report: Report,
): void {
  const known = new Set(tools.map((tool) => tool.function.name));
  messages.forEach((message, i) => {
    const called =
      message.tool_calls?.map((call) => call.function.name) ??
      (message.function_call ? [message.function_call.name] : []);
    for (const name of called) {
      if (known.has(name)) continue;
      known.add(name);
      report.add(
        'undefined_tool',
        { path: `${line.path}.messages[${i}]`, name: `${line.name}, message ${i + 1}` },
        {
          found: `a call of ${describe(name)}`,
          expected: `a tool that "tools" defines${tools.length > 0 ? `: ${quoted(tools.map((tool) => tool.function.name))}` : ''}`,
          suggestion: 'Define the tool, so that the model learns to call what it is offered.',
        },
      );
    }
  });
}
