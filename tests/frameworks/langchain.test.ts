/** LangChain.js's `ChatOpenAI` against our server, configured as its users would: a base URL and nothing else. */

import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { openTestHouse, type TestHouse } from '../house.ts';
import { tinyHome } from '../jobs/tiny-house.ts';

let folder: Awaited<ReturnType<typeof tinyHome>>;
let house: TestHouse;
beforeAll(async () => {
  folder = await tinyHome({ contextTokens: 2048 });
  house = await openTestHouse({ home: folder.home });
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const chatModel = (maxTokens = 8): ChatOpenAI =>
  new ChatOpenAI({
    model: 'tiny',
    apiKey: 'any-key',
    configuration: { baseURL: house.url },
    maxTokens,
    temperature: 0,
    maxRetries: 0,
  });

const weather = tool(() => 'sunny', {
  name: 'weather',
  description: 'The weather of a city',
  schema: z.object({ city: z.enum(['Rome', 'Oslo']) }),
});

test('chats', async () => {
  const answer = await chatModel().invoke('Hello');
  const ours = await house.openai.chat.completions.create({
    model: 'tiny',
    messages: [{ role: 'user', content: 'Hello' }],
    max_tokens: 8,
    temperature: 0,
  });
  expect(answer.content).toBe(ours.choices[0]!.message.content);
  expect(answer.usage_metadata).toMatchObject({ output_tokens: ours.usage!.completion_tokens });
});

test('streams', async () => {
  let text = '';
  let pieces = 0;
  for await (const piece of await chatModel().stream('Hello')) {
    text += piece.text;
    pieces += 1;
  }
  expect(text).toBe((await chatModel().invoke('Hello')).content);
  expect(pieces).toBeGreaterThan(1);
});

test('calls a tool and takes its result', async () => {
  const model = chatModel(420);
  const question = new HumanMessage('What is the weather in Rome?');
  const called = await model.bindTools([weather], { tool_choice: 'weather' }).invoke([question]);
  expect(called.tool_calls).toHaveLength(1);
  const [call] = called.tool_calls!;
  expect(call!.name).toBe('weather');
  expect(['Rome', 'Oslo']).toContain(call!.args['city']);
  const result = new ToolMessage({ content: 'sunny', tool_call_id: call!.id! });
  const after = await model.bindTools([weather], { tool_choice: 'none' }).invoke([question, called, result]);
  expect(after.tool_calls).toEqual([]);
});

test('asks for JSON in a schema', async () => {
  const shape = z.object({ city: z.enum(['Rome', 'Oslo']), big: z.boolean() });
  const model = chatModel(420).withStructuredOutput(shape, { method: 'jsonSchema', strict: true });
  expect(shape.parse(await model.invoke('Tell me of a city as json.'))).toBeDefined();
});

test('embeds', async () => {
  const embeddings = new OpenAIEmbeddings({ model: 'tiny', apiKey: 'any', configuration: { baseURL: house.url } });
  const [first, second] = await embeddings.embedDocuments(['Hello', 'World']);
  expect(first!.length).toBe(second!.length);
  expect(await embeddings.embedQuery('Hello')).toEqual(first);
});
