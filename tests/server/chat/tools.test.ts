/** Function calls through the official SDK: what is asked for, what comes back, whole and in pieces. */

import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectConforms } from '../../conformance.ts';
import type { TestHouse } from '../../house.ts';
import { all, openAnswering } from './tiny-house.ts';

type Params = OpenAI.ChatCompletionCreateParamsNonStreaming;
type Call = OpenAI.ChatCompletionMessageFunctionToolCall;

let house: TestHouse;
beforeAll(async () => {
  house = await openAnswering();
});
afterAll(() => house[Symbol.asyncDispose]());

const add: OpenAI.ChatCompletionFunctionTool = {
  type: 'function',
  function: {
    name: 'add',
    description: 'Adds two digits.',
    parameters: {
      type: 'object',
      properties: { a: { enum: [1, 2, 3] }, b: { type: 'boolean' } },
      required: ['a', 'b'],
      additionalProperties: false,
    },
    strict: true,
  },
};
const say: OpenAI.ChatCompletionFunctionTool = {
  type: 'function',
  function: {
    name: 'say',
    parameters: {
      type: 'object',
      properties: { word: { enum: ['yes', 'no'] } },
      required: ['word'],
      additionalProperties: false,
    },
  },
};
const body: Params = {
  model: 'tiny',
  messages: [{ role: 'user', content: 'Add one and two.' }],
  tools: [add, say],
  tool_choice: 'required',
  parallel_tool_calls: false,
  seed: 1,
  max_tokens: 200,
};

const create = (wishes: Partial<Params> = {}) => house.openai.chat.completions.create({ ...body, ...wishes });
const send = (wishes: object) => create(wishes);
const stream = async (wishes: object = {}) =>
  all(await house.openai.chat.completions.create({ ...body, ...wishes, stream: true }));

const models = ['tiny', 'tagged', 'listed', 'bare', 'thoughtful'];

describe.each(models)('the model %s', (model) => {
  test('calls a function when it must, and says nothing else', async () => {
    const completion = await create({ model });
    expectConforms('CreateChatCompletionResponse', completion);
    const [choice] = completion.choices;
    expect(choice!.finish_reason).toBe('tool_calls');
    expect(choice!.message.content).toBeNull();
    const [call] = choice!.message.tool_calls as [Call];
    expect(choice!.message.tool_calls).toHaveLength(1);
    expect(call).toEqual({
      id: expect.stringMatching(/^call_[A-Za-z0-9]{24}$/),
      type: 'function',
      function: { name: expect.stringMatching(/^(add|say)$/), arguments: expect.any(String) },
    });
    expect(() => JSON.parse(call.function.arguments)).not.toThrow();
  });

  test('calls the one function that is named, with arguments that fit it', async () => {
    for (const seed of [1, 2, 3]) {
      const tool_choice = { type: 'function', function: { name: 'add' } } as const;
      const { choices } = await create({ model, tool_choice, seed });
      const [call] = choices[0]!.message.tool_calls as [Call];
      expect(call.function.name).toBe('add');
      const { a, b, ...others } = JSON.parse(call.function.arguments) as Record<string, unknown>;
      expect([1, 2, 3]).toContain(a);
      expect(typeof b).toBe('boolean');
      expect(others).toEqual({});
    }
  });

  test('streams a call: its name, then its arguments, then the end', async () => {
    const whole = await create({ model });
    const chunks = await stream({ model });
    for (const chunk of chunks) expectConforms('CreateChatCompletionStreamResponse', chunk);
    const deltas = chunks.map((chunk) => chunk.choices[0]!);
    expect(deltas[0]!.delta).toEqual({ role: 'assistant', content: null, refusal: null });
    const { function: called } = whole.choices[0]!.message.tool_calls![0] as Call;
    expect(deltas[1]!.delta.tool_calls).toEqual([
      {
        index: 0,
        id: expect.stringMatching(/^call_/),
        type: 'function',
        function: { name: called.name, arguments: '' },
      },
    ]);
    const fragments = deltas.slice(2, -1).map(({ delta }) => delta.tool_calls![0]!);
    // Where the name comes last, nothing can be told before all is there.
    expect(fragments.length).toBeGreaterThan(model === 'thoughtful' ? 0 : 2);
    for (const fragment of fragments)
      expect(fragment).toEqual({ index: 0, function: { arguments: expect.any(String) } });
    expect(fragments.map((fragment) => fragment.function!.arguments).join('')).toBe(called.arguments);
    expect(deltas.at(-1)).toMatchObject({ delta: {}, finish_reason: 'tool_calls' });
  });

  test('is told what a call gave, and goes on', async () => {
    const called = (await create({ model })).choices[0]!.message;
    const [call] = called.tool_calls as [Call];
    const messages: Params['messages'] = [
      ...body.messages,
      called,
      { role: 'tool', tool_call_id: call.id, content: '3' },
    ];
    const { choices, usage } = await create({ model, messages, tool_choice: 'none', max_tokens: 5 });
    expect(choices[0]!.message).toMatchObject({ content: expect.any(String) });
    expect(choices[0]!.message).not.toHaveProperty('tool_calls');
    expect(usage!.prompt_tokens).toBeGreaterThan(10);
  });
});

