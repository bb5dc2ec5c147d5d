/** Webhooks from making one to the receiver that verifies what it gets with the official SDK. */

import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Courier } from '../../src/webhooks/courier.ts';
import { announce } from '../../src/webhooks/outbox.ts';
import { chatRequest, runBatch } from '../batches/batch-journey.ts';
import { answeredItems, makeEval, questions, runEval, startRun } from '../evals/api/eval-journey.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { examples, upload } from '../jobs/tiny-house.ts';
import { addTinyModel, MemoryLog } from '../serving/tiny-serving.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver on loopback that answers with the given statuses, the last one for ever. */
class Receiver implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly #server: Server;

  private constructor(statuses: number[]) {
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        this.received.push({ headers: request.headers, body });
        const status = statuses.length > 1 ? statuses.shift()! : statuses[0]!;
        response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
      });
    });
  }

  static async open(...statuses: number[]): Promise<Receiver> {
    const receiver = new Receiver(statuses.length === 0 ? [200] : statuses);
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  async until(count: number): Promise<void> {
    for (let i = 0; this.received.length < count; i++) {
      if (i > 3000) throw new Error(`waited in vain for ${count}: ${JSON.stringify(this.received)}`);
      await sleep(10);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface Made {
  readonly id: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly secret: string;
}

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1, webhookHosts: ['*'] });
  await addTinyModel(house.house.bases, house.home, 'tiny');
});
afterAll(() => house[Symbol.asyncDispose]());

const make = (url: string, events: readonly string[], on = house): Promise<Made> =>
  on.openai.post('/webhooks', { body: { url, events } });

const unwrap = ({ body, headers }: Received, secret: string) => house.openai.webhooks.unwrap(body, headers, secret);

describe('the end is told', () => {
  test('of a batch, signed so that the SDK verifies it', async () => {
    await using receiver = await Receiver.open();
    const { id, secret } = await make(receiver.url, ['batch.completed']);
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const batch = await runBatch(house.openai, [chatRequest('a')]);
    await receiver.until(1);
    expect(await unwrap(receiver.received[0]!, secret)).toEqual({
      object: 'event',
      id: expect.stringMatching(/^evt_/),
      type: 'batch.completed',
      created_at: expect.any(Number),
      data: { id: batch.id },
    });
    const forged = { ...receiver.received[0]!, body: receiver.received[0]!.body.replace('batch_', 'hctab_') };
    await expect(unwrap(forged, secret)).rejects.toThrow(/signature does not match/);
    expect(await deliveriesOf(id)).toMatchObject([{ type: 'batch.completed', status: 'delivered', attempts: 1 }]);
    await house.openai.delete(`/webhooks/${id}`);
  });

  test('of a run of an eval, however it ends', async () => {
    await using receiver = await Receiver.open();
    const types = ['eval.run.succeeded', 'eval.run.failed', 'eval.run.canceled'];
    const { id, secret } = await make(receiver.url, types);
    const { openai } = house;
    const made = await makeEval(openai);
    const file = await toFile(Buffer.from('nothing'), 'items.jsonl');
    const broken = (await openai.files.create({ file, purpose: 'evals' })).id;
    const good = await runEval(openai, made.id, answeredItems(['a', 'a'], ['a', 'b']));
    const bad = await runEval(openai, made.id, { type: 'jsonl', source: { type: 'file_id', id: broken } });
    const long = await startRun(openai, made.id, questions(500));
    await openai.evals.runs.cancel(long.id, { eval_id: made.id });
    await openai.evals.runs.cancel(long.id, { eval_id: made.id });
    await receiver.until(3);
    const events = await Promise.all(receiver.received.map((each) => unwrap(each, secret)));
    expect(events.map(({ type, data }) => [type, (data as { id: string }).id])).toEqual([
      ['eval.run.succeeded', good.id],
      ['eval.run.failed', bad.id],
      ['eval.run.canceled', long.id],
    ]);
    expect(await deliveriesOf(id)).toHaveLength(3);
    await openai.delete(`/webhooks/${id}`);
  });

  test('of responses that were made in the background', async () => {
    await using receiver = await Receiver.open();
    const { secret } = await make(receiver.url, ['response.completed', 'response.incomplete']);
    const { id } = await house.openai.responses.create({
      model: 'tiny',
      input: 'Hello',
      max_output_tokens: 16,
      background: true,
    });
    await receiver.until(1);
    expect(await unwrap(receiver.received[0]!, secret)).toMatchObject({ type: 'response.incomplete', data: { id } });
  });

  test('of jobs, to those who asked for it, once', { timeout: 60_000 }, async () => {
    await using failures = await Receiver.open();
    await using others = await Receiver.open();
    const { secret } = await make(failures.url, ['fine_tuning.job.failed', 'fine_tuning.job.cancelled']);
    await make(others.url, ['fine_tuning.job.succeeded']);
    const training_file = await upload(house.openai, examples().slice(0, 2)); // too few
    const { id } = await house.openai.fineTuning.jobs.create({ model: 'tiny', training_file });
    await failures.until(1);
    expect(await unwrap(failures.received[0]!, secret)).toMatchObject({ type: 'fine_tuning.job.failed', data: { id } });

    const cancelled = await house.openai.fineTuning.jobs.create({
      model: 'tiny',
      training_file: await upload(house.openai, examples()),
    });
    await house.openai.fineTuning.jobs.cancel(cancelled.id);
    await failures.until(2);
    expect(await unwrap(failures.received[1]!, secret)).toMatchObject({ data: { id: cancelled.id } });

    const trained = await house.openai.fineTuning.jobs.create({
      model: 'tiny',
      training_file: await upload(house.openai, examples()),
      hyperparameters: { n_epochs: 1, batch_size: 12 },
    });
    await others.until(1);
    expect(JSON.parse(others.received[0]!.body)).toMatchObject({
      type: 'fine_tuning.job.succeeded',
      data: { id: trained.id },
    });
    expect(failures.received).toHaveLength(2);
  });
});

