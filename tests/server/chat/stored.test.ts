/** Chat completions that are kept: listed, looked at, changed and deleted, by their own project only. */

import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectConforms } from '../../conformance.ts';
import type { TestHouse } from '../../house.ts';
import { all, openAnswering } from './tiny-house.ts';

type Params = OpenAI.ChatCompletionCreateParamsNonStreaming;

let house: TestHouse;
/** Kept one after the other. */
let kept: OpenAI.ChatCompletion[];
let completions: OpenAI.Chat.Completions;
beforeAll(async () => {
  house = await openAnswering();
  ({ completions } = house.openai.chat);
  kept = [];
  for (const [i, team] of ['mail', 'mail', 'web'].entries())
    kept.push(await create({ store: true, metadata: { team, number: String(i) }, model: i === 2 ? 'bare' : 'tiny' }));
});
afterAll(() => house[Symbol.asyncDispose]());

const body: Params = { model: 'tiny', messages: [{ role: 'user', content: 'Hi.' }], max_tokens: 3 };
const create = (wishes: Partial<Params> = {}) => completions.create({ ...body, ...wishes });
const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id);
const raw = async (path: string) => (await fetch(`${house.url}${path}`)).json() as Promise<Record<string, unknown>>;

test('only what was to be kept is', async () => {
  const { id } = await create();
  await expect(completions.retrieve(id)).rejects.toMatchObject({ status: 404, type: 'invalid_request_error' });
  await expect(create({ metadata: { team: 'mail' } })).rejects.toMatchObject({ status: 400, param: 'metadata' });
});

test('one is found again as it was, with its metadata', async () => {
  expect(await completions.retrieve(kept[0]!.id)).toMatchObject({
    choices: kept[0]!.choices,
    metadata: { team: 'mail', number: '0' },
  });
  expectConforms('CreateChatCompletionResponse', await raw(`/chat/completions/${kept[0]!.id}`));
});

test('a streamed one is kept as well', async () => {
  const chunks = await all(await completions.create({ ...body, store: true, stream: true }));
  const stored = await completions.retrieve(chunks[0]!.id);
  expect(stored.choices[0]!.message.content).toBe(
    chunks.map((chunk) => chunk.choices[0]!.delta.content ?? '').join(''),
  );
  expect(stored.usage!.completion_tokens).toBe(3);
  await completions.delete(stored.id);
});

describe('the list', () => {
  test('is oldest first, in pages, with its ends', async () => {
    const list = await raw('/chat/completions?limit=2');
    expectConforms('ChatCompletionList', list);
    expect(list).toMatchObject({ object: 'list', first_id: kept[0]!.id, last_id: kept[1]!.id, has_more: true });
    expect(ids(await all(completions.list({ limit: 1 })))).toEqual(ids(kept));
    expect(ids((await completions.list({ order: 'desc' })).data)).toEqual(ids(kept).toReversed());
  });

  test('can be narrowed to a model and to metadata', async () => {
    expect(ids((await completions.list({ model: 'bare' })).data)).toEqual([kept[2]!.id]);
    expect(ids((await completions.list({ metadata: { team: 'mail' } })).data)).toEqual(ids(kept.slice(0, 2)));
    expect(ids((await completions.list({ metadata: { team: 'mail', number: '1' } })).data)).toEqual([kept[1]!.id]);
    expect((await completions.list({ metadata: { team: 'none' } })).data).toEqual([]);
  });

  test('refuses what makes no sense', async () => {
    for (const query of ['limit=0', 'limit=101', 'order=up', 'after=chatcmpl-none'])
      expect(await raw(`/chat/completions?${query}`), query).toMatchObject({
        error: { type: 'invalid_request_error' },
      });
  });
});

test('the messages are those that were answered', async () => {
  const messages: Params['messages'] = [
    { role: 'system', content: 'Be brief.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
      name: 'Ann',
    },
  ];
  const { id } = await create({ store: true, messages });
  const list = await completions.messages.list(id);
  expect(list.data).toEqual([
    { id: `${id}-0`, role: 'system', content: 'Be brief.', refusal: null, content_parts: null },
    { id: `${id}-1`, role: 'user', content: 'ab', name: 'Ann', refusal: null, content_parts: messages[1]!.content },
  ]);
  expect(ids(await all(completions.messages.list(id, { limit: 1, order: 'desc' })))).toEqual([`${id}-1`, `${id}-0`]);
  await completions.delete(id);
  await expect(completions.messages.list(id)).rejects.toMatchObject({ status: 404 });
});

test('metadata is replaced, and held to its limits', async () => {
  const [first] = kept as [OpenAI.ChatCompletion];
  const updated = await completions.update(first.id, { metadata: { checked: 'yes' } });
  expect(updated).toMatchObject({ id: first.id, metadata: { checked: 'yes' } });
  expect(await completions.retrieve(first.id)).toMatchObject({ metadata: { checked: 'yes' } });
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v']));
  for (const metadata of [many, { ['k'.repeat(65)]: 'v' }, { k: 'v'.repeat(513) }])
    await expect(completions.update(first.id, { metadata })).rejects.toMatchObject({ status: 400 });
  await expect(completions.update('chatcmpl-none', { metadata: {} })).rejects.toMatchObject({ status: 404 });
});

test('a deleted one is gone', async () => {
  const { id } = await create({ store: true });
  expect(await completions.delete(id)).toMatchObject({ id, object: 'chat.completion.deleted', deleted: true });
  await expect(completions.retrieve(id)).rejects.toMatchObject({ status: 404 });
  await expect(completions.delete(id)).rejects.toMatchObject({ status: 404 });
});

test('another project sees none of it', async () => {
  const other = house.house.of('another');
  await expect(other.completions.get(kept[0]!.id)).rejects.toThrow(/not found/);
  expect(await other.completions.list({ model: null, metadata: {}, after: null, limit: 9, order: 'asc' })).toEqual([]);
  const { id } = await house.openai.responses.create({ model: 'tiny', input: 'Hi', max_output_tokens: 16 });
  expect(await other.responses.find(id)).toBeNull();
});
