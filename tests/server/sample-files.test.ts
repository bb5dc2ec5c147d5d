/** Data to begin with. */

import { expect, test } from 'vitest';
import type { SampleFiles } from '../../src/domain/sample-files.ts';
import { openTestHouse } from '../house.ts';

test('the mails of the quickstart become three files that share no example, without holding the server up', async () => {
  await using house = await openTestHouse();
  let slowestMs = 0;
  let at = performance.now();
  const watch = setInterval(() => {
    slowestMs = Math.max(slowestMs, performance.now() - at - 10);
    at = performance.now();
  }, 10);
  const made: SampleFiles = await house.openai.post('/sample_files', { body: { name: 'spam' } });
  clearInterval(watch);
  expect(slowestMs, 'the corpus is read aside').toBeLessThan(250);
  const names = [made.training_file, made.validation_file, made.test_file].map(({ filename }) => filename);
  expect(names).toEqual(['spam-train.jsonl', 'spam-validation.jsonl', 'spam-test.jsonl']);
  const texts = await Promise.all(
    [made.training_file, made.validation_file, made.test_file].map(async ({ id }) =>
      (await (await house.openai.files.content(id)).text()).trim().split('\n'),
    ),
  );
  expect(texts.map((lines) => lines.length)).toEqual([400, 50, 200]);
  expect(new Set(texts.flat()).size).toBe(650);
  expect((await house.openai.files.list()).data).toHaveLength(3);
});
