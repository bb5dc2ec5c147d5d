/** Embeddings through the front door, by the official SDK. */

import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ggufValue } from '../../src/formats/gguf-metadata.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { addTinyModel } from '../serving/tiny-serving.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny', { contextTokens: 1024 });
});
afterAll(() => house[Symbol.asyncDispose]());

const width = 32;
const text = 'The quick brown fox jumps over the lazy dog.';
const create = (wishes: Partial<OpenAI.EmbeddingCreateParams> = {}) =>
  house.openai.embeddings.create({ model: 'tiny', input: text, ...wishes });
const vectorOf = async (wishes: Partial<OpenAI.EmbeddingCreateParams>): Promise<number[]> =>
  (await create(wishes)).data[0]!.embedding;

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

describe('a text becomes a vector', () => {
  test('of length 1, with every field that OpenAI sends', async () => {
    const { data, response } = await create({ encoding_format: 'float' }).withResponse();
    expect(data).toEqual({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: expect.any(Array) }],
      model: 'tiny',
      usage: { prompt_tokens: expect.any(Number), total_tokens: data.usage.prompt_tokens },
    });
    const { embedding } = data.data[0]!;
    expect(embedding).toHaveLength(width);
    expect(dot(embedding, embedding)).toBeCloseTo(1, 5);
    expect(response.headers.get('openai-model')).toBe('tiny');
  });

  test('the same in numbers, in base64, and as the SDK asks when nobody says', async () => {
    const [numbers, unsaid] = [await vectorOf({ encoding_format: 'float' }), await vectorOf({})];
    expect(unsaid).toEqual(numbers);
    const raw = (await vectorOf({ encoding_format: 'base64' })) as unknown as string;
    const bytes = Buffer.from(raw, 'base64');
    expect(Array.from({ length: width }, (_, i) => bytes.readFloatLE(4 * i))).toEqual(numbers);
  });

  test('shorter ones are the first dimensions, of length 1 again', async () => {
    const [whole, short] = [await vectorOf({}), await vectorOf({ dimensions: 8 })];
    expect(short).toHaveLength(8);
    expect(dot(short, short)).toBeCloseTo(1, 5);
    const length = Math.hypot(...whole.slice(0, 8));
    for (const [i, value] of short.entries()) expect(value).toBeCloseTo(whole[i]! / length, 5);
    expect(await vectorOf({ dimensions: width })).toEqual(whole);
  });

  test('many at a time are those that each would be alone, in their order', async () => {
    const texts = ['One', text, 'Two words', Array.from({ length: 90 }, (_, i) => `word${i}`).join(' '), 'One'];
    const { data, usage } = await create({ input: texts });
    expect(data.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    const alone = [];
    for (const input of texts) alone.push(await create({ input }));
    for (const [i, { embedding }] of data.entries())
      expect(dot(embedding, alone[i]!.data[0]!.embedding)).toBeCloseTo(1, 5);
    expect(data[4]!.embedding).toEqual(data[0]!.embedding);
    expect(usage.total_tokens).toBe(alone.reduce((sum, { usage }) => sum + usage.total_tokens, 0));
  });

  test('as text or as its tokens', async () => {
    const ids = [10, 20, 30, 40];
    const [one, several] = [await create({ input: ids }), await create({ input: [[1, 2], ids] })];
    expect(several.data[1]!.embedding).toEqual(one.data[0]!.embedding);
    expect(one.usage.prompt_tokens).toBe(4);
  });

  test('the mean over its tokens, or what the file of the model says', async () => {
    const pooling = (type: number) => ({
      metadata: { 'llama.pooling_type': ggufValue.u32(type) },
      contextTokens: 1024,
    });
    await addTinyModel(house.house.bases, house.home, 'first', pooling(2));
    await addTinyModel(house.house.bases, house.home, 'last', pooling(3));
    const tokens = Array.from({ length: 600 }, (_, i) => (7 * i) % 390); // three pieces
    const begin = tokens.slice(0, 1);
    expect(
      dot(await vectorOf({ model: 'first', input: tokens }), await vectorOf({ model: 'tiny', input: begin })),
    ).toBeCloseTo(1, 4);
    const [mean, last] = [await vectorOf({ input: tokens }), await vectorOf({ model: 'last', input: tokens })];
    expect(dot(mean, last)).toBeLessThan(0.99);
  });
});

describe('a request is refused', () => {
  const refused = (wishes: object, expected: object) =>
    expect(create(wishes)).rejects.toMatchObject({ status: 400, type: 'invalid_request_error', ...expected });

  test('for nothing to embed, or nothing like it', async () => {
    await refused({ input: '' }, { param: 'input' });
    await refused({ input: ['a', ''] }, { param: 'input' });
    await refused({ input: [] }, { param: 'input', code: 'empty_array' });
    await refused({ input: undefined }, { param: 'input' });
    await refused(
      { input: Array.from({ length: 2049 }, () => 'a') },
      { param: 'input', code: 'array_above_max_length' },
    );
    await refused({ input: [400] }, { param: 'input', message: expect.stringContaining('400 is not a token') });
    await refused({ encoding_format: 'hex' }, { param: 'encoding_format', code: 'invalid_value' });
    await refused({ stop: 'x' }, { param: 'stop', code: 'unknown_parameter' });
  });

  test('for more dimensions than there are, and for texts that are too long', async () => {
    await refused(
      { dimensions: width + 1 },
      { param: 'dimensions', message: expect.stringContaining('have 32 dimensions') },
    );
    await refused({ dimensions: 0 }, { param: 'dimensions' });
    await refused(
      { input: Array.from({ length: 1025 }, () => 9) },
      { param: 'input', code: 'context_length_exceeded', message: expect.stringContaining('1024 tokens') },
    );
    const much = Array.from({ length: 300 }, () => Array.from({ length: 1001 }, () => 9));
    await refused(
      { input: much },
      { param: 'input', message: expect.stringContaining('Requested 300300 tokens, max 300000 tokens') },
    );
  });

  test('for a model that is not there', async () => {
    await expect(create({ model: 'none' })).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });
});
