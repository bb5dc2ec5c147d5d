/** What a run came to, as programs read it: figures with intervals, and its items in the order that helps. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EvalRunReport } from '../../../src/domain/evaluation.ts';
import type { OutputItem } from '../../../src/domain/eval.ts';
import { openTestHouse, type TestHouse } from '../../house.ts';
import { addTinyModel } from '../../serving/tiny-serving.ts';
import { answeredItems, makeEval, questions, runEval, sameAnswer } from './eval-journey.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await openTestHouse({ threads: 1 });
  await addTinyModel(house.house.bases, house.home, 'tiny');
});
afterAll(() => house[Symbol.asyncDispose]());

const reportOf = (run: { id: string; eval_id: string }): Promise<EvalRunReport> =>
  house.openai.get(`/evals/${run.eval_id}/runs/${run.id}/report`);

async function listed(run: { id: string; eval_id: string }, query: Record<string, string>): Promise<OutputItem[]> {
  const items: OutputItem[] = [];
  for (let after: string | undefined; ;) {
    const page: { data: OutputItem[]; has_more: boolean } = await house.openai.get(
      `/evals/${run.eval_id}/runs/${run.id}/output_items`,
      { query: { ...query, ...(after !== undefined && { after }) } },
    );
    items.push(...page.data);
    if (!page.has_more) return items;
    after = page.data.at(-1)!.id;
  }
}

const wrong = ['spam', 'ham'] as const;
const right = [
  ['ham', 'ham'],
  ['spam', 'spam'],
] as const;

test('answers held against labels are a confusion matrix with figures and their intervals', async () => {
  const { id } = await makeEval(house.openai);
  const run = await runEval(
    house.openai,
    id,
    answeredItems(...right, ...right, ['It is ham.', 'ham'], wrong, ['?', 'ham']),
  );
  const report = await reportOf(run);
  expect(report).toMatchObject({
    object: 'eval.run.report',
    run_id: run.id,
    eval_id: id,
    status: 'completed',
    result_counts: { total: 7, passed: 4, failed: 3, errored: 0 },
    pass_rate: { value: 4 / 7, n: 7, small: true },
    tokens: null,
  });
  const [criterion] = report.criteria;
  expect(criterion).toMatchObject({ name: 'same', type: 'string_check', passed: 4, failed: 3, errored: 0 });
  expect(criterion!.mean_score!.value).toBeCloseTo(4 / 7);
  expect(criterion!.scores.map(({ count }) => count)).toEqual([3, 0, 0, 0, 0, 0, 0, 0, 0, 4]);
  const { task, confusion, figures, unparsed, reliability } = criterion!.evaluation!;
  expect({ task, unparsed, reliability }).toEqual({ task: 'classification', unparsed: 1, reliability: null });
  expect(confusion!.labels).toEqual(['ham', 'spam']);
  expect(confusion!.rows).toEqual([
    [3, 1, 1],
    [0, 2, 0],
  ]);
  expect(figures.find(({ name }) => name === 'accuracy')!.estimate.value).toBeCloseTo(5 / 7);
  const [[, [mistake] = []]] = confusion!.items as string[][][] as [string[][]];
  const item = await house.openai.evals.runs.outputItems.retrieve(mistake!, { eval_id: id, run_id: run.id });
  expect(item.datasource_item).toMatchObject({ answer: 'ham' });
  expect(item.sample.output[0]!.content).toBe('spam');
});

test('a model of this server tells how sure it was of its labels', async () => {
  const { id } = await makeEval(house.openai);
  const run = await runEval(house.openai, id, questions(24));
  const { criteria, tokens } = await reportOf(run);
  expect(tokens!.completion).toBeGreaterThan(0);
  const { database } = house.house;
  const rows = await database
    .selectFrom('eval_output_items')
    .select(['tokens', 'doubt'])
    .where('run_id', '=', run.id)
    .execute();
  expect(rows).toHaveLength(24);
  for (const { tokens: kept, doubt } of rows) {
    expect(doubt).toBeGreaterThan(0);
    expect(JSON.parse(kept!)).toEqual(
      expect.arrayContaining([expect.objectContaining({ token: expect.any(String), logprob: expect.any(Number) })]),
    );
  }
  expect(criteria[0]!.evaluation!.task).toBe('classification');
});

test('probabilities that came with the answers make a reliability diagram', async () => {
  const { id } = await makeEval(house.openai);
  const said = (label: string, other: string, share: number, wanted: string) => ({
    item: { question: 'Which?', answer: wanted },
    sample: {
      choices: [
        {
          message: { role: 'assistant', content: label },
          logprobs: {
            content: [
              {
                token: label,
                logprob: Math.log(share),
                top_logprobs: [
                  { token: label, logprob: Math.log(share) },
                  { token: other, logprob: Math.log(1 - share) },
                ],
              },
            ],
          },
        },
      ],
    },
  });
  const content = [
    said('ham', 'spam', 0.9, 'ham'),
    said('ham', 'spam', 0.95, 'spam'),
    said('spam', 'ham', 0.55, 'ham'),
    said('spam', 'ham', 0.97, 'spam'),
  ];
  const run = await runEval(house.openai, id, { type: 'jsonl', source: { type: 'file_content', content } });
  const { reliability } = (await reportOf(run)).criteria[0]!.evaluation!;
  // Sure by 0.9, 0.95 and 0.97, of which two are right, and once by 0.55, wrongly.
  expect(reliability!.bins.map(({ count }) => count)).toEqual([0, 0, 0, 0, 0, 1, 0, 0, 1, 2]);
  expect(reliability!.bins[9]).toMatchObject({ accuracy: { value: 0.5 } });
  expect(reliability!.bins[9]!.confidence).toBeCloseTo(0.96, 3);
  expect(reliability!.bins[0]!.confidence).toBeNull();
  // The surer mistake is the worse one.
  const worst = await listed(run, { order_by: 'score', limit: '1' });
  expect(worst.map(({ datasource_item_id }) => datasource_item_id)).toEqual([1, 2, 3, 0]);
});

test('items come worst first, and those that fit a filter alone', async () => {
  const similar = {
    type: 'text_similarity',
    name: 'near',
    evaluation_metric: 'rouge_l',
    input: '{{sample.output_text}}',
    reference: '{{item.answer}}',
    pass_threshold: 0.9,
  };
  const { id } = await makeEval(house.openai, [similar, sameAnswer]);
  const answers = [
    ['the cat sat', 'the cat sat'],
    ['nothing of that', 'a dog ran'],
    ['the cat lay', 'the cat sat'],
  ] as const;
  const run = await runEval(house.openai, id, answeredItems(...answers));
  const places = async (query: Record<string, string>): Promise<number[]> =>
    (await listed(run, query)).map(({ datasource_item_id }) => datasource_item_id);
  expect(await places({ order_by: 'score' })).toEqual([1, 2, 0]);
  expect(await places({ order_by: 'score', order: 'desc', limit: '2' })).toEqual([0, 2, 1]);
  expect(await places({ order_by: 'score', status: 'fail', limit: '1' })).toEqual([1, 2]);
  expect(new Set(await places({ query: 'CAT' }))).toEqual(new Set([0, 2]));
  expect(await places({ query: 'dog ran' })).toEqual([1]);
  const { criteria } = await reportOf(run);
  expect(await places({ failed: criteria[0]!.id, order_by: 'score' })).toEqual([1, 2]);
  expect(await places({ failed: 'nobody' })).toEqual([]);
  await expect(places({ order_by: 'luck' })).rejects.toMatchObject({ status: 400, param: 'order_by' });
});

test('figures of many items are worked out beside the server, with the same outcome', async () => {
  const { id } = await makeEval(house.openai);
  const many = Array.from({ length: 150 }, (_, i) => [i % 3 === 0 ? 'spam' : 'ham', 'ham'] as const);
  const run = await runEval(house.openai, id, answeredItems(...many, ['spam', 'spam']));
  const report = await reportOf(run);
  expect(report.criteria[0]).toMatchObject({ passed: 101, failed: 50 });
  expect(report.criteria[0]!.evaluation!.confusion!.rows).toEqual([
    [100, 50, 0],
    [0, 1, 0],
  ]);
  expect(report.criteria[0]!.evaluation!.confusion!.items[0]![1]).toHaveLength(20);
});

test('a run of which nothing is judged has no figures yet', async () => {
  const judge = { ...sameAnswer, input: '{{sample.nowhere}}' };
  const { id } = await makeEval(house.openai, [judge]);
  const run = await runEval(house.openai, id, answeredItems(['a', 'b']));
  const report = await reportOf(run);
  expect(report).toMatchObject({ pass_rate: null, tokens: null, result_counts: { errored: 1 } });
  expect(report.criteria[0]).toMatchObject({ pass_rate: null, mean_score: null, scores: [], errored: 1 });
});
