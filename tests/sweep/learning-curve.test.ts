/** `tunesmith learning-curve` with a tiny model: real jobs through a real server. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LearningCurve } from '../../src/sweep/learning-curve.ts';
import { tunesmith, type RunOptions } from '../cli/tunesmith.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { jsonl, mails } from './data.ts';

let folder = '';
let house: TestHouse;
const path = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tunesmith-curve-'));
  await writeTinyLlama(path('tiny.gguf'));
  await tunesmith(['models', 'pull', path('tiny.gguf'), '--home', path('home')]);
  await writeFile(path('train.jsonl'), jsonl(mails(100)));
  house = await openTestHouse({ home: path('home') });
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const run = (more: string[], options: RunOptions = {}) =>
  tunesmith(
    [
      'learning-curve',
      path('train.jsonl'),
      '--model',
      'tiny',
      '--home',
      path('home'),
      '--base-url',
      house.url,
      ...more,
    ],
    options,
  );
// prettier-ignore
const quick = ['--parts', '25,50,100', '--set', 'n_epochs=1', '--set', 'batch_size=8', '--set', 'learning_rate=1e-2'];

const jobs = async (): Promise<number> => {
  let count = 0;
  for await (const _ of house.openai.fineTuning.jobs.list()) count += 1;
  return count;
};

test(
  'parts of the data are trained on once each, also across a Ctrl-C, and the figure of each has its interval',
  { timeout: 120_000 },
  async () => {
    const stop = new AbortController();
    const stopped = await run([...quick, '-o', path('out')], {
      signal: stop.signal,
      onOutput: (text) => void (text.includes('20 examples: ') && stop.abort()),
    });
    expect(stopped.code, stopped.stderr).toBe(130);
    const ran = await run([...quick, '-o', path('out')]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stderr).toContain('f1_macro on 20 validation examples after training on 20, 40, 80 examples.');
    expect(ran.stdout).toMatch(/^ *80 +\d+\.\d \(\d+\.\d - \d+\.\d\) +measured$/m);
    expect(ran.stdout).toMatch(
      /What more data would bring cannot be told: |Twice the data, 160 examples, is foretold to give f1_macro/,
    );
    expect(ran.stdout).toContain('--repeats 3 adds that');
    expect(ran.stdout).toContain('only 20 cases: below 50 take the interval as a hint');
    expect(await jobs()).toBe(3);
    const page = await readFile(join(path('out'), 'report.html'), 'utf8');
    expect(page).toContain('training examples (log scale)');
    expect(page).toContain('f1_macro, %');
    expect(page.match(/<circle/g)!.length).toBeGreaterThanOrEqual(3);
    expect(page).not.toMatch(/<script|https?:/);
    const again = await run([...quick, '-o', path('out'), '--json']);
    const curve = JSON.parse(again.stdout) as LearningCurve;
    expect(curve.means.map(({ examples }) => examples)).toEqual([20, 40, 80]);
    expect(await jobs()).toBe(3);
  },
);

test.each([
  [['--parts', '50,25,100'], 2, 'growing percentages that end with 100'],
  [[], 1, '10 % of 80 examples to train on are 8; at least 10 are needed'],
  [['--set', 'lora_rank=2,4'], 2, 'one value was expected'],
  [['--repeats', '0'], 2, '--repeats was 0'],
  [['--parts', '25,50,100', '--set', 'colour=blue'], 1, "Unknown parameter: 'colour'"],
])('%j is refused', async (more, code, message) => {
  const ran = await run([...more, '-o', path('wrong')]);
  expect(ran).toMatchObject({ code });
  expect(ran.stderr).toContain(message);
  await rm(path('wrong'), { recursive: true, force: true });
});
