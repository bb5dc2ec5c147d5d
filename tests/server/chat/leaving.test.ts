/** Clients that leave in the middle: the work on their answers ends, and what it held is given back. */

import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Closing } from '../../../src/closing.ts';
import { createApp } from '../../../src/server/app.ts';
import { Serving } from '../../../src/serving/serving.ts';
import { openAnswering } from './tiny-house.ts';

let opened: Closing;
/** Of a server that answers one request at a time and turns others away. */
let openai: OpenAI;
beforeAll(async () => {
  await using opening = new Closing();
  const house = opening.use(await openAnswering());
  const serving = opening.use(new Serving({ log: house.house.log, threads: 1, requestsMax: 1 }));
  const app = createApp({ ...house.house, serving });
  opening.defer(() => app.close());
  const baseURL = `${await app.listen({ host: '127.0.0.1', port: 0 })}/v1`;
  openai = new OpenAI({ baseURL, apiKey: 'k', maxRetries: 0 });
  opened = opening.move();
});
afterAll(() => opened[Symbol.asyncDispose]());

const chat = {
  model: 'tiny',
  messages: [{ role: 'user', content: 'Hi.' }],
  max_tokens: 1900,
  temperature: 1.5,
} as const;
const response = { model: 'tiny', input: 'Hi.', max_output_tokens: 1900, temperature: 0 } as const;
const tool = { type: 'function', function: { name: 'look' } } as const;

const works = async (): Promise<string> => {
  const { choices } = await openai.chat.completions.create({ ...chat, messages: [...chat.messages], max_tokens: 1 });
  return choices[0]!.finish_reason;
};

test.each([
  ['a chat completion', () => openai.chat.completions.create({ ...chat, messages: [...chat.messages], stream: true })],
  [
    'a chat completion with functions',
    () => openai.chat.completions.create({ ...chat, messages: [...chat.messages], tools: [tool], stream: true }),
  ],
  ['a response', () => openai.responses.create({ ...response, stream: true })],
])('%s is no longer worked on', async (_, start) => {
  for await (const _ of await start()) break;
  await expect.poll(works, { timeout: 10_000 }).toBe('length');
});