const deliveriesOf = async (id: string): Promise<unknown[]> => {
  const { data } = await house.openai.get<{ data: unknown[] }>(`/webhooks/${id}/deliveries`);
  return data;
};

describe('a webhook', () => {
  test('is listed without its secret, tested, and deleted', async () => {
    await using receiver = await Receiver.open(200, 500);
    const { id, secret } = await make(receiver.url, ['batch.failed']);
    const { data } = await house.openai.get<{ data: Made[] }>('/webhooks?limit=1');
    expect(data).toEqual([
      { object: 'webhook', id, url: receiver.url, events: ['batch.failed'], created_at: expect.any(Number) },
    ]);
    expect(await house.openai.post(`/webhooks/${id}/test`)).toMatchObject({ delivered: true, error: null });
    expect(await unwrap(receiver.received[0]!, secret)).toMatchObject({ type: 'batch.failed', data: { id: 'test' } });
    expect(await house.openai.post(`/webhooks/${id}/test`)).toMatchObject({
      delivered: false,
      error: 'It answered 500; expected 2xx.',
    });
    await house.openai.delete(`/webhooks/${id}`);
    await expect(house.openai.get(`/webhooks/${id}`)).rejects.toMatchObject({ status: 404 });
  });

  test.each([
    [{ url: 'ftp://example.org' }, 'url'],
    [{ url: 'http://user:secret@example.org' }, 'url'],
    [{ events: ['batch.eaten'] }, 'events[0]'],
    [{ events: [] }, 'events'],
    [{ secret: 'mine' }, 'secret'],
  ])('%j is refused', async (wishes, param) => {
    const body = { url: 'https://example.org/hook', events: ['batch.failed'], ...wishes };
    await expect(house.openai.post('/webhooks', { body })).rejects.toMatchObject({ status: 400, param });
  });

  test('may not lead to internal addresses unless they were allowed', async () => {
    await using strict = await openTestHouse({ threads: 1 });
    await using receiver = await Receiver.open();
    for (const url of [
      receiver.url,
      'http://localhost:1/',
      'http://169.254.169.254/latest',
      'http://[::1]/',
      'http://2130706433/',
    ])
      await expect(make(url, ['batch.failed'], strict)).rejects.toMatchObject({ status: 400, code: 'address_refused' });
    expect(receiver.received).toEqual([]);
  });
});

