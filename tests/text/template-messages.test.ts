import { expect, test } from 'vitest';
import type { Message, ToolDefinition } from '../../src/domain/example.ts';
import { abilitiesOf, toConversation } from '../../src/text/template-messages.ts';
import { chatMl, tooled } from './templates.ts';

const plain = abilitiesOf(chatMl);
const able = abilitiesOf(tooled);
const call = { id: 'call_1', type: 'function', function: { name: 'add', arguments: '{"a": 1}' } } as const;
const tool: ToolDefinition = { type: 'function', function: { name: 'add', parameters: { type: 'object' } } };

const contents = (messages: readonly Message[]): [string, string][] =>
  toConversation(messages, undefined, plain).messages.map(({ role, content }) => [role, content]);

test('absent contents are empty, parts are joined, a refusal is what was said, a developer is the system', () => {
  expect(
    contents([
      { role: 'developer', content: 'd' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      { role: 'assistant', content: null },
      { role: 'assistant' },
      { role: 'assistant', content: null, refusal: 'No.' },
    ]),
  ).toEqual([
    ['system', 'd'],
    ['user', 'ab'],
    ['assistant', ''],
    ['assistant', ''],
    ['assistant', 'No.'],
  ]);
});

test('a template that knows calls gets them with their arguments as objects', () => {
  const messages: Message[] = [
    { role: 'assistant', tool_calls: [call] },
    { role: 'tool', tool_call_id: 'call_1', content: '2' },
    { role: 'assistant', function_call: { name: 'old', arguments: 'not JSON' } },
    { role: 'function', name: 'old', content: '3' },
  ];
  expect(toConversation(messages, [tool], able)).toEqual({
    messages: [
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'add', arguments: { a: 1 } } }],
      },
      { role: 'tool', content: '2', name: 'add', tool_call_id: 'call_1' },
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: '', type: 'function', function: { name: 'old', arguments: 'not JSON' } }],
      },
      { role: 'tool', content: '3', name: 'old' },
    ],
    tools: [tool],
  });
});

test('a template that prints arguments as they are gets the text that the user wrote', () => {
  const abilities = abilitiesOf('{% if call.arguments is string %}{{ tool_calls }}{% endif %}');
  const { messages } = toConversation([{ role: 'assistant', tool_calls: [call] }], undefined, abilities);
  expect(messages[0]!.tool_calls![0]!.function.arguments).toBe('{"a": 1}');
});

test('for a template that knows no tools, tools, calls and results are said in words', () => {
  const messages: Message[] = [
    { role: 'user', content: 'Add.' },
    { role: 'assistant', content: 'Well:', tool_calls: [call, call] },
    { role: 'tool', tool_call_id: 'call_1', content: '2' },
    { role: 'tool', tool_call_id: 'call_1', content: '3' },
  ];
  const said = '<tool_call>\n{"name":"add","arguments":{"a": 1}}\n</tool_call>';
  expect(contents(messages)).toEqual([
    ['user', 'Add.'],
    ['assistant', `Well:\n${said}\n${said}`],
    ['user', '<tool_response>\n2\n</tool_response>\n<tool_response>\n3\n</tool_response>'],
  ]);
  const { messages: withTools, tools } = toConversation(messages, [tool], plain);
  expect(tools).toBeUndefined();
  expect(withTools[0]!.role).toBe('system');
  expect(withTools[0]!.content).toContain('{"name":"add","parameters":{"type":"object"}}');
  const withSystem = toConversation([{ role: 'system', content: 'Be kind.' }], [tool], plain).messages;
  expect(withSystem.length).toBe(1);
  expect(withSystem[0]!.content).toMatch(/^Be kind\.\n\nThese functions can be called, /u);
});
