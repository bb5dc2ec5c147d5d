/** What the server tells about the machine, and what leaves it. */

import OpenAI from 'openai';
import { expect, test } from 'vitest';
import type { System } from '../../src/domain/system.ts';
import { openTwoProjects } from '../access/projects.ts';
import { openTestHouse } from '../house.ts';
import { examples, upload } from '../jobs/tiny-house.ts';

const systemOf = (openai: OpenAI): Promise<System> => openai.get('/system');

test('the machine is told in bytes and cores, and the data folder by what is in it', async () => {
  await using house = await openTestHouse();
  await upload(house.openai, examples());
  await expect.poll(async () => (await systemOf(house.openai)).disk.used).not.toBeNull();
  const { processor, memory, disk, settings, ...rest } = await systemOf(house.openai);
  expect(processor.cores).toBeGreaterThan(0);
  expect(processor.busy_cores).toBeLessThanOrEqual(processor.cores);
  expect(memory.available_bytes).toBeLessThanOrEqual(memory.total_bytes);
  expect(memory.server_bytes).toBeGreaterThan(10 * 2 ** 20);
  expect(disk.free_bytes).toBeLessThanOrEqual(disk.total_bytes);
  expect(disk.folder).toBe(house.home);
  expect(disk.used!.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['files', 'database']));
  expect(disk.used!.every(({ bytes }) => bytes > 0)).toBe(true);
  expect(settings).toMatchObject({ device: 'cpu', training_jobs: 1, organization: 'personal' });
  expect(rest).toMatchObject({
    object: 'system',
    version: expect.stringMatching(/^\d/) as string,
    work: { jobs: { running: 0, queued: 0 }, tasks: { running: 0, queued: 0 } },
    outbound: [],
    limits: { requests_per_minute: null, tokens_per_minute: null },
  });
});

test('what leaves this machine is named, without the secrets in its address', async () => {
  await using house = await openTestHouse({
    mlflowUrl: 'http://someone:secret@mlflow.example:5000/path',
    wandbKey: 'a-secret',
    otlpEndpoint: 'http://collector.example:4318',
  });
  await house.openai.post('/webhooks', {
    body: { url: 'https://hooks.example/with/a/secret', events: ['batch.completed'] },
  });
  const { outbound } = await systemOf(house.openai);
  expect(outbound.map(({ kind, to }) => [kind, to])).toEqual([
    ['mlflow', 'http://mlflow.example:5000'],
    ['wandb', 'https://api.wandb.ai'],
    ['opentelemetry', 'http://collector.example:4318'],
    ['webhook', 'https://hooks.example'],
  ]);
  expect(JSON.stringify(outbound)).not.toContain('secret');
});

test('a key of a project sees neither the folder nor the webhooks of others', async () => {
  await using house = await openTwoProjects();
  const body = { url: 'https://hooks.example/x', events: ['batch.completed'] };
  await house.alice.post('/webhooks', { body });
  expect((await systemOf(house.alice)).outbound).toHaveLength(1);
  const ofBob = await systemOf(house.bob);
  expect([ofBob.outbound, ofBob.disk.folder]).toEqual([[], null]);
});

test('a look costs one look at the machine a second, however many ask', async () => {
  await using house = await openTestHouse();
  const all = await Promise.all(Array.from({ length: 20 }, () => systemOf(house.openai)));
  expect(new Set(all.map(({ processor, memory }) => JSON.stringify([processor, memory]))).size).toBe(1);
});
