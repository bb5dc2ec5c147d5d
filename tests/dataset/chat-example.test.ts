import { expect, test } from 'vitest';
import type { ChatExample } from '../../src/domain/example.ts';
import { isFormatError, Report, type Problem } from '../../src/dataset/problem.ts';
import { checkValue } from '../../src/dataset/rows.ts';

const user = { role: 'user', content: 'Hi' };
const assistant = { role: 'assistant', content: 'Hello' };
const call = { id: 'c1', type: 'function', function: { name: 'fly', arguments: '{"to":"home"}' } };
const fly = { type: 'function', function: { name: 'fly', parameters: { type: 'object' } } };

interface Checked {
  readonly example: ChatExample | null;
  readonly problems: readonly Problem[];
}

/** A parsed line of a chat file, as a job would check it. */
function check(line: unknown, n: number): Checked {
  const report = new Report(n);
  const checked = checkValue(line, { path: '$', name: `Example ${n}` }, 'chat', false, report);
  return { example: checked?.format === 'chat' ? checked.example : null, problems: report.problems };
}

const chat = (...messages: unknown[]): unknown => ({ messages });

/** A line, and the kind, place and sentence of every fault in it; it is example 7. */
const faulty: [name: string, line: unknown, faults: [kind: string, path: string, message: RegExp][]][] = [
  ['a list', [1], [['format', '$', /^Example 7 is a list, but must be a JSON object\.$/]]],
  ['a number', 3, [['format', '$', /^Example 7 is 3, but must be a JSON object/]]],
  [
    'no messages',
    { text: 'x' },
    [['content', '$', /^Example 7 is missing key 'messages'\. Found "text", expected chat messages/]],
  ],
  [
    'a prompt/completion pair',
    { prompt: 'a', completion: 'b' },
    [['content', '$', /^Unexpected file format, expected chat messages.* Example 7 is a prompt\/completion pair/]],
  ],
  [
    'a preference pair',
    { input: {}, preferred_output: [] },
    [['content', '$', /preference format.*provided method=supervised/]],
  ],
  [
    'a weight on the line',
    { ...(chat(user, assistant) as object), weight: 1 },
    [['format', '$.weight', /^Example 7 contains an extra "weight"\. Expected only "messages"/]],
  ],
  ['messages that are no list', { messages: 'x' }, [['content', '$.messages', /found "x", expected a list/]]],
  [
    'an empty list of messages',
    chat(),
    [['content', '$.messages', /found an empty list, expected a list of at least one message/]],
  ],
  [
    'a message without role',
    chat(user, { content: 'x' }),
    [['content', '$.messages[1].role', /^Example 7, message 2 Discriminator 'role' is missing in value/]],
  ],
  [
    'an unknown role',
    chat({ role: 'bot', content: 'x' }, assistant),
    [
      [
        'content',
        '$.messages[0].role',
        /^Example 7, message 1 Discriminator 'role' is "bot", expected one of "system"/,
      ],
    ],
  ],
  [
    'a role of the prototype',
    chat({ role: 'toString', content: 'x' }, assistant),
    [['content', '$.messages[0].role', /'role' is "toString"/]],
  ],
  [
    'a message that is a string',
    chat('hello', assistant),
    [['format', '$.messages[0]', /is "hello", but must be an object/]],
  ],
  ['no assistant message', chat(user), [['content', '$.messages', /At least one message must be from the assistant/]]],
  ['only weight 0', chat(user, { ...assistant, weight: 0 }), [['content', '$.messages', /nothing to learn/]]],
  [
    'a weight of 2',
    chat(user, { ...assistant, weight: 2 }),
    [['format', '$.messages[1].weight', /"weight" is 2, but must be 0 or 1/]],
  ],
  [
    'a weight of true',
    chat(user, { ...assistant, weight: true }),
    [['format', '$.messages[1].weight', /"weight" is true/]],
  ],
  [
    'a weight on a user message',
    chat({ ...user, weight: 1 }, assistant),
    [['format', '$.messages[0].weight', /^Example 7, message 1 contains an extra "weight"/]],
  ],
  [
    'null content',
    chat({ role: 'user', content: null }, assistant),
    [['content', '$.messages[0].content', /"content" is null, but must be a string/]],
  ],
  [
    'no content and no calls',
    chat(user, { role: 'assistant' }),
    [['content', '$.messages[1].content', /is missing, but must be a string or the message must have "tool_calls"/]],
  ],
  [
    'an image',
    chat({ role: 'user', content: [{ type: 'image_url', image_url: {} }] }, assistant),
    [['content', '$.messages[0].content[0]', /found a part of type "image_url".*text only/]],
  ],
  [
    'a tool answer to no call',
    chat(user, { role: 'tool', content: 'x', tool_call_id: 'c9' }, assistant),
    [['content', '$.messages[1].tool_call_id', /"tool_call_id" is "c9", expected a call made by/]],
  ],
  [
    'a tool answer without id',
    chat(user, { role: 'tool', content: 'x' }, assistant),
    [['content', '$.messages[1].tool_call_id', /"tool_call_id" is missing, but must be a string/]],
  ],
  [
    'arguments that are no JSON',
    chat(user, { role: 'assistant', tool_calls: [{ ...call, function: { name: 'fly', arguments: '{to' } }] }),
    [['content', '$.messages[1].tool_calls[0].function.arguments', /"arguments" is "\{to", but must be JSON text/]],
  ],
  [
    'tool calls that are no list',
    chat(user, { role: 'assistant', content: 'x', tool_calls: {} }),
    [['content', '$.messages[1].tool_calls', /must be a list of at least one call/]],
  ],
  [
    'a tool without name',
    { ...(chat(user, assistant) as object), tools: [{ type: 'function', function: {} }] },
    [['content', '$.tools[0].function.name', /"name" is missing, but must be a name/]],
  ],
  [
    'no functions',
    { ...(chat(user, assistant) as object), functions: [] },
    [['content', '$.functions', /found a list of 0/]],
  ],
  [
    'two faults',
    chat({ role: 'bot' }, { ...assistant, mood: 'good' }),
    [
      ['content', '$.messages[0].role', /'role' is "bot"/],
      ['format', '$.messages[1].mood', /message 2 contains an extra "mood"/],
    ],
  ],
];

