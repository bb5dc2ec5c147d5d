import { describe, expect, test } from 'vitest';
import type { Message, ToolDefinition } from '../../../src/domain/example.ts';
import { GgufMetadata } from '../../../src/formats/gguf-metadata.ts';
import { TextCodec } from '../../../src/text/codec.ts';
import { CallReader, type Reading } from '../../../src/text/tool-calls/reader.ts';
import { tinyTokenizerMetadata } from '../../tiny-model.ts';
import * as templates from '../templates.ts';

const codecOf = (chatTemplate: string): TextCodec =>
  TextCodec.fromGguf(new GgufMetadata(Object.entries(tinyTokenizerMetadata({ chatTemplate }))));

const syntaxOf = (chatTemplate: string) => codecOf(chatTemplate).template.callSyntax;

test('the syntax of a template is what it writes', () => {
  expect(syntaxOf(templates.tagged)).toEqual({
    opening: '<tool_call>\n',
    closing: '\n</tool_call>',
    between: '\n</tool_call>\n<tool_call>\n',
    argumentsKey: 'arguments',
    argumentsFirst: false,
    mark: '<tool_call>',
    bare: false,
    withId: false,
  });
  expect(syntaxOf(templates.listed)).toMatchObject({
    opening: '<|tool|>[',
    closing: ']',
    between: ', ',
    mark: '<|tool|>',
    bare: true,
    withId: true,
  });
  expect(syntaxOf(templates.bare)).toMatchObject({
    opening: '',
    closing: '',
    between: null,
    argumentsKey: 'parameters',
    bare: true,
  });
  expect(syntaxOf(templates.thoughtful)).toMatchObject({
    opening: '<think></think>\n<tool_call>\n',
    argumentsFirst: true,
    mark: '<tool_call>',
    bare: false,
  });
  expect(syntaxOf(templates.tooled)).toMatchObject({ opening: '<|tool|>', between: '<|tool|>', bare: true });
});

test('a template that knows no tools, or whose calls cannot be read back, gets them in words', () => {
  const words = syntaxOf(templates.chatMl);
  expect(words).toMatchObject({ mark: '<tool_call>', bare: false });
  const peculiar = codecOf(templates.peculiar);
  expect(peculiar.template.callSyntax).toEqual(words);
  const tools: ToolDefinition[] = [{ type: 'function', function: { name: 'add' } }];
  const prompt = peculiar.tokenizer.decode(peculiar.encodePrompt([{ role: 'user', content: 'Hi' }], { tools }));
  expect(prompt).toContain('These functions can be called');
});

const tools: ToolDefinition[] = ['add', 'say'].map((name) => ({
  type: 'function',
  function: { name, description: `To ${name}.`, parameters: { type: 'object', properties: { a: { type: 'number' } } } },
}));
const call = (id: string, name: string, text: string) =>
  ({ id, type: 'function', function: { name, arguments: text } }) as const;
const kinds = {
  tagged: templates.tagged,
  listed: templates.listed,
  bare: templates.bare,
  tooled: templates.tooled,
  thoughtful: templates.thoughtful,
  words: templates.chatMl,
};

describe.each(Object.entries(kinds))('calls of a %s template', (kind, chatTemplate) => {
  const codec = codecOf(chatTemplate);
  const user: Message = { role: 'user', content: 'Add and say.' };
  const calls = [call('call_1', 'add', '{"a": 1}'), call('call_2', 'say', '{"text": "a } \\" b", "list": [{}]}')];
  const made = kind === 'bare' ? calls.slice(0, 1) : calls;
  const answer: Message = { role: 'assistant', content: null, tool_calls: made };

  test('are trained, and read back from what was trained', () => {
    const [sequence] = codec.encodeExample({ messages: [user, answer], tools }, 1);
    const { ids, mask } = sequence!;
    const start = mask.indexOf(1);
    expect(ids.subarray(0, start)).toEqual(codec.encodePrompt([user], { tools }));
    expect(mask.subarray(start).every((bit) => bit === 1)).toBe(true);
    expect(codec.endOfTurnIds.has(ids.at(-1)!)).toBe(true);
    const text = codec.tokenizer.decode(ids.subarray(start, -1)).replace('<think></think>\n', '');
    expect(callsIn(codec, text)).toEqual(made.map(({ function: f }) => [f.name, JSON.parse(f.arguments)]));
  });

  test('are context with weight 0 and in history, and results are never trained', () => {
    const results = made.map(({ id }): Message => ({ role: 'tool', tool_call_id: id, content: 'result!' }));
    const last: Message = { role: 'assistant', content: 'Done.' };
    const messages: Message[] = [user, { ...answer, weight: 0 }, ...results, last];
    const [sequence] = codec.encodeExample({ messages, tools }, 1);
    const { ids, mask } = sequence!;
    const start = mask.indexOf(1);
    expect(codec.tokenizer.decode(ids.subarray(start, -1))).toMatch(/^(<think><\/think>\n)?Done\.$/u);
    expect(ids.subarray(0, start)).toEqual(codec.encodePrompt(messages.slice(0, -1), { tools }));
    expect(codec.tokenizer.decode(ids.subarray(0, start))).toContain('result!');
    const both = codec.encodeExample({ messages: [user, answer, ...results, last], tools }, 1);
    const targets = both.flatMap(({ ids, mask }) => [...ids].filter((_, i) => mask[i] === 1));
    expect(codec.tokenizer.decode(targets)).not.toContain('result!');
    expect(codec.tokenizer.decode(targets)).toContain('Done.');
  });
});

/** Names and arguments; nothing else may be said. */
function callsIn(codec: TextCodec, text: string): [string, unknown][] {
  const names = new Set(tools.map((tool) => tool.function.name));
  const reader = new CallReader(codec.template.callSyntax, names);
  const readings: Reading[] = [...Array.from(text).flatMap((letter) => reader.read(letter)), ...reader.end()];
  const found: [string, string][] = [];
  for (const reading of readings) {
    if (reading.type === 'call') found.push([reading.name, '']);
    else if (reading.type === 'arguments') found.at(-1)![1] += reading.text;
    else throw new Error(`Text among calls: ${reading.text}`);
  }
  return found.map(([name, json]) => [name, JSON.parse(json)]);
}
