/** Other names for base models, given while the server runs. */

import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ModelAlias } from '../../src/domain/model-alias.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { openTwoProjects } from '../access/projects.ts';
import { tinyHome } from '../jobs/tiny-house.ts';

let folder: Awaited<ReturnType<typeof tinyHome>>;
let house: TestHouse;
beforeAll(async () => {
  folder = await tinyHome();
  house = await openTestHouse({ home: folder.home, modelAliases: { 'gpt-4.1-nano': 'tiny', 'gpt-4': 'never-pulled' } });
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const aliasesOf = async (openai: OpenAI): Promise<ModelAlias[]> =>
  ((await openai.get('/model_aliases')) as { data: ModelAlias[] }).data;
const set = (alias: string, model = 'tiny'): Promise<ModelAlias> =>
  house.openai.post('/model_aliases', { body: { alias, model } });

test('a new name answers at once, outlives the server, and is gone when it is removed', async () => {
  expect(await set('gpt-4o-mini')).toMatchObject({
    id: 'gpt-4o-mini',
    model: 'tiny',
    source: 'database',
    available: true,
  });
  expect((await house.openai.models.retrieve('gpt-4o-mini')).owned_by).toBe('system');
  expect((await house.openai.models.list()).data.map(({ id }) => id)).toContain('gpt-4o-mini');
  await house[Symbol.asyncDispose]();
  house = await openTestHouse({ home: folder.home, modelAliases: { 'gpt-4.1-nano': 'tiny', 'gpt-4': 'never-pulled' } });
  expect((await aliasesOf(house.openai)).map(({ id, source, available }) => [id, source, available])).toEqual([
    ['gpt-4.1-nano', 'setting', true],
    ['gpt-4', 'setting', false],
    ['gpt-4o-mini', 'database', true],
  ]);
  await house.openai.models.retrieve('gpt-4o-mini');
  await house.openai.delete('/model_aliases/gpt-4o-mini');
  await expect(house.openai.models.retrieve('gpt-4o-mini')).rejects.toMatchObject({ status: 404 });
});

test.each([
  ['tiny', 'tiny', 400, 'alias'],
  ['gpt-4o', 'never-pulled', 400, 'model'],
  ['ft:tiny:me::1', 'tiny', 400, 'alias'],
  ['a name', 'tiny', 400, 'alias'],
  ['__proto__', 'tiny', 400, 'alias'],
  ['gpt-4.1-nano', 'tiny', 409, 'alias'],
])('the alias %j for %j is refused with %i', async (alias, model, status, param) => {
  await expect(set(alias, model)).rejects.toMatchObject({ status, param });
});

test('what comes from the settings is removed there', async () => {
  await expect(house.openai.delete('/model_aliases/gpt-4.1-nano')).rejects.toMatchObject({
    status: 409,
    code: 'alias_of_settings',
  });
});

test('everybody sees them, and the operator makes them', async () => {
  await using two = await openTwoProjects();
  expect(await aliasesOf(two.alice)).toEqual([]);
  const body = { alias: 'gpt-4o', model: 'tiny' };
  await expect(two.alice.post('/model_aliases', { body })).rejects.toMatchObject({ status: 403 });
  await expect(two.alice.delete('/model_aliases/gpt-4o')).rejects.toMatchObject({ status: 403 });
});
