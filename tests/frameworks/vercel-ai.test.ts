/** The Vercel AI SDK with its OpenAI provider against our server: by Responses, its default, and by chat. */

import { createOpenAI } from '@ai-sdk/openai';
import { embed, generateObject, generateText, streamText, tool } from 'ai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

const provider = () => createOpenAI({ baseURL: house.url, apiKey: 'any-key' });
const shape = z.object({ city: z.enum(['Rome', 'Oslo']), big: z.boolean() });
const weather = tool({
  description: 'The weather of a city',
  inputSchema: z.object({ city: z.enum(['Rome', 'Oslo']) }),
  execute: async ({ city }) => `sunny in ${city}`,
});

describe.each(['responses', 'chat'] as const)('by %s', (api) => {
  const model = () => provider()[api]('tiny');

  test('generates and streams the same text', async () => {
    const whole = await generateText({ model: model(), prompt: 'Hello', maxOutputTokens: 16, temperature: 0 });
    const stream = streamText({ model: model(), prompt: 'Hello', maxOutputTokens: 16, temperature: 0 });
    let text = '';
    for await (const piece of stream.textStream) text += piece;
    expect(text).toBe(whole.text);
    expect((await stream.usage).outputTokens).toBe(whole.usage.outputTokens);
  });

  test('calls a tool, and goes on with its result', async () => {
    const { steps } = await generateText({
      model: model(),
      prompt: 'What is the weather in Rome?',
      tools: { weather },
      toolChoice: 'required',
      providerOptions: { openai: { parallelToolCalls: false } },
      temperature: 0,
      maxOutputTokens: 420,
      maxRetries: 0,
    });
    const [call] = steps[0]!.toolCalls;
    expect(call).toMatchObject({ toolName: 'weather' });
    expect(steps[0]!.toolResults[0]!.output).toBe(`sunny in ${(call!.input as { city: string }).city}`);
  });

  test('asks for an object in a schema', async () => {
    const { object } = await generateObject({
      model: model(),
      schema: shape,
      prompt: 'Tell me of a city as json.',
      maxOutputTokens: 420,
      maxRetries: 0,
    });
    expect(shape.parse(object)).toEqual(object);
  });
});

test('embeds', async () => {
  const { embedding } = await embed({ model: provider().embedding('tiny'), value: 'Hello', maxRetries: 0 });
  expect(Math.hypot(...embedding)).toBeCloseTo(1, 3);
});
