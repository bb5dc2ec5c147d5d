/** Keys and projects by the API, as OpenAI's administration SDK asks for them. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI from 'openai';
import { expect, test } from 'vitest';
import type { AdminKey, ApiKey } from '../../src/domain/api-key.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { openTwoProjects } from './projects.ts';

const client = ({ url }: Pick<TestHouse, 'url'>, apiKey: string): OpenAI =>
  new OpenAI({ baseURL: url, apiKey, adminAPIKey: apiKey, maxRetries: 0 });

type Made = ApiKey & { value: string };

const keysOf = (openai: OpenAI, project: string, body: object): Promise<Made> =>
  openai.post(`/organization/projects/${project}/api_keys`, { body }) as Promise<Made>;

test('the operator makes a project and its keys, which open it and nothing else', async () => {
  await using house = await openTestHouse({ apiKeys: ['sk-the-operators-own-key'] });
  const admin = client(house, 'sk-the-operators-own-key');
  const { projects } = admin.admin.organization;
  const project = await projects.create({ name: 'Customer Support' });
  expect(project).toMatchObject({
    object: 'organization.project',
    id: 'customer-support',
    name: 'Customer Support',
    status: 'active',
    archived_at: null,
  });
  expect((await projects.create({ name: 'customer support' })).id).toMatch(/^customer-support-\w{8}$/);
  expect((await projects.create({ name: '日本' })).id).toMatch(/^project-\w{8}$/);
  expect((await projects.update(project.id, { name: 'Support' })).name).toBe('Support');
  expect((await projects.retrieve(project.id)).name).toBe('Support');

  const made = await keysOf(admin, project.id, { name: 'laptop', requests_per_minute: 60 });
  expect(made).toMatchObject({
    name: 'laptop',
    project_id: project.id,
    requests_per_minute: 60,
    tokens_per_minute: null,
  });
  const file = await client(house, made.value).files.create({ purpose: 'evals', file: new File(['{}'], 'a.jsonl') });
  await expect(admin.files.retrieve(file.id)).rejects.toMatchObject({ status: 404 });

  const listed = [];
  for await (const key of projects.apiKeys.list(project.id, { limit: 1 })) listed.push(key);
  const { value: secret, ...shown } = made;
  expect(listed).toEqual([{ ...shown, last_used_at: expect.any(Number) as number }]);
  expect(JSON.stringify(listed)).not.toContain(secret);
  expect(await projects.apiKeys.retrieve(made.id, { project_id: project.id })).toEqual(listed[0]);

  const gone = await projects.apiKeys.delete(made.id, { project_id: project.id });
  expect(gone).toEqual({ object: 'organization.project.api_key.deleted', id: made.id, deleted: true });
  await expect(client(house, made.value).files.list()).rejects.toMatchObject({ status: 401 });
});

test('limits are changed while the key is in use', async () => {
  await using house = await openTestHouse({ apiKeys: ['sk-the-operators-own-key'] });
  const admin = client(house, 'sk-the-operators-own-key');
  const { id, value } = await keysOf(admin, 'default', { name: 'ci', requests_per_minute: 1 });
  const chat = () =>
    client(house, value).chat.completions.create({ model: 'nobody', messages: [{ role: 'user', content: '' }] });
  await expect(chat()).rejects.toMatchObject({ status: 404 });
  await expect(chat()).rejects.toMatchObject({ status: 429 });
  const path = `/organization/projects/default/api_keys/${id}`;
  const changed: ApiKey = await admin.post(path, { body: { requests_per_minute: null, name: 'the build' } });
  expect(changed).toMatchObject({ name: 'the build', requests_per_minute: null, tokens_per_minute: null });
  for (let i = 0; i < 3; i++) await expect(chat()).rejects.toMatchObject({ status: 404 });
});

test('an archived project is closed to its keys, and nothing of it is lost', async () => {
  await using house = await openTestHouse({ apiKeys: ['sk-the-operators-own-key'] });
  const admin = client(house, 'sk-the-operators-own-key');
  const { projects } = admin.admin.organization;
  const { id } = await projects.create({ name: 'old' });
  const { value, id: keyId } = await keysOf(admin, id, { name: 'key' });
  const archived = await projects.archive(id);
  expect(archived).toMatchObject({ status: 'archived', archived_at: expect.any(Number) as number });
  await expect(client(house, value).files.list()).rejects.toMatchObject({ status: 401 });
  const idsOf = async (query: object) => (await projects.list(query)).data.map((project) => project.id);
  expect(await idsOf({})).toEqual(['default']);
  expect(await idsOf({ include_archived: true })).toEqual(['default', id]);
  await expect(keysOf(admin, id, { name: 'another' })).rejects.toMatchObject({ status: 400, param: 'project_id' });
  await expect(projects.update(id, { name: 'new' })).rejects.toMatchObject({ status: 400 });
  expect((await projects.apiKeys.list(id)).data.map((key) => key.id)).toEqual([keyId]);
  await expect(projects.archive('default')).rejects.toMatchObject({ status: 400, param: 'project_id' });
});

test('an admin key does what the operator may, until it is taken back or over', async () => {
  await using house = await openTestHouse();
  const { adminAPIKeys } = house.openai.withOptions({ adminAPIKey: 'any-key' }).admin.organization;
  const made = (await adminAPIKeys.create({ name: 'me' })) as AdminKey & { value: string };
  expect(made).toMatchObject({ object: 'organization.admin_api_key', project_id: 'default', expires_at: null });
  await expect(house.openai.files.list(), 'the door is locked from then on').rejects.toMatchObject({ status: 401 });
  const admin = client(house, made.value);
  const brief = await admin.admin.organization.adminAPIKeys.create({ name: 'brief', expires_in_seconds: 1 });
  expect(brief.expires_at).toBe(brief.created_at + 1);
  const listed = (await admin.admin.organization.adminAPIKeys.list()).data;
  expect(listed.map(({ name }) => name)).toEqual(['brief', 'me']);
  expect(JSON.stringify(listed)).not.toContain(made.value);
  await expect
    .poll(
      () =>
        client(house, brief.value)
          .files.list()
          .then(
            () => 200,
            (error: { status: number }) => error.status,
          ),
      { timeout: 4000 },
    )
    .toBe(401);
  expect(await admin.admin.organization.adminAPIKeys.delete(made.id)).toMatchObject({ deleted: true });
  await expect(admin.files.list()).rejects.toMatchObject({ status: 401 });
});

test('an admin key is made on the command line too, and has no limits', async () => {
  await using house = await openTestHouse();
  const home = ['--home', house.home];
  const { stdout } = await tunesmith(['keys', 'create', '--admin', ...home]);
  const admin = client(house, stdout.trim());
  expect((await admin.admin.organization.projects.list()).data).toHaveLength(1);
  expect((await tunesmith(['keys', 'list', ...home])).stdout).toMatch(/admin +│ admin|admin.*default/);
  const refused = await tunesmith(['keys', 'create', '--admin', '--requests-per-minute', '5', ...home]);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('An admin key has no limits')]);
});

test('no other key manages keys, not even those of its own project', async () => {
  await using house = await openTwoProjects();
  const { organization } = house.alice.admin;
  const refused = { status: 403, code: 'admin_key_required' };
  await expect(organization.projects.list()).rejects.toMatchObject(refused);
  await expect(organization.projects.apiKeys.list('alice')).rejects.toMatchObject(refused);
  await expect(keysOf(house.alice, 'alice', { name: 'more' })).rejects.toMatchObject(refused);
  await expect(organization.adminAPIKeys.create({ name: 'more' })).rejects.toMatchObject(refused);
});

test('a secret that an answer shows is nowhere on disk, though other answers are kept for repeated requests', async () => {
  await using house = await openTestHouse({ apiKeys: ['sk-the-operators-own-key'] });
  const admin = client(house, 'sk-the-operators-own-key');
  const { value } = await keysOf(admin, 'default', { name: 'ci' });
  const { value: ofAdmin } = await admin.admin.organization.adminAPIKeys.create({ name: 'me' });
  for (const file of ['tunesmith.db', 'tunesmith.db-wal']) {
    const bytes = await readFile(join(house.home, file));
    expect([bytes.includes(value), bytes.includes(ofAdmin)], file).toEqual([false, false]);
  }
});

test('a key of one project is not there at the address of another', async () => {
  await using house = await openTestHouse({ apiKeys: ['sk-the-operators-own-key'] });
  const admin = client(house, 'sk-the-operators-own-key');
  await admin.admin.organization.projects.create({ name: 'other' });
  const { id } = await keysOf(admin, 'default', { name: 'ci' });
  const { apiKeys } = admin.admin.organization.projects;
  await expect(apiKeys.delete(id, { project_id: 'other' })).rejects.toMatchObject({ status: 404 });
  await expect(apiKeys.retrieve(id, { project_id: 'other' })).rejects.toMatchObject({ status: 404 });
  await apiKeys.retrieve(id, { project_id: 'default' });
});
