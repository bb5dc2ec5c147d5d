import { writeFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { epochsOf, trainingPrices } from '../../src/dataset/price.ts';
import { statisticsOf, type Statistics } from '../../src/dataset/statistics/statistics.ts';
import type { AnyExample } from '../../src/domain/example.ts';
import { OpenAITokens } from '../../src/dataset/tokens/openai-tokens.ts';
import { OpenAIEncoding } from '../../src/text/openai-encoding.ts';
import { temporaryFolder } from '../formats/folder.ts';

let cl100k: OpenAITokens;
beforeAll(async () => void (cl100k = new OpenAITokens(await OpenAIEncoding.load('cl100k_base'))));

async function statisticsOfRows(rows: readonly unknown[]): Promise<Statistics> {
  await using folder = await temporaryFolder();
  const path = folder.file('train.jsonl');
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'));
  return await statisticsOf(path, { threads: 0 });
}

/** A conversation of exactly so many tokens: " on" is one in every encoding. */
function chatOf(tokens: number, answer = 'yes'): unknown {
  const build = (words: number) => ({
    messages: [
      { role: 'user', content: `go${' on'.repeat(words)}` },
      { role: 'assistant', content: answer },
    ],
  });
  const bare = cl100k.count({ format: 'chat', example: build(0) } as AnyExample).total;
  return build(tokens - bare);
}

const priced = (statistics: Statistics, shots = 5, asked: number | null = null) =>
  trainingPrices(statistics, epochsOf(statistics.examples, asked), shots);
const of = (model: string, prices: ReturnType<typeof priced>) => prices.find((price) => price.model === model)!;

test("the cookbook's toy set: 5 examples of 4306 tokens are trained 20 times, 86,120 tokens", async () => {
  const statistics = await statisticsOfRows([700, 800, 900, 1000, 906].map((tokens) => chatOf(tokens)));
  expect(epochsOf(5, null)).toEqual({ count: 20, auto: true });
  const { tokensPerEpoch, trainedTokens, usd } = of('gpt-3.5-turbo', priced(statistics));
  expect({ tokensPerEpoch, trainedTokens }).toEqual({ tokensPerEpoch: 4306, trainedTokens: 86_120 });
  expect(usd).toBeCloseTo(0.689, 3); // 86,120 at $8 a million
});

test("OpenAI's guide: 100,000 tokens three times are $0.90 on gpt-4o-mini and $2.40 on gpt-3.5-turbo", async () => {
  const prices = priced(await statisticsOfRows(Array.from({ length: 100 }, () => chatOf(1000))));
  expect(of('gpt-4o-mini-2024-07-18', prices)).toMatchObject({ trainedTokens: 300_000, usd: 0.9 });
  expect(of('gpt-3.5-turbo', prices).usd).toBeCloseTo(2.4, 10);
});

test('tokens beyond a limit are not trained, so they were not charged', async () => {
  const statistics = await statisticsOfRows([chatOf(20_000), chatOf(100)]);
  expect(of('gpt-3.5-turbo', priced(statistics, 5, 1)).trainedTokens).toBe(16_385 + 100);
  expect(of('gpt-4.1-2025-04-14', priced(statistics, 5, 1)).trainedTokens).toBe(20_100);
});

test('what a request saves against examples in the prompt, and when the training is paid back', async () => {
  // An answer of 1 token after a prompt of 99; an example more is 100.
  const statistics = await statisticsOfRows(Array.from({ length: 10 }, () => chatOf(100)));
  const { usd, request } = of('gpt-4.1-mini-2025-04-14', priced(statistics, 5, 1));
  expect(usd).toBeCloseTo(0.005, 10); // 1000 tokens at $5 a million
  expect(request!.tuned).toMatchObject({ promptTokens: 99, answerTokens: 1 });
  expect(request!.tuned.usd).toBeCloseTo((99 * 0.8 + 1 * 3.2) / 1e6, 12);
  expect(request!.fewShot.promptTokens).toBe(599);
  expect(request!.fewShot.usd).toBeCloseTo((599 * 0.4 + 1 * 1.6) / 1e6, 12);
  // (599 x 0.4 + 1.6) - (99 x 0.8 + 3.2) = 241.2 - 82.4 = 158.8 a million; 5000 / 158.8 = 31.5
  expect(request!.savingUsd * 1e6).toBeCloseTo(158.8, 6);
  expect(request!.paidBackAfter).toBe(32);
  // Without examples 41.2 against 82.4: the difference is 41.2, an example costs 40
  expect(request!.cheaperFromShots).toBe(2);
});

test('a fine-tune that is dearer than the examples it replaces is never paid back', async () => {
  const statistics = await statisticsOfRows(Array.from({ length: 10 }, () => chatOf(100)));
  const { request } = of('gpt-4.1-mini-2025-04-14', priced(statistics, 1));
  expect(request!.savingUsd).toBeLessThan(0);
  expect(request!.paidBackAfter).toBeNull();
});

test('the words of the system stand once in a prompt, however many examples follow', async () => {
  const row = (system: string) => ({
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: 'go' },
      { role: 'assistant', content: 'yes' },
    ],
  });
  const [short, long] = [await statisticsOfRows([row('be')]), await statisticsOfRows([row(`be${' on'.repeat(500)}`)])];
  const extra = (statistics: Statistics): number => {
    const [few, many] = [1, 11].map((shots) => priced(statistics, shots)[0]!.request!.fewShot.promptTokens);
    return many! - few!;
  };
  expect(extra(long)).toBe(extra(short));
});

test.each([
  ['completion', { prompt: 'go ->', completion: ' yes' }, ['davinci-002', 'babbage-002']],
  ['reinforcement', { messages: [{ role: 'user', content: 'go' }] }, []],
])('%s files are priced for the models that took them', async (_, row, models) => {
  expect(priced(await statisticsOfRows([row])).map(({ model }) => model)).toEqual(models);
});

test('of a preference a request is the conversation, without either answer', async () => {
  const row = {
    input: { messages: [{ role: 'user', content: 'go' }] },
    preferred_output: [{ role: 'assistant', content: 'yes' }],
    non_preferred_output: [{ role: 'assistant', content: 'no' }],
  };
  const prices = priced(await statisticsOfRows([row]));
  expect(prices).toHaveLength(5);
  // 3 + 5 for the question + 4 for the frame of each answer, one of which holds the other answer's word
  expect(prices[0]!.request!.tuned).toMatchObject({ promptTokens: 3 + 5 + 2 * 4, answerTokens: 1 });
});
