/** Responses that are kept: found again, listed, deleted; made in the background, followed, cancelled, and survived. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Closing } from '../../../src/closing.ts';
import { expectConforms } from '../../conformance.ts';
import { openTestHouse, type TestHouse } from '../../house.ts';
import { all, openAnswering } from '../chat/tiny-house.ts';

type Params = OpenAI.Responses.ResponseCreateParamsNonStreaming;

let house: TestHouse;
beforeAll(async () => {
  house = await openAnswering();
});
afterAll(() => house[Symbol.asyncDispose]());

const body: Params = { model: 'tiny', input: 'Tell me a story.', temperature: 0, max_output_tokens: 16 };
const create = (wishes: Partial<Params> = {}) => house.openai.responses.create({ ...body, ...wishes });
const retrieve = (id: string) => house.openai.responses.retrieve(id);
/** Long enough to be caught in the middle: the likeliest words go round in a circle. */
const long: Partial<Params> = { max_output_tokens: 1900, background: true };

async function ended(id: string, openai: OpenAI = house.openai): Promise<OpenAI.Responses.Response> {
  for (;;) {
    const response = await openai.responses.retrieve(id);
    if (response.status !== 'queued' && response.status !== 'in_progress') return response;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a response is found again as it was, until it is deleted', async () => {
  const response = await create();
  expect(await retrieve(response.id)).toMatchObject({ ...response, _request_id: expect.anything() });
  const deleted = await fetch(`${house.url}/responses/${response.id}`, { method: 'DELETE' });
  expect(await deleted.json()).toEqual({ id: response.id, object: 'response.deleted', deleted: true });
  const missing = { status: 404, type: 'invalid_request_error' };
  await expect(retrieve(response.id)).rejects.toMatchObject(missing);
  await expect(house.openai.responses.delete(response.id)).rejects.toMatchObject(missing);
  await expect(house.openai.responses.cancel(response.id)).rejects.toMatchObject(missing);
  await expect(house.openai.responses.inputItems.list(response.id)).rejects.toMatchObject(missing);
});

test('its input is listed newest first, in pages', async () => {
  const input = ['one', 'two', 'three'].map((content) => ({ role: 'user' as const, content }));
  const { id } = await create({ input, instructions: 'Not an item.' });
  const texts = (items: readonly unknown[]) =>
    items.map((item) => (item as { content: { text: string }[] }).content[0]!.text);
  const page = await house.openai.responses.inputItems.list(id, { limit: 2 });
  expect(texts(page.data)).toEqual(['three', 'two']);
  expect(page.has_more).toBe(true);
  expect(texts(await all(house.openai.responses.inputItems.list(id, { limit: 1 })))).toEqual(['three', 'two', 'one']);
  const raw = await (
    await fetch(`${house.url}/responses/${id}/input_items?order=asc&include[]=message.output_text.logprobs`)
  ).json();
  expectConforms('ResponseItemList', raw);
  expect(texts((raw as { data: unknown[] }).data)).toEqual(['one', 'two', 'three']);
  for (const query of ['limit=101', 'limit=0', 'after=msg_x', 'order=up', 'include=all'])
    expect((await fetch(`${house.url}/responses/${id}/input_items?${query}`)).status, query).toBe(400);
});

test('an item can be referred to by its id', async () => {
  const first = await create();
  const reference = { type: 'item_reference', id: first.output[0]!.id! } as const;
  const { id } = await create({
    input: [{ role: 'user', content: 'Hi' }, reference, { role: 'user', content: 'Go on.' }],
  });
  const { data } = await house.openai.responses.inputItems.list(id, { order: 'asc' });
  expect(data[1]).toEqual(first.output[0]);
});

