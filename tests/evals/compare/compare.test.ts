import { expect, test } from 'vitest';
import type { Answered } from '../../../src/evals/ask.ts';
import { compare, type Contestant } from '../../../src/evals/compare/compare.ts';
import { priceByName, priceHere, priceThere, tokensAtOpenAI } from '../../../src/evals/compare/costs.ts';
import { askedWithShots, withShots, type ShotChoice } from '../../../src/evals/compare/shots.ts';
import { textOf, type TestItem } from '../../../src/evals/task.ts';

const item = (question: string, answer: string): TestItem => ({
  line: 1,
  input: [
    { role: 'system', content: 'Judge.' },
    { role: 'user', content: question },
  ],
  reference: { role: 'assistant', content: answer },
});

const training = [
  item('buy gold now', 'spam'),
  item('buy gold today', 'spam'),
  item('cheap flights to Rome', 'spam'),
  item('see you at the meeting', 'ham'),
  item('see you at the lunch', 'ham'),
  item('patch for the parser', 'ham'),
];

const shown = (choice: ShotChoice, count: number, seed = 1, question = 'gold for you, buy'): string[] => {
  const [asked] = askedWithShots(training, [item(question, '?')], 'classification', { count, choice, seed });
  return asked!.input.map((message) => `${message.role}: ${textOf(message)}`);
};

test('examples stand as a conversation between the system message and the question', () => {
  const random = shown('random', 2);
  expect(random[0]).toBe('system: Judge.');
  expect(random.at(-1)).toBe('user: gold for you, buy');
  expect(random.map((each) => each.split(':')[0])).toEqual(['system', 'user', 'assistant', 'user', 'assistant', 'user']); // prettier-ignore
  expect(withShots([], training[0]!.input)).toEqual(training[0]!.input);
});

test('the same seed shows the same examples, another seed others', () => {
  expect(shown('random', 3)).toEqual(shown('random', 3));
  const seeds = Array.from({ length: 10 }, (_, seed) => shown('diverse', 3, seed).join());
  expect(new Set(seeds).size).toBeGreaterThan(1);
  expect(shown('diverse', 3, 4)).toEqual(shown('diverse', 3, 4));
});

test('diverse examples take the labels in turn and no two alike while there are others', () => {
  for (let seed = 0; seed < 10; seed++) {
    const examples = shown('diverse', 4, seed).slice(1, -1);
    const answers = examples.filter((_, i) => i % 2 === 1);
    expect(answers.filter((answer) => answer === 'assistant: spam')).toHaveLength(2);
    expect(answers[0]).not.toBe(answers[1]);
    expect(examples.filter((text) => text.includes('buy gold'))).toHaveLength(1);
    expect(examples.filter((text) => text.includes('see you'))).toHaveLength(1);
  }
  expect(shown('diverse', 99).filter((text) => text.startsWith('assistant'))).toHaveLength(training.length);
});

test('the nearest examples are chosen for each question, the likest last', () => {
  expect(shown('nearest', 2).filter((text) => text.startsWith('user')).at(-2)).toMatch(/^user: buy gold/); // prettier-ignore
  expect(shown('nearest', 1, 1, 'see you at the opera')[1]).toMatch(/^user: see you at the/);
});

const answered = (question: string, truth: string, answer: string, latencyMs = 10): Answered => ({
  ...item(question, truth),
  answer: { role: 'assistant', content: answer },
  probabilities: null,
  error: null,
  latencyMs,
  promptTokens: 100,
  cachedTokens: 0,
  completionTokens: 2,
});

test('a thousand requests: dollars by the list, seconds by the clock, energy by the stated power', async () => {
  const mini = priceByName('gpt-4.1-mini')!;
  expect(mini).toBe(priceByName('gpt-4.1-mini-2025-04-14'));
  const tokens = { prompt: 100, answer: 2 };
  const there = (kind: Contestant['kind'], model: string) => priceThere({ kind, model, isHere: kind !== 'endpoint' }, tokens, { priceOf: mini })?.usd; // prettier-ignore
  // 100,000 tokens in at $0.40 a million and 2,000 out at $1.60; tuned at twice that.
  expect(there('base', 'tiny')).toBeCloseTo(0.04 + 0.0032, 12);
  expect(there('fine_tune', 'ft:tiny')).toBeCloseTo(2 * (0.04 + 0.0032), 12);
  // An endpoint is priced by its own model, and not at all where that is on no list.
  expect(there('endpoint', 'gpt-4.1')).toBeCloseTo(0.2 + 0.016, 12);
  expect(there('endpoint', 'ft:gpt-4.1-2025-04-14:acme::abc')).toBeCloseTo(0.3 + 0.024, 12);
  expect(there('endpoint', 'llama-3')).toBeUndefined();

  // 50 W for 20 ms, a thousand times: 1000 Ws = 1/3600 kWh.
  const here = priceHere([answered('a', 'x', 'x', 10), answered('b', 'x', 'x', 30)], { watts: 50, kilowattHourPrice: 0.36 }); // prettier-ignore
  expect(here).toEqual({ seconds: 20, kilowattHours: 1 / 3600, price: 0.36 / 3600 });
  expect(priceHere([answered('a', 'x', 'x')], {})).toEqual({ seconds: 10, kilowattHours: null, price: null });

  // The cookbook's count: 3 + 3 + 1 + 2 for the system's message, 3 + 1 + 1 for the user's, none for the one to come.
  const counted = await tokensAtOpenAI([answered('buy', 'x', 'spam')], mini);
  expect(counted.prompt).toBeGreaterThan(10);
  expect(counted.prompt).toBeLessThan(20);
  expect(counted.answer).toBeGreaterThan(0);
});

const contestant = (name: string, kind: Contestant['kind'], answers: readonly Answered[]): Contestant => ({
  name,
  kind,
  answers,
  model: null,
  shots: 0,
  isHere: true,
  tokensThere: null,
});

test('every contender is held against the reference, with p-values corrected together', () => {
  const questions = Array.from({ length: 60 }, (_, i) => ({ question: `q${i}`, truth: i % 2 === 0 ? 'a' : 'b' }));
  const rightIn = (right: (i: number) => boolean): Answered[] =>
    questions.map(({ question, truth }, i) => answered(question, truth, right(i) ? truth : 'neither'));
  const compared = compare(
    'classification',
    [
      contestant(
        'half',
        'base',
        rightIn((i) => i % 4 < 2),
      ),
      contestant(
        'all',
        'fine_tune',
        rightIn(() => true),
      ),
      contestant(
        'other half',
        'few_shot',
        rightIn((i) => i % 4 >= 2),
      ),
    ],
    { reference: 'half' },
  );
  const [half, all, other] = compared.rows;
  expect(compared.reference).toBe('half');
  expect(half!.difference).toBeNull();
  expect(all!.difference).toMatchObject({ to: 'half', significant: true, comparison: { test: 'paired_bootstrap' } });
  expect(other!.difference).toMatchObject({ significant: false, comparison: { difference: { value: 0 } } });
  expect(all!.difference!.pAdjusted).toBeCloseTo(2 * all!.difference!.comparison.pValue, 12);
  expect(JSON.parse(JSON.stringify(compared))).toMatchObject({ count: 60, verdict: { use: 'all' } });
});

test('two contenders of one name, or none, are our own mistake', () => {
  const one = contestant('x', 'base', [answered('q', 'a', 'a')]);
  expect(() => compare('classification', [one, one])).toThrow('same name');
  expect(() => compare('classification', [])).toThrow('nobody');
});
