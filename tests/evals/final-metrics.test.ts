import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FinalMetrics } from '../../src/evals/final-metrics.ts';

let folder = '';
let validationPath = '';
const never = new AbortController().signal;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'final-metrics-'));
  validationPath = join(folder, 'validation.jsonl');
  const line = (i: number): string =>
    JSON.stringify({
      messages: [
        { role: 'user', content: String(i) },
        { role: 'assistant', content: i % 2 === 0 ? 'even' : 'odd' },
      ],
    });
  await writeFile(validationPath, Array.from({ length: 40 }, (_, i) => `${line(i)}\n`).join(''));
});
afterAll(() => rm(folder, { recursive: true }));

const saying = (content: string): OpenAI.ChatCompletion => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [
    { index: 0, finish_reason: 'stop', logprobs: null, message: { role: 'assistant', content, refusal: null } },
  ],
});

const numberIn = (body: object): number => Number((body as { messages: { content: string }[] }).messages[0]!.content);

test('at most so many examples are asked, the same ones each time, and the words say how many of how many', async () => {
  const asked: number[][] = [];
  for (let round = 0; round < 2; round++) {
    const numbers: number[] = [];
    const metrics = new FinalMetrics({ examplesMax: 10 });
    metrics.start((_model, body) => {
      numbers.push(numberIn(body));
      return Promise.resolve(saying('even'));
    });
    const result = await metrics.judge({ model: 'm', validationPath }, never);
    expect(result!.message).toMatch(/^Task metrics on 10 of 40 validation examples \(classification\): F1, macro/);
    expect(result!.message).toContain('; only 10 cases: below 50 take the interval as a hint');
    expect(result!.csv).toMatch(/^metric,value,low,high,n\nf1_macro,/);
    asked.push(numbers.sort((a, b) => a - b));
  }
  expect(asked[0]).toHaveLength(10);
  expect(asked[0]).toEqual(asked[1]);
  expect(asked[0]!.at(-1)).toBeGreaterThan(20); // not only the head of the file
});

test('what was answered in time is judged, and the rest is not waited for', async () => {
  const metrics = new FinalMetrics({ millisecondsMax: 100 });
  metrics.start((_model, body, signal) =>
    numberIn(body) < 6
      ? Promise.resolve(saying(numberIn(body) % 2 === 0 ? 'even' : 'odd'))
      : new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('late')), { once: true })),
  );
  const result = await metrics.judge({ model: 'm', validationPath }, never);
  expect(result!.data).toMatchObject({ count: 6, validation_examples: 40, failed: 0 });
  expect(result!.data).toMatchObject({ figures: { accuracy: { value: 1 } } });
});

test('where nobody answers, or the file has no chats, there is nothing to say', async () => {
  expect(await new FinalMetrics().judge({ model: 'm', validationPath }, never)).toBeNull();
  const other = join(folder, 'other.jsonl');
  await writeFile(other, '{"prompt":"a","completion":"b"}\n');
  const metrics = new FinalMetrics();
  metrics.start(() => Promise.resolve(saying('x')));
  expect(await metrics.judge({ model: 'm', validationPath: other }, never)).toBeNull();
});

test('a model that never answers in time is an error that says so', async () => {
  const metrics = new FinalMetrics({ millisecondsMax: 50 });
  metrics.start(
    (_model, _body, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('x')))),
  );
  await expect(metrics.judge({ model: 'm', validationPath }, never)).rejects.toThrow('within 0.05 seconds');
});
