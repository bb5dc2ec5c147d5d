/** Evals through the front door: made, looked up, renamed, deleted; and those that are refused. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../../house.ts';
import { addTinyModel } from '../../serving/tiny-serving.ts';
import { answeredItems, answerSchema, makeEval, runEval, sameAnswer } from './eval-journey.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny');
});
afterAll(() => house[Symbol.asyncDispose]());

type Loose = Record<string, unknown>;

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

test('a request that comes twice makes one eval and one run, and is answered the same', async () => {
  const idempotencyKey = 'the-same';
  const post = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': idempotencyKey + path };
    const answer = await fetch(house.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: answer.status, body: (await answer.json()) as { id: string } };
  };
  const asked = { data_source_config: { type: 'custom', item_schema: {} }, testing_criteria: [sameAnswer] };
  const made = await post('/evals', asked);
  expect(made.status).toBe(201);
  expect(await post('/evals', asked)).toEqual(made);
  const run = { data_source: answeredItems(['a', 'a']) };
  const runs = `/evals/${made.body.id}/runs`;
  const started = await post(runs, run);
  expect(started.status).toBe(201);
  expect(await post(runs, run)).toEqual(started);
  expect((await house.openai.evals.runs.list(made.body.id)).data).toHaveLength(1);
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
