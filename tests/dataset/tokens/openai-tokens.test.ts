/** Held against tiktoken and the notebook's formulas: tests/goldens/make_openai_tokens.py. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { OpenAITokens } from '../../../src/dataset/tokens/openai-tokens.ts';
import type { ToolDefinition } from '../../../src/domain/example.ts';
import { OpenAIEncoding, openAIEncodings } from '../../../src/text/openai-encoding.ts';

const goldens = join(import.meta.dirname, '..', '..', 'goldens');
const read = (name: string): unknown => JSON.parse(readFileSync(join(goldens, name), 'utf8'));
const golden = read('openai-tokens.json') as {
  texts: ({ text: string } & Record<string, number>)[];
  ids: Record<string, number[]>;
  tools: Record<string, number>;
};

describe.each(openAIEncodings)('%s', (name) => {
  let encoding: OpenAIEncoding;
  beforeAll(async () => void (encoding = await OpenAIEncoding.load(name)));

  test.each(golden.texts.map(({ text, ...counts }) => [text.slice(0, 40), text, counts] as const))(
    'counts %j as tiktoken does',
    (_, text, counts) => {
      expect(encoding.count(text)).toBe(counts[name]);
      expect(encoding.count(text)).toBe(counts[name]); // remembered words count the same
      expect(encoding.encode(text)).toHaveLength(counts[name]!);
    },
  );

  test('gives the very ids', () => {
    expect(encoding.encode(golden.texts[8]!.text)).toEqual(golden.ids[name]);
  });

  test('counts tools by the cookbook rule', () => {
    const messages = [{ role: 'user', content: 'Hi' } as const];
    const counter = new OpenAITokens(encoding);
    const bare = counter.count({ format: 'chat', example: { messages } });
    const tools = read('tools.json') as ToolDefinition[];
    const counted = counter.count({ format: 'chat', example: { messages, tools } });
    expect(counted.parts.tools).toBe(golden.tools[name]);
    expect(counted.total).toBe(bare.total + golden.tools[name]!);
  });

  test.each([
    ['equal letters', 'a'.repeat(400_000)],
    ['Chinese without punctuation', '\u4e00\u4e8c\u4e09'.repeat(100_000)],
    ['capitals longer than one look of the pattern', 'A'.repeat(1_100_000)],
    ['white space', ' '.repeat(1_100_000)],
  ])('is not slow on one endless word of %s', (_, text) => {
    const start = performance.now();
    expect(encoding.count(text)).toBeGreaterThan(text.length / 200);
    expect(performance.now() - start).toBeLessThan(10_000); // quadratic merging takes minutes
  });

  test('a long text counts as the sum of its pieces', () => {
    const sentence = 'The seventh sheep sleeps, and 1234 others listen. ';
    const times = 45_000; // three pieces
    const once = encoding.count(sentence.repeat(2)) - encoding.count(sentence);
    expect(Math.abs(encoding.count(sentence.repeat(times)) - once * times)).toBeLessThanOrEqual(1);
  });
});
