/** Stored completions of our own server become a training file. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tunesmith } from '../cli/tunesmith.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { writeTinyLlama } from '../tiny-model.ts';

let house: TestHouse;
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stored-'));
  house = await openTestHouse();
  await writeTinyLlama(join(house.home, 'tiny.gguf'));
  await house.house.bases.pull(join(house.home, 'tiny.gguf'));
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const collect = (...words: string[]) => tunesmith(['data', 'collect', 'stored', ...words, '--base-url', house.url]);

async function ask(text: string, rating: string, tokens: number, more: object = {}): Promise<string> {
  const { choices } = await house.openai.chat.completions.create({
    model: 'tiny',
    messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: text }],
    max_completion_tokens: tokens,
    temperature: 0,
    store: true,
    metadata: { rating },
    ...more,
  }); // prettier-ignore
  return choices[0]?.message.content ?? '';
}

test('without any stored completion there is nothing, and it is said', async () => {
  expect(await collect()).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('"store": true') as unknown,
  });
});

test('questions and answers that fit the metadata become examples, oldest first; cut answers stay out', async () => {
  const schema = {
    type: 'object',
    properties: { ok: { enum: [true] } },
    required: ['ok'],
    additionalProperties: false,
  };
  const form = { response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema } } };
  const answers = [
    await ask('one', 'good', 200, form),
    await ask('two', 'bad', 200, form),
    await ask('three', 'good', 200, form),
  ];
  await ask('cut', 'good', 1);
  const output = join(folder, 'good.jsonl');
  const ran = await collect('-o', output, '--metadata', 'rating=good');
  expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: '' });
  expect(ran.stderr).toMatch(
    /left out chatcmpl-\S+: its answer ended by "length"\n2 examples in .*good\.jsonl, 1 left out/,
  );
  const examples = (await readFile(output, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  const example = (text: string, answer = '') => ({
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: text },
      { role: 'assistant', content: answer },
    ],
  });
  expect(examples).toEqual([example('one', answers[0]), example('three', answers[2])]);
  expect((await collect('--limit', '1', '--model', 'tiny')).stdout.trim()).toBe(
    JSON.stringify(example('one', answers[0])),
  );
  expect((await collect('--model', 'other')).code).toBe(1);
  expect((await tunesmith(['data', 'check', output, '--validation'])).code).toBe(0);
});

test('metadata that is no pair is a wrong command line', async () => {
  expect(await collect('--metadata', 'rating')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('key=value') as unknown,
  });
});