describe('a courier', () => {
  test('comes again, with the same id, until it is let in; redirects do not count', async () => {
    await using receiver = await Receiver.open(500, 302, 200);
    const { home, database } = await outbox(receiver.url);
    await using _ = home;
    await using courier = new Courier({ database, log: new MemoryLog(), allowed: true, lookMs: 10, retryMs: 20 });
    courier.start();
    await receiver.until(3);
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(1);
    await sleep(200);
    expect(receiver.received).toHaveLength(3);
    expect(await statuses(database)).toEqual([['delivered', 3]]);
  });

  test('goes on after a restart with what was left', async () => {
    await using receiver = await Receiver.open(500, 200);
    const { home, database } = await outbox(receiver.url);
    await using _ = home;
    const options = { database, log: new MemoryLog(), allowed: true as const, lookMs: 10, retryMs: 300 };
    {
      await using first = new Courier(options);
      first.start();
      await receiver.until(1);
      await sleep(50);
    }
    await using second = new Courier(options);
    second.start();
    await receiver.until(2);
    expect(receiver.received[1]!.headers['webhook-id']).toBe(receiver.received[0]!.headers['webhook-id']);
  });

  test('waits longer each time, and gives up after three days', async () => {
    await using receiver = await Receiver.open(500);
    const { home, database } = await outbox(receiver.url);
    await using _ = home;
    await using courier = new Courier({ database, log: new MemoryLog(), allowed: true, lookMs: 10, retryMs: 1 });
    courier.start();
    await receiver.until(3);
    const fourDaysAgo = Math.floor(Date.now() / 1000) - 4 * 86_400; // after seven it would be swept away
    await database.updateTable('webhook_deliveries').set({ created_at: fourDaysAgo }).execute();
    for (let i = 0; i < 500 && (await statuses(database))[0]![0] === 'pending'; i++) await sleep(10);
    expect((await statuses(database))[0]![0]).toBe('given_up');
  });

  test('delivers to nobody who is internal, though a name hid it', async () => {
    await using receiver = await Receiver.open();
    const { home, database } = await outbox(receiver.url.replace('127.0.0.1', 'localhost'));
    await using _ = home;
    await using courier = new Courier({ database, log: new MemoryLog(), allowed: [], lookMs: 10, retryMs: 10_000 });
    courier.start();
    for (let i = 0; i < 500 && (await statuses(database))[0]![1] === 0; i++) await sleep(10);
    const { last_error } = await database.selectFrom('webhook_deliveries').selectAll().executeTakeFirstOrThrow();
    expect(last_error).toMatch(/internal address, and is refused/);
    expect(receiver.received).toEqual([]);
  });
});

/** A house that does not deliver, with one event in its outbox. */
async function outbox(url: string) {
  const { openHouse } = await import('../../src/house.ts');
  const { readSettings } = await import('../../src/config.ts');
  const folder = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'outbox-'));
  const settings = readSettings({}, { home: folder, logLevel: 'silent', webhookHosts: ['*'] });
  const quiet = await openHouse(settings, undefined, { training: false });
  await quiet.of('default').webhooks.create({ url, events: ['batch.completed'] });
  const announcement = { project: 'default', type: 'batch.completed', about: 'batch_1' } as const;
  await quiet.database.transaction().execute(async (rows) => {
    await announce(rows, announcement);
    await announce(rows, announcement);
  });
  const home = {
    [Symbol.asyncDispose]: async () => {
      await quiet[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return { home, database: quiet.database };
}

async function statuses(database: Awaited<ReturnType<typeof outbox>>['database']): Promise<[string, number][]> {
  const rows = await database.selectFrom('webhook_deliveries').selectAll().execute();
  return rows.map(({ status, attempts }) => [status, attempts]);
}
