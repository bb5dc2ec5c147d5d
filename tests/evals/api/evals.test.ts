/** Evals through the front door: made, run on every source, judged by every grader. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../../house.ts';
import { addTinyModel } from '../../serving/tiny-serving.ts';
import { answeredItems, answerSchema, itemsOf, makeEval, questions, runEval, sameAnswer } from './eval-journey.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny');
});
afterAll(() => house[Symbol.asyncDispose]());

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

  test('asks a model about each item', async () => {
    const { id } = await makeEval(house.openai);
    const run = await runEval(house.openai, id, questions(3));
    expect(run).toMatchObject({ status: 'completed', result_counts: { total: 3, errored: 0, failed: 3, passed: 0 } });
    const items = await itemsOf(house.openai, id, run.id);
    expect(items).toHaveLength(3);
    expect(items[0]).toMatchObject({ sample: { input: [{}, {}], model: 'tiny' } });
  });
});
