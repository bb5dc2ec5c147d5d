import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { statisticsOf, type Statistics, type StatisticsOptions } from '../../../src/dataset/statistics/statistics.ts';
import type { Distribution } from '../../../src/dataset/statistics/tally.ts';
import { openAIEncodings } from '../../../src/text/openai-encoding.ts';
import { temporaryFolder } from '../../formats/folder.ts';

const goldens = join(import.meta.dirname, '..', '..', 'goldens');

async function statisticsOfLines(lines: readonly unknown[], options: StatisticsOptions = {}): Promise<Statistics> {
  await using folder = await temporaryFolder();
  const path = folder.file('train.jsonl');
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  await writeFile(path, text);
  return await statisticsOf(path, { threads: 0, ...options });
}

const chat = (prompt: string, answer: string, system: string | null = null) => ({
  messages: [
    ...(system === null ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: prompt },
    { role: 'assistant', content: answer },
  ],
});

describe.each(openAIEncodings)("the cookbook's notebook on the same file, in %s", (encoding) => {
  interface Spread {
    min: number;
    max: number;
    mean: number;
    median: number;
    labelled_p5: number;
    labelled_p95: number;
    p5: number;
    p95: number;
  }
  const { notebook } = JSON.parse(readFileSync(join(goldens, 'openai-tokens.json'), 'utf8')) as {
    notebook: Record<string, Record<'messages' | 'tokens' | 'assistant_tokens', Spread> & Record<string, number>>;
  };
  const golden = notebook[encoding]!;
  // What the notebook labels p5 and p95 are really the 0.1 and 0.9 quantiles.
  const spread = ({ min, max, mean, p5, p10, p50, p90, p95 }: Distribution): Spread => ({
    min,
    max,
    mean,
    median: p50,
    labelled_p5: p10,
    labelled_p95: p90,
    p5,
    p95,
  });

  test('has the same numbers, to the last digit', async () => {
    const statistics = await statisticsOf(join(goldens, 'cookbook.jsonl'), { threads: 0 });
    const tokens = statistics.tokens.find(({ counter }) => counter === encoding)!;
    expect(statistics.missing).toEqual({ system: golden['missing_system'], user: golden['missing_user'] });
    expect(spread(statistics.messages!)).toEqual(golden.messages);
    expect(spread(tokens.perExample!)).toEqual(golden.tokens);
    expect(spread(tokens.perPart.assistant!)).toEqual(golden.assistant_tokens);
    expect(tokens.lengths.sumOf((length) => (length > 400 ? 1 : 0))).toBe(golden['over_limit']);
    expect(tokens.lengths.sumOf((length) => Math.min(400, length))).toBe(golden['billing_tokens']);
  });
});

test('answers that are not learnt count as context', async () => {
  const learnt = chat('one', 'two');
  const context = {
    messages: [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'two', weight: 0 },
      { role: 'user', content: 'three' },
      { role: 'assistant', content: 'four' },
    ],
  };
  const { tokens, roles } = await statisticsOfLines([learnt, context]);
  // Every word is one token. An example is 3, a message 3 and its role: 3 + 2 x (3 + 1 + 1) and 3 + 4 x (3 + 1 + 1)
  expect(tokens[0]).toMatchObject({ counter: 'o200k_base', supervised: 2, context: 13 + 23 - 2 });
  expect(tokens[0]!.perAnswer).toMatchObject({ count: 2, max: 1 });
  expect(roles).toEqual([
    { role: 'user', examples: 2, messages: 3 },
    { role: 'assistant', examples: 2, messages: 3 },
  ]);
});

test('a classifier has labels with their balance, and most repeated prompts and answers with their lines', async () => {
  const lines = Array.from({ length: 20 }, (_, i) => chat(`mail ${i % 19}`, i < 15 ? 'ham' : 'spam'));
  const { labels, repeatedPrompts, repeatedAnswers } = await statisticsOfLines([...lines, chat('odd', 'maybe')]);
  expect(labels).toEqual({
    different: 3,
    labels: [
      { label: 'ham', count: 15, share: 15 / 21 },
      { label: 'spam', count: 5, share: 5 / 21 },
    ],
    single: 1,
    imbalance: 15,
  });
  expect(repeatedPrompts).toEqual([{ text: 'mail 0', count: 2, lines: [1, 20] }]);
  expect(repeatedAnswers.map(({ text, count, lines }) => [text, count, lines.length])).toEqual([
    ['ham', 15, 5],
    ['spam', 5, 5],
  ]);
});

