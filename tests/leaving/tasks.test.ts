/** Capture, recording, restoring and parity as tasks of a server, from our own server playing OpenAI. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type {
  CapturedObject,
  OpenAICapture,
  OpenAICaptureDetails,
  ParityResult,
} from '../../src/domain/openai-capture.ts';
import type { Task, TaskType } from '../../src/domain/task.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { startTask, waitForTask } from '../tasks/server.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { openFaultyProxy, type FaultyProxy } from './faulty-proxy.ts';
import { examples, openPlatform, until, type Platform } from './platform.ts';

let folder = '';
let platform: Platform;
let proxy: FaultyProxy;
let here: TestHouse;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tunesmith-leaving-tasks-'));
  platform = await openPlatform();
  proxy = await openFaultyProxy(platform.url);
  here = await openTestHouse({ home: join(folder, 'home'), evalHosts: [new URL(proxy.url).host] });
  await writeTinyLlama(join(folder, 'other.gguf'), { seed: 2 });
  await ran('pull', { source: join(folder, 'other.gguf') });
}, 90_000);
afterAll(async () => {
  await here[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const api_key = 'sk-test-0123456789abcdef';
const start = (type: TaskType, fields: object): Promise<Task> => startTask(here.openai, { type, ...fields });
const ended = (task: Task): Promise<Task> => waitForTask(here.openai, task.id);
const ran = async (type: TaskType, fields: object): Promise<Task> => ended(await start(type, fields));
const details = (name = 'openai'): Promise<OpenAICaptureDetails> => here.openai.get(`/openai_captures/${name}`);

test('a capture fills while one watches, says what was taken and what ends when, and goes on where it was stopped', async () => {
  proxy.fault = ({ path }) => (path.includes('/content') ? { cutAfter: 20, stall: true } : null);
  const first = await start('openai_capture', { api_key, base_url: proxy.url });
  expect(first.request).toEqual({ base_url: proxy.url });
  await waitForTask(here.openai, first.id, ({ progress }) => progress.message?.includes('1 job') === true);
  await until(async () => (await details()).counts.evals === 2);
  const again = await ran('openai_capture', { api_key });
  expect(again.error).toMatchObject({ code: 'capture_in_use', param: 'capture' });
  await here.openai.post(`/tasks/${first.id}/cancel`);
  proxy.fault = () => null;
  await until(async () => {
    const task = await ran('openai_capture', { api_key, capture: 'openai' });
    if (task.error?.code === 'capture_in_use') return false; // still winding down
    expect(task).toMatchObject({
      status: 'succeeded',
      result: { capture: 'openai', base_url: proxy.url, problem_count: 0, counts: { fine_tuning_jobs: { seen: 1 } } },
    });
    return true;
  });
  const { job, completions } = platform;
  const captured = await details();
  expect(captured).toMatchObject({
    base_url: proxy.url,
    counts: { evals: 2, models: 1, fine_tuning_jobs: 1, stored_completions: completions.length, recordings: 0 },
    problems: [],
    jobs: [{ id: job.id, model: 'tiny', status: 'succeeded', fine_tuned_model: job.fine_tuned_model, here: null }],
    wind_down: { evals_off: '2026-11-30', no_new_jobs: '2027-01-06' },
    restored: { files: 0, jobs: 0 },
  });
  expect(captured.models.map(({ model }) => model)).toContain(job.fine_tuned_model);
  expect(captured.finished_at).toBeGreaterThan(0);
  const list = await here.openai.get<{ data: OpenAICapture[] }>('/openai_captures', {});
  expect(list.data.map(({ id }) => id)).toEqual(['openai']);
  type Page = { data: CapturedObject[]; has_more: boolean };
  const page: Page = await here.openai.get('/openai_captures/openai/objects?kind=files&limit=2');
  expect(page).toMatchObject({ has_more: true, data: [{ kind: 'files' }, { kind: 'files' }] });
  const next: Page = await here.openai.get(`/openai_captures/openai/objects?kind=files&after=${page.data[1]!.id}`);
  expect(next.data.length).toBeGreaterThan(0);
  expect(next.data[0]!.id > page.data[1]!.id).toBe(true);
}, 60_000);

test('the key is in no row, no file and no answer', async () => {
  proxy.fault = ({ path }) =>
    path.startsWith('/v1/models') ? { answer: 403, message: `Missing scopes. Key used: ${api_key}` } : null;
  const task = await ran('openai_capture', { api_key, only: ['models'] });
  expect(task.result).toMatchObject({ problem_count: 1, problems: [{ kind: 'models', reason: 'no_rights' }] });
  expect(JSON.stringify(task)).not.toContain(api_key);
  for (const entry of await readdir(join(folder, 'home'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith('.gguf')) continue;
    const bytes = await readFile(join(entry.parentPath, entry.name)).catch(() => Buffer.alloc(0));
    expect({ name: entry.name, holds: bytes.includes(api_key) }).toEqual({ name: entry.name, holds: false });
  }
  proxy.fault = () => null;
});

test('a key that opens nothing, a place that is not there and a place nobody may ask are told in a sentence', async () => {
  proxy.fault = () => ({ answer: 401, message: 'Incorrect API key provided: sk-test***cdef.' });
  const refused = await ran('openai_capture', { api_key, capture: 'refused', base_url: proxy.url });
  expect(refused.error).toMatchObject({ code: 'invalid_api_key', param: 'api_key' });
  expect(refused.error!.message).toContain('does not accept the key');
  proxy.fault = () => null;
  const inside = await ran('openai_capture', { api_key, capture: 'inside', base_url: platform.url });
  expect(inside.error).toMatchObject({ code: 'address_refused', param: 'base_url' });
  expect(inside.error!.message).toContain('TUNESMITH_EVAL_HOSTS');
  for (const [fields, param] of [
    [{ api_key: 'two words' }, 'api_key'],
    [{ api_key: '' }, 'api_key'],
    [{ api_key, capture: '../up' }, 'capture'],
    [{ api_key, capture: 'openai', base_url: 'https://elsewhere.example/v1' }, 'base_url'],
    [{ api_key, base_url: 'https://me:secret@elsewhere.example/v1' }, 'base_url'],
    [{ api_key, base_url: 'ftp://elsewhere.example' }, 'base_url'],
    [{ api_key, only: ['everything'] }, 'only[0]'],
  ] as const)
    await expect(start('openai_capture', fields)).rejects.toMatchObject({ status: 400, param });
});

test('what was captured is made again here, nothing twice, and each thing says what became of it', async () => {
  await expect(start('openai_restore', { model: 'gpt-4o-mini' })).rejects.toMatchObject({ param: 'model' });
  await expect(start('openai_restore', { model: 'other', capture: 'never' })).rejects.toMatchObject({ status: 404 });
  const first = await ran('openai_restore', { model: 'other', with_runs: true });
  expect(first.error).toBe(null);
  expect(first.result).toMatchObject({ made: 5, waiting: 1, left_out: 0 });
  const { job, trainingFile } = platform;
  const { restored } = first.result as { restored: { old: string; here: string; differences: string[] }[] };
  expect(restored.find(({ old }) => old === job.id)!.differences).toContain('base model other in place of tiny');
  const madeJob = restored.find(({ old }) => old === job.id)!.here;
  await until(async () => (await here.openai.fineTuning.jobs.retrieve(madeJob)).status === 'succeeded');
  const second = await ran('openai_restore', { model: 'other', with_runs: true });
  expect(second.result).toMatchObject({ made: 2, waiting: 0, left_out: 0, there: 5 });
  const third = await ran('openai_restore', { model: 'other', with_runs: true });
  expect(third.result).toMatchObject({ made: 0, waiting: 0 });
  const after = await details();
  expect(after.jobs[0]).toMatchObject({ id: job.id, here: madeJob });
  expect(after.models.find(({ model }) => model === job.fine_tuned_model)!.here).toMatch(/^ft:other:/);
  expect(after.restored).toEqual({ files: 3, jobs: 1, models: 1, evals: 1, runs: 1 });
  const file = restored.find(({ old }) => old === trainingFile)!.here;
  expect(Buffer.from(await (await here.openai.files.content(file)).arrayBuffer()).equals(platform.trainingBytes)).toBe(
    true,
  );
}, 60_000);

test('answers are recorded over there and a model here is held against them, with a report to take away', async () => {
  const upload = await toFile(Buffer.from(examples(200, 12)), 'test.jsonl');
  const { id: file } = await here.openai.files.create({ file: upload, purpose: 'fine-tune' });
  await expect(start('openai_parity', { model: 'other' })).rejects.toMatchObject({ param: 'recording' });
  await expect(start('openai_record', { api_key, model: 'm', file: 'file-none' })).rejects.toMatchObject({
    param: 'file',
  });
  const model = platform.job.fine_tuned_model;
  const recorded = await ran('openai_record', { api_key, model, file });
  expect(recorded.error).toBe(null);
  expect(recorded.result).toMatchObject({ questions: 12, recorded: 12, failure_count: 0, with_logprobs: 12 });
  expect(recorded.progress).toMatchObject({ done: 12, total: 12, unit: 'answers' });
  const { recordings } = await details();
  expect(recordings).toMatchObject([{ model, questions: 12, answered: 12 }]);

  const compared = await ran('openai_parity', { model: 'other', watts: 50, kwh_price: 0.3 });
  expect(compared.error).toBe(null);
  const result = compared.result as ParityResult;
  expect(result).toMatchObject({ recorded: model, local: 'other', task: 'classification', count: 12, unrecorded: 0 });
  expect(result.verdict).toMatch(/the local model has/);
  expect(result.sides.map(({ name }) => name)).toEqual([`${model} (recorded)`, 'other']);
  const { both_right, only_recorded, only_local, both_wrong } = result.agreement;
  expect(both_right + only_recorded + only_local + both_wrong).toBe(12);
  expect(result.difference_count).toBe(result.differences.length);
  const report = await here.openai.get<Response>(`/tasks/${compared.id}/files/parity.html`, { __binaryResponse: true });
  expect(await report.text()).toContain('What they differ on');

  const unknown = await ran('openai_parity', { model: 'other', labels: ['yes'] });
  expect(unknown.error).toMatchObject({ param: 'labels' });
}, 60_000);

test('a deleted capture is gone with its files, and what was made of it stays', async () => {
  await here.openai.delete('/openai_captures/openai');
  await expect(details()).rejects.toMatchObject({ status: 404 });
  expect(await readdir(join(folder, 'home', 'captures', 'default'))).not.toContain('openai');
  expect((await here.openai.fineTuning.jobs.list()).data).toHaveLength(1);
  const client = new OpenAI({ baseURL: here.url, apiKey: 'any', maxRetries: 0 });
  await expect(client.delete('/openai_captures/..%2F..')).rejects.toMatchObject({ status: 404 });
});
