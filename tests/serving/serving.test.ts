/** Answers of a tiny model, asked for without a server: what they depend on, and what they do not. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, openTinyServing, request, type TinyServing } from './tiny-serving.ts';

let tiny: TinyServing;
beforeAll(async () => {
  tiny = await openTinyServing({}, { contextTokens: 1024 });
});
afterAll(() => tiny[Symbol.asyncDispose]());

const vocabularySize = 400;

const warm = { temperature: 1 } as const;
const sampling = (wishes: object) => ({ ...request(tiny.model).sampling, ...wishes });
const say = (content: string) => [{ role: 'user' as const, content }];
const words = (count: number, word = 'a') => Array.from({ length: count }, (_, i) => `${word}${i}`).join(' ');

describe('sampling', () => {
  test('the same seed gives the same answer, another seed another one', async () => {
    const answer = (seed: number) => ask(tiny.serving, request(tiny.model, { sampling: sampling({ ...warm, seed }) }));
    const [first, second, other] = [await answer(7), await answer(7), await answer(8)];
    expect(second.texts).toEqual(first.texts);
    expect(other.texts).not.toEqual(first.texts);
  });

  test('a seed may be any integer, and without one answers differ', async () => {
    for (const seed of [-5, 2 ** 40, Number.MAX_SAFE_INTEGER])
      expect(
        (await ask(tiny.serving, request(tiny.model, { sampling: sampling({ ...warm, seed }) }))).reasons,
      ).toHaveLength(1);
    const unseeded = () => ask(tiny.serving, request(tiny.model, { sampling: sampling({ ...warm, seed: null }) }));
    expect((await unseeded()).texts).not.toEqual((await unseeded()).texts);
  });

  test('a greedy answer takes the likeliest token every time', async () => {
    const { tokens } = await ask(tiny.serving, request(tiny.model, { topLogprobs: 3 }));
    expect(tokens).toHaveLength(20);
    for (const { token, logprob, top } of tokens) expect([token, logprob]).toEqual(top[0]);
  });

  test('top_p of zero leaves only the likeliest token', async () => {
    const greedy = await ask(tiny.serving, request(tiny.model));
    const narrow = await ask(tiny.serving, request(tiny.model, { sampling: sampling({ ...warm, topP: 0 }) }));
    expect(narrow.texts).toEqual(greedy.texts);
  });

  test('choice i of several is the answer to seed + i', async () => {
    const several = await ask(tiny.serving, request(tiny.model, { choices: 3, sampling: sampling(warm) }));
    const alone = [];
    for (const seed of [1, 2, 3])
      alone.push(await ask(tiny.serving, request(tiny.model, { sampling: sampling({ ...warm, seed }) })));
    expect(several.texts).toEqual(alone.flatMap(({ texts }) => texts));
    expect(several.completionTokens).toBe(alone.reduce((sum, { completionTokens }) => sum + completionTokens, 0));
    expect(several.promptTokens).toBe(alone[0]!.promptTokens);
  });

  test('a banned token does not come, a forced one comes always', async () => {
    const { tokenizer } = await codec();
    const greedy = await ask(tiny.serving, request(tiny.model, { topLogprobs: 0, tokensMax: 1 }));
    const [token] = tokenizer.encode(greedy.texts[0]!);
    const biased = (bias: number) =>
      ask(
        tiny.serving,
        request(tiny.model, { tokensMax: 5, topLogprobs: 0, sampling: sampling({ logitBias: [[token!, bias]] }) }),
      );
    expect((await biased(-100)).tokens.map(({ token }) => token)).not.toContain(greedy.tokens[0]!.token);
    expect(new Set((await biased(100)).tokens.map(({ token }) => token))).toEqual(new Set([greedy.tokens[0]!.token]));
  });

  test('an end token can be banned, and then the answer goes on to its limit', async () => {
    const { endOfTurnIds } = await codec();
    const ends = [...endOfTurnIds];
    const forced = await ask(
      tiny.serving,
      request(tiny.model, { sampling: sampling({ logitBias: [[ends[0]!, 100]] }) }),
    );
    expect(forced).toMatchObject({ texts: [''], reasons: ['stop'], completionTokens: 0 });
    const logitBias = ends.map((token) => [token, -100] as const);
    const banned = await ask(
      tiny.serving,
      request(tiny.model, { tokensMax: 300, sampling: sampling({ ...warm, logitBias }) }),
    );
    expect(banned).toMatchObject({ reasons: ['length'], completionTokens: 300 });
  });

  test('penalties keep an answer from repeating itself', async () => {
    const distinct = async (wishes: object) => {
      const { tokens } = await ask(
        tiny.serving,
        request(tiny.model, { tokensMax: 60, topLogprobs: 0, sampling: sampling(wishes) }),
      );
      return new Set(tokens.map(({ token }) => token)).size;
    };
    expect(await distinct({ frequencyPenalty: 2, presencePenalty: 2 })).toBeGreaterThan(await distinct({}));
    expect(await distinct({ frequencyPenalty: -2 })).toBeLessThanOrEqual(await distinct({}));
  });

  test('an adapter changes the answer, and its base stays what it is', async () => {
    const base = await ask(tiny.serving, request(tiny.model));
    const tuned = await ask(tiny.serving, request(tiny.tuned));
    expect(tuned.texts).not.toEqual(base.texts);
    const again = await Promise.all([ask(tiny.serving, request(tiny.model)), ask(tiny.serving, request(tiny.tuned))]);
    expect(again.map(({ texts }) => texts)).toEqual([base.texts, tuned.texts]);
  });
});

describe('log-probabilities', () => {
  test('come from the raw logits, whatever temperature, penalty and bias do to the draw', async () => {
    const plain = await ask(tiny.serving, request(tiny.model, { topLogprobs: 20, tokensMax: 1 }));
    const bent = { temperature: 0.3, topP: 0.5, presencePenalty: 2, logitBias: [[300, 3] as const], seed: 3 };
    const other = await ask(
      tiny.serving,
      request(tiny.model, { topLogprobs: 20, tokensMax: 1, sampling: sampling(bent) }),
    );
    expect(other.tokens[0]!.top).toEqual(plain.tokens[0]!.top);
  });

  test('list the likeliest tokens first, the drawn one among them where it belongs', async () => {
    const { tokens } = await ask(tiny.serving, request(tiny.model, { topLogprobs: 20, sampling: sampling(warm) }));
    for (const { token, logprob, top } of tokens) {
      const values = top.map(([, logprob]) => logprob);
      expect(values).toHaveLength(20);
      expect(values.toSorted((a, b) => b - a)).toEqual(values);
      if (logprob >= values[19]!) expect(top).toContainEqual([token, logprob]);
    }
  });

  test('of all tokens, the rarest too, are the logarithms of chances that add up to one', async () => {
    const chances = [];
    for (let token = 0; token < vocabularySize; token++) {
      const forced = sampling({ logitBias: [[token, 100]] });
      const { tokens } = await ask(
        tiny.serving,
        request(tiny.model, { tokensMax: 1, topLogprobs: 0, sampling: forced }),
      );
      if (tokens[0] !== undefined) chances.push(Math.exp(tokens[0].logprob)); // an end token has none
    }
    const { endOfTurnIds } = await codec();
    expect(chances).toHaveLength(vocabularySize - endOfTurnIds.size);
    const sum = chances.reduce((sum, chance) => sum + chance, 0);
    expect(sum).toBeLessThan(1.0001);
    expect(sum).toBeGreaterThan(0.98);
  });

  test('belong to the text that was given out when a stop string cuts a token', async () => {
    const whole = await ask(tiny.serving, request(tiny.model, { topLogprobs: 0, sampling: sampling(warm) }));
    const text = whole.texts[0]!;
    const stop = text.slice(9, 12);
    const cut = await ask(
      tiny.serving,
      request(tiny.model, { topLogprobs: 0, stops: [stop], sampling: sampling(warm) }),
    );
    expect(cut.texts[0]).toBe(text.slice(0, text.indexOf(stop)));
    expect(cut.reasons).toEqual(['stop']);
    const expected: string[] = [];
    for (let at = 0; at < cut.texts[0]!.length; at += whole.tokens[expected.length - 1]!.token.length)
      expected.push(whole.tokens[expected.length]!.token);
    expect(cut.tokens.map(({ token }) => token)).toEqual(expected);
  });
});

describe('stop strings', () => {
  test('end one choice and leave the next alone', async () => {
    const wishes = { choices: 2, sampling: sampling(warm) };
    const whole = await ask(tiny.serving, request(tiny.model, wishes));
    const stop = whole.texts[0]!.slice(4, 7);
    const cut = await ask(tiny.serving, request(tiny.model, { ...wishes, stops: [stop] }));
    expect(cut.texts).toEqual(whole.texts.map((text) => text.split(stop)[0]));
    expect(cut.completionTokens).toBeLessThan(whole.completionTokens);
  });
});

describe('prefix reuse', () => {
  const shared = words(150);

  test('gives, to the last bit, what a fresh evaluation gives', async () => {
    const wishes = (tail: string) =>
      request(tiny.model, { messages: say(shared + tail), topLogprobs: 20, sampling: sampling(warm) });
    const warmed = [];
    for (const tail of [' one', ' two and a bit more', words(40, 'x'), ' three', ' two and a bit more'])
      warmed.push(await ask(tiny.serving, wishes(tail)));
    expect(warmed.slice(1).every(({ cachedTokens }) => cachedTokens > 0)).toBe(true);
    await using fresh = await openTinyServing({}, { contextTokens: 1024 });
    const cold = await ask(fresh.serving, { ...wishes(' two and a bit more'), model: fresh.model });
    expect(cold.cachedTokens).toBe(0);
    expect(warmed[1]!.tokens).toEqual(cold.tokens);
    expect(warmed[4]!.tokens).toEqual(cold.tokens);
  });

  test('leaves at least 64 tokens to evaluate, and short prompts alone', async () => {
    const long = request(tiny.model, { messages: say(shared) });
    const first = await ask(tiny.serving, long);
    const second = await ask(tiny.serving, long);
    expect(second.cachedTokens).toBeLessThanOrEqual(first.promptTokens - 64);
    expect(second.cachedTokens).toBeGreaterThan(first.promptTokens - 64 - 16);
    const classify = { ...long, tokensMax: 1 };
    await ask(tiny.serving, classify);
    expect((await ask(tiny.serving, classify)).cachedTokens).toBe(second.cachedTokens);
    const short = request(tiny.model, { messages: say('Hi') });
    await ask(tiny.serving, short);
    expect((await ask(tiny.serving, short)).cachedTokens).toBe(0);
  });

  test('never crosses from a model to its adapter', async () => {
    const messages = say(words(160, 'y'));
    await ask(tiny.serving, request(tiny.model, { messages }));
    const tuned = await ask(tiny.serving, request(tiny.tuned, { messages }));
    expect(tuned.cachedTokens).toBe(0);
    expect((await ask(tiny.serving, request(tiny.tuned, { messages }))).cachedTokens).toBeGreaterThan(0);
  });

  test('answers under way together are those that each would get alone', async () => {
    const prompts = [say(shared), say('Hi'), say(words(90, 'z')), say('Why?'), say(`${shared}!`), say('No')];
    const wishes = prompts.map((messages) =>
      request(tiny.model, { messages, topLogprobs: 2, sampling: sampling(warm) }),
    );
    const alone = [];
    for (const wish of wishes) alone.push(await ask(tiny.serving, wish));
    const together = await Promise.all(wishes.map((wish) => ask(tiny.serving, wish)));
    expect(together.map(({ texts }) => texts)).toEqual(alone.map(({ texts }) => texts));
    for (const [i, { tokens }] of together.entries())
      for (const [j, { logprob }] of tokens.entries()) expect(logprob).toBeCloseTo(alone[i]!.tokens[j]!.logprob, 3);
  });
});

test('exact arithmetic is asked for by a setting, and differs from the usual in small digits only', async () => {
  await using exact = await openTinyServing({ exact: true }, { contextTokens: 1024 });
  const wishes = { messages: say(words(60)), topLogprobs: 0 };
  const [usual, precise] = [
    await ask(tiny.serving, request(tiny.model, wishes)),
    await ask(exact.serving, request(exact.model, wishes)),
  ];
  expect(precise.texts).toEqual(usual.texts);
  expect(precise.tokens).not.toEqual(usual.tokens);
  for (const [i, { logprob }] of precise.tokens.entries()) expect(logprob).toBeCloseTo(usual.tokens[i]!.logprob, 1);
  expect(exact.serving.fingerprint(exact.model)).not.toBe(tiny.serving.fingerprint(tiny.model));
});

describe('the context', () => {
  test('a prompt that fills it is refused with both numbers', async () => {
    await expect(ask(tiny.serving, request(tiny.model, { messages: say(words(900)) }))).rejects.toMatchObject({
      kind: 'invalid',
      code: 'context_length_exceeded',
      param: 'messages',
      message: expect.stringMatching(/maximum context length is 1024 tokens.*resulted in \d{4} tokens/),
    });
  });

  test('an answer without a limit ends where the context does', async () => {
    const { endOfTurnIds } = await codec();
    const logitBias = [...endOfTurnIds].map((token) => [token, -100] as const);
    const answer = await ask(tiny.serving, request(tiny.model, { tokensMax: null, sampling: sampling({ logitBias }) }));
    expect(answer.reasons).toEqual(['length']);
    expect(answer.promptTokens + answer.completionTokens).toBe(1024);
  });

  test('an answer that outgrows its lane goes on as if nothing had happened', async () => {
    await using large = await openTinyServing({}, { contextTokens: 4096 });
    const { endOfTurnIds } = await codec();
    const logitBias = [...endOfTurnIds].map((token) => [token, -100] as const);
    const wishes = request(large.model, { messages: say(words(380)), tokensMax: 620, choices: 2 });
    const answer = await ask(large.serving, { ...wishes, sampling: sampling({ ...warm, logitBias }) });
    expect(answer.promptTokens).toBeLessThan(1536); // so that it begins in the smallest lane, of 2 048 tokens
    expect(answer.promptTokens + 620).toBeGreaterThan(2048);
    expect(answer).toMatchObject({ reasons: ['length', 'length'], completionTokens: 1240, cachedTokens: 0 });
  });

  test('a token that the model does not have cannot be biased', async () => {
    await expect(
      ask(tiny.serving, request(tiny.model, { sampling: sampling({ logitBias: [[400, 1]] }) })),
    ).rejects.toMatchObject({
      kind: 'invalid',
      param: 'logit_bias',
      message: expect.stringContaining('400 is not a token of this model. Expected token ids from 0 to 399'),
    });
  });
});

async function codec() {
  const { openGguf } = await import('../../src/formats/gguf.ts');
  const { TextCodec } = await import('../../src/text/codec.ts');
  await using file = await openGguf(tiny.model.base.path);
  return TextCodec.fromGguf(file.metadata);
}
