/** Batches through the front door: from a file of requests to files of answers. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectConforms } from '../conformance.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { addTinyModel } from '../serving/tiny-serving.ts';
import { chatRequest, linesOf, type OutputLine, runBatch, startBatch, upload, waitForBatch } from './batch-journey.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny');
});
afterAll(() => house[Symbol.asyncDispose]());

describe('a batch', () => {
  test('answers every request, and looks the way OpenAI shows it', async () => {
    const lines = ['a', 'b', 'c'].map((id) => chatRequest(id));
    const created = await startBatch(house.openai, lines, { metadata: { team: 'mail' } });
    expect(created).toMatchObject({ object: 'batch', status: 'validating', metadata: { team: 'mail' } });
    const batch = await waitForBatch(house.openai, created.id);
    expect(batch).toEqual({
      id: expect.stringMatching(/^batch_\w{32}$/),
      object: 'batch',
      endpoint: '/v1/chat/completions',
      model: 'tiny',
      errors: null,
      input_file_id: created.input_file_id,
      completion_window: '24h',
      status: 'completed',
      output_file_id: expect.stringMatching(/^file-/),
      error_file_id: null,
      created_at: expect.any(Number),
      in_progress_at: expect.any(Number),
      expires_at: created.created_at + 86_400,
      finalizing_at: expect.any(Number),
      completed_at: expect.any(Number),
      failed_at: null,
      expired_at: null,
      cancelling_at: null,
      cancelled_at: null,
      request_counts: { total: 3, completed: 3, failed: 0 },
      usage: {
        input_tokens: expect.any(Number),
        input_tokens_details: { cached_tokens: expect.any(Number) },
        output_tokens: 12,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: batch.usage!.input_tokens + 12,
      },
      metadata: { team: 'mail' },
    });
    // the live service says null where the document lets a field be absent
    const reached = Object.fromEntries(Object.entries(batch).filter(([, value]) => value !== null));
    expectConforms('Batch', reached);
    const output = await linesOf(house.openai, batch.output_file_id);
    expect(output.map(({ custom_id }) => custom_id)).toEqual(['a', 'b', 'c']);
    for (const { response } of output) expectConforms('CreateChatCompletionResponse', response!.body);
    expect(output[0]).toEqual({
      id: expect.stringMatching(/^batch_req_/),
      custom_id: 'a',
      response: {
        status_code: 200,
        request_id: expect.stringMatching(/^req_/),
        body: expect.objectContaining({ object: 'chat.completion', model: 'tiny' }),
      },
      error: null,
    });
    const file = await house.openai.files.retrieve(batch.output_file_id!);
    expect(file).toMatchObject({ purpose: 'batch_output', filename: `${batch.id}_output.jsonl` });
    expect(file.expires_at! - file.created_at).toBe(30 * 86_400);
  });

  test('puts requests that went wrong into the error file, with their status', async () => {
    const lines = [
      chatRequest('good'),
      chatRequest('bad', { temperature: 99 }),
      chatRequest('stream', { stream: true }),
    ];
    const batch = await runBatch(house.openai, lines, {
      output_expires_after: { anchor: 'created_at', seconds: 7200 },
    });
    expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 3, completed: 1, failed: 2 } });
    const failures = await linesOf(house.openai, batch.error_file_id);
    expect(failures.map(({ custom_id, response }) => [custom_id, response?.status_code])).toEqual([
      ['bad', 400],
      ['stream', 400],
    ]);
    expect(failures[0]!.response!.body).toMatchObject({
      error: { code: 'decimal_above_max_value', param: 'temperature' },
    });
    const file = await house.openai.files.retrieve(batch.error_file_id!);
    expect(file.expires_at! - file.created_at).toBe(7200);
  });

  test('a file with nothing but mistakes in the bodies has no output file', async () => {
    const batch = await runBatch(house.openai, [chatRequest('a', { messages: [] })]);
    expect(batch).toMatchObject({ status: 'completed', output_file_id: null, error_file_id: expect.any(String) });
  });

  test('its input cannot be deleted while it is needed', async () => {
    const batch = await startBatch(
      house.openai,
      Array.from({ length: 400 }, (_, i) => chatRequest(`${i}`)),
    );
    await expect(house.openai.files.delete(batch.input_file_id)).rejects.toMatchObject({ code: 'file_in_use' });
    await house.openai.batches.cancel(batch.id);
    await waitForBatch(house.openai, batch.id);
    await house.openai.files.delete(batch.input_file_id);
  });
});

test.each([
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 3 }, 'chat.completion'],
  ['/v1/completions', { prompt: ['Hi', 'Ho'], max_tokens: 3 }, 'text_completion'],
  ['/v1/embeddings', { input: ['Hi', 'Ho'] }, 'list'],
  ['/v1/responses', { input: 'Hi', max_output_tokens: 16 }, 'response'],
] as const)('batches are for %s', async (endpoint, body, object) => {
  const line = { custom_id: 'a', method: 'POST', url: endpoint, body: { model: 'tiny', ...body } };
  const batch = await runBatch(house.openai, [JSON.stringify(line)], { endpoint });
  expect(batch).toMatchObject({ status: 'completed', endpoint, request_counts: { completed: 1, failed: 0 } });
  const [{ response } = { response: null }] = await linesOf(house.openai, batch.output_file_id);
  expect(response).toMatchObject({ status_code: 200, body: { object } });
  const { input_tokens, total_tokens } = batch.usage!;
  expect(input_tokens).toBeGreaterThan(0);
  expect(total_tokens).toBe(input_tokens + batch.usage!.output_tokens);
});

describe('a cancelled batch', () => {
  test('keeps what was answered', async () => {
    const lines = Array.from({ length: 600 }, (_, i) => chatRequest(`${i}`));
    const { id } = await startBatch(house.openai, lines);
    await waitForBatch(house.openai, id, ({ request_counts }) => request_counts!.completed >= 3);
    const cancelling = await house.openai.batches.cancel(id);
    expect(['cancelling', 'cancelled']).toContain(cancelling.status);
    const batch = await waitForBatch(house.openai, id);
    expect(batch).toMatchObject({
      status: 'cancelled',
      cancelling_at: expect.any(Number),
      cancelled_at: expect.any(Number),
    });
    const output = await linesOf(house.openai, batch.output_file_id);
    expect(output.length).toBe(batch.request_counts!.completed);
    expect(output.length).toBeLessThan(600);
    await expect(house.openai.batches.cancel(id)).rejects.toMatchObject({ status: 400, code: 'invalid_batch_state' });
  });
});

describe('an input that is unfit fails the batch, with every line that is to blame', () => {
  const other = { ...JSON.parse(chatRequest('other')), url: '/v1/embeddings' } as object;
  test.each<[string, string[], [string, number | null][]]>([
    [
      'no JSON',
      ['{"custom_id":', chatRequest('a'), 'x'],
      [
        ['invalid_json_line', 1],
        ['invalid_json_line', 3],
      ],
    ],
    ['nothing in it', ['', ' '], [['empty_file', null]]],
    ['the same id twice', [chatRequest('a'), chatRequest('a')], [['duplicate_custom_id', 2]]],
    ['another endpoint', [chatRequest('a'), JSON.stringify(other)], [['invalid_url', 2]]],
    ['an unknown model', [chatRequest('a', { model: 'missing' })], [['model_not_found', 1]]],
    ['two models', [chatRequest('a'), chatRequest('b', { model: 'tiny2' })], [['mismatched_model', 2]]],
    ['no model', [chatRequest('a', { model: undefined })], [['missing_required_parameter', 1]]],
    [
      'no id',
      ['{"method":"POST","url":"/v1/chat/completions","body":{"model":"tiny"}}'],
      [['missing_required_parameter', 1]],
    ],
    ['another method', [chatRequest('a').replace('POST', 'GET')], [['invalid_request', 1]]],
  ])('%s', async (_, lines, expected) => {
    const batch = await runBatch(house.openai, lines);
    expect(batch).toMatchObject({ status: 'failed', failed_at: expect.any(Number), output_file_id: null });
    expect(batch.errors!.data!.map(({ code, line }) => [code, line])).toEqual(expected);
    expect(batch.errors!.data![0]!.message).toMatch(/\.$/);
  });

  test('fifty thousand requests are the most', async () => {
    const lines = Array.from({ length: 50_001 }, (_, i) => chatRequest(`${i}`));
    const batch = await runBatch(house.openai, lines);
    expect(batch.errors!.data!.map(({ code }) => code)).toEqual(['too_many_requests']);
  });
});

describe('making one', () => {
  test.each([
    [{ input_file_id: 'file-missing' }, 'invalid_value', 'input_file_id'],
    [{ endpoint: '/v1/images' }, 'invalid_value', 'endpoint'],
    [{ completion_window: '1h' }, 'invalid_value', 'completion_window'],
    [
      { output_expires_after: { anchor: 'created_at', seconds: 5 } },
      'integer_below_min_value',
      'output_expires_after.seconds',
    ],
    [{ priority: 'high' }, 'unknown_parameter', 'priority'],
  ])('with %j is refused', async (wishes, code, param) => {
    const input_file_id = await upload(house.openai, [chatRequest('a')]);
    const body = { input_file_id, endpoint: '/v1/chat/completions', completion_window: '24h', ...wishes };
    await expect(house.openai.batches.create(body as never)).rejects.toMatchObject({ status: 400, code, param });
  });

  test('needs a file for batches', async () => {
    const input_file_id = await upload(house.openai, [chatRequest('a')], 'user_data');
    const body = { input_file_id, endpoint: '/v1/chat/completions', completion_window: '24h' } as const;
    await expect(house.openai.batches.create(body)).rejects.toMatchObject({ status: 400, param: 'input_file_id' });
  });
});

test('batches are listed newest first, in pages', async () => {
  const made = [await runBatch(house.openai, [chatRequest('a')]), await runBatch(house.openai, [chatRequest('b')])];
  const first = await house.openai.batches.list({ limit: 1 });
  expect(first.data.map(({ id }) => id)).toEqual([made[1]!.id]);
  const wire: unknown = await (await house.openai.batches.list({ limit: 1 }).asResponse()).json();
  expect(wire).toMatchObject({ object: 'list', has_more: true, first_id: made[1]!.id, last_id: made[1]!.id });
  const next = await house.openai.batches.list({ limit: 1, after: made[1]!.id });
  expect(next.data.map(({ id }) => id)).toEqual([made[0]!.id]);
  await expect(house.openai.batches.list({ after: 'batch_missing' })).rejects.toMatchObject({
    status: 400,
    param: 'after',
  });
  await expect(house.openai.batches.retrieve('batch_missing')).rejects.toMatchObject({ status: 404 });
});

test('an expired batch tells which requests were not reached', async () => {
  const lines = Array.from({ length: 600 }, (_, i) => chatRequest(`${i}`));
  const { id } = await startBatch(house.openai, lines);
  await waitForBatch(house.openai, id, ({ request_counts }) => request_counts!.completed >= 2);
  await endTheDay(id);
  const batch = await waitForBatch(house.openai, id);
  expect(batch).toMatchObject({ status: 'expired', expired_at: expect.any(Number) });
  const { completed, failed } = batch.request_counts!;
  expect(completed + failed).toBe(600);
  const failures: OutputLine[] = await linesOf(house.openai, batch.error_file_id);
  expect(failures).toHaveLength(failed);
  expect(failures[0]).toMatchObject({ response: null, error: { code: 'batch_expired' } });
});

/** Sets the batch's clock to its end and lets the worker begin with it anew. */
async function endTheDay(id: string): Promise<void> {
  const { database, batchWorker } = house.house;
  await database.transaction().execute(async (rows) => {
    const { object } = await rows.selectFrom('batches').select('object').where('id', '=', id).executeTakeFirstOrThrow();
    const batch = { ...(JSON.parse(object) as object), expires_at: 1 };
    await rows
      .updateTable('batches')
      .set({ object: JSON.stringify(batch) })
      .where('id', '=', id)
      .execute();
  });
  batchWorker.notice(id);
}
