/** JSON answers through the official SDK: any object, or what a schema describes. */

import type OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { TestHouse } from '../../house.ts';
import { addTinyFineTune, all, openAnswering } from './tiny-house.ts';

type Params = OpenAI.ChatCompletionCreateParamsNonStreaming;

let house: TestHouse;
beforeAll(async () => {
  house = await openAnswering();
  await addTinyFineTune(house, 'ft:tiny:personal::AbC12345');
});
afterAll(() => house[Symbol.asyncDispose]());

const body: Params = {
  model: 'tiny',
  messages: [{ role: 'user', content: 'Is this spam? Answer as JSON.' }],
  seed: 1,
  max_tokens: 400,
};
const create = (wishes: Partial<Params> = {}) => house.openai.chat.completions.create({ ...body, ...wishes });
const send = (wishes: object) => create(wishes);

const verdict = z.object({ spam: z.boolean(), reason: z.enum(['offer', 'friend']), sure: z.literal([1, 2, 3]) });
const format = zodResponseFormat(verdict, 'verdict');

describe('a schema', () => {
  test('is what every answer keeps to, and the SDK parses it', async () => {
    for (const seed of [1, 2, 3]) {
      const completion = await house.openai.chat.completions.parse({ ...body, seed, response_format: format });
      const [{ message, finish_reason }] = completion.choices as [(typeof completion.choices)[number]];
      expect(finish_reason).toBe('stop');
      expect(message.refusal).toBeNull();
      expect(verdict.parse(message.parsed)).toEqual(JSON.parse(message.content!));
      expect(Object.keys(message.parsed!)).toEqual(['spam', 'reason', 'sure']);
    }
  });

  test('is kept to in a stream as well', async () => {
    const stream = house.openai.chat.completions.stream({ ...body, stream: true, response_format: format });
    const completion = await stream.finalChatCompletion();
    expect(() => verdict.parse(completion.choices[0]!.message.parsed)).not.toThrow();
  });

  test('holds for every choice, and beside functions that need not be called', async () => {
    const tools: Params['tools'] = [
      {
        type: 'function',
        function: { name: 'look', parameters: { type: 'object', properties: {}, additionalProperties: false } },
      },
    ];
    const { choices } = await create({ n: 3, response_format: format, tools, tool_choice: 'auto' });
    for (const { message } of choices) {
      if (message.tool_calls === undefined) verdict.parse(JSON.parse(message.content!));
      else expect(message.tool_calls[0]).toMatchObject({ function: { name: 'look' } });
    }
  });

  test('that breaks the rules of strict schemas is refused, and taken without "strict"', async () => {
    const schema = { type: 'object', properties: { a: { enum: ['x'] } } };
    const wishes = (strict: boolean) =>
      send({ response_format: { type: 'json_schema', json_schema: { name: 's', strict, schema } } });
    await expect(wishes(true)).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      message: expect.stringContaining("'additionalProperties' is required to be supplied and to be false"),
    });
    const { choices } = await wishes(false);
    expect(typeof JSON.parse(choices[0]!.message.content!)).toBe('object');
  });

  test('that no grammar can express is refused when it is strict, and otherwise asks for JSON', async () => {
    const schema = { type: 'object', patternProperties: { '^a': { type: 'string' } } };
    const wishes = (strict: boolean) =>
      send({ response_format: { type: 'json_schema', json_schema: { name: 's', strict, schema } } });
    await expect(wishes(true)).rejects.toMatchObject({ status: 400, type: 'invalid_request_error' });
    const { choices } = await wishes(false);
    expect(choices[0]!.message.content).toMatch(/^\{/);
  });

  test('of a fine-tuned model may not bound lengths and numbers', async () => {
    const schema = {
      type: 'object',
      properties: { pattern: { type: 'string', maxLength: 3 } },
      required: ['pattern'],
      additionalProperties: false,
    };
    const wishes = (model: string) =>
      send({ model, response_format: { type: 'json_schema', json_schema: { name: 's', strict: true, schema } } });
    await expect(wishes('ft:tiny:personal::AbC12345')).rejects.toMatchObject({
      status: 400,
      param: 'response_format.json_schema.schema.properties.pattern.maxLength',
    });
    const { choices } = await wishes('tiny');
    expect((JSON.parse(choices[0]!.message.content!) as { pattern: string }).pattern.length).toBeLessThanOrEqual(3);
  });
});

describe('any JSON object', () => {
  test('is what comes when it ends', async () => {
    const { choices } = await create({ response_format: { type: 'json_object' }, temperature: 0.2 });
    const [{ message, finish_reason }] = choices as [OpenAI.ChatCompletion.Choice];
    if (finish_reason === 'stop') expect(typeof JSON.parse(message.content!)).toBe('object');
    expect(message.content).toMatch(/^\{/);
  });

  test('must be asked for in words too', async () => {
    const messages: Params['messages'] = [{ role: 'user', content: 'Is this spam?' }];
    await expect(create({ messages, response_format: { type: 'json_object' } })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      param: 'messages',
      code: null,
      message:
        "400 'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
    });
  });
});

test('a format that is none is refused', async () => {
  const refused = (response_format: object, param: string) =>
    expect(send({ response_format })).rejects.toMatchObject({ status: 400, param });
  await refused({ type: 'yaml' }, 'response_format.type');
  await refused({ type: 'json_schema' }, 'response_format.json_schema');
  await refused({ type: 'json_schema', json_schema: { schema: {} } }, 'response_format.json_schema.name');
  await refused(
    { type: 'json_schema', json_schema: { name: 'two words', schema: {} } },
    'response_format.json_schema.name',
  );
});

test('an answer that is cut off is what there is of it', async () => {
  await expect(
    house.openai.chat.completions.parse({ ...body, max_tokens: 3, response_format: format }),
  ).rejects.toThrow(/length limit/);
  const chunks = await all(
    await house.openai.chat.completions.create({ ...body, max_tokens: 3, response_format: format, stream: true }),
  );
  expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('length');
});
