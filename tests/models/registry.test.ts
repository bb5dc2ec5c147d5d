import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BaseModels } from '../../src/models/base-models.ts';
import type { Manifest } from '../../src/models/manifest.ts';
import { ModelRegistry } from '../../src/models/registry.ts';
import { openDatabase } from '../../src/store/database.ts';
import type { Schema } from '../../src/store/schema.ts';

const manifest: Manifest = {
  version: 1,
  id: 'a-base',
  name: 'A base',
  family: 'llama',
  licence: 'mit',
  source: 'file:a.gguf',
  revision: null,
  sha256: 'a'.repeat(64),
  sizeBytes: 4,
  contextTokens: 128,
  parameters: 1000,
  createdAt: 1_700_000_000,
  original: null,
  architecture: {
    architecture: 'llama',
    layers: 1,
    width: 8,
    heads: 2,
    kvHeads: 1,
    headWidth: 4,
    feedForward: 16,
    vocabulary: 10,
    contextTokens: 128,
    ropeBase: 10_000,
    normEpsilon: 1e-5,
    tiedEmbeddings: true,
    parameters: 1000,
    tensorTypes: { F32: 11 },
    servingOnly: null,
  },
};

let home: string;
let database: Kysely<Schema>;
let registry: ModelRegistry;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'registry-'));
  await mkdir(join(home, 'models/base/a-base'), { recursive: true });
  await writeFile(join(home, 'models/base/a-base/manifest.json'), JSON.stringify(manifest));
  await writeFile(join(home, 'models/base/a-base/model.gguf'), 'GGUF');
  database = await openDatabase(join(home, 'house.sqlite'));
  const aliases = { 'gpt-4o-mini-2024-07-18': 'a-base', 'gpt-4o': 'never-pulled' };
  registry = new ModelRegistry(database, await BaseModels.open(home), aliases, 'acme');
});

afterEach(async () => {
  await database.destroy();
  await rm(home, { recursive: true, force: true });
});

const fineTuned = 'ft:gpt-4o-mini-2024-07-18:acme:spam:AbC12345';

async function register(id: string, folder: string, createdAt = 1_700_000_100): Promise<void> {
  await mkdir(join(home, folder), { recursive: true });
  await writeFile(join(home, folder, 'adapter.gguf'), 'adapter');
  const model = { id, createdAt, base: 'gpt-4o-mini-2024-07-18', baseModelId: 'a-base', jobId: 'ftjob-1', folder };
  await database.transaction().execute((rows) => registry.register(rows, model));
}

test('a base answers by its id and by its alias, and is shown as it was asked for', async () => {
  const base = await registry.resolve('a-base');
  expect(base).toMatchObject({ id: 'a-base', adapter: null, adapterFolder: null, base: { id: 'a-base' } });
  const alias = await registry.resolve('gpt-4o-mini-2024-07-18');
  expect(alias).toMatchObject({ id: 'gpt-4o-mini-2024-07-18', base: { id: 'a-base' } });
});

test('a fine-tuned model and its checkpoint answer with the base and their adapter', async () => {
  await register(`${fineTuned}:ckpt-step-10`, 'models/fine-tuned/ftjob-1/step-10');
  await register(fineTuned, 'models/fine-tuned/ftjob-1/step-20');
  expect(await registry.resolve(fineTuned)).toMatchObject({
    id: fineTuned,
    base: { id: 'a-base' },
    adapter: join(home, 'models/fine-tuned/ftjob-1/step-20/adapter.gguf'),
    adapterFolder: join(home, 'models/fine-tuned/ftjob-1/step-20'),
  });
  expect(await registry.resolve(`${fineTuned}:ckpt-step-10`)).toMatchObject({
    adapter: join(home, 'models/fine-tuned/ftjob-1/step-10/adapter.gguf'),
  });
});

