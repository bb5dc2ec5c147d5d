/** Legacy completions through the front door, by the official SDK: texts and tokens, continued and scored. */

import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';
import { addTinyModel } from '../serving/tiny-serving.ts';

type Params = OpenAI.CompletionCreateParamsNonStreaming;

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny', { contextTokens: 512 });
  await addTinyModel(house.house.bases, house.home, 'piece', { tokenizer: 'sentence-piece' });
});
afterAll(() => house[Symbol.asyncDispose]());

const body: Params = { model: 'tiny', prompt: 'Once upon a time there was', seed: 1, max_tokens: 8 };
const create = (wishes: Partial<Params> = {}) => house.openai.completions.create({ ...body, ...wishes });
const send = (wishes: object) => create(wishes);

async function stream(wishes: object = {}): Promise<OpenAI.Completion[]> {
  const chunks: OpenAI.Completion[] = [];
  for await (const chunk of await house.openai.completions.create({ ...body, ...wishes, stream: true }))
    chunks.push(chunk);
  return chunks;
}

describe('a text is continued', () => {
  test('with every field that OpenAI sends', async () => {
    const { data, response } = await house.openai.completions.create(body).withResponse();
    expect(data).toEqual({
      id: expect.stringMatching(/^cmpl-[A-Za-z0-9]{29}$/),
      object: 'text_completion',
      created: expect.any(Number),
      model: 'tiny',
      system_fingerprint: expect.stringMatching(/^fp_/),
      choices: [{ text: expect.any(String), index: 0, logprobs: null, finish_reason: 'length' }],
      usage: {
        prompt_tokens: expect.any(Number),
        completion_tokens: 8,
        total_tokens: data.usage!.prompt_tokens + 8,
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      },
    });
    expect(response.headers.get('openai-model')).toBe('tiny');
  });

  test('by 16 tokens when nobody says how many', async () => {
    const { usage } = await send({ max_tokens: null, logit_bias: { 2: -100, 0: -100 } });
    expect(usage!.completion_tokens).toBe(16);
  });

  test('alike whether it comes as text or as its tokens', async () => {
    const text = 'the little robot';
    const scored = await create({ prompt: text, echo: true, max_tokens: 0, logprobs: 0 });
    const ids = await tokensOf(scored.choices[0]!.logprobs!.tokens!);
    const [fromText, fromTokens] = [await create({ prompt: text }), await create({ prompt: ids })];
    expect(fromTokens.choices).toEqual(fromText.choices);
    expect(fromTokens.usage).toEqual(fromText.usage);
  });

  test('from the beginning of a document where there is no text', async () => {
    const answers = [];
    for (const prompt of ['', '<|endoftext|>', [0], null]) answers.push(await send({ prompt, temperature: 0 }));
    for (const { choices, usage } of answers) {
      expect(choices).toEqual(answers[0]!.choices);
      expect(usage!.prompt_tokens).toBe(1);
    }
  });

  test('as many times as asked for, prompt by prompt', async () => {
    const prompts = ['Once', 'The quick', 'Is this'];
    const { choices, usage } = await create({ prompt: prompts, n: 2, temperature: 1 });
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    const alone = [];
    for (const prompt of prompts) alone.push(await create({ prompt, n: 2, temperature: 1 }));
    expect(choices.map(({ text }) => text)).toEqual(alone.flatMap(({ choices }) => choices.map(({ text }) => text)));
    expect(usage!.total_tokens).toBe(alone.reduce((sum, { usage }) => sum + usage!.total_tokens, 0));
  });

  test('by the best of several: that with the highest log-probability per token', async () => {
    const wishes = { temperature: 1, logprobs: 0 };
    const all = await create({ ...wishes, n: 5 });
    const mean = ({ logprobs }: OpenAI.CompletionChoice) => {
      const each = logprobs!.token_logprobs!;
      return each.reduce((sum, value) => sum + value, 0) / each.length;
    };
    const sorted = all.choices.toSorted((a, b) => mean(b) - mean(a)).map(({ text }) => text);
    const best = await create({ ...wishes, n: 2, best_of: 5 });
    expect(best.choices.map(({ text }) => text)).toEqual(sorted.slice(0, 2));
    expect(best.usage!.completion_tokens).toBe(all.usage!.completion_tokens);
    const silent = await create({ temperature: 1, best_of: 5 });
    expect(silent.choices).toMatchObject([{ text: sorted[0], logprobs: null }]);
  });

  test('until a stop text, which is not given', async () => {
    const whole = await create({ max_tokens: 20 });
    const stop = whole.choices[0]!.text.slice(5, 8);
    const cut = await create({ max_tokens: 20, stop });
    expect(cut.choices).toMatchObject([{ text: whole.choices[0]!.text.split(stop)[0], finish_reason: 'stop' }]);
  });
});

