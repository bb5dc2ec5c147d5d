/** What was captured of one server is made again on another, on another base model, and nothing twice. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Capture } from '../../src/leaving/manifest.ts';
import type { Restored } from '../../src/leaving/restore.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { openFaultyProxy } from './faulty-proxy.ts';
import { openPlatform, until, type Platform } from './platform.ts';

let home = '';
let folder = '';
let platform: Platform;
let here: TestHouse;
let child: OpenAI.FineTuning.FineTuningJob;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tunesmith-restore-'));
  folder = join(home, 'capture');
  platform = await openPlatform();
  const { openai, job, trainingFile } = platform;
  // Continues the first, so that it has to wait for it here as well.
  child = await openai.fineTuning.jobs.create({
    model: job.fine_tuned_model,
    training_file: trainingFile,
    hyperparameters: { n_epochs: 1, batch_size: 20 },
  });
  await until(async () => (child = await openai.fineTuning.jobs.retrieve(child.id)).status === 'succeeded');
  const words = ['openai', 'capture', '--base-url', platform.url, '--folder', folder];
  const captured = await tunesmith(words, { env: { OPENAI_API_KEY: 'sk-test-0123456789' } });
  expect(captured.code, captured.stderr).toBe(0);
  const data = join(home, 'data');
  await writeTinyLlama(join(home, 'other.gguf'), { seed: 2 });
  const pulled = await tunesmith(['models', 'pull', join(home, 'other.gguf'), '--home', data]);
  expect(pulled.code, pulled.stderr).toBe(0);
  here = await openTestHouse({ home: data });
}, 90_000);
afterAll(async () => {
  await here[Symbol.asyncDispose]();
  await platform[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

interface Printed {
  readonly map_file: string;
  readonly map: Record<'files' | 'jobs' | 'models' | 'evals' | 'runs', Record<string, string>>;
  readonly restored: readonly Restored[];
}
const restoreWith = (url: string, ...words: string[]) =>
  tunesmith(['openai', 'restore', folder, '--model', 'other', '--base-url', url, ...words]);
const countsHere = async () => {
  const [files, jobs, evals] = [here.openai.files.list(), here.openai.fineTuning.jobs.list(), here.openai.evals.list()];
  return [(await files).data.filter(({ purpose }) => purpose !== 'fine-tune-results').length, (await jobs).data.length, (await evals).data.length]; // prettier-ignore
};

test('files, jobs and evals are made here on another base model, with a map of ids; again makes nothing twice', async () => {
  await using proxy = await openFaultyProxy(here.url);
  // The answer to the first upload is lost: it was made all the same, and is not made again.
  proxy.fault = ({ method, path }, count) =>
    method === 'POST' && path === '/v1/files' && count === 1 ? { cutAfter: 0 } : null;
  const first = await restoreWith(proxy.url, '--with-runs', '--follow', '--json');
  expect(first.code, first.stderr).toBe(0);
  const { map, restored } = JSON.parse(first.stdout) as Printed;
  const { job, trainingFile, validationFile, evalFile, evalId, runId } = platform;
  expect(Object.keys(map.files).sort()).toEqual([trainingFile, validationFile, evalFile].sort());
  const bytes = await (await here.openai.files.content(map.files[trainingFile]!)).arrayBuffer();
  expect(Buffer.from(bytes).equals(platform.trainingBytes)).toBe(true);

  const made = await here.openai.fineTuning.jobs.retrieve(map.jobs[job.id]!);
  expect(made).toMatchObject({
    status: 'succeeded',
    model: 'other',
    seed: 7,
    training_file: map.files[trainingFile],
    validation_file: map.files[validationFile],
    user_provided_suffix: 'mail',
    metadata: { team: 'mail', openai_job: job.id, openai_model: job.fine_tuned_model },
    hyperparameters: { n_epochs: 1, batch_size: 12, learning_rate_multiplier: 2 },
  });
  expect(map.models[job.fine_tuned_model]).toBe(made.fine_tuned_model);
  const grandchild = await here.openai.fineTuning.jobs.retrieve(map.jobs[child.id]!);
  expect(grandchild.model).toBe(made.fine_tuned_model);
  expect(restored.find(({ old }) => old === job.id)!.differences).toEqual([
    'base model other in place of tiny',
    "learning_rate_multiplier 2 multiplies this base's own rate",
  ]);

  const evalHere = await here.openai.evals.retrieve(map.evals[evalId]!);
  expect(evalHere).toMatchObject({ name: 'mail', metadata: { team: 'mail', openai_eval: evalId } });
  const runHere = await here.openai.evals.runs.retrieve(map.runs[runId]!, { eval_id: evalHere.id });
  expect(runHere.data_source).toMatchObject({
    model: made.fine_tuned_model,
    source: { type: 'file_id', id: map.files[evalFile] },
  });

  expect(await countsHere()).toEqual([3, 2, 1]);
  const second = await restoreWith(proxy.url, '--with-runs', '--json');
  expect(second.code, second.stderr).toBe(0);
  const again = JSON.parse(second.stdout) as Printed;
  expect(again.map).toEqual(map);
  expect(again.restored.map(({ state }) => state)).toEqual(again.restored.map(() => 'there'));
  expect(await countsHere()).toEqual([3, 2, 1]);

  // What was deleted here is made again.
  await here.openai.evals.delete(evalHere.id);
  const third = JSON.parse((await restoreWith(proxy.url, '--only', 'evals', '--json')).stdout) as Printed;
  expect(third.restored).toMatchObject([{ kind: 'evals', state: 'made' }]);
  expect(third.map.evals[evalId]).not.toBe(evalHere.id);
}, 60_000);

test('what this server does not take is left to it and told, and what lacks its file is left out', async () => {
  const capture = await Capture.open(folder, platform.url);
  const job = await capture.readJson<OpenAI.FineTuning.FineTuningJob>(`fine_tuning_jobs/${platform.job.id}/job.json`);
  const like = async (id: string, changes: object): Promise<void> => {
    const changed = { ...job, id, ...changes };
    await capture.put(`fine_tuning_jobs/${id}/job.json`, changed, { kind: 'fine_tuning_jobs', id });
  };
  const hyperparameters = { n_epochs: 1, batch_size: 1000, learning_rate_multiplier: 1.8 };
  await like('ftjob-big', {
    model: 'gpt-4o-mini-2024-07-18',
    method: { type: 'supervised', supervised: { hyperparameters } },
    hyperparameters,
    integrations: [{ type: 'wandb', wandb: { project: 'x' } }],
    fine_tuned_model: null,
  });
  await like('ftjob-lost', { training_file: 'file-lost' });
  await capture.save();
  const shown = await restoreWith(here.url, '--job', 'ftjob-big', '--job', 'ftjob-lost', '--job', 'ftjob-never', '--only', 'files,fine_tuning_jobs'); // prettier-ignore
  expect(shown.code, shown.stderr).toBe(0);
  expect(shown.stdout).toMatch(/^job ftjob-big is ftjob-\w+, made$/m);
  expect(shown.stdout).toContain('base model other in place of gpt-4o-mini-2024-07-18');
  expect(shown.stdout).toMatch(/batch_size 1000 is not taken here: 400 /);
  expect(shown.stdout).toContain('integrations are not carried over');
  expect(shown.stdout).toContain('job ftjob-lost left out: its training file file-lost is not here');
  expect(shown.stdout).toContain('job ftjob-never left out: no such job was captured');
});

test('a captured file that was altered is not passed on, and a folder without a manifest is said to be none', async () => {
  await writeFile(join(folder, 'files', platform.validationFile, 'content'), 'poisoned');
  // Another name for the place is another destination, to which nothing was restored yet.
  const shown = await restoreWith(here.url.replace('127.0.0.1', 'localhost'), '--only', 'files');
  expect(shown.code, shown.stderr).toBe(0);
  expect(shown.stdout).toContain(`file ${platform.validationFile} left out: its content is not what was captured`);
  expect(shown.stdout).toMatch(new RegExp(`^file ${platform.trainingFile} is file-\\w+, made$`, 'm'));
  const none = await tunesmith(['openai', 'restore', home, '--model', 'other', '--base-url', here.url]);
  expect(none.stderr).toContain('has no manifest.json');
  const back = await restoreWith(platform.url);
  expect(back).toMatchObject({ code: 2 });
  expect(back.stderr).toContain('is where this was captured');
  expect(await restoreWith(here.url, '--map', 'nonsense')).toMatchObject({ code: 2 });
});