/** Nothing that could end the answer: it makes calls until its tokens are used up. */
const talkative = { parallel_tool_calls: true, logit_bias: { 0: -100, 2: -100 }, max_tokens: 300 };

test('several calls come in one answer where they may, and one where they may not', async () => {
  for (const model of ['tiny', 'tagged', 'listed']) {
    const { choices } = await create({ model, ...talkative });
    const calls = choices[0]!.message.tool_calls as Call[];
    expect(calls.length, model).toBeGreaterThan(1);
    for (const call of calls.slice(0, -1)) expect(() => JSON.parse(call.function.arguments)).not.toThrow();
    const one = await create({ model, ...talkative, parallel_tool_calls: false, max_tokens: 100 });
    expect(one.choices[0]!.message.tool_calls).toHaveLength(1);
  }
});

test('several calls are streamed one after the other, each under its index', async () => {
  const chunks = await stream(talkative);
  const parts = chunks.flatMap((chunk) => chunk.choices[0]!.delta.tool_calls ?? []);
  const begun = parts.filter(({ id }) => id !== undefined);
  expect(begun.length).toBeGreaterThan(1);
  expect(begun.map(({ index }) => index)).toEqual(begun.map((_, i) => i));
  expect(new Set(begun.map(({ id }) => id)).size).toBe(begun.length);
  for (const { index } of begun.slice(0, -1)) {
    const mine = parts.filter((part) => part.index === index);
    expect(() => JSON.parse(mine.map((part) => part.function!.arguments).join(''))).not.toThrow();
  }
});

test('where it may choose, strict functions keep their promise and words come as words', async () => {
  for (const model of models)
    for (let seed = 0; seed < 6; seed++) {
      const { choices } = await create({ model, seed, tool_choice: 'auto', max_tokens: 60, tools: [add] });
      const [{ message, finish_reason }] = choices as [OpenAI.ChatCompletion.Choice];
      if (finish_reason === 'tool_calls') expect(message.tool_calls!.length).toBe(1);
      else expect(message.content).not.toMatch(/<tool_call>/);
    }
});

test('of the allowed functions only those are called', async () => {
  const tool_choice: OpenAI.ChatCompletionAllowedToolChoice = {
    type: 'allowed_tools',
    allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'say' } }] },
  };
  for (const seed of [1, 2, 3]) {
    const { choices } = await create({ tool_choice, seed });
    expect((choices[0]!.message.tool_calls![0] as Call).function.name).toBe('say');
  }
});

