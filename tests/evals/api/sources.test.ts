/** Where the items of a run come from, and the data sources that are refused. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../../house.ts';
import { addTinyModel } from '../../serving/tiny-serving.ts';
import {
  answeredItems,
  itemsOf,
  makeEval,
  questions,
  runEval,
  sameAnswer,
  startRun,
  uploadItems,
} from './eval-journey.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny');
});
afterAll(() => house[Symbol.asyncDispose]());

type Loose = Record<string, unknown>;

describe('the items of a run may be', () => {
  test('a file', async () => {
    const file = await uploadItems(
      house.openai,
      { item: { question: 'a', answer: 'yes' }, sample: { output_text: 'yes' } },
      '',
      {
        item: { question: 'b', answer: 'no' },
        sample: { choices: [{ message: { content: 'no' } }], model: 'other' },
      },
    );
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
    const file = await uploadItems(house.openai, ...(lines as object[]));
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
