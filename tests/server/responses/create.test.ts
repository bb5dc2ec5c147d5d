/** Responses through the official SDK: whole, streamed, with tools and formats, and one after the other. */

import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectConforms } from '../../conformance.ts';
import type { TestHouse } from '../../house.ts';
import { all, openAnswering } from '../chat/tiny-house.ts';

type Params = OpenAI.Responses.ResponseCreateParamsNonStreaming;
type Event = OpenAI.Responses.ResponseStreamEvent;

let house: TestHouse;
beforeAll(async () => {
  house = await openAnswering();
});
afterAll(() => house[Symbol.asyncDispose]());

const body: Params = { model: 'tiny', input: 'Tell me a story.', temperature: 0, max_output_tokens: 16 };
const create = (wishes: Partial<Params> = {}) => house.openai.responses.create({ ...body, ...wishes });
const send = (wishes: object) => create(wishes);
const stream = async (wishes: object = {}): Promise<Event[]> =>
  all(await house.openai.responses.create({ ...body, ...wishes, stream: true }));
/** What the wire says; the SDK adds `output_text`. */
async function raw(path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer k' };
  const answer = await fetch(`${house.url}${path}`, { headers, ...init });
  return (await answer.json()) as Record<string, unknown>;
}
const post = (wishes: object) => raw('/responses', { method: 'POST', body: JSON.stringify({ ...body, ...wishes }) });

/** The SDK's types would not let all of one response be the input of the next. */
const asInput = (output: readonly unknown[]) => output as OpenAI.Responses.ResponseInputItem[];

const add = {
  type: 'function',
  name: 'add',
  description: 'Adds.',
  parameters: { type: 'object', properties: { a: { enum: [1, 2] } }, required: ['a'], additionalProperties: false },
  strict: true,
} as const;

describe('a whole response', () => {
  test('has every field that OpenAI sends', async () => {
    const response = await post({ metadata: { team: 'mail' }, user: 'u' });
    expectConforms('Response', response);
    expect(response).toEqual({
      id: expect.stringMatching(/^resp_/),
      object: 'response',
      created_at: expect.any(Number),
      completed_at: null,
      status: 'incomplete',
      background: false,
      error: null,
      incomplete_details: { reason: 'max_output_tokens' },
      instructions: null,
      max_output_tokens: 16,
      max_tool_calls: null,
      model: 'tiny',
      output: [
        {
          type: 'message',
          id: expect.stringMatching(/^msg_/),
          status: 'incomplete',
          role: 'assistant',
          content: [{ type: 'output_text', text: expect.any(String), annotations: [], logprobs: [] }],
        },
      ],
      parallel_tool_calls: true,
      previous_response_id: null,
      prompt_cache_key: null,
      reasoning: { effort: null, summary: null },
      safety_identifier: null,
      service_tier: 'default',
      store: true,
      temperature: 0,
      text: { format: { type: 'text' }, verbosity: 'medium' },
      tool_choice: 'auto',
      tools: [],
      top_logprobs: 0,
      top_p: 1,
      truncation: 'disabled',
      usage: {
        input_tokens: expect.any(Number),
        input_tokens_details: { cached_tokens: expect.any(Number), cache_write_tokens: 0 },
        output_tokens: 16,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: (response['usage'] as { input_tokens: number }).input_tokens + 16,
      },
      user: 'u',
      metadata: { team: 'mail' },
    });
  });

  test('says what a chat completion says', async () => {
    const { output_text } = await create({ instructions: 'You tell stories.' });
    const { choices } = await house.openai.chat.completions.create({
      model: 'tiny',
      temperature: 0,
      max_tokens: 16,
      messages: [
        { role: 'system', content: 'You tell stories.' },
        { role: 'user', content: 'Tell me a story.' },
      ],
    });
    expect(output_text).toBe(choices[0]!.message.content);
  });

  test('takes text, short messages, parts and its own output as input', async () => {
    const short = await create({ input: [{ role: 'user', content: 'Tell me a story.' }] });
    const parts = await create({
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Tell me a story.' }] }],
    });
    const plain = await create();
    expect([short.output_text, parts.output_text]).toEqual([plain.output_text, plain.output_text]);
    const again = await create({
      input: [
        { role: 'user', content: 'Tell me a story.' },
        ...asInput(plain.output),
        { role: 'user', content: 'More!' },
      ],
    });
    expect(again.usage!.input_tokens).toBeGreaterThan(plain.usage!.input_tokens + 16);
  });

  test('has log-probabilities where they are included', async () => {
    const { output } = await create({ include: ['message.output_text.logprobs'], top_logprobs: 2 });
    const [message] = output as [OpenAI.Responses.ResponseOutputMessage];
    const [part] = message.content as [OpenAI.Responses.ResponseOutputText];
    expect(part.logprobs!.length).toBeGreaterThan(8);
    expect(part.logprobs![0]).toEqual({
      token: expect.any(String),
      logprob: expect.any(Number),
      bytes: expect.any(Array),
      top_logprobs: [expect.anything(), expect.anything()],
    });
  });

  test('keeps to a schema, which the SDK parses', async () => {
    const schema = {
      type: 'object',
      properties: { spam: { type: 'boolean' } },
      required: ['spam'],
      additionalProperties: false,
    };
    const text = { format: { type: 'json_schema', name: 'verdict', schema, strict: true } } as const;
    const response = await house.openai.responses.parse({ ...body, max_output_tokens: 200, text });
    expect(response.status).toBe('completed');
    expect(response.completed_at).toBeGreaterThan(0);
    expect(typeof (response.output_parsed as unknown as { spam: unknown }).spam).toBe('boolean');
    expect(response.text).toEqual({ ...text, verbosity: 'medium' });
  });
});

