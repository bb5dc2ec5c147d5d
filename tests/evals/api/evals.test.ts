/** Evals through the front door: made, run on every source, judged by every grader. */

import { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../../house.ts';
import { addTinyModel } from '../../serving/tiny-serving.ts';
import {
  answeredItems,
  answerSchema,
  itemsOf,
  makeEval,
  numbersOf,
  questions,
  runEval,
  sameAnswer,
  startRun,
  waitForRun,
} from './eval-journey.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny');
});
afterAll(() => house[Symbol.asyncDispose]());

type Loose = Record<string, unknown>;

async function uploadItems(...lines: readonly (object | string)[]): Promise<string> {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  const file = await toFile(Buffer.from(`${text}\n`), 'items.jsonl');
  return (await house.openai.files.create({ file, purpose: 'evals' })).id;
}

describe('an eval', () => {
  test('is what was asked for, with an id for each criterion and a schema for items and samples', async () => {
    const made = await makeEval(house.openai, [sameAnswer], { metadata: { team: 'geo' } });
    expect(made).toMatchObject({
      object: 'eval',
      id: expect.stringMatching(/^eval_\w{32}$/),
      name: 'capitals',
      created_at: expect.any(Number),
      metadata: { team: 'geo' },
      data_source_config: {
        type: 'custom',
        schema: { type: 'object', properties: { item: answerSchema, sample: { type: 'object' } } },
      },
    });
    expect(made.testing_criteria).toEqual([{ ...sameAnswer, id: expect.stringMatching(/^same-[0-9a-f-]{36}$/) }]);
    expect(await house.openai.evals.retrieve(made.id)).toEqual(made);
  });

  test('comes back with its messages in one form and its graders complete', async () => {
    const judge = {
      type: 'score_model',
      name: 'judge',
      model: 'tiny',
      input: [{ role: 'user', content: 'Rate {{item.a}}' }],
    };
    const { testing_criteria: criteria } = await makeEval(house.openai, [judge]);
    expect(criteria[0]).toMatchObject({
      range: [0, 1],
      input: [{ type: 'message', role: 'user', content: { type: 'input_text', text: 'Rate {{item.a}}' } }],
    });
  });

  test('can be made again from what was looked at', async () => {
    const { testing_criteria: criteria } = await makeEval(house.openai);
    const again = await makeEval(house.openai, criteria as unknown as Loose[]);
    expect(again.testing_criteria[0]).toMatchObject(sameAnswer);
    expect(again.testing_criteria[0]).not.toEqual(criteria[0]);
  });

  test.each(['logs', 'stored_completions'])('of %s has the schema of stored answers', async (type) => {
    const made = await makeEval(house.openai, [sameAnswer], { data_source_config: { type, metadata: { a: 'b' } } });
    expect(made.data_source_config).toMatchObject({
      type,
      metadata: { a: 'b' },
      schema: { properties: { item: { required: ['input'] }, sample: {} } },
    });
  });

  test('is renamed, gets other metadata, and keeps the rest', async () => {
    const made = await makeEval(house.openai, [sameAnswer], { metadata: { a: '1' } });
    expect(await house.openai.evals.update(made.id, { name: 'cities' })).toEqual({ ...made, name: 'cities' });
    const changed = await house.openai.evals.update(made.id, { metadata: { b: '2' } });
    expect(changed).toEqual({ ...made, name: 'cities', metadata: { b: '2' } });
    expect(await house.openai.evals.retrieve(made.id)).toEqual(changed);
  });

  test('is deleted with its runs and what came of them', async () => {
    const { id } = await makeEval(house.openai);
    const run = await runEval(house.openai, id, answeredItems(['a', 'a']));
    expect(await house.openai.evals.delete(id)).toEqual({ object: 'eval.deleted', deleted: true, eval_id: id });
    await expect(house.openai.evals.retrieve(id)).rejects.toMatchObject({ status: 404, param: 'eval_id' });
    await expect(house.openai.evals.runs.retrieve(run.id, { eval_id: id })).rejects.toMatchObject({ status: 404 });
    const { database } = house.house;
    expect(await database.selectFrom('eval_output_items').where('run_id', '=', run.id).selectAll().execute()).toEqual(
      [],
    );
  });
});