test.each(['', 'unknown', 'gpt-4o', 'ft:unknown', '../a-base', 'a-base/', '.', '..', 'constructor', '__proto__'])(
  'nothing answers to %j',
  async (name) => {
    expect(await registry.resolve(name)).toBeNull();
    await expect(registry.retrieve(name)).rejects.toMatchObject({
      kind: 'not_found',
      code: 'model_not_found',
      message: `The model '${name}' does not exist`,
    });
  },
);

test('every name that answers is listed, as OpenAI lists models', async () => {
  await register(`${fineTuned}:ckpt-step-10`, 'models/fine-tuned/ftjob-1/step-10');
  await register(fineTuned, 'models/fine-tuned/ftjob-1/step-20', 1_700_000_200);
  expect(await registry.list()).toEqual([
    { id: 'a-base', object: 'model', created: 1_700_000_000, owned_by: 'system' },
    { id: 'gpt-4o-mini-2024-07-18', object: 'model', created: 1_700_000_000, owned_by: 'system' },
    { id: fineTuned, object: 'model', created: 1_700_000_200, owned_by: 'acme' },
    { id: `${fineTuned}:ckpt-step-10`, object: 'model', created: 1_700_000_100, owned_by: 'acme' },
  ]);
  expect(await registry.retrieve(fineTuned)).toMatchObject({ id: fineTuned, owned_by: 'acme' });
});

test('a model is registered once, however often the job says so', async () => {
  await register(fineTuned, 'models/fine-tuned/ftjob-1/step-20');
  await register(fineTuned, 'models/fine-tuned/ftjob-1/step-20');
  expect((await registry.list()).filter(({ id }) => id === fineTuned)).toHaveLength(1);
});

test('a model whose transaction fails does not answer', async () => {
  const model = { id: fineTuned, createdAt: 1, base: 'b', baseModelId: 'a-base', jobId: 'j', folder: 'models/x' };
  const failing = database.transaction().execute(async (rows) => {
    await registry.register(rows, model);
    throw new Error('later');
  });
  await expect(failing).rejects.toThrow('later');
  expect(await registry.resolve(fineTuned)).toBeNull();
});

test('a folder outside the data folder is never registered', async () => {
  const model = { id: fineTuned, createdAt: 1, base: 'b', baseModelId: 'a-base', jobId: 'j', folder: '../outside' };
  await expect(database.transaction().execute((rows) => registry.register(rows, model))).rejects.toThrow(
    /lies outside/,
  );
});

test('deleting a fine-tuned model takes its files, and leaves its checkpoint', async () => {
  await register(`${fineTuned}:ckpt-step-10`, 'models/fine-tuned/ftjob-1/step-10');
  await register(fineTuned, 'models/fine-tuned/ftjob-1/step-20');
  await registry.delete(fineTuned);
  expect(await registry.resolve(fineTuned)).toBeNull();
  expect(await readdir(join(home, 'models/fine-tuned/ftjob-1'))).toEqual(['step-10']);
  expect(await registry.resolve(`${fineTuned}:ckpt-step-10`)).not.toBeNull();
  await expect(registry.delete(fineTuned)).rejects.toMatchObject({ kind: 'not_found', code: 'model_not_found' });
});

test('a base model cannot be deleted through the API, by id or by alias', async () => {
  for (const name of ['a-base', 'gpt-4o-mini-2024-07-18'])
    await expect(registry.delete(name)).rejects.toMatchObject({ kind: 'forbidden', param: 'model' });
  expect(await registry.resolve('a-base')).not.toBeNull();
});

test('a fine-tuned model whose base was removed says how to bring it back', async () => {
  await register(fineTuned, 'models/fine-tuned/ftjob-1/step-20');
  await (await BaseModels.open(home)).remove('a-base');
  await expect(registry.resolve(fineTuned)).rejects.toMatchObject({
    kind: 'not_found',
    message: expect.stringContaining('tunesmith models pull a-base') as string,
  });
});
