/** Chat completions through the front door, by the official SDK. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';
import { addTinyModel, writeTinyAdapter } from './tiny-serving.ts';

type Params = OpenAI.ChatCompletionCreateParamsNonStreaming;

const fineTuned = 'ft:tiny:personal:story:AbC12345';
const alias = 'gpt-4o-mini-2024-07-18';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ modelAliases: { [alias]: 'tiny' }, threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny');
  const folder = 'models/fine-tuned/ftjob-1/step-20';
  await mkdir(join(house.home, folder), { recursive: true });
  await writeTinyAdapter(join(house.home, folder, 'adapter.gguf'));
  const model = {
    id: fineTuned,
    createdAt: 1_700_000_000,
    base: 'tiny',
    baseModelId: 'tiny',
    jobId: 'ftjob-1',
    folder,
  };
  await house.house.database
    .transaction()
    .execute((transaction) => house.house.of('default').models.register(transaction, model));
});
afterAll(() => house[Symbol.asyncDispose]());

const messages: Params['messages'] = [
  { role: 'system', content: 'You tell stories.' },
  { role: 'user', content: 'Tell me one.' },
];
const body: Params = { model: 'tiny', messages, seed: 1, max_tokens: 12 };

const create = (wishes: Partial<Params> = {}) => house.openai.chat.completions.create({ ...body, ...wishes });

/** What the SDK's types would not let one send. */
const send = (wishes: object) => create(wishes);

async function stream(wishes: object = {}): Promise<OpenAI.ChatCompletionChunk[]> {
  const chunks = await house.openai.chat.completions.create({ ...body, ...wishes, stream: true });
  const all: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

describe('a whole answer', () => {
  test('has every field that OpenAI sends', async () => {
    const { data, response } = await house.openai.chat.completions.create(body).withResponse();
    expect(data).toEqual({
      id: expect.stringMatching(/^chatcmpl-[A-Za-z0-9]{29}$/),
      object: 'chat.completion',
      created: expect.any(Number),
      model: 'tiny',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: expect.any(String), refusal: null, annotations: [] },
          logprobs: null,
          finish_reason: 'length',
        },
      ],
      usage: {
        prompt_tokens: expect.any(Number),
        completion_tokens: 12,
        total_tokens: data.usage!.prompt_tokens + 12,
        prompt_tokens_details: { cached_tokens: expect.any(Number), audio_tokens: 0 },
        completion_tokens_details: {
          reasoning_tokens: 0,
          audio_tokens: 0,
          accepted_prediction_tokens: 0,
          rejected_prediction_tokens: 0,
        },
      },
      service_tier: 'default',
      system_fingerprint: expect.stringMatching(/^fp_[0-9a-f]{10}$/),
    });
    expect(Number.isInteger(data.created)).toBe(true);
    expect(response.headers.get('openai-model')).toBe('tiny');
  });

  test('comes the same again with the same seed, and under an alias', async () => {
    const [first, second, aliased] = [await create(), await create(), await create({ model: alias })];
    expect(second.choices).toEqual(first.choices);
    expect(aliased.choices).toEqual(first.choices);
    expect(aliased.model).toBe(alias);
    expect(aliased.system_fingerprint).toBe(first.system_fingerprint);
  });

  test('of a fine-tuned model differs from its base’s, and so does the fingerprint', async () => {
    const [base, tuned] = [await create({ temperature: 0 }), await create({ temperature: 0, model: fineTuned })];
    expect(tuned.model).toBe(fineTuned);
    expect(tuned.choices[0]!.message.content).not.toBe(base.choices[0]!.message.content);
    expect(tuned.system_fingerprint).not.toBe(base.system_fingerprint);
  });

  test('has as many choices as asked for, the prompt counted once', async () => {
    const one = await create();
    const three = await create({ n: 3 });
    expect(three.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(three.choices[0]).toEqual(one.choices[0]);
    expect(three.choices[1]).not.toEqual({ ...three.choices[0], index: 1 });
    expect(three.usage).toMatchObject({ prompt_tokens: one.usage!.prompt_tokens, completion_tokens: 36 });
  });

  test('may be spoken about again: an answer goes back as history just as it came', async () => {
    const { message } = (await create()).choices[0]!;
    const answer = await create({ messages: [...messages, message, { role: 'user', content: 'Another!' }] });
    expect(answer.choices).toHaveLength(1);
  });

  test('takes text in parts, developers for system, and the newer name of the limit first', async () => {
    const parts: Params['messages'] = [
      {
        role: 'developer',
        content: [
          { type: 'text', text: 'You tell ' },
          { type: 'text', text: 'stories.' },
        ],
      },
      { role: 'user', content: [{ type: 'text', text: 'Tell me one.' }] },
    ];
    expect((await create({ messages: parts })).choices).toEqual((await create()).choices);
    expect((await create({ max_completion_tokens: 3 })).usage!.completion_tokens).toBe(3);
  });

  test('ignores what changes nothing, and nulls', async () => {
    const hints = {
      user: 'u',
      safety_identifier: 's',
      prompt_cache_key: 'k',
      service_tier: 'flex',
      verbosity: 'low',
      reasoning_effort: 'low',
      prediction: null,
      modalities: ['text'],
      store: false,
      tools: [],
      tool_choice: 'none',
      response_format: { type: 'text' },
      stop: null,
      temperature: null,
      logit_bias: null,
      stream: null,
    };
    expect((await send(hints)).choices).toEqual((await create()).choices);
  });

  test('ends before a stop string and says so', async () => {
    const whole = (await create()).choices[0]!.message.content!;
    const stop = whole.slice(5, 7);
    const { choices } = await create({ stop });
    expect(choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: whole.slice(0, whole.indexOf(stop)) },
    });
    expect((await create({ stop: ['never so', stop] })).choices).toEqual(choices);
  });

  test('tells log-probabilities with the tokens’ bytes, which make up the text', async () => {
    const { choices } = await create({ logprobs: true, top_logprobs: 2 });
    const { logprobs, message } = choices[0]!;
    expect(logprobs!.refusal).toBeNull();
    expect(logprobs!.content).toHaveLength(12);
    for (const token of logprobs!.content!) {
      expect(Object.keys(token)).toEqual(['token', 'logprob', 'bytes', 'top_logprobs']);
      expect(token.logprob).toBeLessThanOrEqual(0);
      expect(token.top_logprobs).toHaveLength(2);
    }
    const bytes = logprobs!.content!.flatMap(({ bytes }) => bytes ?? []);
    expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe(message.content);
    expect((await create({ logprobs: true })).choices[0]!.logprobs!.content![0]!.top_logprobs).toEqual([]);
  });
});