test('free answers are no labels, and neither are long ones', async () => {
  const free = Array.from({ length: 20 }, (_, i) => chat('tell me', `a story of ${i} sheep`));
  expect((await statisticsOfLines(free)).labels).toBeNull();
  const long = Array.from({ length: 20 }, (_, i) => chat('tell me', `${'a long story '.repeat(20)}${i % 2}`));
  expect((await statisticsOfLines(long)).labels).toBeNull();
});

test('languages are told, and what is too short to tell is said to be', async () => {
  const { languages } = await statisticsOfLines([
    chat('Wie komme ich am besten zum Bahnhof?', 'Gehen Sie die Straße geradeaus und dann links.'),
    chat('Où se trouve la gare, s’il vous plaît ?', 'Tout droit, puis à gauche après le pont.'),
    chat('駅はどこですか？', 'まっすぐ行って、橋の後で左に曲がってください。'),
    chat('1', '2'),
  ]);
  expect(languages.sampled).toBe(4);
  expect(new Set(languages.shares.map(({ code }) => code))).toEqual(new Set(['de', 'fr', 'ja', null]));
});

test('of a large set an even sample tells the languages', async () => {
  const german = chat('Wie komme ich am besten zum Bahnhof?', 'Gehen Sie geradeaus und dann links.');
  const english = chat('How do I get to the station?', 'Straight on, then left after the bridge.');
  const lines = Array.from({ length: 2500 }, (_, i) => JSON.stringify(i < 1250 ? german : english));
  const { languages } = await statisticsOfLines(lines);
  expect(languages.sampled).toBeGreaterThan(500);
  expect(languages.sampled).toBeLessThanOrEqual(1000);
  for (const { share } of languages.shares) expect(share).toBeCloseTo(0.5, 1);
});

test('examples over a limit are told with their lines, and their tokens are cut to it', async () => {
  const long = chat('go on', 'on '.repeat(5000));
  const { limits } = await statisticsOfLines([chat('a', 'b'), long, chat('c', 'd'), long]);
  expect(limits.map(({ tokensMax, over }) => [tokensMax, over])).toEqual([
    [65_536, 0],
    [16_385, 0],
    [4096, 2],
    [16_384, 0],
    [2048, 2],
  ]);
  // 13 for each of the two short ones: 3 + 2 x (3 + 1 + 1)
  expect(limits.at(-1)).toMatchObject({ lines: [2, 4], tokens: 2 * 13 + 2 * 2048 });
});

test('rows with errors are left out and told, and a file of nothing else is no error', async () => {
  const { examples, faulty, tokens, format } = await statisticsOfLines(['{', chat('a', 'b'), { messages: [] }]);
  expect({ examples, rows: faulty.rows, line: faulty.first?.line, format }).toEqual({
    examples: 1,
    rows: 2,
    line: 1,
    format: 'chat',
  });
  expect(tokens[0]!.perExample!.count).toBe(1);
  const nothing = await statisticsOfLines(['not JSON']);
  expect(nothing).toMatchObject({ examples: 0, format: null, messages: null, labels: null });
});

test.each([
  ['completion', { prompt: 'one ->', completion: ' two' }, { prompt: 2, completion: 1 }, 1],
  [
    'preference',
    {
      input: { messages: [{ role: 'user', content: 'one' }] },
      preferred_output: [{ role: 'assistant', content: 'two' }],
      non_preferred_output: [{ role: 'assistant', content: 'three four' }],
    },
    { user: 1, assistant: 3 },
    3,
  ],
  ['reinforcement', { messages: [{ role: 'user', content: 'one' }], reference: 'two' }, { user: 1 }, 0],
])('%s rows are counted', async (format, row, parts, supervised) => {
  const statistics = await statisticsOfLines([row, row]);
  expect(statistics).toMatchObject({ format, examples: 2, faulty: { rows: 0 } });
  const [tokens] = statistics.tokens;
  expect(Object.fromEntries(Object.entries(tokens!.perPart).map(([part, { max }]) => [part, max]))).toEqual(parts);
  expect(tokens!.supervised).toBe(2 * supervised);
});
