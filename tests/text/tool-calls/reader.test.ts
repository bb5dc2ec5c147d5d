import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CallReader, type Reading } from '../../../src/text/tool-calls/reader.ts';
import type { CallSyntax } from '../../../src/text/tool-calls/syntax.ts';
import { wordsSyntax as tagged } from '../../../src/text/tool-calls/words.ts';

const bare: CallSyntax = { ...tagged, opening: '', closing: '', between: null, mark: '', bare: true };
const listed: CallSyntax = { ...bare, opening: '[TOOL_CALLS][', closing: ']', between: ', ', mark: '[TOOL_CALLS]' };
const names = new Set(['add', 'say']);

/** What was read, neighbours of a kind joined: `text`, `name(arguments)`. */
function read(syntax: CallSyntax, pieces: Iterable<string>): string[] {
  const reader = new CallReader(syntax, names);
  const said: string[] = [];
  let last: Reading['type'] | null = null;
  for (const reading of [...Array.from(pieces).flatMap((piece) => reader.read(piece)), ...reader.end()]) {
    if (reading.type === 'call') said.push(`${reading.name}:`);
    else if (reading.type === 'text' && last !== 'text') said.push(reading.text);
    else said[said.length - 1] += reading.text;
    last = reading.type;
  }
  return said;
}

const tag = (json: string): string => `<tool_call>\n${json}\n</tool_call>`;

describe('between tags', () => {
  test.each([
    ['one call', tag('{"name":"add","arguments":{"a": 1}}'), ['add:{"a": 1}']],
    [
      'two calls',
      `${tag('{"name":"add","arguments":{}}')}\n${tag('{"name": "say", "arguments": {"b": [2]}}')}`,
      ['add:{}', 'say:{"b": [2]}'],
    ],
    ['a call after words', `Let me see.\n${tag('{"name":"add","arguments":{}}')}\n`, ['Let me see.', 'add:{}']],
    [
      'brackets and tags in strings',
      tag('{"name":"say","arguments":{"a":"} </tool_call> \\" {"}}'),
      ['say:{"a":"} </tool_call> \\" {"}'],
    ],
    ['another order of keys', tag('{"arguments":{"a":1},"name":"add"}'), ['add:{"a":1}']],
    ['arguments in a string', tag('{"name":"add","arguments":"{\\"a\\":1}"}'), ['add:{"a":1}']],
    ['no arguments at all', tag('{"name":"add"}'), ['add:{}']],
    ['a function that nobody offered', tag('{"name":"sing","arguments":{}}'), ['sing:{}']],
    ['a call without its end', '<tool_call>\n{"name":"add","arguments":{"a": 1', ['add:{"a": 1']],
    ['a missing closing tag', '<tool_call>\n{"name":"add","arguments":{}}', ['add:{}']],
    ['words after a call', `${tag('{"name":"add","arguments":{}}')}\nThere.`, ['add:{}', 'There.']],
    [
      'a list between the tags',
      '<tool_call>[{"name":"add","arguments":{}}, {"name":"say","arguments":{}}]</tool_call>',
      ['add:{}', 'say:{}'],
    ],
    ['what is no call', tag('add(1, 2)'), [tag('add(1, 2)')]],
    ['JSON that is no call', tag('{"title":"x"}'), [tag('{"title":"x"}')]],
    ['half a tag', 'a <tool_ca', ['a <tool_ca']],
    ['words alone', ' Hello there. \n', [' Hello there. \n']],
    [
      'a broken call and a good one',
      `<tool_call>{oops</tool_call>${tag('{"name":"add","arguments":{}}')}`,
      ['<tool_call>{oops</tool_call>', 'add:{}'],
    ],
  ])('%s', (_, text, expected) => {
    expect(read(tagged, [text])).toEqual(expected);
    expect(read(tagged, text)).toEqual(expected);
  });
});

describe('without a mark', () => {
  test.each([
    ['a call is the whole answer', bare, '{"name": "add", "parameters": {"a": 1}}', ['add:{"a": 1}']],
    ['JSON of another kind is text', bare, '{"title": "add", "n": {}}', ['{"title": "add", "n": {}}']],
    [
      'a name that is no function is text',
      bare,
      '{"name": "Ann", "parameters": {}}',
      ['{"name": "Ann", "parameters": {}}'],
    ],
    [
      'a call in the middle is text',
      bare,
      'See {"name": "add", "parameters": {}}',
      ['See {"name": "add", "parameters": {}}'],
    ],
    [
      'calls in a list',
      listed,
      '[{"name": "add", "arguments": {}, "id": "1"}, {"name": "say", "arguments": {"a": []}}]',
      ['add:{}', 'say:{"a": []}'],
    ],
    ['a mark that is written out', listed, '[TOOL_CALLS][{"name": "add", "arguments": {}}]', ['add:{}']],
    ['a list of another kind is text', listed, '[1, 2, 3]', ['[1, 2, 3]']],
  ])('%s', (_, syntax, text, expected) => {
    expect(read(syntax, [text])).toEqual(expected);
    expect(read(syntax, text)).toEqual(expected);
  });
});

describe('behind an empty thought', () => {
  const thoughtful: CallSyntax = { ...tagged, opening: '<think></think>\n<tool_call>\n' };
  test.each([
    ['a call', `<think></think>\n${tag('{"name":"add","arguments":{}}')}`, ['add:{}']],
    ['a call without the thought', tag('{"name":"add","arguments":{}}'), ['add:{}']],
    ['words', '<think></think>\nHello.', ['<think></think>\nHello.']],
    [
      'a thought that is not empty',
      `<think>So.</think>${tag('{"name":"add","arguments":{}}')}`,
      ['<think>So.</think>', 'add:{}'],
    ],
    ['nothing', '<think></think>', ['<think></think>']],
  ])('%s', (_, text, expected) => {
    expect(read(thoughtful, [text])).toEqual(expected);
    expect(read(thoughtful, text)).toEqual(expected);
  });
});

test('text goes out as soon as it cannot become a call, and arguments as they come', () => {
  const reader = new CallReader(tagged, names);
  expect(reader.read('Hello <')).toEqual([{ type: 'text', text: 'Hello' }]);
  expect(reader.read('b>')).toEqual([{ type: 'text', text: ' <b>' }]);
  expect(reader.read('<tool_call>{"name":"add","arguments":{"a"')).toEqual([
    { type: 'call', name: 'add' },
    { type: 'arguments', text: '{"a"' },
  ]);
  expect(reader.read(':1')).toEqual([{ type: 'arguments', text: ':1' }]);
});

test('how an answer is cut into pieces makes no difference', () => {
  const words = fc.constantFrom(
    '<tool_call>',
    '</tool_call>',
    '\n',
    '{',
    '}',
    '"name":"add"',
    ',',
    '"arguments":',
    '{"a":"}"}',
    '[',
    ']',
    'text',
    ' ',
    '"',
    tag('{"name":"add","arguments":{"a": [1]}}'),
  );
  const answer = fc.array(words, { maxLength: 12 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(
      answer,
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 20 }),
      fc.constantFrom(tagged, bare, listed),
      (text, cuts, syntax) => {
        const pieces: string[] = [];
        let rest = text;
        for (const cut of cuts) {
          pieces.push(rest.slice(0, cut));
          rest = rest.slice(cut);
        }
        expect(read(syntax, [...pieces, rest])).toEqual(read(syntax, [text]));
      },
    ),
    { numRuns: 500 },
  );
});
