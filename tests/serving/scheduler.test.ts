/** Who is answered when, and from which memory: priorities, many fine-tunes of one base, little room. */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServedModel } from '../../src/models/registry.ts';
import { addTinyModel, ask, openTinyServing, request, type TinyServing, writeTinyAdapter } from './tiny-serving.ts';

/** With memory for one context at a time. */
let tiny: TinyServing;
beforeAll(async () => {
  tiny = await openTinyServing({ cacheBytesMax: 2 ** 20 }, { contextTokens: 1024 });
});
afterAll(() => tiny[Symbol.asyncDispose]());

const endless = {
  sampling: { ...request({} as ServedModel).sampling, logitBias: [0, 2].map((token) => [token, -100] as const) },
};
const say = (content: string) => [{ role: 'user' as const, content }];
const words = (count: number, word: string) => Array.from({ length: count }, (_, i) => `${word}${i}`).join(' ');

describe('work in the background', () => {
  test('rests while somebody waits, gives its place up, and comes to its end all the same', async () => {
    await using tiny = await openTinyServing({}, { contextTokens: 1024 });
    const long = { ...endless, tokensMax: 500, priority: 'background' } as const;
    const alone = await ask(tiny.serving, request(tiny.model, { ...long, messages: say('number 0') }));
    const ends: string[] = [];
    const background = Array.from({ length: 6 }, async (_, i) => {
      const answer = await ask(tiny.serving, request(tiny.model, { ...long, messages: say(`number ${i}`) }));
      ends.push('background');
      return answer;
    });
    await new Promise((resolve) => setTimeout(resolve, 30)); // every sequence is taken now
    for (let i = 0; i < 3; i++) {
      await ask(tiny.serving, request(i === 1 ? tiny.tuned : tiny.model, { ...endless, tokensMax: 20 }));
      ends.push('interactive');
    }
    const answers = await Promise.all(background);
    expect(ends.slice(0, 3)).toEqual(['interactive', 'interactive', 'interactive']);
    expect(answers.map(({ completionTokens }) => completionTokens)).toEqual([500, 500, 500, 500, 500, 500]);
    expect(answers[0]!.texts).toEqual(alone.texts);
  });

  test('makes room where memory is for one context only', async () => {
    const background = ask(tiny.serving, request(tiny.model, { ...endless, tokensMax: 400, priority: 'background' }));
    const vectors = tiny.serving.embed({
      model: tiny.model,
      inputs: [{ type: 'text', text: words(60, 'x') }],
      priority: 'background',
    });
    const urgent = await ask(tiny.serving, request(tiny.tuned, { ...endless, tokensMax: 5 }));
    const { vectors: others } = await tiny.serving.embed({
      model: tiny.tuned,
      inputs: [{ type: 'text', text: 'now' }],
    });
    expect([urgent.completionTokens, others.length]).toEqual([5, 1]);
    expect((await background).completionTokens).toBe(400);
    expect((await vectors).vectors).toHaveLength(1);
  });
});

describe('many fine-tunes of one base', () => {
  async function fineTunes(count: number): Promise<ServedModel[]> {
    return await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const adapter = join(tiny.folder, `adapter-${i}.gguf`);
        await writeTinyAdapter(adapter, { phase: i });
        return { ...tiny.model, id: `ft:tiny:personal:n${i}:AbC1234${i}`, adapter, adapterFolder: tiny.folder };
      }),
    );
  }

  test('share its weights and take turns at no cost; none hears what was said to another', async () => {
    const models = await fineTunes(20);
    const messages = say(words(80, 'w'));
    const round = async () => {
      const answers = [];
      for (const model of models)
        answers.push(await ask(tiny.serving, request(model, { messages, tokensMax: 8, topLogprobs: 0 })));
      return answers;
    };
    const [first, second] = [await round(), await round()];
    expect(tiny.log.pids).toHaveLength(1);
    expect(second.map(({ tokens }) => tokens)).toEqual(first.map(({ tokens }) => tokens));
    expect(second.every(({ cachedTokens }) => cachedTokens === 0)).toBe(true);
    expect(new Set(first.map(({ tokens }) => tokens[0]!.logprob)).size).toBe(20);
  });

  test('are all answered at once, however few contexts there is room for', async () => {
    const models = await fineTunes(6);
    const wishes = models.flatMap((model) =>
      [0, 1].map((i) => request(model, { messages: say(`question ${i}`), tokensMax: 8 })),
    );
    const alone = [];
    for (const wish of wishes) alone.push(await ask(tiny.serving, wish));
    const together = await Promise.all(wishes.map((wish) => ask(tiny.serving, wish)));
    expect(together.map(({ texts }) => texts)).toEqual(alone.map(({ texts }) => texts));
  });
});

test('two models that want the same room at the same time: one gets it, the other is told to try again', async () => {
  await using tiny = await openTinyServing({ loadedBytesMax: 2 ** 28 + 2 ** 20 }, { contextTokens: 1024 });
  const other = await addTinyModel(tiny.bases, tiny.folder, 'other');
  // Whose file is read first is nobody's business; the answer is long enough for the other to ask meanwhile.
  const long = { ...endless, tokensMax: 400 };
  const outcomes = await Promise.allSettled(
    [tiny.model, other].map((model) => ask(tiny.serving, request(model, long))),
  );
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: {
      kind: 'overloaded',
      message: expect.stringMatching(/no memory for the model '(tiny|tiny-model|other)'/) as string,
    },
  });
});
