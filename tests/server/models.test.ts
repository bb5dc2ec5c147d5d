import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';
import { writeTinyLlama } from '../tiny-model.ts';

const fineTuned = 'ft:tiny:acme:spam:AbC12345';
const checkpoint = 'ft:tiny:acme:spam:XyZ98765:ckpt-step-10';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ organization: 'acme', modelAliases: { 'gpt-4o-mini-2024-07-18': 'tiny' } });
  const path = join(house.home, 'tiny.gguf');
  await writeTinyLlama(path);
  await house.house.bases.pull(path, { id: 'tiny' });
  for (const [step, id] of [
    [10, checkpoint],
    [20, fineTuned],
  ] as const) {
    const folder = `models/fine-tuned/ftjob-1/step-${step}`;
    await mkdir(join(house.home, folder), { recursive: true });
    await writeFile(join(house.home, folder, 'adapter.gguf'), 'GGUF');
    const { models } = house.house.of('default');
    const model = { id, createdAt: 1_700_000_000 + step, base: 'tiny', baseModelId: 'tiny', jobId: 'ftjob-1', folder };
    await house.house.database.transaction().execute((transaction) => models.register(transaction, model));
  }
});
afterAll(() => house[Symbol.asyncDispose]());

const ids = async (): Promise<string[]> => (await house.openai.models.list()).data.map(({ id }) => id);

test('every name that answers is listed, and nothing but OpenAI’s two keys around them', async () => {
  expect(await ids()).toEqual(['tiny', 'gpt-4o-mini-2024-07-18', fineTuned, checkpoint]);
  const answer = (await (await fetch(`${house.url}/models`)).json()) as object;
  expect(Object.keys(answer)).toEqual(['object', 'data']);
});

test('a base model belongs to the system, a fine-tuned one to the organisation', async () => {
  const created = expect.any(Number);
  expect(await house.openai.models.retrieve('tiny')).toEqual({
    id: 'tiny',
    object: 'model',
    created,
    owned_by: 'system',
  });
  expect(await house.openai.models.retrieve(fineTuned)).toEqual({
    id: fineTuned,
    object: 'model',
    created: 1_700_000_020,
    owned_by: 'acme',
  });
  expect((await fetch(`${house.url}/models/${encodeURIComponent(checkpoint)}`)).status).toBe(200);
});

test('a base model cannot be deleted through the API, under neither of its names', async () => {
  for (const name of ['tiny', 'gpt-4o-mini-2024-07-18'])
    await expect(house.openai.models.delete(name)).rejects.toMatchObject({ status: 403, param: 'model' });
  expect(await ids()).toContain('tiny');
});

test('a deleted fine-tuned model is gone for everybody, with its files, and its checkpoint stays', async () => {
  expect(await house.openai.models.delete(fineTuned)).toEqual({ id: fineTuned, object: 'model', deleted: true });
  expect(await ids()).toEqual(['tiny', 'gpt-4o-mini-2024-07-18', checkpoint]);
  const unknown = { status: 404, code: 'model_not_found', param: 'model', type: 'invalid_request_error' };
  await expect(house.openai.models.retrieve(fineTuned)).rejects.toMatchObject(unknown);
  await expect(house.openai.models.delete(fineTuned)).rejects.toMatchObject(unknown);
  expect(await readdir(join(house.home, 'models/fine-tuned/ftjob-1'))).toEqual(['step-10']);
});
