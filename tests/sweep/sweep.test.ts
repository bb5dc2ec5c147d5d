/** `tunesmith sweep` with a tiny model: real jobs, through a real server, seen on the wire by a proxy. */

import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SweepState } from '../../src/sweep/trials.ts';
import { tunesmith, type RunOptions } from '../cli/tunesmith.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { writeTinyLlama } from '../tiny-model.ts';
import { jsonl, mails } from './data.ts';

let folder = '';
let house: TestHouse;
let wire: Awaited<ReturnType<typeof tappedWire>>;
const path = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tunesmith-sweep-'));
  await writeTinyLlama(path('tiny.gguf'));
  await tunesmith(['models', 'pull', path('tiny.gguf'), '--home', path('home')]);
  await writeFile(path('train.jsonl'), jsonl(mails(60)));
  await writeFile(path('test.jsonl'), jsonl(mails(12, 99)));
  house = await openTestHouse({ home: path('home') });
  wire = await tappedWire(house.url);
});
afterAll(async () => {
  await wire[Symbol.asyncDispose]();
  await house[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Forwards everything and remembers what was asked for, in order. */
async function tappedWire(url: string) {
  const target = new URL(url);
  const seen: { what: string; body: string }[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const body = await buffer(request);
      seen.push({ what: `${request.method} ${request.url}`, body: body.toString() });
      const { method = 'GET', url: place = '/', headers } = request;
      const to = forward({ host: target.hostname, port: target.port, method, path: place, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      to.on('error', () => response.destroy());
      to.end(body);
    })();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const made = (): number => seen.filter(({ what }) => what === 'POST /v1/fine_tuning/jobs').length;
  return {
    seen,
    made,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

const space = ['--learning-rate', '1e-5,2e-2', '--rank', '2,4', '--epochs', '1', '--set', 'batch_size=4'];
// prettier-ignore
const words = (output: string, ...more: string[]): string[] => [
  'sweep', path('train.jsonl'), '--model', 'tiny', ...space, '--smallest', '16', '--halving', '3',
  '-o', path(output), '--base-url', wire.url, '--home', path('home'), ...more,
];
const run = (line: string[], options: RunOptions = {}) => tunesmith(line, options);
const stateOf = async (output: string) =>
  JSON.parse(await readFile(join(path(output), 'sweep.json'), 'utf8')) as SweepState;

test(
  'poor trials stop on a part of the data, the best train on all of it, and the test set is asked last and once',
  { timeout: 120_000 },
  async () => {
    const shown = await run(words('out', '--metric', 'valid_loss', '--test', path('test.jsonl')));
    expect(shown.code, shown.stderr).toBe(0);
    // 60 mails less a fifth are 48 to train on: 16 of them, then all.
    expect(shown.stderr).toContain(
      '4 trials by valid_loss on 12 validation examples; 4 on 16, then 2 on 48 training examples.',
    );
    expect(wire.made()).toBe(6);
    const state = await stateOf('out');
    expect(state.trials.map(({ results }) => results.length).sort((a, b) => a - b)).toEqual([1, 1, 2, 2]);
    // What goes on was best on the first rung, by its own figures.
    const first = state.trials.map(({ id, results }) => ({ id, value: results[0]!.measured!.value }));
    const best = first.sort((a, b) => a.value - b.value).slice(0, 2).map(({ id }) => id); // prettier-ignore
    expect(state.trials.filter(({ results }) => results.length === 2).map(({ id }) => id).sort()).toEqual(best.sort()); // prettier-ignore
    expect(best).toContain(state.winner);

    expect(shown.stdout).toMatch(
      /^TRIAL +LEARNING_RATE +LORA_RANK +VALID_LOSS ON 16 +VALID_LOSS ON 48 +VALIDATION LOSS +JOB$/m,
    );
    expect(shown.stdout).toMatch(new RegExp(`^${state.winner} \\* `, 'm'));
    expect(shown.stdout).toContain('On the 12 test questions, put to no model before');
    expect(state.test).toMatchObject({ n: 12 });
    const asked = mails(12, 99).map(({ text }) => text);
    const isTest = ({ body }: { body: string }): boolean => asked.some((text) => body.includes(text));
    const lastJob = wire.seen.findLastIndex(({ what }) => what === 'POST /v1/fine_tuning/jobs');
    expect(wire.seen.slice(0, lastJob).filter(isTest)).toEqual([]);
    const questions = wire.seen.filter(isTest);
    expect(questions).toHaveLength(12);
    const models = new Set(questions.map(({ body }) => (JSON.parse(body) as { model: string }).model));
    expect([...models]).toEqual([state.trials.find(({ id }) => id === state.winner)!.results[1]!.model]);

    // Models of the first rung are gone; those of the last are there.
    const kept: string[] = [];
    for await (const { id } of house.openai.models.list()) if (id.startsWith('ft:')) kept.push(id);
    expect(kept.filter((id) => !id.includes('ckpt'))).toHaveLength(2);

    const page = await readFile(join(path('out'), 'report.html'), 'utf8');
    expect(page.match(/<polyline/g)).toHaveLength(4);
    for (const label of ['per step, log scale', 'nats per token, 16 examples', 'dimensions, log scale'])
      expect(page).toContain(label);
    expect(page).not.toMatch(/<script|https?:/);

    const again = await run(words('out', '--metric', 'valid_loss', '--test', path('test.jsonl'), '--json'));
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain('6 trainings are done');
    expect(JSON.parse(again.stdout)).toMatchObject({ winner: state.winner, test: state.test });
    expect(wire.made()).toBe(6);
    expect(wire.seen.filter(isTest)).toHaveLength(12);

    const other = await run(words('out', '--metric', 'valid_loss'));
    expect(other).toMatchObject({ code: 1 });
    expect(other.stderr).toContain('belongs to a run with other settings (test)');
  },
);

test(
  'Ctrl-C stops anywhere, and the same command goes on without making a job or finishing a trial twice',
  { timeout: 120_000 },
  async () => {
    const before = wire.made();
    for (const moment of ['rung 1: t', 'rung 1: t', 'rung 2: t']) {
      const stop = new AbortController();
      const left = await run(words('stopped', '--seed', '5', '--metric', 'accuracy'), {
        signal: stop.signal,
        onOutput: (text) => void (text.includes(moment) && stop.abort()),
      });
      expect(left.code, left.stderr).toBe(130);
      expect(left.stderr).toContain('the same command goes on');
    }
    // As if killed between asking for a job and noting what came of it.
    const state = await stateOf('stopped');
    const forgetful = {
      ...state,
      trials: state.trials.map((trial) => ({ ...trial, results: trial.results.slice(0, 1) })),
    };
    await writeFile(join(path('stopped'), 'sweep.json'), JSON.stringify(forgetful));
    const done = await run(words('stopped', '--seed', '5', '--metric', 'accuracy'));
    expect(done.code, done.stderr).toBe(0);
    expect(wire.made() - before).toBe(6);
    const files: string[] = [];
    for await (const { filename } of house.openai.files.list()) if (filename.includes(state.id)) files.push(filename);
    expect(files.toSorted()).toEqual(
      ['train-16', 'train-48', 'validation'].map((name) => `sweep-${state.id}-${name}.jsonl`),
    );
    expect(done.stdout).toContain('paired test, p = ');
  },
);

test(
  'a trial that the server refuses is out, with its reason, and the others go on; all refused is an error',
  { timeout: 120_000 },
  async () => {
    const one = ['sweep', path('train.jsonl'), '--model', 'tiny', '--epochs', '1', '--set', 'batch_size=8', '--halving', '1', '--metric', 'valid_loss', '--base-url', wire.url, '--home', path('home')]; // prettier-ignore
    const ran = await run([...one, '--rank', '2,9999', '-o', path('refused')]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stderr).toMatch(/t2 was refused \(.*lora_rank 9999.*\): .*9999/);
    expect(ran.stdout).toMatch(/^t2 .* failed /m);
    const none = await run([...one, '--set', 'colour=1,2', '-o', path('unknown')]);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain("Unknown parameter: 'colour'");
  },
);

test(
  'a job that somebody cancels is a failed trial, and --retry trains it after all',
  { timeout: 120_000 },
  async () => {
    const line = ['sweep', path('train.jsonl'), '--model', 'tiny', '--epochs', '1', '--rank', '2,4', '--set', 'batch_size=8', '--metric', 'valid_loss', '-o', path('cancelled'), '--base-url', wire.url, '--home', path('home')]; // prettier-ignore
    const running = run(line);
    const queued = async (): Promise<string> => {
      for (;;) {
        for await (const job of house.openai.fineTuning.jobs.list())
          if (job.metadata?.['trial'] === 't2' && job.status === 'queued') return job.id;
      }
    };
    const id = await queued();
    await house.openai.fineTuning.jobs.cancel(id);
    const left = await running;
    expect(left.code, left.stderr).toBe(0);
    expect(left.stderr).toContain('t2 failed: the job was cancelled');
    expect((await stateOf('cancelled')).winner).toBe('t1');
    const before = wire.made();
    const retried = await run([...line, '--retry']);
    expect(retried.code, retried.stderr).toBe(0);
    expect(wire.made() - before).toBe(1);
    const state = await stateOf('cancelled');
    expect(state.trials.map(({ results }) => results.map(({ reason }) => reason))).toEqual([[null], [null]]);
  },
);

test.each([
  [['--learning-rate', '1e-3'], 2, 'nothing to choose between'],
  [['--learning-rate', '1e-5..1e-3'], 1, 'say how many trials to draw'],
  [['--rank', '2,4', '--smallest', '5'], 2, '--smallest was 5; at least 10'],
  [['--rank', '2,4', '--set', 'lora_rank=8'], 2, 'lora_rank is given twice'],
  [['--rank', '2,4', '--metric', 'beauty'], 1, 'There is no figure "beauty"'],
  [['--rank', '2,4', '--task', 'poetry'], 2, 'The task "poetry" is not known'],
  [['--rank', '2,4', '--set', 'x'], 2, 'name=values was expected'],
])('%j is refused before anything is trained', async (more, code, message) => {
  const before = wire.made();
  const line = ['sweep', path('train.jsonl'), '--model', 'tiny', '-o', path('wrong'), '--base-url', wire.url];
  const ran = await run([...line, '--home', path('home'), ...more]);
  expect(ran).toMatchObject({ code });
  expect(ran.stderr).toContain(message);
  expect(wire.made()).toBe(before);
  await rm(path('wrong'), { recursive: true, force: true });
});

test('a model that is not there, and a test that was seen, are told at once', async () => {
  const line = ['sweep', path('train.jsonl'), '--rank', '2,4', '--base-url', wire.url, '--home', path('home')];
  const missing = await run([...line, '--model', 'tiny,giant', '-o', path('missing')]);
  expect(missing.stderr).toContain('The server has no model "giant". Fetch it first: tunesmith models pull giant');
  await writeFile(path('seen.jsonl'), jsonl([...mails(4, 77), ...mails(60).slice(0, 1)]));
  const seen = await run([...line, '--model', 'tiny', '--test', path('seen.jsonl'), '-o', path('seen')]);
  expect(seen.code).toBe(1);
  expect(seen.stderr).toContain('1 of 5 questions');
});
