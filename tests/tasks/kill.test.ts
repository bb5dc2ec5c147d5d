/** Real servers and real SIGKILL in the middle of a task: a pull goes on where it stopped, and is told once. */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Task } from '../../src/domain/task.ts';
import { type MockHub, openMockHub, type SeenRequest } from '../models/mock-hub.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { serve, type Server, startTask, waitForTask } from './server.ts';

let home = '';
let model: Buffer;
let hub: MockHub;
let server: Server;
beforeAll(async () => {
  home = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'tasks-'));
  await writeTinyLlama(join(home, 'tiny.gguf'), { layers: 8, width: 64, feedForward: 192 });
  model = await readFile(join(home, 'tiny.gguf'));
  const files = { 'acme/models/resolve/main/tiny.gguf': model };
  hub = await openMockHub(files, { slowBytes: Math.ceil(model.length / 200) });
  server = await serve(home, { HF_ENDPOINT: hub.endpoint });
}, 60_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await hub[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const source = 'acme/models/tiny.gguf';
const isAQuarterDone = ({ progress }: Task): boolean => progress.done > model.length / 4;
const resumed = (): SeenRequest[] => hub.requests.splice(0).filter(({ range }) => range !== null);

test('a pull that a killed server was at goes on from the bytes that had arrived', { timeout: 120_000 }, async () => {
  const { id } = await startTask(server.openai, { type: 'pull', source });
  const halfway = await waitForTask(server.openai, id, isAQuarterDone);
  expect(halfway).toMatchObject({ status: 'running', progress: { total: model.length, unit: 'bytes' } });
  await server[Symbol.asyncDispose]();
  server = await serve(home, { HF_ENDPOINT: hub.endpoint });
  const task = await waitForTask(server.openai, id);
  const sha256 = createHash('sha256').update(model).digest('hex');
  expect(task).toMatchObject({ status: 'succeeded', result: { model: 'tiny', bytes: model.length, sha256 } });
  expect(task.progress).toMatchObject({ done: model.length, total: model.length });
  expect(resumed().map(({ origin }) => origin)).toEqual(['hub', 'storage']);
  expect((await server.openai.models.retrieve('tiny')).owned_by).toBe('system');
});

test(
  'a cancelled pull stops at once, and takes up what is there when it is continued',
  { timeout: 120_000 },
  async () => {
    const { id } = await startTask(server.openai, { type: 'pull', source, id: 'second' });
    await waitForTask(server.openai, id, isAQuarterDone);
    expect(await server.openai.post(`/tasks/${id}/cancel`)).toMatchObject({ status: 'cancelled' });
    const again = await startTask(server.openai, { type: 'pull', continue_from: id });
    expect(again.request).toEqual({ source, id: 'second' });
    expect(await waitForTask(server.openai, again.id)).toMatchObject({
      status: 'succeeded',
      result: { model: 'second' },
    });
    expect(resumed().map(({ origin }) => origin)).toEqual(['hub', 'storage']);
    expect(await server.openai.delete(`/tasks/${id}`)).toEqual({ id, object: 'task.deleted', deleted: true });
    expect(existsSync(join(home, 'tasks', id))).toBe(true);
    await server.openai.delete(`/tasks/${again.id}`);
    expect(existsSync(join(home, 'tasks', id))).toBe(false);
  },
);

test('a server that is stopped as it should be leaves its tasks to the next', { timeout: 120_000 }, async () => {
  const { id } = await startTask(server.openai, { type: 'pull', source, id: 'third' });
  await waitForTask(server.openai, id, isAQuarterDone);
  await server.stop();
  server = await serve(home, { HF_ENDPOINT: hub.endpoint });
  expect((await waitForTask(server.openai, id)).status).toBe('succeeded');
});