test('evals are listed oldest first, in pages, by either time and in either order', async () => {
  const made = [await makeEval(house.openai), await makeEval(house.openai), await makeEval(house.openai)];
  await house.openai.evals.update(made[0]!.id, { name: 'changed' });
  const ids = made.map(({ id }) => id);
  const listed = async (query: Loose): Promise<string[]> => {
    const found: string[] = [];
    for await (const { id } of house.openai.evals.list({ limit: 2, ...query })) found.push(id);
    return found.filter((id) => ids.includes(id));
  };
  expect(await listed({})).toEqual(ids);
  expect(await listed({ order: 'desc' })).toEqual(ids.toReversed());
  expect(await listed({ order_by: 'updated_at' })).toEqual([ids[1], ids[2], ids[0]]);
  expect(await listed({ order_by: 'updated_at', order: 'desc' })).toEqual([ids[0], ids[2], ids[1]]);
  const wire: unknown = await (await house.openai.evals.list({ limit: 1, order: 'desc' }).asResponse()).json();
  expect(wire).toMatchObject({ object: 'list', has_more: true, first_id: ids[2], last_id: ids[2] });
});

describe('an eval is refused', () => {
  const similar = { ...sameAnswer, type: 'text_similarity', evaluation_metric: 'bleu', operation: undefined };
  const label = {
    type: 'label_model',
    name: 'l',
    model: 'tiny',
    labels: ['a'],
    passing_labels: ['a'],
    input: [{ role: 'user', content: 'x' }],
  };
  test.each<[string, Loose, string, string | null]>([
    ['without a criterion', { testing_criteria: [] }, 'testing_criteria', 'empty_array'],
    ['with an unknown source', { data_source_config: { type: 'web' } }, 'data_source_config.type', 'invalid_value'],
    [
      'without a schema',
      { data_source_config: { type: 'custom' } },
      'data_source_config.item_schema',
      'missing_required_parameter',
    ],
    ['with an unknown field', { colour: 'red' }, 'colour', 'unknown_parameter'],
    [
      'with a similarity but no mark',
      { testing_criteria: [similar] },
      'testing_criteria[0].pass_threshold',
      'missing_required_parameter',
    ],
    [
      'with words for a mark',
      { testing_criteria: [{ ...similar, pass_threshold: 'high' }] },
      'testing_criteria[0].pass_threshold',
      'invalid_type',
    ],
    [
      'with a mark where there is none',
      { testing_criteria: [{ ...sameAnswer, pass_threshold: 1 }] },
      'testing_criteria[0].pass_threshold',
      'unknown_parameter',
    ],
    [
      'with an unknown operation',
      { testing_criteria: [{ ...sameAnswer, operation: 'is' }] },
      'testing_criteria[0].operation',
      'invalid_value',
    ],
    [
      'with a template of nothing',
      { testing_criteria: [{ ...sameAnswer, input: '{{ user.name }}' }] },
      'testing_criteria[0].input',
      'invalid_value',
    ],
    [
      'with an unknown judge',
      { testing_criteria: [{ ...label, model: 'missing' }] },
      'testing_criteria[0].model',
      'model_not_found',
    ],
    [
      'with a label that is none',
      { testing_criteria: [{ ...label, passing_labels: ['b'] }] },
      'testing_criteria[0].passing_labels',
      'invalid_value',
    ],
    ['with too much metadata', { metadata: { a: 'x'.repeat(513) } }, 'metadata.a', 'string_above_max_length'],
    ['with a word for a criterion', { testing_criteria: ['same'] }, 'testing_criteria[0]', 'invalid_type'],
    [
      'with an unknown grader',
      { testing_criteria: [{ type: 'vibes', name: 'v' }] },
      'testing_criteria[0].type',
      'invalid_value',
    ],
  ])('%s', async (_, wishes, param, code) => {
    await expect(makeEval(house.openai, [sameAnswer], wishes)).rejects.toMatchObject({ status: 400, param, code });
  });
});

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

