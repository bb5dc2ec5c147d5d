/** Runtimes die, models are broken, clients leave: what becomes of everybody else. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { ggufValue } from '../../src/formats/gguf-metadata.ts';
import { programArguments } from '../../src/programs.ts';
import type { CompletionEvent } from '../../src/serving/serving.ts';
import { addTinyModel, ask, openTinyServing, request, type TinyServing } from './tiny-serving.ts';

const endless = (tiny: TinyServing, wishes = {}) =>
  request(tiny.model, {
    tokensMax: null,
    streaming: true,
    sampling: {
      ...warm,
      logitBias: [
        [2, -100],
        [0, -100],
      ],
    },
    ...wishes,
  });
const warm = { temperature: 1, topP: 1, seed: 1, frequencyPenalty: 0, presencePenalty: 0 };

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

async function gone(pid: number): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (!isAlive(pid)) return;
    await sleep(20);
  }
  throw new Error(`process ${pid} is still there`);
}

/** The first event of an answer, with the rest still to come. */
async function begin(events: AsyncGenerator<CompletionEvent, void>): Promise<void> {
  expect((await events.next()).value).toMatchObject({ type: 'text' });
}

test('a killed runtime fails the requests in flight, and the next request starts it again', async () => {
  await using tiny = await openTinyServing({}, { contextTokens: 100_000 });
  const events = tiny.serving.complete(endless(tiny));
  await begin(events);
  process.kill(tiny.log.pids[0]!, 'SIGKILL');
  const drained = (async () => {
    for await (const _ of events);
  })();
  await expect(drained).rejects.toMatchObject({
    kind: 'internal',
    code: 'model_crashed',
    message: expect.stringContaining('signal SIGKILL'),
  });
  expect((await ask(tiny.serving, request(tiny.model))).texts[0]).not.toBe('');
  expect(tiny.log.pids).toHaveLength(2);
});

test('a runtime that keeps dying is left alone for a while, and says why', async () => {
  await using tiny = await openTinyServing({}, { contextTokens: 100_000 });
  for (const round of [0, 1]) {
    const events = tiny.serving.complete(endless(tiny));
    await begin(events);
    process.kill(tiny.log.pids[round]!, 'SIGKILL');
    await expect(
      events
        .next()
        .then(() => begin(events))
        .then(() => drain(events)),
    ).rejects.toMatchObject({ code: 'model_crashed' });
  }
  await expect(ask(tiny.serving, request(tiny.model))).rejects.toMatchObject({
    kind: 'overloaded',
    code: 'model_crashed',
    message: expect.stringMatching(/died.*failure 2 in a row; the next attempt is in 1 s/),
  });
  await sleep(1100);
  await ask(tiny.serving, request(tiny.model));
  await ask(tiny.serving, request(tiny.model)); // one answer makes good for the failures
});

test('a model file that llama.cpp refuses is named with its reason, and the server goes on', async () => {
  await using tiny = await openTinyServing();
  const { base } = tiny.model;
  await truncate(base.path, Math.floor(base.sizeBytes / 2));
  await expect(ask(tiny.serving, request(tiny.model))).rejects.toMatchObject({
    kind: 'internal',
    code: 'model_unloadable',
    message: expect.stringContaining("The model 'tiny' cannot be loaded"),
  });
  const other = await addTinyModel(tiny.bases, tiny.folder, 'other');
  expect((await ask(tiny.serving, request(other))).texts).toHaveLength(1);
});

test('a model that aborts llama.cpp harms nobody else', async () => {
  await using tiny = await openTinyServing();
  // Our reader has no quarrel with a block count that llama.cpp asserts on.
  const { writeTinyLlama } = await import('../tiny-model.ts');
  const path = `${tiny.folder}/hostile.gguf`;
  await writeTinyLlama(path, { metadata: { 'llama.block_count': ggufValue.u32(100_000) } });
  const hostile = { ...tiny.model, id: 'hostile', base: { ...tiny.model.base, id: 'hostile', path, sha256: 'h' } };
  const [bad, good] = await Promise.allSettled([
    ask(tiny.serving, request(hostile)),
    ask(tiny.serving, request(tiny.model)),
  ]);
  expect(bad).toMatchObject({ status: 'rejected', reason: { kind: 'internal', code: /model_(?:crashed|unloadable)/ } });
  expect(good.status).toBe('fulfilled');
});

