/** Real trainers, real servers, real SIGKILL in the middle of a job: it succeeds all the same, and tells its story once. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobEvent } from '../../src/domain/job.ts';
import { programArguments } from '../../src/programs.ts';
import { eventsOf, examples, stepsTold, tinyHome, upload, upTo, waitFor, waitForStep } from './tiny-house.ts';

// 12 examples, one at a time, 15 epochs: 180 steps, a checkpoint every 12
const epochs = 15;
const steps = 180;

let home: Awaited<ReturnType<typeof tinyHome>>;
let server: Server;
/** The losses of a job that was left in peace. */
let undisturbed: number[];
beforeAll(async () => {
  home = await tinyHome();
  server = await serve();
  undisturbed = losses(await wholeStory(server.openai, await create(server.openai)));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

interface Server extends AsyncDisposable {
  readonly openai: OpenAI;
  end(signal: NodeJS.Signals): Promise<void>;
}

/** `tunesmith serve` as a user starts it; killed at the latest when it is disposed of. */
async function serve(): Promise<Server> {
  const child: ChildProcess = spawn(
    process.execPath,
    [...programArguments('main'), 'serve', '--port', '0', '--home', home.home],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, TUNESMITH_LOG: 'warn' } },
  );
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  let said = '';
  for await (const line of createInterface({ input: child.stderr! })) {
    said += `${line}\n`;
    const url = /https?:\/\/\S+\/v1/.exec(line)?.[0];
    if (url === undefined) continue;
    child.stderr!.resume();
    const openai = new OpenAI({ baseURL: url, apiKey: 'any', maxRetries: 0 });
    return { openai, end, [Symbol.asyncDispose]: () => end('SIGKILL') };
  }
  throw new Error(`The server did not start:\n${said}`);
}

/** The trainers that work on this job right now. */
function trainersOf(jobId: string): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return lines
    .filter((line) => line.includes('engine/main') && line.includes(jobId))
    .map((line) => Number.parseInt(line, 10));
}

async function untilGone(jobId: string): Promise<void> {
  for (let i = 0; trainersOf(jobId).length > 0; i++) {
    expect(i, 'the trainer lingers').toBeLessThan(100);
    await sleep(20);
  }
}

async function create(openai: OpenAI): Promise<string> {
  const training_file = await upload(openai, examples());
  const hyperparameters = { n_epochs: epochs };
  return (await openai.fineTuning.jobs.create({ model: 'tiny', training_file, seed: 7, hyperparameters })).id;
}

const losses = (events: readonly JobEvent[]): number[] =>
  events.filter(({ type }) => type === 'metrics').map(({ data }) => (data as { train_loss: number }).train_loss);

const messages = (events: readonly JobEvent[]): string[] =>
  events.filter(({ type }) => type !== 'metrics').map(({ message }) => message);

/** The job has succeeded, told each step once and in order, and ended in one model of three checkpoints. */
async function wholeStory(openai: OpenAI, id: string): Promise<JobEvent[]> {
  const { job } = await waitFor(openai, id);
  expect(job.error).toEqual({ code: null, message: null, param: null });
  expect(job.status).toBe('succeeded');
  const events = await eventsOf(openai, id);
  expect(stepsTold(events)).toEqual(upTo(steps));
  const once = [
    'Fine-tuning job started',
    `New fine-tuned model created: ${job.fine_tuned_model}`,
    'The job has successfully completed',
  ];
  for (const message of once) expect(messages(events).filter((told) => told === message)).toHaveLength(1);
  const { data: checkpoints } = await openai.fineTuning.jobs.checkpoints.list(id);
  expect(checkpoints.map(({ step_number }) => step_number)).toEqual([steps, steps - 12, steps - 24]);
  const models = (await openai.models.list()).data.map((model) => model.id);
  for (const checkpoint of checkpoints)
    expect(models.filter((name) => name === checkpoint.fine_tuned_model_checkpoint)).toHaveLength(1);
  return events;
}

test('a trainer that is killed is followed by another, which continues', async () => {
  const { openai } = server;
  const id = await create(openai);
  await waitForStep(openai, id, 30);
  const [trainer, ...others] = trainersOf(id);
  expect(others).toEqual([]);
  process.kill(trainer!, 'SIGKILL');
  const events = await wholeStory(openai, id);
  expect(losses(events)).toEqual(undisturbed);
  expect(messages(events)).toContain('The trainer ended unexpectedly (signal SIGKILL); starting it again');
  expect(messages(events).filter((message) => /^Training continues after step \d+$/.test(message))).toHaveLength(1);
});

test('a server that is killed again and again takes its trainer along, and the job succeeds under the next one', async () => {
  const id = await create(server.openai);
  for (const step of [20, 80]) {
    await waitForStep(server.openai, id, step);
    await server.end('SIGKILL');
    await untilGone(id);
    server = await serve();
  }
  const events = await wholeStory(server.openai, id);
  expect(losses(events)).toEqual(undisturbed);
  expect(events.map(({ level }) => level)).toEqual(events.map(() => 'info'));
});

test('a server that is told to stop lets its trainer save every step', async () => {
  const id = await create(server.openai);
  await waitForStep(server.openai, id, 30);
  await server.end('SIGTERM');
  expect(trainersOf(id)).toEqual([]);
  server = await serve();
  const events = await wholeStory(server.openai, id);
  expect(losses(events)).toEqual(undisturbed);
  const resumed = events.findIndex(({ message }) => message.startsWith('Training continues'));
  expect(events[resumed]?.message).toBe(`Training continues after step ${stepsTold(events.slice(0, resumed)).at(-1)}`);
});

test('cancelling stops the trainer within a step', async () => {
  const { openai } = server;
  const id = await create(openai);
  await waitForStep(openai, id, 10);
  await openai.fineTuning.jobs.cancel(id);
  const told = stepsTold(await eventsOf(openai, id)).length;
  await untilGone(id);
  expect(stepsTold(await eventsOf(openai, id))).toHaveLength(told);
});
