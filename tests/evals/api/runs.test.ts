/** Runs of evals: from a data source to counts and output items, listed, canceled, deleted, reported. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../../house.ts';
import { addTinyModel } from '../../serving/tiny-serving.ts';
import {
  answeredItems,
  itemsOf,
  makeEval,
  numbersOf,
  questions,
  runEval,
  sameAnswer,
  startRun,
  waitForRun,
  uploadItems,
} from './eval-journey.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny');
});
afterAll(() => house[Symbol.asyncDispose]());

type Loose = Record<string, unknown>;

describe('a run', () => {
  test('judges answers that came with the items', async () => {
    const { id, testing_criteria } = await makeEval(house.openai);
    const run = await runEval(house.openai, id, answeredItems(['Paris', 'Paris'], ['paris', 'Paris']), {
      name: 'first',
    });
    expect(run).toEqual({
      object: 'eval.run',
      id: expect.stringMatching(/^evalrun_\w{32}$/),
      eval_id: id,
      status: 'completed',
      model: '',
      name: 'first',
      created_at: expect.any(Number),
      report_url: expect.stringContaining(new URL(house.url).origin),
      result_counts: { total: 2, errored: 0, failed: 1, passed: 1 },
      per_model_usage: [],
      per_testing_criteria_results: [
        { testing_criteria: (testing_criteria[0] as unknown as { id: string }).id, passed: 1, failed: 1 },
      ],
      data_source: answeredItems(['Paris', 'Paris'], ['paris', 'Paris']),
      metadata: {},
      error: null,
    });
  });

  test('asks a model about each item, and shows what was asked, said and counted', async () => {
    const { id, testing_criteria } = await makeEval(house.openai);
    const run = await runEval(house.openai, id, questions(3));
    expect(run).toMatchObject({
      status: 'completed',
      model: 'tiny',
      result_counts: { total: 3, errored: 0, failed: 3, passed: 0 },
      per_model_usage: [{ model_name: 'tiny', invocation_count: 3, completion_tokens: 12 }],
    });
    const items = await itemsOf(house.openai, id, run.id);
    expect(numbersOf(items)).toEqual([0, 1, 2]);
    const first = items.find(({ datasource_item_id }) => datasource_item_id === 0)!;
    expect(first).toEqual({
      object: 'eval.run.output_item',
      id: expect.stringMatching(/^outputitem_/),
      run_id: run.id,
      eval_id: id,
      created_at: expect.any(Number),
      status: 'fail',
      datasource_item_id: 0,
      datasource_item: { question: 'number 0', answer: 'x' },
      results: [
        {
          name: (testing_criteria[0] as unknown as { id: string }).id,
          type: 'string_check',
          score: 0,
          passed: false,
          sample: null,
        },
      ],
      sample: {
        input: [
          { role: 'developer', content: 'Be short.' },
          { role: 'user', content: 'Tell me: number 0?' },
        ],
        output: [{ role: 'assistant', content: expect.any(String) }],
        finish_reason: 'length',
        model: 'tiny',
        usage: {
          prompt_tokens: expect.any(Number),
          completion_tokens: 4,
          total_tokens: expect.any(Number),
          cached_tokens: expect.any(Number),
        },
        error: null,
        temperature: 0,
        max_completion_tokens: 4,
        top_p: 1,
        seed: 42,
      },
    });
    expect(await house.openai.evals.runs.outputItems.retrieve(first.id, { eval_id: id, run_id: run.id })).toEqual(
      first,
    );
    const { input_messages } = run.data_source as unknown as { input_messages: { template: unknown[] } };
    expect(input_messages.template[0]).toEqual({
      type: 'message',
      role: 'developer',
      content: { type: 'input_text', text: 'Be short.' },
    });
  });

  test('asks what the item says itself, through either API', async () => {
    const { id } = await makeEval(house.openai, [sameAnswer], {
      data_source_config: { type: 'custom', item_schema: { type: 'object' } },
    });
    const messages = [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
    ];
    const source = { type: 'file_content', content: [{ item: { chat: messages, answer: 'x' } }] };
    const input_messages = { type: 'item_reference', item_reference: 'item.chat' };
    const asked = { model: 'tiny', source, input_messages };
    const chat = await runEval(house.openai, id, {
      type: 'completions',
      ...asked,
      sampling_params: { max_completion_tokens: 16 },
    });
    const [item] = await itemsOf(house.openai, id, chat.id);
    expect(item!.sample.input).toEqual([
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'Hello' },
    ]);
    const plain = { type: 'file_content', content: [{ item: { chat: 'Hello', answer: 'x' } }] };
    const responses = await runEval(house.openai, id, {
      type: 'responses',
      ...asked,
      source: plain,
      sampling_params: { max_completion_tokens: 16, temperature: 0 },
    });
    expect(responses.result_counts).toMatchObject({ total: 1, errored: 0 });
    const [said] = await itemsOf(house.openai, id, responses.id);
    expect(said!.sample).toMatchObject({ model: 'tiny', seed: null, max_completion_tokens: 16, error: null });
    expect(responses.per_model_usage).toMatchObject([{ model_name: 'tiny', completion_tokens: 16 }]);
    const { data } = await house.openai.get<{ data: unknown[] }>('/chat/completions');
    expect(data).toEqual([]); // nothing of it is stored
  });

  test('gives graders the JSON of an answer that was asked for, and its tool calls', async () => {
    const source = 'def grade(sample, item):\n  return 1 if sample["output_json"]["city"] in ("Rome", "Oslo") else 0';
    const schema = {
      type: 'object',
      properties: { city: { enum: ['Rome', 'Oslo'] } },
      required: ['city'],
      additionalProperties: false,
    };
    const { id } = await makeEval(house.openai, [
      { type: 'python', name: 'city', source },
      {
        ...sameAnswer,
        name: 'where',
        operation: 'like',
        input: 'Rome Oslo',
        reference: '{{ sample.output_json.city }}',
      },
    ]);
    const run = await runEval(
      house.openai,
      id,
      questions(2, {
        sampling_params: {
          max_completion_tokens: 100,
          response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } },
        },
      }),
    );
    expect(run.result_counts).toEqual({ total: 2, errored: 0, failed: 0, passed: 2 });
    const tool = { type: 'function', function: { name: 'look', parameters: schema, strict: true } };
    const tools = await makeEval(house.openai, [
      {
        ...sameAnswer,
        operation: 'like',
        input: '{{ sample.output_tools }}{{ sample.input_tools[0].function.name }}',
        reference: 'look',
      },
    ]);
    const called = await runEval(
      house.openai,
      tools.id,
      questions(1, { sampling_params: { max_completion_tokens: 100, tools: [tool] } }),
    );
    expect(called.result_counts).toMatchObject({ errored: 0, passed: 1 });
  }, 60_000);

  test('counts what it has cost like every other answer', async () => {
    const before = await house.house.metrics.text();
    const { id } = await makeEval(house.openai);
    const run = await runEval(house.openai, id, questions(2));
    expect(run.status).toBe('completed');
    const tokens = (text: string): number =>
      [...text.matchAll(/^tunesmith_\w*tokens\w*\{[^}]*\} (\d+)/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
    expect(tokens(await house.house.metrics.text()) - tokens(before)).toBeGreaterThanOrEqual(
      run.per_model_usage[0]!.total_tokens,
    );
  });
});

test('an item that a model cannot answer is an error, and the others go on', async () => {
  const { id } = await makeEval(house.openai, [sameAnswer], {
    data_source_config: { type: 'custom', item_schema: { type: 'object' } },
  });
  const items: Loose[] = [{ question: 'x'.repeat(200_000) }, {}, { question: 'short' }];
  const run = await runEval(
    house.openai,
    id,
    questions(0, {
      source: { type: 'file_content', content: items.map((item) => ({ item: { answer: 'a', ...item } })) },
    }),
  );
  expect(run).toMatchObject({ status: 'completed', result_counts: { total: 3, errored: 2, failed: 1 } });
  const found = await itemsOf(house.openai, id, run.id);
  const errors = found
    .sort((a, b) => a.datasource_item_id - b.datasource_item_id)
    .map(({ sample }) => sample.error?.code);
  expect(errors).toEqual(['context_length_exceeded', 'invalid_variable_error', undefined]);
});

describe('runs', () => {
  test('are listed in pages, by status, in either order', async () => {
    const { id } = await makeEval(house.openai);
    const file = await uploadItems(house.openai, 'nothing');
    const good = [
      await runEval(house.openai, id, answeredItems(['a', 'a'])),
      await runEval(house.openai, id, answeredItems(['a', 'b'])),
    ];
    const bad = await runEval(house.openai, id, { type: 'jsonl', source: { type: 'file_id', id: file } });
    const listed = async (query: Loose): Promise<string[]> => {
      const found: string[] = [];
      for await (const run of house.openai.evals.runs.list(id, { limit: 2, ...query })) found.push(run.id);
      return found;
    };
    const ids = [...good, bad].map((run) => run.id);
    expect(await listed({})).toEqual(ids);
    expect(await listed({ order: 'desc' })).toEqual(ids.toReversed());
    expect(await listed({ status: 'completed' })).toEqual(ids.slice(0, 2));
    expect(await listed({ status: 'failed' })).toEqual([bad.id]);
    expect(await listed({ status: 'canceled' })).toEqual([]);
    await expect(house.openai.evals.runs.list(id, { status: 'cancelled' as never })).rejects.toMatchObject({
      param: 'status',
    });
  });

  test('show their items in pages and by status', async () => {
    const { id } = await makeEval(house.openai);
    const { id: run } = await runEval(
      house.openai,
      id,
      answeredItems(...Array.from({ length: 5 }, (_, i): [string, string] => [String(i % 2), '1'])),
    );
    const all = (await itemsOf(house.openai, id, run, { limit: 2 })).map((item) => item.id);
    expect(all).toHaveLength(5);
    expect((await itemsOf(house.openai, id, run, { limit: 2, order: 'desc' })).map((item) => item.id)).toEqual(
      all.toReversed(),
    );
    expect(numbersOf(await itemsOf(house.openai, id, run, { limit: 1, status: 'pass' }))).toEqual([1, 3]);
    expect(await itemsOf(house.openai, id, run, { status: 'fail' })).toHaveLength(3);
    await expect(
      house.openai.evals.runs.outputItems.list(run, { eval_id: id, after: 'outputitem_missing' }),
    ).rejects.toMatchObject({ status: 400, param: 'after' });
  });

  test('are canceled at once, keep what was judged, and tell of it; their items come one by one', async () => {
    const { id } = await makeEval(house.openai);
    const { id: run } = await startRun(house.openai, id, questions(500));
    await waitForRun(house.openai, id, run, ({ result_counts }) => result_counts.failed >= 3);
    expect((await itemsOf(house.openai, id, run)).length).toBeGreaterThanOrEqual(3);
    const canceled = await house.openai.evals.runs.cancel(run, { eval_id: id });
    expect(canceled.status).toBe('canceled');
    const { total, failed } = canceled.result_counts;
    expect([total, failed < 500]).toEqual([500, true]);
    expect(await itemsOf(house.openai, id, run)).toHaveLength(failed);
    expect(await house.openai.evals.runs.cancel(run, { eval_id: id })).toEqual(canceled);
    expect(await house.openai.post(`/evals/${id}/runs/${run}/cancel`)).toEqual(canceled); // as the Python SDK says it
    const waiting = await house.house.database.selectFrom('eval_items').where('run_id', '=', run).selectAll().execute();
    expect(waiting).toEqual([]);
    const over = await runEval(house.openai, id, answeredItems(['a', 'a']));
    await expect(house.openai.evals.runs.cancel(over.id, { eval_id: id })).rejects.toMatchObject({
      status: 400,
      code: 'invalid_run_state',
    });
  });

  test('that are canceled or deleted while their file is read leave nothing behind', async () => {
    const { id } = await makeEval(house.openai);
    const lines = Array.from({ length: 20_000 }, () => ({ item: { question: 'a', answer: 'b' } }));
    const file = await uploadItems(house.openai, ...lines);
    const source = { type: 'jsonl', source: { type: 'file_id', id: file } };
    const [canceled, deleted] = [await startRun(house.openai, id, source), await startRun(house.openai, id, source)];
    await house.openai.evals.runs.cancel(canceled.id, { eval_id: id });
    await house.openai.evals.runs.delete(deleted.id, { eval_id: id });
    await runEval(house.openai, id, answeredItems(['a', 'a']));
    await sleep(300);
    const { database } = house.house;
    expect(await database.selectFrom('eval_items').selectAll().execute()).toEqual([]);
    const after = await house.openai.evals.runs.retrieve(canceled.id, { eval_id: id });
    expect(after.status).toBe('canceled');
  });

  test('are deleted, even while they run', async () => {
    const { id } = await makeEval(house.openai);
    const { id: run } = await startRun(house.openai, id, questions(300));
    await waitForRun(house.openai, id, run, ({ result_counts }) => result_counts.failed >= 1);
    const deleted = await house.openai.evals.runs.delete(run, { eval_id: id });
    expect(deleted).toEqual({ object: 'eval.run.deleted', deleted: true, run_id: run });
    await expect(house.openai.evals.runs.retrieve(run, { eval_id: id })).rejects.toMatchObject({ status: 404 });
    expect((await house.openai.evals.runs.list(id)).data).toEqual([]);
  });

  test('belong to their eval: under another one there is nothing', async () => {
    const [one, other] = [await makeEval(house.openai), await makeEval(house.openai)];
    const run = await runEval(house.openai, one.id, answeredItems(['a', 'a']));
    const there = { eval_id: other.id };
    await expect(house.openai.evals.runs.retrieve(run.id, there)).rejects.toMatchObject({ status: 404 });
    await expect(house.openai.evals.runs.outputItems.list(run.id, there)).rejects.toMatchObject({ status: 404 });
  });

  test('keep their file until they have read it', async () => {
    const file = await uploadItems(house.openai, { item: { question: 'a', answer: 'b' } });
    const { id } = await makeEval(house.openai);
    const run = await runEval(house.openai, id, { type: 'jsonl', source: { type: 'file_id', id: file } });
    await house.openai.files.delete(file);
    expect(await itemsOf(house.openai, id, run.id)).toHaveLength(1);
  });
});

describe('the report of a run', () => {
  test('is a page behind an address that holds its own key, in which data is only text', async () => {
    const { id } = await makeEval(house.openai, [sameAnswer], { name: '<script>alert(1)</script>' });
    const run = await runEval(
      house.openai,
      id,
      answeredItems(['</pre><img src=x onerror=alert(2)>', 'Paris'], ['a', 'a']),
    );
    const answer = await fetch(run.report_url);
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
    const page = await answer.text();
    expect(page).toContain('1 passed, 1 failed and 0 could not be judged, of 2');
    expect(page).toMatch(/<td>[\w ]+<\/td>\s*<td class="number">1<\/td>\s*<td class="number">1<\/td>/); // no suffix
    expect(page).not.toMatch(/<script|<img/);
    expect((await fetch(run.report_url.replace(/key=.*/, 'key=guess'))).status).toBe(404);
    expect((await fetch(run.report_url.replace(/\?.*/, ''))).status).toBe(404);
  });
});