describe('log-probabilities', () => {
  test('come in columns, with the place of each token in the text', async () => {
    const { choices } = await create({ logprobs: 3 });
    const [{ text, logprobs }] = choices as [OpenAI.CompletionChoice];
    const { tokens, token_logprobs, top_logprobs, text_offset } = logprobs!;
    expect([tokens!.length, token_logprobs!.length, top_logprobs!.length]).toEqual([8, 8, 8]);
    expect(text_offset![0]).toBe((body.prompt as string).length);
    for (const [i, top] of top_logprobs!.entries()) {
      expect(top[tokens![i]!]).toBe(token_logprobs![i]);
      expect([3, 4]).toContain(Object.keys(top).length);
      if (!tokens![i]!.startsWith('bytes:'))
        expect(text.slice(text_offset![i]! - text_offset![0]!)).toMatch(tokens![i]![0]!);
    }
  });

  test('score a prompt without an answer', async () => {
    const prompt = 'The quick brown fox jumps over the lazy dog, and then the other animals sing.';
    const { choices, usage } = await create({ prompt, echo: true, max_tokens: 0, logprobs: 2 });
    const [{ text, logprobs, finish_reason }] = choices as [OpenAI.CompletionChoice];
    expect(text).toBe(prompt);
    expect(finish_reason).toBe('length');
    const { tokens, token_logprobs, top_logprobs, text_offset } = logprobs!;
    expect(tokens!.join('')).toBe(prompt);
    expect(tokens).toHaveLength(usage!.prompt_tokens);
    expect([token_logprobs![0], top_logprobs![0], text_offset![0]]).toEqual([null, null, 0]);
    for (const [i, at] of text_offset!.entries()) expect(prompt.slice(at).startsWith(tokens![i]!)).toBe(true);
    for (const value of token_logprobs!.slice(1)) expect(value).toBeLessThan(0);
    expect(usage!.completion_tokens).toBe(0);
  });

  test('of a prompt are those that its tokens have as answers', async () => {
    const answer = await create({ temperature: 0, logprobs: 1, max_tokens: 12 });
    const { tokens, token_logprobs } = answer.choices[0]!.logprobs!;
    const before = await create({ echo: true, max_tokens: 0, logprobs: 0 });
    const ids = await tokensOf([...before.choices[0]!.logprobs!.tokens!, ...tokens!]);
    const scored = await create({ prompt: ids, echo: true, max_tokens: 0, logprobs: 1 });
    const values = scored.choices[0]!.logprobs!.token_logprobs!.slice(-12);
    for (const [i, value] of values.entries()) expect(value).toBeCloseTo(token_logprobs![i]!, 2);
  });

  test('of a long prompt are all there, also when it was asked for before', async () => {
    const prompt = Array.from({ length: 60 }, (_, i) => `word${i}`).join(' ');
    const score = () => create({ prompt, echo: true, max_tokens: 1, logprobs: 0, temperature: 0 });
    const [first, second] = [await score(), await score()];
    expect(first.usage!.prompt_tokens).toBeGreaterThan(200);
    expect(first.choices[0]!.logprobs!.tokens).toHaveLength(first.usage!.total_tokens);
    expect(second.choices).toEqual(first.choices);
  });

  test('of a vocabulary that begins texts with a token of its own leave that out', async () => {
    const { choices, usage } = await create({
      model: 'piece',
      prompt: 'the dog',
      echo: true,
      max_tokens: 0,
      logprobs: 0,
    });
    expect(choices[0]!.logprobs!.tokens!.join('').trim()).toBe('the dog');
    expect(choices[0]!.logprobs!.token_logprobs![0]).toBeNull();
    expect(choices[0]!.logprobs!.tokens).toHaveLength(usage!.prompt_tokens - 1);
  });
});

