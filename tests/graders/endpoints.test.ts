/** The two endpoints for graders, through the official SDK and with a model behind them. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noErrors } from '../../src/graders/failure.ts';
import { expectConforms } from '../conformance.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { addTinyModel } from '../serving/tiny-serving.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny');
});
afterAll(() => house[Symbol.asyncDispose]());

const check = {
  type: 'string_check',
  name: 'Exact',
  input: '{{ sample.output_json.city }}',
  reference: '{{ item.answer }}',
  operation: 'eq',
} as const;

async function run(grader: object, model_sample: string, item: object = {}) {
  const body = { grader: grader as never, model_sample, item };
  const answer = await house.openai.fineTuning.alpha.graders.run(body);
  expectConforms('RunGraderResponse', answer);
  return answer;
}

async function validate(grader: object) {
  const answer = await house.openai.fineTuning.alpha.graders.validate({ grader: grader as never });
  expectConforms('ValidateGraderResponse', answer);
  return answer;
}

describe('run', () => {
  test('answers with every field that OpenAI sends', async () => {
    expect(await run(check, '{"city":"Paris"}', { answer: 'Paris' })).toEqual({
      reward: 1,
      metadata: {
        name: 'Exact',
        type: 'string_check',
        errors: noErrors,
        execution_time: expect.any(Number),
        scores: {},
        token_usage: null,
        sampled_model_name: null,
      },
      sub_rewards: {},
      model_grader_token_usage_per_model: {},
    });
  });

  test('an answer that is no JSON has none, which is an error of the grading', async () => {
    const { reward, metadata } = await run(check, 'Paris', { answer: 'Paris' });
    expect({ reward, errors: metadata.errors }).toEqual({
      reward: 0,
      errors: { ...noErrors, invalid_variable_error: true },
    });
  });

  test('a multi grader shows its parts', async () => {
    const close = { ...check, type: 'text_similarity', operation: undefined, evaluation_metric: 'rouge_l' };
    const grader = { type: 'multi', name: 'Both', graders: { check, close }, calculate_output: '(check + close) / 2' };
    expect(await run(grader, '{"city":"paris"}', { answer: 'Paris' })).toMatchObject({
      reward: 0.5,
      sub_rewards: { check: 0, close: 1 },
      metadata: { scores: { check: 0, close: 1 } },
    });
  });

  test('a model that grades is asked in JSON, and its tokens are counted', async () => {
    const judge = {
      type: 'score_model',
      name: 'Judge',
      model: 'tiny',
      input: [{ role: 'user', content: 'Grade: {{ sample.output_text }}' }],
      sampling_params: { seed: 1, temperature: 0, max_completions_tokens: 60 },
    };
    const { metadata, model_grader_token_usage_per_model: usage } = await run(judge, 'Paris');
    expect(metadata.errors).toMatchObject({ model_grader_server_error: false, model_grader_refusal_error: false });
    if (!metadata.errors.model_grader_parse_error) {
      expect(metadata).toMatchObject({ sampled_model_name: 'tiny', token_usage: expect.any(Number) });
      expect(usage).toMatchObject({ tiny: { completion_tokens: expect.any(Number) } });
    }
  });

  test('meanings are compared by the embeddings of a model', async () => {
    const cosine = {
      type: 'text_similarity',
      name: 'Meaning',
      input: '{{ sample.output_text }}',
      reference: '{{ item.answer }}',
      evaluation_metric: 'cosine',
    };
    expect((await run(cosine, 'Paris', { answer: 'Paris' })).reward).toBeCloseTo(1, 3);
    const { reward } = await run(cosine, 'The capital of France', { answer: 'xyz' });
    expect(reward).toBeGreaterThanOrEqual(0);
    expect(reward).toBeLessThan(0.9999);
  });

  test('a model that labels can only choose from the labels', async () => {
    const label = {
      type: 'label_model',
      name: 'Label',
      model: 'tiny',
      input: [{ role: 'user', content: 'Is it right? {{ sample.output_text }}' }],
      labels: ['right', 'wrong'],
      passing_labels: ['right', 'wrong'],
    };
    const grader = { type: 'multi', name: 'Both', graders: { label }, calculate_output: 'label' };
    const { reward, metadata, ...rest } = await run(grader, 'Paris');
    expect({ reward, errors: metadata.errors }).toEqual({ reward: 1, errors: noErrors });
    expect(rest.model_grader_token_usage_per_model).toHaveProperty('tiny.total_tokens', metadata.token_usage);
  });

  test('a Python grader runs in the sandbox', { timeout: 60_000 }, async () => {
    const source = 'def grade(sample, item):\n    return float(sample["output_text"] == item["answer"])';
    expect(await run({ type: 'python', name: 'Code', source }, 'Paris', { answer: 'Paris' })).toMatchObject({
      reward: 1,
      metadata: { type: 'python', errors: noErrors },
    });
    const broken = await run({ type: 'python', name: 'Code', source: 'def grade(sample, item): return 1/0' }, 'x');
    expect(broken).toMatchObject({
      reward: 0,
      metadata: {
        errors: {
          python_grader_runtime_error: true,
          python_grader_runtime_error_details: expect.stringContaining('ZeroDivisionError'),
        },
      },
    });
  });
});

describe('validate', () => {
  test('echoes the grader with what it left open', async () => {
    const judge = { type: 'score_model', name: 'Judge', model: 'tiny', input: [{ role: 'user', content: 'Hi' }] };
    expect(await validate(judge)).toEqual({ grader: { ...judge, range: [0, 1] } });
    expect(await validate({ ...check, operation: 'neq' })).toEqual({ grader: { ...check, operation: 'ne' } });
    const python = { type: 'python', name: 'Code', source: 'def grade(sample, item): return 1.0' };
    expect(await validate(python)).toEqual({ grader: { ...python, image_tag: '2025-05-08' } });
  });

  test.each([
    [{ ...check, operation: 'is' }, 'invalid_value', 'grader.operation'],
    [{ ...check, input: '{{ secret }}' }, 'invalid_value', 'grader.input'],
    [{ ...check, reference: undefined }, 'missing_required_parameter', 'grader.reference'],
    [{ ...check, extra: 1 }, 'unknown_parameter', 'grader.extra'],
    [{ type: 'magic', name: 'x' }, 'invalid_value', 'grader.type'],
    [
      { type: 'multi', name: 'm', graders: { check }, calculate_output: 'chek' },
      'invalid_value',
      'grader.calculate_output',
    ],
    [
      { type: 'multi', name: 'm', graders: { check }, calculate_output: 'check)' },
      'invalid_value',
      'grader.calculate_output',
    ],
    [
      { type: 'score_model', name: 'j', model: 'missing', input: [{ role: 'user', content: 'x' }] },
      'model_not_found',
      'grader.model',
    ],
  ])('%j is refused', async (grader, code, param) => {
    await expect(validate(grader)).rejects.toMatchObject({ status: 400, code, param });
    await expect(run(grader, 'x')).rejects.toMatchObject({ status: 400, code, param });
  });
});
