/** What the tests of evals share: an eval of the tiny model, runs of it, and the patience of people's programs. */

import { setTimeout as sleep } from 'node:timers/promises';
import { toFile } from 'openai';
import type OpenAI from 'openai';

export type Run = OpenAI.Evals.RunRetrieveResponse;
type Loose = Record<string, unknown>;

export const answerSchema = {
  type: 'object',
  properties: { question: { type: 'string' }, answer: { type: 'string' } },
  required: ['question', 'answer'],
};

export const sameAnswer = {
  type: 'string_check',
  name: 'same',
  operation: 'eq',
  input: '{{ sample.output_text }}',
  reference: '{{ item.answer }}',
} as const;

export async function makeEval(openai: OpenAI, criteria: readonly Loose[] = [sameAnswer], wishes: Loose = {}) {
  return await openai.evals.create({
    name: 'capitals',
    data_source_config: { type: 'custom', item_schema: answerSchema, include_sample_schema: true },
    testing_criteria: criteria as never,
    ...wishes,
  });
}

/** Items that hold their answers. */
export const answeredItems = (...answers: readonly (readonly [given: string, wanted: string])[]) => ({
  type: 'jsonl',
  source: {
    type: 'file_content',
    content: answers.map(([given, wanted], i) => ({
      item: { question: `Question ${i}`, answer: wanted },
      sample: { output_text: given },
    })),
  },
});

/** Questions for the tiny model, or another. */
export const questions = (count: number, wishes: Loose = {}) => ({
  type: 'completions',
  model: 'tiny',
  input_messages: {
    type: 'template',
    template: [
      { role: 'developer', content: 'Be short.' },
      { role: 'user', content: 'Tell me: {{item.question}}?' },
    ],
  },
  sampling_params: { max_completion_tokens: 4, temperature: 0 },
  source: {
    type: 'file_content',
    content: Array.from({ length: count }, (_, i) => ({ item: { question: `number ${i}`, answer: 'x' } })),
  },
  ...wishes,
});

export async function startRun(openai: OpenAI, evalId: string, data_source: Loose, wishes: Loose = {}) {
  return await openai.evals.runs.create(evalId, { data_source, ...wishes } as never);
}

export async function runEval(openai: OpenAI, evalId: string, data_source: Loose, wishes: Loose = {}): Promise<Run> {
  const { id } = await startRun(openai, evalId, data_source, wishes);
  return await waitForRun(openai, evalId, id);
}

const isOver = ({ status }: { status: string }): boolean => ['completed', 'failed', 'canceled'].includes(status);

export async function waitForRun(
  openai: OpenAI,
  evalId: string,
  id: string,
  reached: (run: Run) => boolean = isOver,
): Promise<Run> {
  for (let i = 0; i < 6000; i++) {
    const run = await openai.evals.runs.retrieve(id, { eval_id: evalId });
    if (reached(run)) return run;
    if (isOver(run)) throw new Error(`${id} is ${run.status}: ${JSON.stringify(run)}`);
    await sleep(10);
  }
  throw new Error(`waited in vain for ${id}`);
}

export async function itemsOf(openai: OpenAI, evalId: string, run: string, query: Loose = {}) {
  const items: OpenAI.Evals.Runs.OutputItemListResponse[] = [];
  for await (const item of openai.evals.runs.outputItems.list(run, { eval_id: evalId, ...query })) items.push(item);
  return items;
}

/** Which items of the data source they are; the order in which they were judged is nobody's business. */
export const numbersOf = (items: readonly { readonly datasource_item_id: number }[]): number[] =>
  items.map(({ datasource_item_id }) => datasource_item_id).sort((a, b) => a - b);

/** A file of items, a line each; what is no object is written as it is. */
export async function uploadItems(openai: OpenAI, ...lines: readonly (object | string)[]): Promise<string> {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  const file = await toFile(Buffer.from(`${text}\n`), 'items.jsonl');
  return (await openai.files.create({ file, purpose: 'evals' })).id;
}