describe('a stream', () => {
  test('has the pieces of the whole answer, every prompt and choice of it', async () => {
    const wishes = { prompt: ['Once', 'Why'], n: 2, temperature: 1, logprobs: 1, echo: true };
    const whole = await create(wishes);
    const chunks = await stream({ ...wishes, stream_options: { include_usage: true } });
    for (const { text, index, logprobs, finish_reason } of whole.choices) {
      const pieces = chunks.flatMap(({ choices }) => choices).filter((choice) => choice.index === index);
      expect(pieces.map((piece) => piece.text).join('')).toBe(text);
      expect(pieces.flatMap((piece) => piece.logprobs!.tokens!)).toEqual(logprobs!.tokens);
      expect(pieces.flatMap((piece) => piece.logprobs!.text_offset!)).toEqual(logprobs!.text_offset);
      expect(pieces.map((piece) => piece.finish_reason).filter(Boolean)).toEqual([finish_reason]);
    }
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: whole.usage!.total_tokens } });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });
});

describe('a request is refused', () => {
  const refused = (wishes: object, expected: object) =>
    expect(send(wishes)).rejects.toMatchObject({ status: 400, type: 'invalid_request_error', ...expected });

  test('for values out of their bounds', async () => {
    await refused({ logprobs: 6 }, { param: 'logprobs', code: 'integer_above_max_value' });
    await refused({ best_of: 21 }, { param: 'best_of', code: 'integer_above_max_value' });
    await refused({ max_tokens: -1 }, { param: 'max_tokens', code: 'integer_below_min_value' });
    await refused({ prompt: [] }, { param: 'prompt', code: 'empty_array' });
    await refused({ prompt: 3 }, { param: 'prompt', code: 'invalid_type' });
    await refused({ prompt: [[1], 'two'] }, { param: expect.stringMatching(/^prompt/) });
    await refused({ prompt: [400] }, { param: 'prompt', message: expect.stringContaining('400 is not a token') });
    await refused({ messages: [] }, { param: 'messages', code: 'unknown_parameter' });
  });

  test('for wishes that contradict each other', async () => {
    await refused({ n: 3, best_of: 2 }, { param: 'best_of' });
    await refused({ stream: true, best_of: 2 }, { param: 'best_of' });
    await refused({ stream_options: { include_usage: true } }, { param: 'stream_options' });
  });

  test('for a gap that the model cannot fill, and filled where it can', async () => {
    await refused({ suffix: ' The end.' }, { param: 'suffix', code: 'unsupported_parameter' });
    const { ggufValue } = await import('../../src/formats/gguf-metadata.ts');
    const metadata = {
      'tokenizer.ggml.fim_pre_token_id': ggufValue.u32(3),
      'tokenizer.ggml.fim_suf_token_id': ggufValue.u32(4),
      'tokenizer.ggml.fim_mid_token_id': ggufValue.u32(5),
    };
    await addTinyModel(house.house.bases, house.home, 'filler', { metadata });
    const plain = await create({ model: 'filler' });
    const filled = await create({ model: 'filler', suffix: ' The end.' });
    expect(filled.usage!.prompt_tokens).toBeGreaterThan(plain.usage!.prompt_tokens + 3);
    await refused({ model: 'filler', prompt: [1, 2], suffix: 'x' }, { param: 'suffix' });
  });

  test('for more than the context holds, with all three numbers', async () => {
    await refused(
      { max_tokens: 510 },
      {
        code: 'context_length_exceeded',
        param: 'prompt',
        message: expect.stringMatching(
          /maximum context length is 512 tokens, however you requested \d+ tokens \(\d+ in your prompt; 510 for/,
        ),
      },
    );
  });

  test('for a model that is not there', async () => {
    await expect(create({ model: 'none' })).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });
});

async function tokensOf(names: readonly string[]): Promise<number[]> {
  const { openGguf } = await import('../../src/formats/gguf.ts');
  const { TextCodec } = await import('../../src/text/codec.ts');
  const base = house.house.bases.find('tiny');
  await using file = await openGguf(base!.path);
  const { tokenizer } = TextCodec.fromGguf(file.metadata);
  const named = new Map<string, number>();
  for (let id = 0; id < tokenizer.vocabularySize; id++) {
    const bytes = tokenizer.bytes(id);
    const text = tokenizer.isControl(id) ? tokenizer.vocabulary.texts[id]! : Buffer.from(bytes).toString();
    const hex = Array.from(bytes, (byte) => String.raw`\x${byte.toString(16).padStart(2, '0')}`).join('');
    named.set(text.includes('\uFFFD') ? `bytes:${hex}` : text, id);
  }
  return names.map((name) => named.get(name)!);
}
