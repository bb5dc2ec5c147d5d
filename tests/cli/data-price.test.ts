import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../formats/folder.ts';
import { tinyHome } from '../jobs/tiny-house.ts';
import { tunesmith } from './tunesmith.ts';

const golden = join(import.meta.dirname, '..', 'goldens', 'cookbook.jsonl');

test('what it cost at OpenAI, when it pays, and what it takes here; the speed is measured once', async () => {
  await using tiny = await tinyHome();
  const words = ['data', 'price', golden, '--home', tiny.home, '--watts', '60', '--kwh-price', '0.3'];
  const first = await tunesmith(words);
  expect(first.code).toBe(0);
  expect(first.stderr).toContain('Measuring how fast tiny trains here');
  for (const told of [
    /^epochs +10 \(auto\)$/m,
    /^gpt-3\.5-turbo +1,072 +10,720 +\$0\.086$/m, // 10,720 tokens at $8 a million
    /late 2025/,
    /against 5 examples in the prompt/,
    /^gpt-4o-mini-2024-07-18 .* requests$/m,
    /^base +tiny$/m,
    /^time +about \d+ s$/m,
    /^measured +[\d,.]+ tokens\/s on \d{4}-/m,
    /^energy +\S+ kWh at 60 W, which cost \S+$/m,
  ])
    expect(first.stdout).toMatch(told);

  const second = await tunesmith([...words, '--json']);
  expect(second.stderr).toBe('');
  const { here, openai } = JSON.parse(second.stdout) as {
    here: { time: { seconds: number }; energy: { watts: number; kilowattHours: number; price: number } };
    openai: { date: string; models: unknown[] };
  };
  expect(openai).toMatchObject({ date: 'late 2025' });
  expect(openai.models).toHaveLength(6);
  expect(here.energy.kilowattHours).toBeCloseTo((60 * here.time.seconds) / 3.6e6, 12);
  expect(here.energy.price).toBeCloseTo(0.3 * here.energy.kilowattHours, 12);
});

test('epochs and examples in the prompt can be chosen, and measuring be left', async () => {
  await using tiny = await tinyHome();
  const words = ['data', 'price', golden, '--home', tiny.home, '--epochs', '2', '--shots', '1', '--no-calibrate'];
  const { code, stdout, stderr } = await tunesmith(words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^epochs +2$/m);
  expect(stdout).toMatch(/^gpt-3\.5-turbo +1,072 +2,144 /m);
  expect(stdout).toContain('against 1 example in the prompt');
  expect(stdout).toContain('never; from'); // one example in the prompt is cheaper than gpt-3.5-turbo's fine-tune
  expect(stdout).toMatch(/^time +Its speed was never measured here; --calibrate does\.$/m);
});

test('without a base model the prices of OpenAI are all there is, and the way to one', async () => {
  await using folder = await temporaryFolder();
  const { code, stdout, stderr } = await tunesmith(['data', 'price', golden, '--home', folder.path]);
  expect(code).toBe(0);
  expect(stdout).not.toContain('HERE');
  expect(stderr).toContain('tunesmith models pull smollm2-135m-instruct');
});

test('what is not trained here has a price all the same', async () => {
  await using tiny = await tinyHome();
  await using folder = await temporaryFolder();
  const path = folder.file('train.jsonl');
  await writeFile(path, `${JSON.stringify({ prompt: 'Red or blue? ->', completion: ' red' })}\n`.repeat(12));
  const { stdout } = await tunesmith(['data', 'price', path, '--home', tiny.home]);
  expect(stdout).toMatch(/^davinci-002 /m);
  expect(stdout).toMatch(/^time +How fast files of the completion format train is not measured\.$/m);
  await writeFile(path, `${JSON.stringify({ messages: [{ role: 'user', content: 'Guess.' }], reference: '7' })}\n`);
  expect((await tunesmith(['data', 'price', path, '--home', tiny.home])).stdout).toContain('$100 for each hour');
});

test.each([
  [[golden, '--kwh-price', '0.3'], 2, /--kwh-price needs --watts/],
  [[golden, '--epochs', '0'], 2, /expected 1 to 50/],
  [[golden, '--epochs', '51'], 2, /expected 1 to 50/],
  [[golden, '--watts', 'many'], 2, /"many" was given where a number was expected/],
  [['no-such-file.jsonl'], 1, /There is no file/],
  [
    [join(import.meta.dirname, 'tunesmith.ts')],
    1,
    /tunesmith\.ts has no example to count: every row has errors; the first: Example 1/,
  ],
])('%j fails with a word', async (words, expected, complaint) => {
  await using folder = await temporaryFolder();
  const { code, stdout, stderr } = await tunesmith(['data', 'price', ...words, '--home', folder.path]);
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
  expect(stderr).toMatch(complaint);
});