test.each(faulty)('%s is refused with its place', (_, line, expected) => {
  const { example, problems } = check(line, 7);
  expect(example).toBeNull();
  expect(
    problems.map((problem) => [isFormatError(problem) ? 'format' : 'content', problem.path, problem.message]),
  ).toEqual(expected.map(([kind, path, message]) => [kind, path, expect.stringMatching(message)]));
});

test('every kind of message is accepted as it is', () => {
  const messages = [
    { role: 'system', content: 'Be brief.', name: 'boss' },
    { role: 'developer', content: [{ type: 'text', text: 'Be kind.' }] },
    user,
    { role: 'assistant', content: null, tool_calls: [call], weight: 0 },
    { role: 'tool', content: 'done', tool_call_id: 'c1' },
    { role: 'assistant', function_call: { name: 'fly', arguments: '{}' } },
    { role: 'function', name: 'fly', content: 'ok' },
    { ...assistant, refusal: null, weight: 1 },
  ];
  const checked = check({ messages, tools: [fly], parallel_tool_calls: false }, 1);
  expect(checked).toEqual({ example: { messages, tools: [fly], parallel_tool_calls: false }, problems: [] });
});

test('the deprecated functions become tools', () => {
  expect(check({ messages: [user, assistant], functions: [fly.function] }, 1).example?.tools).toEqual([fly]);
});

test('what trains and is yet odd is a warning', () => {
  const calls = { role: 'assistant', content: null, tool_calls: [call] };
  const { example, problems } = check(chat(user, calls, user, user), 1);
  expect(example).not.toBeNull();
  expect(problems.map(({ code, severity, path, found }) => [severity, code, path, found])).toEqual([
    ['warning', 'unanswered_tool_call', '$.messages[1].tool_calls[0].id', 'no answer to "c1"'],
    ['warning', 'undefined_tool', '$.messages[1]', 'a call of "fly"'],
    ['warning', 'trailing_messages', '$.messages[2]', '2 messages after the last answer'],
  ]);
});
