/** Streams whose model dies in the middle, as the official SDK and a plain reader see them end. */

import type OpenAI from 'openai';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';
import { addTinyModel } from '../serving/tiny-serving.ts';

let house: TestHouse;
const pids: number[] = [];
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  vi.spyOn(house.house.log, 'info').mockImplementation((event, facts) => {
    if (event === 'runtime.started') pids.push(facts!['pid'] as number);
  });
  await addTinyModel(house.house.bases, house.home, 'tiny', { contextTokens: 100_000 });
});
afterAll(() => house[Symbol.asyncDispose]());

const messages = [{ role: 'user' as const, content: 'Hello' }];
/** The ends of a turn and of a text are never said. */
const endless = { model: 'tiny', logit_bias: { 0: -100, 2: -100 }, max_tokens: 50_000, stream: true } as const;
const die = () => process.kill(pids.at(-1)!, 'SIGKILL');

/** Reads a stream, whose model dies at its third event. */
async function readDying<Event>(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) if (events.push(event) === 3) die();
  return events;
}

test.each<[string, () => Promise<AsyncIterable<unknown>>]>([
  ['chat completion', () => house.openai.chat.completions.create({ ...endless, messages })],
  ['completion', () => house.openai.completions.create({ ...endless, prompt: 'Hello' })],
])('a %s that breaks off throws in the SDK what went wrong', async (_, ask) => {
  await expect(readDying(await ask())).rejects.toMatchObject({ code: 'model_crashed', type: 'server_error' });
  const whole = await house.openai.completions.create({ model: 'tiny', prompt: 'Hello', max_tokens: 2 });
  expect(whole.usage!.completion_tokens).toBeGreaterThan(0); // and the next one is answered
});

test('on the wire it ends with the error, and without the word that says all is there', async () => {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ ...endless, messages });
  const answer = await fetch(`${house.url}/chat/completions`, { method: 'POST', headers, body });
  let text = '';
  for await (const bytes of answer.body!) {
    if (text === '') die();
    text += Buffer.from(bytes).toString();
  }
  expect(text).not.toContain('[DONE]');
  const last = text.trimEnd().split('\n\n').at(-1)!;
  expect(JSON.parse(last.replace('data: ', ''))).toEqual({
    error: { message: expect.stringContaining('died'), type: 'server_error', param: null, code: 'model_crashed' },
  });
});

test('a response that breaks off ends as failed, with its error, and is kept so', async () => {
  const stream = await house.openai.responses.create({ model: 'tiny', input: 'Hello', stream: true });
  const events = await readDying<OpenAI.Responses.ResponseStreamEvent>(stream);
  const last = events.at(-1)!;
  expect(last.type).toBe('response.failed');
  const { response } = last as OpenAI.Responses.ResponseFailedEvent;
  expect(response).toMatchObject({ status: 'failed', error: { code: 'server_error' } });
  expect((await house.openai.responses.retrieve(response.id)).status).toBe('failed');
});