describe('a stream', () => {
  test('says piece by piece what a whole answer says', async () => {
    const whole = await create({ n: 2, logprobs: true });
    const chunks = await stream({ n: 2, logprobs: true });
    for (const { choices, message, index } of whole.choices.map((choice) => ({
      ...choice,
      choices: chunks.flatMap(({ choices }) => choices),
    }))) {
      const mine = choices.filter((choice) => choice.index === index);
      expect(mine[0]).toEqual({
        index,
        delta: { role: 'assistant', content: '', refusal: null },
        logprobs: null,
        finish_reason: null,
      });
      expect(mine.at(-1)).toEqual({ index, delta: {}, logprobs: null, finish_reason: 'length' });
      expect(mine.map(({ delta }) => delta.content ?? '').join('')).toBe(message.content);
      expect(mine.flatMap(({ logprobs }) => logprobs?.content ?? [])).toEqual(whole.choices[index]!.logprobs!.content);
      expect(mine.length).toBeGreaterThan(4);
    }
    const [first] = chunks;
    for (const chunk of chunks) {
      expect(chunk).toMatchObject({
        object: 'chat.completion.chunk',
        id: first!.id,
        created: first!.created,
        model: 'tiny',
      });
      expect(chunk).not.toHaveProperty('usage');
    }
  });

  test('ends with the usage when that was asked for', async () => {
    const chunks = await stream({ stream_options: { include_usage: true } });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: (await create()).usage });
  });

  test('is server-sent events, one frame per chunk, and [DONE]', async () => {
    const response = await fetch(`${house.url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
      body: JSON.stringify({ ...body, stream: true }),
    });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    const frames = (await response.text()).split('\n\n');
    expect(frames.slice(-2)).toEqual(['data: [DONE]', '']);
    for (const frame of frames.slice(0, -2)) expect(JSON.parse(frame.slice('data: '.length))).toHaveProperty('choices');
  });

  test('that a client leaves is no longer worked on', async () => {
    const logit_bias = { 0: -100, 2: -100 };
    const chunks = await house.openai.chat.completions.create({ ...body, max_tokens: 480, logit_bias, stream: true });
    for await (const _ of chunks) break;
    expect((await create()).choices).toHaveLength(1);
  });
});

describe('a request is refused', () => {
  const refused = (wishes: object, expected: object) => expect(send(wishes)).rejects.toMatchObject(expected);
  const bad = { status: 400, type: 'invalid_request_error' };

  test('when nobody has the model', async () => {
    const expected = {
      status: 404,
      type: 'invalid_request_error',
      code: 'model_not_found',
      param: null,
      message: expect.stringContaining('The model `gpt-9` does not exist or you do not have access to it.'),
    };
    await refused({ model: 'gpt-9' }, expected);
    await expect(stream({ model: 'gpt-9' })).rejects.toMatchObject(expected);
  });

  test('when the messages are missing, empty, or not messages', async () => {
    await refused({ messages: undefined }, { ...bad, code: 'missing_required_parameter', param: 'messages' });
    await refused({ messages: [] }, { ...bad, code: 'empty_array', param: 'messages' });
    await refused({ messages: 'Hi' }, { ...bad, code: 'invalid_type', param: 'messages' });
    await refused(
      { messages: [{ role: 'king', content: 'Hi' }] },
      { ...bad, code: 'invalid_value', param: 'messages[0].role' },
    );
    await refused(
      { messages: [{ role: 'user' }] },
      { ...bad, code: 'missing_required_parameter', param: 'messages[0].content' },
    );
    await refused(
      { messages: [{ role: 'user', content: 7 }] },
      { ...bad, code: 'invalid_type', param: 'messages[0].content' },
    );
    await refused(
      { messages: [{ role: 'user', content: 'Hi', weight: 1 }] },
      { ...bad, code: 'unknown_parameter', param: 'messages[0].weight' },
    );
    const image = { type: 'image_url', image_url: { url: 'data:' } };
    await refused(
      { messages: [{ role: 'user', content: [image] }] },
      { ...bad, code: 'invalid_value', param: 'messages[0].content[0].type' },
    );
  });

  test('when the messages fill the context', async () => {
    const long = [{ role: 'user', content: 'word '.repeat(2000) }];
    const expected = {
      ...bad,
      code: 'context_length_exceeded',
      param: 'messages',
      message: expect.stringContaining('maximum context length is 512 tokens'),
    };
    await refused({ messages: long }, expected);
    await expect(stream({ messages: long })).rejects.toMatchObject(expected);
  });

  test.each([
    [{ temperature: 3 }, 'temperature', 'decimal_above_max_value'],
    [{ temperature: -0.1 }, 'temperature', 'decimal_below_min_value'],
    [{ top_p: 1.5 }, 'top_p', 'decimal_above_max_value'],
    [{ n: 0 }, 'n', 'integer_below_min_value'],
    [{ n: 129 }, 'n', 'integer_above_max_value'],
    [{ n: 1.5 }, 'n', 'invalid_type'],
    [{ max_tokens: 0 }, 'max_tokens', 'integer_below_min_value'],
    [{ top_logprobs: 21, logprobs: true }, 'top_logprobs', 'integer_above_max_value'],
    [{ top_logprobs: 2 }, 'top_logprobs', null],
    [{ stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop', 'array_above_max_length'],
    [{ frequency_penalty: 2.5 }, 'frequency_penalty', 'decimal_above_max_value'],
    [{ logit_bias: { 5: 101 } }, 'logit_bias.5', 'decimal_above_max_value'],
    [{ logit_bias: { 400: 1 } }, 'logit_bias', 'invalid_value'],
    [{ seed: 'x' }, 'seed', 'invalid_type'],
    [{ stream_options: { include_usage: true } }, 'stream_options', null],
    [{ temprature: 1 }, 'temprature', 'unknown_parameter'],
  ])('when %j is no legal value', (wishes, param, code) => refused(wishes, { ...bad, param, code }));

  test.each([
    [{ modalities: ['text', 'audio'] }, 'modalities'],
    [{ audio: { voice: 'alloy', format: 'wav' } }, 'audio'],
    [{ web_search_options: {} }, 'web_search_options'],
    [{ moderation: { model: 'omni' } }, 'moderation'],
  ])('when %j cannot be honoured', (wishes, param) =>
    refused(wishes, { ...bad, param, code: 'unsupported_parameter' }),
  );
});

test('a stream that fails after its start ends with the error', async () => {
  await using other = await openTestHouse({ threads: 1 });
  await addTinyModel(other.house.bases, other.home, 'tiny', { contextTokens: 100_000 });
  const chunks = await other.openai.chat.completions.create({
    ...body,
    max_tokens: 90_000,
    logit_bias: { 0: -100, 2: -100 },
    stream: true,
  });
  let seen = 0;
  const reading = (async () => {
    for await (const _ of chunks) if (++seen === 5) await other.house.serving[Symbol.asyncDispose]();
  })();
  await expect(reading).rejects.toMatchObject({
    message: expect.stringContaining("The model 'tiny' is being unloaded"),
  });
  expect(seen).toBeGreaterThanOrEqual(5);
});
