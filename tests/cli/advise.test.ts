/** `tunesmith advise` after a real job of a tiny model. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Advice } from '../../src/evals/advice/advice.ts';
import { jsonl, mails } from '../sweep/data.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { tunesmith } from './tunesmith.ts';

let home = '';
let job = '';
const path = (name: string): string => join(home, name);
const run = (...words: string[]) => tunesmith([...words, '--home', home]);

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tunesmith-advise-'));
  await writeTinyLlama(path('tiny.gguf'));
  await run('models', 'pull', path('tiny.gguf'));
  const wrong = mails(60).map((mail, i) => (i === 12 ? { ...mail, label: 'ham' as const } : mail));
  await writeFile(path('train.jsonl'), jsonl(wrong));
  await writeFile(path('valid.jsonl'), jsonl(mails(12, 5)));
  const words = ['jobs', 'create', '-m', 'tiny', '-f', path('train.jsonl'), '--validation-file', path('valid.jsonl'), '--epochs', '2', '--batch-size', '4', '--set', 'learning_rate=1e-2', '--follow']; // prettier-ignore
  const trained = await run(...words);
  expect(trained.code, trained.stderr).toBe(0);
  job = /^id +(ftjob-\w+)$/m.exec(trained.stdout)![1]!;
  expect(trained.stderr).toContain(`What might make it better: tunesmith advise ${job}`);
}, 60_000);
afterAll(() => rm(home, { recursive: true }));

test('curves, errors and labels are looked at, and every advice stands with its evidence', async () => {
  const shown = await run('advise', job);
  expect(shown.code, shown.stderr).toBe(0);
  expect(shown.stderr).toMatch(/^Curves: 30 steps\.$/m);
  expect(shown.stderr).toMatch(/^Errors: F1, macro .* on 12 questions; only 12 cases/m);
  expect(shown.stderr).toMatch(/^Labels: \d+ of 60 look wrong\.$/m);
  expect(shown.stdout).toMatch(/\d\. Look at (this label|these \d+ labels) of the training file/);
  expect(shown.stdout).toMatch(/^ {3}- line 13: "ham" \(\d+ %\), rather "spam" \(\d+ %\): /m);

  const model = ((await run('jobs', 'show', job)).stdout.match(/^fine-tuned model +(\S+)$/m) ?? [])[1]!;
  const told = JSON.parse((await run('advise', model, '--json')).stdout) as { job: string; advice: Advice[] };
  expect(told.job).toBe(job);
  for (const { evidence } of told.advice) expect(evidence.length).toBeGreaterThan(0);
});

test('a checkpoint, whose letters are its own, is traced to its job by advise and by the report of eval', async () => {
  const shown = (await run('jobs', 'events', job)).stdout;
  const checkpoint = /ft:[^"\s]+:ckpt-step-15/.exec(shown)![0];
  const told = JSON.parse((await run('advise', checkpoint, '--json')).stdout) as { job: string };
  expect(told.job).toBe(job);
  const measured = await run('eval', checkpoint, path('valid.jsonl'), '--report', path('report.html'));
  expect(measured.code, measured.stderr).toBe(0);
  expect(await readFile(path('report.html'), 'utf8')).toContain('Loss of the job that made it');
});

test('what is gone is told, and the rest is looked at all the same', async () => {
  const model = ((await run('jobs', 'show', job)).stdout.match(/^fine-tuned model +(\S+)$/m) ?? [])[1]!;
  const file = ((await run('jobs', 'show', job)).stdout.match(/^training file +(\S+)$/m) ?? [])[1]!;
  await run('files', 'delete', file);
  await run('models', 'remove', model);
  const shown = await run('advise', job);
  expect(shown.code, shown.stderr).toBe(0);
  expect(shown.stderr).toContain('Curves: 30 steps.');
  expect(shown.stderr).toContain('Errors: not looked at, there is no model.');
  expect(shown.stderr).toContain(`Labels: not looked at, no training file: ${file} is no longer on the server`);
  expect((await run('advise', job, '--train', path('train.jsonl'))).stdout).toContain('line 13: "ham"');
});

test('a job or model that nobody knows is told', async () => {
  expect(await run('advise', 'ft:tiny:personal:x:AbCdEfGh')).toMatchObject({ code: 1, stderr: expect.stringContaining('No job made a model') as string }); // prettier-ignore
  expect((await run('advise', 'ftjob-nobody')).code).toBe(1);
});