describe('in the background', () => {
  test('a response is queued at once and made meanwhile', async () => {
    const queued = await create({ background: true });
    expect(queued).toMatchObject({ status: 'queued', background: true, output: [] });
    const done = await ended(queued.id);
    expect(done).toMatchObject({ status: 'incomplete', background: true });
    expect(done.output_text).toBe((await create()).output_text);
    expect((await house.openai.responses.inputItems.list(queued.id)).data).toHaveLength(1);
  });

  test('it is followed from any event on, while it is made and afterwards', async () => {
    const events = await all(await house.openai.responses.create({ ...body, background: true, stream: true }));
    expect(events.slice(0, 3).map(({ type }) => type)).toEqual([
      'response.created',
      'response.queued',
      'response.in_progress',
    ]);
    for (const event of events) expectConforms('ResponseStreamEvent', event);
    const { id } = (events[0] as OpenAI.Responses.ResponseCreatedEvent).response;
    const later = await all(await house.openai.responses.retrieve(id, { stream: true, starting_after: 4 }));
    expect(later).toEqual(events.slice(5));
    const whole = await all(await house.openai.responses.retrieve(id, { stream: true }));
    expect(whole).toEqual(events);
    const { id: other } = await create();
    await expect(house.openai.responses.retrieve(other, { stream: true })).rejects.toMatchObject({
      status: 400,
      param: 'stream',
    });
  });

  test('whoever leaves the stream does not end the work', async () => {
    const stream = await house.openai.responses.create({ ...body, background: true, stream: true });
    let id = '';
    for await (const event of stream) {
      id = (event as OpenAI.Responses.ResponseCreatedEvent).response.id;
      break;
    }
    expect((await ended(id)).status).toBe('incomplete');
  });

  test('it is cancelled, once and for all', async () => {
    const { id } = await create(long);
    const cancelled = await house.openai.responses.cancel(id);
    expect(cancelled.status).toBe('cancelled');
    expect((await house.openai.responses.cancel(id)).status).toBe('cancelled');
    expect((await retrieve(id)).status).toBe('cancelled');
    const { id: other } = await create();
    await expect(house.openai.responses.cancel(other)).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('Cannot cancel a synchronous response.'),
    });
  });

  test('it is deleted in the middle and stays deleted', async () => {
    const { id } = await create(long);
    await house.openai.responses.delete(id);
    await expect(retrieve(id)).rejects.toMatchObject({ status: 404 });
  });

  test('what goes wrong makes it fail and says why', async () => {
    const { id } = await create({ background: true, input: 'word '.repeat(3000) });
    const failed = await ended(id);
    expect(failed).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_prompt', message: expect.stringContaining('maximum context length') },
    });
  });
});

test('a house that closes, or dies, leaves no response unfinished', async () => {
  const home = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'responses-'));
  await using opening = new Closing();
  opening.defer(() => rm(home, { recursive: true, force: true }));
  const ids: string[] = [];
  {
    await using first = await openAnswering({ home });
    const { id } = await first.openai.responses.create(body);
    ids.push(id);
    // As a process leaves it that was killed: somebody seems to work on it.
    const { response } = await first.house.of('default').responses.get(id);
    const object = JSON.stringify({ ...response, status: 'in_progress', output: [] });
    await first.house.database
      .updateTable('responses')
      .set({ status: 'in_progress', object })
      .where('id', '=', id)
      .execute();
    ids.push((await first.openai.responses.create({ ...body, ...long })).id);
  }
  await using second = await openTestHouse({ home });
  for (const id of ids)
    expect(await second.openai.responses.retrieve(id)).toMatchObject({
      status: 'failed',
      error: { code: 'server_error', message: expect.stringContaining('Ask again') },
    });
});

test('what is older than thirty days is gone', async () => {
  const { id } = await create();
  const old = Math.floor(Date.now() / 1000) - 31 * 24 * 60 * 60;
  await house.house.database.updateTable('responses').set({ created_at: old }).where('id', '=', id).execute();
  await expect(retrieve(id)).rejects.toMatchObject({ status: 404 });
});
