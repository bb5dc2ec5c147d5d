/** More requests than there is room for, and askers that leave, through the front door. */

import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';
import { addTinyModel } from '../serving/tiny-serving.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1, requestsPerModel: 2 });
  await addTinyModel(house.house.bases, house.home, 'tiny', { contextTokens: 2048 });
  await house.openai.completions.create(short); // loaded
});
afterAll(() => house[Symbol.asyncDispose]());

/** Minutes of work, if nobody stops it. */
const long = { model: 'tiny', prompt: ['Once', 'Why'], n: 100, max_tokens: 1500, logit_bias: { 0: -100, 2: -100 } };
const short = { model: 'tiny', prompt: 'Once', max_tokens: 3, logit_bias: { 0: -100, 2: -100 } };

const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The SDK as it comes: it tries again when it is told to. */
const patient = () => new OpenAI({ baseURL: house.url, apiKey: 'any-key', maxRetries: 5 });

test('a full queue answers 503 at once and says when to try again; the SDK does, and is answered', async () => {
  const controller = new AbortController();
  const running = house.openai.completions.create(long, { signal: controller.signal });
  await soon(100);
  const refused: unknown = await house.openai.completions.create(short).catch((error: unknown) => error);
  expect(refused).toMatchObject({
    status: 503,
    type: 'server_error',
    message: expect.stringContaining('2 requests to answer already'),
  });
  expect(Number((refused as InstanceType<typeof OpenAI.APIError>).headers!.get('retry-after'))).toBeGreaterThan(0);
  setTimeout(() => controller.abort(), 500);
  await expect(running).rejects.toThrow();
  expect((await patient().completions.create(short)).usage!.completion_tokens).toBe(3);
});

const texts = Array.from({ length: 2000 }, () => 'word '.repeat(20));

test.each([
  [
    'a stream',
    async (signal: AbortSignal) => {
      for await (const _ of await house.openai.completions.create({ ...long, stream: true }, { signal }));
      throw signal.reason;
    },
  ],
  ['a whole answer', (signal: AbortSignal) => house.openai.completions.create(long, { signal })],
  ['vectors', (signal: AbortSignal) => house.openai.embeddings.create({ model: 'tiny', input: texts }, { signal })],
])('whoever leaves %s before its end makes room at once', async (_, ask) => {
  // prettier-ignore
  const controller = new AbortController();
  const leaving = ask(controller.signal);
  setTimeout(() => controller.abort(new Error('left')), 100);
  await expect(leaving).rejects.toThrow();
  const two = await Promise.all([patient().completions.create(short), patient().completions.create(short)]);
  expect(two.map(({ usage }) => usage!.completion_tokens)).toEqual([3, 3]);
});

test('a request with more prompts than the queue takes is answered all the same', async () => {
  const prompt = Array.from({ length: 9 }, (_, i) => `Number ${i}`);
  const { choices } = await patient().completions.create({ ...short, prompt });
  expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});
