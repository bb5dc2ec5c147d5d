/** Checkpoint permissions: a project lends its models to others. */

import type OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { expectConforms } from '../conformance.ts';
import { examples, upload, waitFor } from '../jobs/tiny-house.ts';
import { openTwoProjects, registerModel, type TwoProjects } from './projects.ts';

let house: TwoProjects;
let made = 0;
let model: string;
beforeAll(async () => void (house = await openTwoProjects()));
afterAll(() => house[Symbol.asyncDispose]());
beforeEach(async () => {
  model = await registerModel(house.house, 'alice', `ft:tiny:acme:mail:${String(++made).padStart(8, '0')}:ckpt-step-1`);
});

const names = async (openai: OpenAI): Promise<string[]> => (await openai.models.list()).data.map(({ id }) => id);
const lend = async (name: string, ...project_ids: string[]) =>
  (await house.alice.fineTuning.checkpoints.permissions.create(name, { project_ids })).data;

test('a model that is lent is one more of the borrower’s, and no longer when the loan ends', async () => {
  expect(await names(house.bob)).toEqual(['tiny']);
  const [permission] = await lend(model, 'bob');
  expect(permission).toEqual({
    object: 'checkpoint.permission',
    id: expect.stringMatching(/^cp_\w{24}$/),
    created_at: expect.any(Number),
    project_id: 'bob',
  });
  expect(await names(house.bob)).toEqual(['tiny', model]);
  expect((await house.bob.models.retrieve(model)).id).toBe(model);
  expect((await house.house.of('bob').models.resolve(model))?.base.id).toBe('tiny');

  const { permissions } = house.alice.fineTuning.checkpoints;
  const fine_tuned_model_checkpoint = model;
  const deleted = await permissions.delete(permission!.id, { fine_tuned_model_checkpoint });
  expect(deleted).toEqual({ id: permission!.id, object: 'checkpoint.permission', deleted: true });
  expectConforms('DeleteFineTuningCheckpointPermissionResponse', deleted);
  await expect(house.bob.models.retrieve(model)).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  await expect(permissions.delete(permission!.id, { fine_tuned_model_checkpoint })).rejects.toMatchObject({
    status: 404,
  });
});

test('a borrowed model is answered with, until the job’s owner deletes it; the borrower cannot', async () => {
  await lend(model, 'bob');
  const refused = { status: 403, param: 'model' };
  await expect(house.bob.models.delete(model)).rejects.toMatchObject(refused);
  await expect(
    house.bob.fineTuning.checkpoints.permissions.create(model, { project_ids: ['default'] }),
    'nor lend it on',
  ).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  await house.alice.models.delete(model);
  expect(await names(house.bob)).not.toContain(model);
  const again = await registerModel(house.house, 'alice', model);
  expect(await names(house.bob), 'the loan went with the model').not.toContain(again);
});

test('who was lent a model chats with it and trains on from it', { timeout: 60_000 }, async () => {
  const train = async (openai: OpenAI, base: string): Promise<string> => {
    const training_file = await upload(openai, examples());
    const hyperparameters = { n_epochs: 1, batch_size: 12 };
    const method = { type: 'supervised', supervised: { hyperparameters } } as const;
    const { id } = await openai.fineTuning.jobs.create({ model: base, training_file, method });
    return (await waitFor(openai, id)).job.fine_tuned_model!;
  };
  const trained = await train(house.alice, 'tiny');
  const ask = () =>
    house.bob.chat.completions.create({ model: trained, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 2 });
  const unknown = { status: 404, code: 'model_not_found' };
  await expect(ask()).rejects.toMatchObject(unknown);
  const [permission] = await lend(trained, 'bob');
  expect((await ask()).model).toBe(trained);
  const further = await train(house.bob, trained);
  expect(await names(house.bob)).toEqual(expect.arrayContaining([further, trained]));
  expect(await names(house.alice), 'what the borrower makes is the borrower’s').not.toContain(further);

  const { permissions } = house.alice.fineTuning.checkpoints;
  await permissions.delete(permission!.id, { fine_tuned_model_checkpoint: trained });
  await expect(ask(), 'also while it is loaded').rejects.toMatchObject(unknown);
});

test('lending twice is one loan, and all loans are listed page by page', async () => {
  const [first] = await lend(model, 'bob');
  const both = await lend(model, 'default', 'bob');
  expect(both.map(({ project_id }) => project_id)).toEqual(['default', 'bob']);
  expect(both[1]).toEqual(first);

  const { permissions } = house.alice.fineTuning.checkpoints;
  const all = async (query: OpenAI.FineTuning.Checkpoints.PermissionListParams): Promise<string[]> => {
    const found: string[] = [];
    for await (const { project_id } of permissions.list(model, query)) found.push(project_id);
    return found;
  };
  expect(await all({})).toEqual(['default', 'bob']);
  expect(await all({ order: 'ascending', limit: 1 })).toEqual(['bob', 'default']);
  expect(await all({ project_id: 'bob' })).toEqual(['bob']);

  const page = await (
    await fetch(`${house.url}/fine_tuning/checkpoints/${encodeURIComponent(model)}/permissions?limit=1`, {
      headers: { authorization: `Bearer ${house.aliceKey}` },
    })
  ).json();
  expect(page).toMatchObject({ object: 'list', has_more: true, first_id: both[0]!.id, last_id: both[0]!.id });
  expectConforms('ListFineTuningCheckpointPermissionResponse', page);
});

test.each<[string, object, object]>([
  ['no projects', { project_ids: [] }, { param: 'project_ids', code: 'empty_array' }],
  ['nothing', {}, { param: 'project_ids', code: 'missing_required_parameter' }],
  ['a project nobody made', { project_ids: ['bob', 'carol'] }, { param: 'project_ids[1]', code: 'invalid_value' }],
  ['an unknown field', { project_ids: ['bob'], role: 'x' }, { param: 'role', code: 'unknown_parameter' }],
])('lending to %s is refused, and nothing is lent', async (_, body, expected) => {
  const { permissions } = house.alice.fineTuning.checkpoints;
  await expect(permissions.create(model, body as never)).rejects.toMatchObject({ status: 400, ...expected });
  expect((await permissions.list(model)).data).toEqual([]);
});

test('a base model, and a model nobody made, cannot be lent', async () => {
  for (const name of ['tiny', 'ft:tiny:acme::nobody'])
    await expect(lend(name, 'bob')).rejects.toMatchObject({
      status: 404,
      param: 'fine_tuned_model_checkpoint',
      code: 'model_not_found',
    });
});

test('the limits of what can be trained are listed by name', async () => {
  const answer = await fetch(`${house.url}/fine_tuning/model_limits`, {
    headers: { authorization: `Bearer ${house.bobKey}` },
  });
  const limits = { object: 'fine_tuning.model_limits', model: 'tiny', max_running_jobs: 1 };
  expect(await answer.json()).toMatchObject({
    object: 'list',
    data: expect.arrayContaining([{ ...limits, max_tokens_per_example: 512 }]),
  });
});