describe('functions', () => {
  test('are called, answered, and the conversation goes on', async () => {
    const wishes = {
      tools: [add],
      tool_choice: 'required',
      parallel_tool_calls: false,
      max_output_tokens: 200,
    } as const;
    const response = await post(wishes);
    expectConforms('Response', response);
    const [call] = response['output'] as [OpenAI.Responses.ResponseFunctionToolCall];
    expect(response['status']).toBe('completed');
    expect(call).toEqual({
      type: 'function_call',
      id: expect.stringMatching(/^fc_/),
      call_id: expect.stringMatching(/^call_/),
      name: 'add',
      arguments: expect.stringMatching(/"a"/),
      status: 'completed',
    });
    const output = { type: 'function_call_output', call_id: call.call_id, output: '3' } as const;
    const next = await create({
      previous_response_id: response['id'] as string,
      input: [output],
      tools: [add],
      tool_choice: 'none',
    });
    expect(next.output[0]!.type).toBe('message');
    const { data } = await house.openai.responses.inputItems.list(next.id, { order: 'asc' });
    expect(data.map(({ type }) => type)).toEqual(['message', 'function_call', 'function_call_output']);
    await expect(create({ previous_response_id: response['id'] as string })).rejects.toMatchObject({
      status: 400,
      param: 'input',
      message: expect.stringContaining(`No tool output found for function call ${call.call_id}.`),
    });
  });

  test('are strict unless their parameters cannot be', async () => {
    const loose = { ...add, name: 'loose', parameters: { type: 'object', properties: { a: {} } } };
    const { tools } = await send({
      tools: [
        { ...add, strict: undefined },
        { ...loose, strict: undefined },
      ],
    });
    expect(tools.map((tool) => (tool as OpenAI.Responses.FunctionTool).strict)).toEqual([true, false]);
    await expect(send({ tools: [loose] })).rejects.toMatchObject({ status: 400, param: 'tools[0].parameters' });
  });
});