describe('the items of a run may be', () => {
  test('a file', async () => {
    const file = await uploadItems({ item: { question: 'a', answer: 'yes' }, sample: { output_text: 'yes' } }, '', {
      item: { question: 'b', answer: 'no' },
      sample: { choices: [{ message: { content: 'no' } }], model: 'other' },
    });
    const { id } = await makeEval(house.openai);
    const run = await runEval(house.openai, id, { type: 'jsonl', source: { type: 'file_id', id: file } });
    expect(run.result_counts).toEqual({ total: 2, errored: 0, failed: 0, passed: 2 });
    const items = await itemsOf(house.openai, id, run.id);
    expect(items.map(({ sample }) => sample.model).sort()).toEqual(['', 'other']);
  });

  test.each([
    ['no JSON', ['{"item":'], /line 1: it is not valid JSON/],
    ['no item', [{ question: 'a' }], /line 1: it has no item\. Expected \{"item": \{…\}\}/],
    [
      'what the schema does not allow',
      [{ item: { question: 'a', answer: 'b' } }, { item: { question: 7, answer: 'b' } }],
      /line 2: item\.question is number, expected string/,
    ],
    ['a sample that is none', [{ item: { question: 'a', answer: 'b' }, sample: 'c' }], /its sample is not an object/],
    ['nothing', ['', ' '], /holds no items/],
  ])('not a file with %s, which fails the run and names the line', async (_, lines, message) => {
    const file = await uploadItems(...(lines as object[]));
    const { id } = await makeEval(house.openai);
    const run = await runEval(house.openai, id, { type: 'jsonl', source: { type: 'file_id', id: file } });
    expect(run).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_data_source', message: expect.stringMatching(message) },
    });
    expect(await itemsOf(house.openai, id, run.id)).toEqual([]);
  });

  test('stored completions, as they were answered or answered anew', async () => {
    const { openai } = house;
    const store = async (team: string) =>
      await openai.chat.completions.create({
        model: 'tiny',
        messages: [{ role: 'user', content: `Hello ${team}` }],
        max_completion_tokens: 3,
        store: true,
        metadata: { team },
      });
    const stored = [await store('red'), await store('blue'), await store('red')];
    const criterion = { ...sameAnswer, reference: '{{ item.output[0].content }}' };
    const { id } = await makeEval(openai, [criterion], {
      data_source_config: { type: 'logs', metadata: { team: 'red' } },
    });
    const asStored = await runEval(openai, id, { type: 'completions', source: { type: 'stored_completions' } });
    expect(asStored).toMatchObject({ model: '', result_counts: { total: 2, passed: 2 }, per_model_usage: [] });
    const items = await itemsOf(openai, id, asStored.id);
    expect(new Set(items.map(({ datasource_item }) => datasource_item['id']))).toEqual(
      new Set([stored[0]!.id, stored[2]!.id]),
    );
    expect(items[0]!.sample).toMatchObject({ input: [{ role: 'user', content: 'Hello red' }], model: 'tiny' });

    const source = { type: 'stored_completions', limit: 1, model: 'tiny' };
    const anew = await runEval(openai, id, {
      type: 'completions',
      source,
      model: 'tiny',
      input_messages: { type: 'item_reference', item_reference: 'item.input' },
      sampling_params: { max_completion_tokens: 3 },
    });
    expect(anew).toMatchObject({ result_counts: { total: 1, errored: 0 }, per_model_usage: [{ invocation_count: 1 }] });
    const [newest] = await itemsOf(openai, id, anew.id);
    expect(newest!.datasource_item['id']).toBe(stored[2]!.id);

    const none = await runEval(openai, id, {
      type: 'completions',
      source: { type: 'stored_completions', created_before: 1 },
    });
    expect(none).toMatchObject({ status: 'failed', error: { code: 'empty_data_source' } });
    for (const each of stored) await openai.chat.completions.delete(each.id);
  });

  test('stored responses, by what they were asked with', async () => {
    const { openai } = house;
    const ask = async (instructions: string, metadata: Record<string, string>) =>
      await openai.responses.create({
        model: 'tiny',
        input: 'Hello',
        instructions,
        metadata,
        max_output_tokens: 16,
        user: 'u1',
      });
    const polite = await ask('Be polite.', { n: '1' });
    await ask('Be rude.', { n: '2' });
    const criterion = { ...sameAnswer, operation: 'ilike', input: '{{ item.instructions }}', reference: 'POLITE' };
    const { id } = await makeEval(openai, [criterion], { data_source_config: { type: 'logs' } });
    const runWith = async (filters: Loose) =>
      await runEval(openai, id, { type: 'responses', source: { type: 'responses', ...filters } });
    expect((await runWith({})).result_counts).toMatchObject({ total: 2, passed: 1, failed: 1 });
    const found = await runWith({
      instructions_search: 'polite',
      metadata: { n: '1' },
      users: ['u1'],
      temperature: 1,
      top_p: 1,
    });
    expect(found.result_counts).toMatchObject({ total: 1, passed: 1 });
    const [item] = await itemsOf(openai, id, found.id);
    expect(item).toMatchObject({
      datasource_item: {
        id: polite.id,
        input: [
          { role: 'developer', content: 'Be polite.' },
          { role: 'user', content: 'Hello' },
        ],
      },
      sample: { output: [{ role: 'assistant', content: polite.output_text }] },
    });
    expect(await runWith({ tools: ['look'] })).toMatchObject({ status: 'failed' });
    expect(await runWith({ users: ['u2'] })).toMatchObject({ status: 'failed' });
    const anew = await runEval(openai, id, {
      type: 'responses',
      source: { type: 'responses', metadata: { n: '1' } },
      model: 'tiny',
      sampling_params: { max_completion_tokens: 16 },
    });
    expect(anew.result_counts).toMatchObject({ total: 1, errored: 0, passed: 1 });
  });
});

