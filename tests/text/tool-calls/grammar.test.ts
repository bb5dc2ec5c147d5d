/** What answers a grammar of calls lets through, as llama.cpp sees it. */

import { describe, expect, test } from 'vitest';
import { type CallRules, callGrammar } from '../../../src/text/tool-calls/grammar.ts';
import type { CallSyntax } from '../../../src/text/tool-calls/syntax.ts';
import { wordsSyntax as tagged } from '../../../src/text/tool-calls/words.ts';
import { type Matcher, matcherOf } from '../json-grammar/matcher.ts';

const bare: CallSyntax = {
  ...tagged,
  opening: '',
  closing: '',
  between: null,
  mark: '',
  bare: true,
  argumentsKey: 'parameters',
};
const listed: CallSyntax = {
  ...tagged,
  opening: '[T][',
  closing: ']',
  between: ', ',
  mark: '[T]',
  bare: true,
  withId: true,
};

const tool = (name: string, parameters?: Record<string, unknown>, strict = false) => ({
  tool: { type: 'function' as const, function: { name, strict, ...(parameters && { parameters }) } },
  param: 'tools[0].function.parameters',
});
const a = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], additionalProperties: false };
const add = tool('add', a, true);
const say = tool('say');

const matcher = async (rules: Partial<CallRules>): Promise<Matcher> =>
  matcherOf({
    type: 'grammar',
    gbnf: callGrammar({ syntax: tagged, tools: [add, say], several: true, instead: 'nothing', ...rules }),
  });
const tag = (json: string): string => `<tool_call>\n${json}\n</tool_call>`;
const one = tag('{"name":"add","arguments":{"a": 1}}');

describe('calls and nothing else', () => {
  test.each([
    [one, true],
    [tag('{"name": "say", "arguments": {"any": ["thing"]}}'), true],
    [`${one}\n${one}`, true],
    [`${one}${one}`, false],
    [tag('{"name":"sing","arguments":{}}'), false],
    [tag('{"name":"add","arguments":{"a":"1"}}'), false],
    [tag('{"name":"add","arguments":{}}'), false],
    [tag('{"name":"say","arguments":[]}'), false],
    [`Well: ${one}`, false],
    ['', false],
  ])('%j: %s', async (text, expected) => expect((await matcher({}))(text)).toBe(expected));

  test('one only, where several are not wanted or not known', async () => {
    expect((await matcher({ several: false }))(`${one}\n${one}`)).toBe(false);
    const single = await matcher({ syntax: bare });
    expect(single('{"name": "add", "parameters": {"a": 2}}')).toBe(true);
    expect(single('{"name": "add", "arguments": {"a": 2}}')).toBe(false);
  });

  test('sixteen at most', async () => {
    const matches = await matcher({});
    const calls = (count: number) => Array.from({ length: count }, () => one).join('\n');
    expect(matches(calls(16))).toBe(true);
    expect(matches(calls(17))).toBe(false);
  });

  test('in a list, with ids or without', async () => {
    const matches = await matcher({ syntax: listed });
    expect(matches('[T][{"name":"add","arguments":{"a":1},"id":"abc123XYZ"}, {"name":"say","arguments":{}}]')).toBe(
      true,
    );
    expect(matches('[T][{"name":"add","arguments":{"a":1},"id":"short"}]')).toBe(false);
  });

  test('in the template’s own order', async () => {
    const matches = await matcher({ syntax: { ...tagged, argumentsFirst: true } });
    expect(matches(tag('{ "arguments": {"a":1}, "name": "add"}'))).toBe(true);
    expect(matches(one)).toBe(false);
  });
});

describe('calls or words', () => {
  test.each([
    ['', true],
    ['Hello <there> <tool_ca', true],
    [`Hello.\n${one}`, true],
    [one, true],
    ['<tool_call>', false],
    ['<<tool_call>{oops', false],
    [`<tool<tool_call>{"name":"add"}`, false],
    [tag('{"name":"add","arguments":{"a":"x"}}'), false],
  ])('%j: %s', async (text, expected) => expect((await matcher({ instead: 'text' }))(text)).toBe(expected));

  test('without a mark: words do not begin like JSON', async () => {
    const matches = await matcher({ syntax: bare, instead: 'text' });
    expect(matches('Hello {"name": 1}')).toBe(true);
    expect(matches('')).toBe(true);
    expect(matches('{"name": "add", "parameters": {"a": 1}}')).toBe(true);
    expect(matches('{"name": "add"}')).toBe(false);
  });
});

test('calls or JSON of a schema', async () => {
  const matches = await matcher({ instead: { schema: a, strict: true, param: 'response_format' } });
  expect(matches('{"a": 7}')).toBe(true);
  expect(matches(one)).toBe(true);
  expect(matches('Hello')).toBe(false);
});

test('parameters that no grammar can promise are refused where they are strict, and else are any object', async () => {
  const odd = {
    type: 'object',
    properties: { a: { not: { type: 'string' } } },
    required: ['a'],
    additionalProperties: false,
  };
  expect(() =>
    callGrammar({ syntax: tagged, tools: [tool('odd', odd, true)], several: true, instead: 'nothing' }),
  ).toThrow();
  const loose = await matcher({ tools: [tool('odd', odd)] });
  expect(loose(tag('{"name":"odd","arguments":{"b": null}}'))).toBe(true);
  expect(loose(tag('{"name":"odd","arguments":7}'))).toBe(false);
  const list = { type: 'array' };
  expect(() => callGrammar({ syntax: tagged, tools: [tool('l', list)], several: true, instead: 'nothing' })).toThrow(
    /the parameters of a function are an object/,
  );
});
