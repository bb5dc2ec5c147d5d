/** Real servers and real SIGKILL in the middle of a batch: every request is answered, and told once. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BaseModels } from '../../src/models/base-models.ts';
import { programArguments } from '../../src/programs.ts';
import { addTinyModel } from '../serving/tiny-serving.ts';
import { chatRequest, linesOf, startBatch, waitForBatch } from './batch-journey.ts';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'batches-'));
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

const count = 300;
const lines = Array.from({ length: count }, (_, i) => chatRequest(`request-${i}`));

test('a batch goes on under the next server, and each result is there exactly once', { timeout: 180_000 }, async () => {
  let id = '';
  {
    await using server = await serve();
    ({ id } = await startBatch(server.openai, lines));
    await waitForBatch(server.openai, id, ({ request_counts }) => request_counts!.completed >= 40);
  }
  await using server = await serve();
  const batch = await waitForBatch(server.openai, id);
  expect(batch).toMatchObject({ status: 'completed', request_counts: { total: count, completed: count, failed: 0 } });
  const output = await linesOf(server.openai, batch.output_file_id);
  expect(output.map(({ custom_id }) => custom_id)).toEqual(lines.map((_, i) => `request-${i}`));
  expect(batch.usage!.output_tokens).toBe(4 * count);
  const { data: files } = await server.openai.files.list({ purpose: 'batch_output' });
  expect(files.map((file) => file.id)).toEqual([batch.output_file_id]);
});