test('functions in their deprecated field are answered in the deprecated field', async () => {
  const wishes = {
    tools: undefined,
    tool_choice: undefined,
    parallel_tool_calls: undefined,
    functions: [say.function],
    function_call: { name: 'say' },
  };
  const completion = await create(wishes);
  expectConforms('CreateChatCompletionResponse', completion);
  const [{ message, finish_reason }] = completion.choices as [OpenAI.ChatCompletion.Choice];
  expect(finish_reason).toBe('function_call');
  expect(message).toMatchObject({
    content: null,
    function_call: { name: 'say', arguments: expect.stringMatching(/yes|no/) },
  });
  expect(message).not.toHaveProperty('tool_calls');
  const chunks = await stream(wishes);
  const calls = chunks.flatMap((chunk) => chunk.choices[0]!.delta.function_call ?? []);
  expect(calls[0]).toEqual({ name: 'say', arguments: '' });
  expect(calls.map((call) => call.arguments).join('')).toBe(message.function_call!.arguments);
  expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('function_call');
});

test('an answer that is cut off in a call has as much of it as there is', async () => {
  const { choices } = await create({ max_tokens: 30 });
  expect(choices[0]!.finish_reason).toBe('length');
  expect(choices[0]!.message.content ?? '').not.toContain('<tool_call>{');
});

test('the prompt has the tools only where the model may call them', async () => {
  const tokens = async (wishes: Partial<Params>) => (await create({ max_tokens: 1, ...wishes })).usage!.prompt_tokens;
  const without = await tokens({ tools: undefined, tool_choice: undefined, parallel_tool_calls: undefined });
  expect(await tokens({ tool_choice: 'none' })).toBe(without);
  expect(await tokens({})).toBeGreaterThan(without + 50);
});

describe('a request is refused', () => {
  const bad = { status: 400, type: 'invalid_request_error' };
  const call = { id: 'call_1', type: 'function', function: { name: 'add', arguments: '{}' } };
  const messages = (...more: object[]) => ({ messages: [...body.messages, ...more] });

  const noTools = { tools: [], parallel_tool_calls: undefined };
  test.each([
    ['a custom tool', { tools: [{ type: 'custom', custom: { name: 'x' } }] }, 'tools[0].type', 'invalid_value'],
    [
      'a name of two words',
      { tools: [{ type: 'function', function: { name: 'two words' } }] },
      'tools[0].function.name',
      'invalid_value',
    ],
    [
      'a long name',
      { tools: [{ type: 'function', function: { name: 'x'.repeat(65) } }] },
      'tools[0].function.name',
      'string_above_max_length',
    ],
    ['129 tools', { tools: Array.from({ length: 129 }, () => add) }, 'tools', 'array_above_max_length'],
    ['two of a name', { tools: [add, add] }, 'tools[1].function.parameters', 'invalid_value'],
    ['a choice of nothing', noTools, 'tool_choice', null],
    ['parallel calls of nothing', { tools: [], tool_choice: undefined }, 'parallel_tool_calls', null],
    [
      'an unknown function',
      { tool_choice: { type: 'function', function: { name: 'sing' } } },
      'tool_choice',
      'invalid_value',
    ],
    ['an unknown choice', { tool_choice: 'perhaps' }, 'tool_choice', 'invalid_type'],
    [
      'both spellings',
      { ...noTools, tools: [add], tool_choice: undefined, functions: [say.function] },
      'functions',
      null,
    ],
    ['a result of no call', messages({ role: 'tool', tool_call_id: 'call_1', content: '3' }), 'messages[1].role', null],
    ['a call without result', messages({ role: 'assistant', content: null, tool_calls: [call] }), 'messages', null],
    [
      'no calls in a list',
      messages({ role: 'assistant', content: null, tool_calls: [] }),
      'messages[1].tool_calls',
      'empty_array',
    ],
  ])('for %s', (_, wishes, param, code) => expect(send(wishes)).rejects.toMatchObject({ ...bad, param, code }));

  test('for strict parameters that break the rules of strict schemas', () =>
    expect(
      send({
        tools: [
          {
            type: 'function',
            function: { name: 'f', strict: true, parameters: { type: 'object', properties: { a: {} } } },
          },
        ],
      }),
    ).rejects.toMatchObject({
      ...bad,
      param: 'tools[0].function.parameters',
      message: expect.stringContaining("'additionalProperties' is required"),
    }));
});
