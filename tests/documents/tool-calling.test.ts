/** examples/tool-calling.mjs, as docs/quality.md tells to run it, with a model that is quick to teach and learns little. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openTestHouse } from '../house.ts';
import { tinyHome } from '../jobs/tiny-house.ts';

test('the example of calls trains, asks both models and counts', async () => {
  await using folder = await tinyHome({ contextTokens: 2048 });
  await using house = await openTestHouse({ home: folder.home });
  const words = ['examples/tool-calling.mjs', 'tiny', '--train', '12', '--test', '3', '--epochs', '1'];
  const env = { ...process.env, OPENAI_BASE_URL: house.url, OPENAI_API_KEY: 'any-key' };
  const { stdout } = await promisify(execFile)(process.execPath, words, { env });
  expect(stdout).toContain('The job has successfully completed');
  expect(stdout.match(/3 requests that were not trained on/g)).toHaveLength(2);
  // A model of random weights writes strings without end: the figures are there, and are its own.
  for (const figure of ['well-formed calls', 'right in every argument', 'fits the JSON schema'])
    expect(stdout.match(new RegExp(`${figure} +[\\d.]+ %`, 'g'))).toHaveLength(2);
});
