/** How the worker takes answers that are none: too busy, an accident, nobody there. */

import { expect, test } from 'vitest';
import { Closing } from '../../src/closing.ts';
import { BatchWorker, type Answer } from '../../src/batches/worker.ts';
import { openHouse } from '../../src/house.ts';
import { readSettings } from '../../src/config.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch } from '../../src/domain/batch.ts';
import { chatRequest } from './batch-journey.ts';

interface Outcome {
  readonly batch: Batch;
  readonly lines: { custom_id: string; response: { status_code: number } }[];
}

/** Runs a batch of one request per name; `statusOf` says what the nth question about one is answered with. */
async function run(names: readonly string[], statusOf: (name: string, nth: number) => number): Promise<Outcome> {
  await using opening = new Closing();
  const home = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'worker-'));
  opening.defer(() => rm(home, { recursive: true, force: true }));
  const house = opening.use(
    await openHouse(readSettings({}, { home, logLevel: 'silent' }), undefined, { training: false }),
  );
  const { database, blobs, log } = house;
  const { batches, files } = house.of('default');
  await using content = await blobs.receive(
    oneChunk(names.map((name) => chatRequest(name, { user: name })).join('\n')),
  );
  const file = await files.add(content, { filename: 'a.jsonl', purpose: 'batch', expiresAfterSeconds: null });
  const { id } = await batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    metadata: null,
    output_expires_after: { anchor: 'created_at', seconds: 3600 },
  });
  const asked = new Map<string, number>();
  const worker = opening.use(new BatchWorker({ database, blobs, log, lookMs: 5, retryMs: 1 }));
  worker.start({
    findModel: async () => true,
    answer: async (_project, _endpoint, body): Promise<Answer> => {
      const { user } = body as { user: string };
      const nth = (asked.get(user) ?? 0) + 1;
      asked.set(user, nth);
      return { status: statusOf(user, nth), requestId: 'req_1', body: { nth } };
    },
  });
  for (let i = 0; ; i++) {
    const batch = await batches.get(id);
    if (batch.status === 'completed') return { batch, lines: await linesOf(batch) };
    if (i > 1000) throw new Error(`waited in vain: ${JSON.stringify(batch)}`);
    await sleep(5);
  }

  async function linesOf({ output_file_id, error_file_id }: Batch): Promise<Outcome['lines']> {
    const lines: Outcome['lines'] = [];
    for (const id of [output_file_id, error_file_id]) {
      if (id === null) continue;
      const { bytes } = await files.content(id);
      const text = Buffer.concat((await bytes.toArray()) as Buffer[]).toString();
      lines.push(
        ...text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Outcome['lines'][number]),
      );
    }
    return lines;
  }
}

async function* oneChunk(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const said = ({ lines }: Outcome) => lines.map(({ custom_id, response }) => [custom_id, response]);

test('a request that was turned away comes again until it is let in', async () => {
  const outcome = await run(['a', 'b'], (name, nth) => (name === 'a' && nth < 6 ? (nth % 2 === 0 ? 429 : 503) : 200));
  expect(outcome.batch.request_counts).toEqual({ total: 2, completed: 2, failed: 0 });
  expect(said(outcome)).toEqual([
    ['a', { status_code: 200, request_id: 'req_1', body: { nth: 6 } }],
    ['b', { status_code: 200, request_id: 'req_1', body: { nth: 1 } }],
  ]);
});

test('an accident is forgiven twice, and then is the answer', async () => {
  const outcome = await run(['clumsy', 'broken'], (name, nth) => (name === 'clumsy' && nth > 2 ? 200 : 500));
  expect(outcome.batch.request_counts).toEqual({ total: 2, completed: 1, failed: 1 });
  expect(said(outcome)).toEqual([
    ['clumsy', { status_code: 200, request_id: 'req_1', body: { nth: 3 } }],
    ['broken', { status_code: 500, request_id: 'req_1', body: { nth: 3 } }],
  ]);
});

test('what is wrong with a request is asked once', async () => {
  const outcome = await run(['a'], () => 404);
  expect(said(outcome)).toEqual([['a', { status_code: 404, request_id: 'req_1', body: { nth: 1 } }]]);
});
