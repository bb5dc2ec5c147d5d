/** Every kind of grader as a criterion of an eval. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../../house.ts';
import { addTinyModel } from '../../serving/tiny-serving.ts';
import { answeredItems, itemsOf, makeEval, runEval, sameAnswer } from './eval-journey.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny');
});
afterAll(() => house[Symbol.asyncDispose]());

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