describe('criteria', () => {
  const texts = { input: '{{ sample.output_text }}', reference: '{{ item.answer }}' };
  const similar = (evaluation_metric: string, pass_threshold: number) => ({
    type: 'text_similarity',
    name: evaluation_metric,
    ...texts,
    evaluation_metric,
    pass_threshold,
  });
  const metrics = [
    'fuzzy_match',
    'bleu',
    'gleu',
    'meteor',
    'cosine',
    'rouge_1',
    'rouge_2',
    'rouge_3',
    'rouge_4',
    'rouge_5',
    'rouge_l',
  ];

  test('may be every similarity there is, with a mark from which it passes', async () => {
    const sentence = 'the quick brown fox jumps over the lazy dog';
    const { id } = await makeEval(
      house.openai,
      metrics.map((metric) => similar(metric, 0.9)),
    );
    const run = await runEval(house.openai, id, answeredItems([sentence, sentence], ['nothing of it', sentence]));
    expect(run.result_counts).toMatchObject({ passed: 1, errored: 0 });
    expect(
      run.per_testing_criteria_results.map(({ testing_criteria: name, passed }) => [name.slice(0, -37), passed]),
    ).toEqual(
      // a random model's embeddings may find any two texts alike
      metrics.map((metric) => [metric, metric === 'cosine' ? expect.any(Number) : 1]),
    );
  });

  test('pass from their mark on, and not below it', async () => {
    const { id } = await makeEval(house.openai, [
      { ...similar('fuzzy_match', 0.8), name: 'reached' },
      { ...similar('fuzzy_match', 0.81), name: 'missed' },
    ]);
    const run = await runEval(house.openai, id, answeredItems(['paris', 'Paris'])); // 2 · 4 common letters of 10
    const [item] = await itemsOf(house.openai, id, run.id);
    expect(item!.status).toBe('fail');
    expect(item!.results.map(({ score, passed }) => [score, passed])).toEqual([
      [0.8, true],
      [0.8, false],
    ]);
  });

  test('may be programs, formulas and models, together', async () => {
    const input = [{ role: 'user', content: 'Rate this: {{ sample.output_text }}' }];
    const length = 'def grade(sample, item):\n  return len(sample["output_text"]) / 10';
    const same = { ...sameAnswer };
    const { id } = await makeEval(house.openai, [
      { type: 'python', name: 'program', source: length, pass_threshold: 0.4 },
      {
        type: 'multi',
        name: 'formula',
        graders: { same, long: { type: 'python', name: 'long', source: length } },
        calculate_output: '(same + long) / 2',
        pass_threshold: 0.7,
      },
      {
        type: 'score_model',
        name: 'score',
        model: 'tiny',
        input,
        range: [2, 4],
        sampling_params: { max_completions_tokens: 40 },
      },
      {
        type: 'label_model',
        name: 'label',
        model: 'tiny',
        input,
        labels: ['good', 'bad'],
        passing_labels: ['good', 'bad'],
      },
    ]);
    const run = await runEval(house.openai, id, answeredItems(['Paris', 'Paris'], ['Oslo', 'Rome']));
    const items = await itemsOf(house.openai, id, run.id);
    const [paris, oslo] = items.sort((a, b) => a.datasource_item_id - b.datasource_item_id);
    expect(paris!.results.slice(0, 2)).toMatchObject([
      { type: 'python', score: 0.5, passed: true },
      { type: 'multi', score: 0.75, passed: true, sub_scores: { same: 1, long: 0.5 } },
    ]);
    expect(oslo!.results.slice(0, 2)).toMatchObject([
      { score: 0.4, passed: true },
      { score: 0.2, passed: false },
    ]);
    const [, , score, label] = paris!.results;
    expect(label).toMatchObject({
      passed: true,
      score: 1,
      label: expect.stringMatching(/good|bad/),
      sample: { model: 'tiny' },
    });
    expect(score!.sample).toMatchObject({ input: [{ role: 'system' }, { role: 'user' }], model: 'tiny' });
    // each of both items: one score and one label
    expect(run.per_model_usage).toMatchObject([{ model_name: 'tiny', invocation_count: 4 }]);
  }, 120_000);

  test('that cannot judge make the item an error, with the reason', async () => {
    const { id } = await makeEval(house.openai, [
      { ...sameAnswer, reference: '{{ item.colour }}' },
      { type: 'python', name: 'clumsy', source: 'def grade(sample, item):\n  return 1 / 0' },
      sameAnswer,
    ]);
    const run = await runEval(house.openai, id, answeredItems(['a', 'a']));
    expect(run).toMatchObject({ status: 'completed', result_counts: { total: 1, errored: 1, failed: 0, passed: 0 } });
    const [item] = await itemsOf(house.openai, id, run.id);
    expect(item).toMatchObject({
      status: 'error',
      results: [
        {
          passed: false,
          score: 0,
          error: { code: 'invalid_variable_error', message: expect.stringContaining('item.colour') },
        },
        { passed: false, score: 0, error: { code: 'python_grader_runtime_error' } },
        { passed: true, score: 1 },
      ],
    });
  }, 60_000);

  test('see what stands in the data as text, never as a template', async () => {
    const { id } = await makeEval(house.openai);
    const trick = '{{ item.answer }}';
    const run = await runEval(house.openai, id, answeredItems([trick, 'secret'], [trick, trick]));
    expect(run.result_counts).toMatchObject({ passed: 1, failed: 1 });
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
    const file = await uploadItems('nothing');
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
    const waiting = await house.house.database.selectFrom('eval_items').where('run_id', '=', run).selectAll().execute();
    expect(waiting).toEqual([]);
    const over = await runEval(house.openai, id, answeredItems(['a', 'a']));
    await expect(house.openai.evals.runs.cancel(over.id, { eval_id: id })).rejects.toMatchObject({
      status: 400,
      code: 'invalid_run_state',
    });
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
    const file = await uploadItems({ item: { question: 'a', answer: 'b' } });
    const { id } = await makeEval(house.openai);
    const run = await runEval(house.openai, id, { type: 'jsonl', source: { type: 'file_id', id: file } });
    await house.openai.files.delete(file);
    expect(await itemsOf(house.openai, id, run.id)).toHaveLength(1);
  });
});

