/** Real servers and real SIGKILL in the middle of a run: every item is judged, and its outcome is there once. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BaseModels } from '../../../src/models/base-models.ts';
import { programArguments } from '../../../src/programs.ts';
import { addTinyModel } from '../../serving/tiny-serving.ts';
import { itemsOf, makeEval, numbersOf, questions, startRun, waitForRun } from './eval-journey.ts';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'evals-'));
  await addTinyModel(await BaseModels.open(home), home, 'tiny');
});
afterAll(() => rm(home, { recursive: true, force: true }));

interface Server extends AsyncDisposable {
  readonly openai: OpenAI;
}

/** `tunesmith serve` as a user starts it; killed when it is disposed of. */
async function serve(): Promise<Server> {
  const child: ChildProcess = spawn(
    process.execPath,
    [...programArguments('main'), 'serve', '--port', '0', '--home', home],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, TUNESMITH_LOG: 'warn', TUNESMITH_THREADS: '1' } },
  );
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  let said = '';
  for await (const line of createInterface({ input: child.stderr! })) {
    said += `${line}\n`;
    const url = /https?:\/\/\S+\/v1/.exec(line)?.[0];
    if (url === undefined) continue;
    child.stderr!.resume();
    const openai = new OpenAI({ baseURL: url, apiKey: 'any', maxRetries: 0 });
    return { openai, [Symbol.asyncDispose]: kill };
  }
  throw new Error(`The server did not start:\n${said}`);
}

const count = 120;

test('a run goes on under the next server, and nothing is judged twice or lost', { timeout: 180_000 }, async () => {
  let [evalId, id] = ['', ''];
  let before: string[] = [];
  {
    await using server = await serve();
    ({ id: evalId } = await makeEval(server.openai));
    const content = Array.from({ length: count }, (_, i) =>
      JSON.stringify({ item: { question: `number ${i}`, answer: 'x' } }),
    ).join('\n');
    const file = await server.openai.files.create({
      file: await toFile(Buffer.from(content), 'a.jsonl'),
      purpose: 'evals',
    });
    const source = questions(0, { source: { type: 'file_id', id: file.id } });
    ({ id } = await startRun(server.openai, evalId, source));
    await waitForRun(server.openai, evalId, id, ({ result_counts }) => result_counts.failed >= 30);
    before = (await itemsOf(server.openai, evalId, id, { limit: 100 })).map((item) => item.id);
  }
  {
    // once more, at a moment that nobody chose
    await using server = await serve();
    await waitForRun(server.openai, evalId, id, ({ result_counts }) => result_counts.failed >= 70);
  }
  await using server = await serve();
  const run = await waitForRun(server.openai, evalId, id);
  expect(run).toMatchObject({
    status: 'completed',
    result_counts: { total: count, errored: 0, failed: count, passed: 0 },
    per_testing_criteria_results: [{ passed: 0, failed: count }],
    per_model_usage: [{ model_name: 'tiny', invocation_count: count, completion_tokens: 4 * count }],
  });
  const items = await itemsOf(server.openai, evalId, id, { limit: 100 });
  expect(items.map((item) => item.id).slice(0, before.length)).toEqual(before);
  expect(numbersOf(items)).toEqual(Array.from({ length: count }, (_, i) => i));
});