describe('a stream', () => {
  const types = (events: readonly Event[]) => {
    const names = events.map(({ type }) => type.replace('response.', ''));
    return names.filter((name, i) => !name.endsWith('.delta') || name !== names[i - 1]);
  };

  test('of text has OpenAI’s events in their order, and adds up', async () => {
    const events = await stream();
    expect(types(events)).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'incomplete',
    ]);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, i) => i));
    for (const event of events) expectConforms('ResponseStreamEvent', event);
    const deltas = events.flatMap((event) => (event.type === 'response.output_text.delta' ? event.delta : []));
    expect(deltas.length).toBeGreaterThan(3);
    const last = events.at(-1) as Extract<Event, { type: 'response.incomplete' }>;
    expect(deltas.join('')).toBe((await create()).output_text);
    expect(last.response.output).toHaveLength(1);
    expect(last.response.usage!.output_tokens).toBe(16);
    const created = events[0] as Extract<Event, { type: 'response.created' }>;
    expect(created.response).toMatchObject({ status: 'in_progress', output: [] });
  });

  test('of a call has its arguments in pieces', async () => {
    const events = await stream({
      tools: [add],
      tool_choice: 'required',
      parallel_tool_calls: false,
      max_output_tokens: 200,
    });
    expect(types(events)).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'completed',
    ]);
    for (const event of events) expectConforms('ResponseStreamEvent', event);
    const deltas = events.flatMap((event) =>
      event.type === 'response.function_call_arguments.delta' ? event.delta : [],
    );
    const done = events.find((event) => event.type === 'response.function_call_arguments.done')!;
    expect(deltas.join('')).toBe(done.arguments);
  });

  test('is frames with names and no [DONE], padded where that is asked for', async () => {
    const answer = await fetch(`${house.url}/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
      body: JSON.stringify({ ...body, stream: true, stream_options: { include_obfuscation: true } }),
    });
    const frames = (await answer.text()).split('\n\n');
    expect(frames.at(-1)).toBe('');
    expect(frames.at(-2)).toMatch(/^event: response\.incomplete\ndata: \{"type":"response\.incomplete"/);
    const delta = frames.find((frame) => frame.startsWith('event: response.output_text.delta'))!;
    expect(JSON.parse(delta.split('data: ')[1]!)).toHaveProperty('obfuscation');
  });

  test('works with the SDK’s own helper', async () => {
    const helper = house.openai.responses.stream({ ...body, stream: true });
    const final = await helper.finalResponse();
    expect(final.output_text).toBe((await create()).output_text);
  });
});

describe('one response after the other', () => {
  test('goes on where the previous one ended, without its instructions', async () => {
    const first = await create({ instructions: 'You tell stories in the morning.' });
    const second = await create({ previous_response_id: first.id, input: 'And then?' });
    const alone = await create({
      input: [
        { role: 'user', content: 'Tell me a story.' },
        ...asInput(first.output),
        { role: 'user', content: 'And then?' },
      ],
    });
    expect(second.output_text).toBe(alone.output_text);
    expect(second.previous_response_id).toBe(first.id);
    await house.openai.responses.delete(first.id);
    const third = await create({ previous_response_id: second.id, input: 'And then?' });
    expect(third.usage!.input_tokens).toBeGreaterThan(second.usage!.input_tokens);
  });

  test('is refused after one that was not kept, or never was', async () => {
    const { id } = await create({ store: false });
    for (const previous_response_id of [id, 'resp_missing'])
      await expect(create({ previous_response_id })).rejects.toMatchObject({
        status: 400,
        code: 'previous_response_not_found',
        param: 'previous_response_id',
      });
    await expect(house.openai.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
  });

  test('too long for the model is cut where that is allowed, and refused where not', async () => {
    const turns = Array.from({ length: 60 }, (_, i) => [
      { role: 'user', content: `Question number ${i}: what sings in the morning forest, and why?` },
      { role: 'assistant', content: 'The animals of the forest sing.' },
    ]).flat();
    const input = [...turns, { role: 'user', content: 'Tell me.' }] as OpenAI.Responses.ResponseInput;
    await expect(create({ input })).rejects.toMatchObject({ status: 400, code: 'context_length_exceeded' });
    const { usage, truncation } = await create({ input, truncation: 'auto', instructions: 'Be brief.' });
    expect(truncation).toBe('auto');
    expect(usage!.input_tokens).toBeGreaterThan(1900);
    expect(usage!.input_tokens).toBeLessThan(2048 - 15);
  });
});

test('the tokens of an input are counted without an answer', async () => {
  const { usage } = await create({ tools: [add] });
  const { model, input } = body;
  const counted = await house.openai.responses.inputTokens.count({ model: model!, input: input!, tools: [add] });
  expect(counted).toEqual({ object: 'response.input_tokens', input_tokens: usage!.input_tokens });
});

describe('a request is refused', () => {
  const bad = { status: 400, type: 'invalid_request_error' };
  const image = { type: 'input_image', image_url: 'data:' };
  test.each([
    ['no input', { input: undefined }, 'input', 'missing_required_parameter'],
    ['too few tokens', { max_output_tokens: 15 }, 'max_output_tokens', 'integer_below_min_value'],
    ['what only chat has', { n: 2 }, 'n', 'unknown_parameter'],
    ['a built-in tool', { tools: [{ type: 'web_search' }] }, 'tools[0].type', 'unsupported_parameter'],
    ['a conversation', { conversation: 'conv_1' }, 'conversation', 'unsupported_parameter'],
    ['a prompt template', { prompt: { id: 'p' } }, 'prompt', 'unsupported_parameter'],
    ['an image', { input: [{ role: 'user', content: [image] }] }, 'input[0].content[0].type', 'invalid_value'],
    ['an item of another kind', { input: [{ type: 'web_search_call', id: 'x' }] }, 'input[0].type', 'invalid_value'],
    ['an item nobody has', { input: [{ type: 'item_reference', id: 'msg_x' }] }, 'input[0].id', null],
    ['an unknown inclusion', { include: ['everything'] }, 'include[0]', 'invalid_value'],
    ['JSON without saying so', { text: { format: { type: 'json_object' } } }, 'text.format', null],
    ['a background that is not kept', { background: true, store: false }, 'background', null],
    [
      '17 pairs',
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v'])) },
      'metadata',
      'object_above_max_properties',
    ],
    ['an output of no call', { input: [{ type: 'function_call_output', call_id: 'c', output: 'x' }] }, 'input', null],
  ])('for %s', (_, wishes, param, code) => expect(send(wishes)).rejects.toMatchObject({ ...bad, param, code }));

  test('for a model that nobody has, streamed or not', async () => {
    const expected = { status: 404, code: 'model_not_found' };
    await expect(send({ model: 'gpt-9' })).rejects.toMatchObject(expected);
    await expect(stream({ model: 'gpt-9' })).rejects.toMatchObject(expected);
  });
});