describe('a run is refused', () => {
  const completions = questions(1);
  test.each<[string, Loose, string, string]>([
    [
      'without items',
      { type: 'jsonl', source: { type: 'file_content', content: [] } },
      'data_source.source.content',
      'empty_array',
    ],
    [
      'with an item that the schema does not allow',
      { type: 'jsonl', source: { type: 'file_content', content: [{ item: { question: 'a' } }] } },
      'data_source.source.content[0].item',
      'invalid_value',
    ],
    [
      'with a file that is not there',
      { type: 'jsonl', source: { type: 'file_id', id: 'file-missing' } },
      'data_source.source.id',
      'invalid_value',
    ],
    [
      'with an unknown source',
      { type: 'jsonl', source: { type: 'stored_completions' } },
      'data_source.source.type',
      'invalid_value',
    ],
    ['with an unknown type', { type: 'csv', source: {} }, 'data_source.type', 'invalid_value'],
    ['with an unknown model', { ...completions, model: 'missing' }, 'data_source.model', 'model_not_found'],
    [
      'with messages but no model',
      { ...completions, model: undefined },
      'data_source.model',
      'missing_required_parameter',
    ],
    [
      'with a model but no messages',
      { ...completions, input_messages: undefined },
      'data_source.input_messages',
      'missing_required_parameter',
    ],
    [
      'with a template of the sample',
      {
        ...completions,
        input_messages: { type: 'template', template: [{ role: 'user', content: '{{sample.output_text}}' }] },
      },
      'data_source.input_messages.template[0].content',
      'invalid_value',
    ],
    [
      'with a reference to nothing',
      { ...completions, input_messages: { type: 'item_reference', item_reference: 'sample.x' } },
      'data_source.input_messages.item_reference',
      'invalid_value',
    ],
    [
      'with a wish too far',
      { ...completions, sampling_params: { temperature: 3 } },
      'data_source.sampling_params.temperature',
      'decimal_above_max_value',
    ],
    [
      'with an unknown wish',
      { ...completions, sampling_params: { n: 3 } },
      'data_source.sampling_params.n',
      'unknown_parameter',
    ],
    [
      'with a format that is none',
      { ...completions, sampling_params: { response_format: { type: 'yaml' } } },
      'data_source.sampling_params.response_format.type',
      'invalid_value',
    ],
    [
      'with a picture',
      {
        ...completions,
        input_messages: {
          type: 'template',
          template: [{ role: 'user', content: { type: 'input_image', image_url: 'https://a.example/b.png' } }],
        },
      },
      'data_source.input_messages.template[0].content',
      'unsupported_value',
    ],
  ])('%s', async (_, source, param, code) => {
    const { id } = await makeEval(house.openai);
    await expect(startRun(house.openai, id, source)).rejects.toMatchObject({ status: 400, param, code });
  });

  test('with 404 where its eval is not there', async () => {
    await expect(startRun(house.openai, 'eval_missing', answeredItems(['a', 'a']))).rejects.toMatchObject({
      status: 404,
    });
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
    expect(page).not.toMatch(/<script|<img/);
    expect((await fetch(run.report_url.replace(/key=.*/, 'key=guess'))).status).toBe(404);
    expect((await fetch(run.report_url.replace(/\?.*/, ''))).status).toBe(404);
  });
});
