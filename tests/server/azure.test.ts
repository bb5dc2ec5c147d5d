import { AzureOpenAI } from 'openai';
import { expect, test } from 'vitest';
import { openTestHouse } from '../house.ts';
import { tinyHome, upload } from '../jobs/tiny-house.ts';

test('Azure’s client finds everything below its own paths', async () => {
  await using folder = await tinyHome();
  await using house = await openTestHouse({ home: folder.home });
  const endpoint = new URL(house.url).origin;
  const openai = new AzureOpenAI({ endpoint, apiKey: 'any', apiVersion: '2024-10-21', maxRetries: 0 });
  const file = await upload(openai, ['{"messages":[]}']);
  expect((await openai.files.list()).data.map(({ id }) => id)).toEqual([file]);
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  const { model } = await openai.chat.completions.create({ model: 'tiny', messages, max_tokens: 2 });
  expect(model).toBe('tiny');
  expect((await fetch(`${endpoint}/openai/v1/models`)).status).toBe(200);
  expect((await fetch(`${endpoint}/openaix/models`)).status).toBe(404);
});