test('an adapter that is none fails its own request only', async () => {
  await using tiny = await openTinyServing();
  const adapter = `${tiny.folder}/broken.gguf`;
  await writeFile(adapter, 'GGUF and no more');
  await expect(ask(tiny.serving, request({ ...tiny.tuned, adapter }))).rejects.toMatchObject({
    kind: 'internal',
    code: 'model_failed',
    message: expect.stringContaining('broken.gguf'),
  });
  expect((await ask(tiny.serving, request(tiny.tuned))).texts).toHaveLength(1);
  expect(tiny.log.pids).toHaveLength(1);
});

test('an answer that nobody waits for is no longer worked on', async () => {
  await using tiny = await openTinyServing({ requestsMax: 1 }, { contextTokens: 100_000 });
  const events = tiny.serving.complete(endless(tiny));
  await begin(events);
  await expect(ask(tiny.serving, request(tiny.model))).rejects.toMatchObject({ kind: 'overloaded' });
  await events.return();
  expect((await ask(tiny.serving, request(tiny.model))).texts).toHaveLength(1);

  const leaving = new AbortController();
  const aborted = ask(tiny.serving, endless(tiny, { streaming: false }), leaving.signal);
  const rejected = expect(aborted).rejects.toThrow('left');
  await sleep(100);
  leaving.abort(new Error('left'));
  await rejected;
  expect((await ask(tiny.serving, request(tiny.model))).texts).toHaveLength(1);
});

test('more requests than allowed are turned away, the others are all answered', async () => {
  await using tiny = await openTinyServing({ requestsMax: 8 });
  const all = await Promise.allSettled(Array.from({ length: 10 }, () => ask(tiny.serving, request(tiny.model))));
  const refused = all.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(2);
  expect(refused[0]).toMatchObject({ reason: { kind: 'overloaded', message: expect.stringContaining('8 requests') } });
});

test('an idle model leaves memory and comes back when asked', async () => {
  await using tiny = await openTinyServing({ idleMs: 50 });
  const before = await ask(tiny.serving, request(tiny.model));
  await gone(tiny.log.pids[0]!);
  expect(await ask(tiny.serving, request(tiny.model))).toEqual(before);
  expect(tiny.log.pids).toHaveLength(2);
});

test('when memory is short, the model that was idle longest makes room', async () => {
  await using tiny = await openTinyServing({ loadedBytesMax: 2 ** 28 + 2 ** 27 }); // one tiny model with its buffers
  const other = await addTinyModel(tiny.bases, tiny.folder, 'other', { seed: 2 });
  await ask(tiny.serving, request(tiny.model));
  await ask(tiny.serving, request(other));
  await gone(tiny.log.pids[0]!);
  const events = tiny.serving.complete(endless({ ...tiny, model: other }));
  await begin(events);
  await expect(ask(tiny.serving, request(tiny.model))).rejects.toMatchObject({
    kind: 'overloaded',
    message: expect.stringContaining("no memory for the model 'tiny' while 'other'"),
  });
  await events.return();
});

test('closing ends every runtime, and requests in flight hear it', async () => {
  const tiny = await openTinyServing({}, { contextTokens: 100_000 });
  const events = tiny.serving.complete(endless(tiny));
  await begin(events);
  await tiny[Symbol.asyncDispose]();
  await expect(drain(events)).rejects.toMatchObject({ kind: 'overloaded' });
  expect(tiny.log.pids.some(isAlive)).toBe(false);
});

test('a runtime ends when its server has died', async () => {
  await using tiny = await openTinyServing();
  const settings = { modelPath: tiny.model.base.path, threads: 1, exact: false, cacheBytesMax: 2 ** 30 };
  const program = [...programArguments('serving/runtime-main'), JSON.stringify(settings)];
  const server = spawn(
    process.execPath,
    [
      '-e',
      `const runtime = require('node:child_process').spawn(process.execPath, ${JSON.stringify(program)}, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' });
       runtime.on('message', ({ type }) => console.log(type, runtime.pid));`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  const [type, pid] = line.toString().trim().split(' ');
  expect(type).toBe('ready');
  server.kill('SIGKILL');
  await gone(Number(pid));
});

async function drain(events: AsyncGenerator<CompletionEvent, void>): Promise<void> {
  for await (const _ of events);
}

test.for(['', 'sometimes'])(
  'a model loads where CI is "%s", which llama.cpp’s package would not take',
  async (word) => {
    vi.stubEnv('CI', word);
    vi.stubEnv('NODE_LLAMA_CPP_GPU', 'nonsense');
    try {
      await using tiny = await openTinyServing();
      expect((await ask(tiny.serving, request(tiny.model))).completionTokens).toBeGreaterThan(0);
    } finally {
      vi.unstubAllEnvs();
    }
  },
);
