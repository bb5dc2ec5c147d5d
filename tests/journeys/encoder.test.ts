/** A classifier and a tagger from two files, through the front door: taught, served, and taught further. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BaseModels } from '../../src/models/base-models.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { chatLine, eventsOf, upload, waitFor } from '../jobs/tiny-house.ts';
import { writeTinyEncoder } from '../tiny-encoder.ts';
import { writeTinyLlama } from '../tiny-model.ts';

let home: string;
let house: TestHouse;
let openai: TestHouse['openai'];

beforeAll(async () => {
  home = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'encoder-'));
  await writeTinyEncoder(join(home, 'mini.gguf'));
  await writeTinyLlama(join(home, 'tiny.gguf'));
  const bases = await BaseModels.open(home);
  for (const id of ['mini', 'tiny']) await bases.pull(join(home, `${id}.gguf`));
  house = await openTestHouse({ home });
  openai = house.openai;
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const spam = ['buy now free money', 'free news of money', 'money money buy', 'now buy money', 'free free money'];
const ham = ['the meeting is now', 'good report of ada', 'ada works in london', 'the report is good', 'paris is good'];
const labelled = [...spam.map((text) => chatLine(text, 'spam')), ...ham.map((text) => chatLine(text, 'ham'))];

async function train(
  lines: readonly string[],
  more: Partial<OpenAI.FineTuning.JobCreateParams> = {},
  hyperparameters: object = {},
): Promise<string> {
  const job = await openai.fineTuning.jobs.create({
    model: 'mini',
    training_file: await upload(openai, lines),
    seed: 5,
    method: {
      type: 'supervised',
      supervised: { hyperparameters: { n_epochs: 12, learning_rate: 3e-3, ...hyperparameters } },
    },
    ...more,
  } as OpenAI.FineTuning.JobCreateParams);
  return job.id;
}

const ask = async (model: string, content: string, more: object = {}): Promise<OpenAI.ChatCompletion.Choice> => {
  const messages = [{ role: 'user' as const, content }];
  return (await openai.chat.completions.create({ model, messages, ...more })).choices[0]!;
};

test('labels are learnt and answered with their probabilities, and the model makes vectors', async () => {
  const validation_file = await upload(openai, labelled.slice(2, 8));
  const id = await train(labelled, { validation_file });
  const { job } = await waitFor(openai, id);
  expect(job.error?.message ?? null).toBeNull();
  const model = job.fine_tuned_model!;
  const events = await eventsOf(openai, id);
  const said = events.map(({ message }) => message);
  expect(said).toContain('The model learns 2 labels of texts, one for each, in so many examples: ham (5), spam (5)');
  expect(said.find((message) => message.startsWith('Task metrics'))).toMatch(/classification/);
  expect(job.hyperparameters).toMatchObject({ task: 'classification', pooling: 'mean' });

  const choice = await ask(model, 'buy now free money', { logprobs: true, top_logprobs: 5 });
  expect(choice.message.content).toBe('spam');
  const [token] = choice.logprobs!.content!;
  const probabilities = Object.fromEntries(token!.top_logprobs.map(({ token, logprob }) => [token, Math.exp(logprob)]));
  expect(Object.keys(probabilities).sort()).toEqual(['ham', 'spam']);
  expect(probabilities['spam']! + probabilities['ham']!).toBeCloseTo(1, 5);
  expect((await ask(model, 'ada works in london')).message.content).toBe('ham');

  const streamed = await openai.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'buy now free money' }],
    stream: true,
  });
  let text = '';
  for await (const chunk of streamed) text += chunk.choices[0]?.delta.content ?? '';
  expect(text).toBe('spam');

  const response = await openai.responses.create({ model, input: 'buy now free money' });
  expect(response.output_text).toBe('spam');
  expect(response.output[0]).toMatchObject({
    content: [{ label_probabilities: { spam: expect.closeTo(probabilities['spam']!, 5) as number } }],
  });

  for (const name of ['mini', model]) {
    const { data } = await openai.embeddings.create({ model: name, input: ['good news', 'bad news'] });
    expect(data.map(({ embedding }) => Math.hypot(...embedding))).toEqual([
      expect.closeTo(1, 4) as number,
      expect.closeTo(1, 4) as number,
    ]);
  }
  const checkpoints = await openai.fineTuning.jobs.checkpoints.list(id);
  expect(checkpoints.data.length).toBe(3);
  const earlier = checkpoints.data.at(-1)!.fine_tuned_model_checkpoint;
  expect(['ham', 'spam']).toContain((await ask(earlier, 'good news')).message.content);
});

test('entities are learnt and answered in the form that was taught', async () => {
  const people = ['ada', 'lovelace', 'ada lovelace'];
  const places = ['paris', 'london'];
  const lines = people.flatMap((person) =>
    places.map((place) => chatLine(`${person} works in ${place}`, JSON.stringify({ PER: [person], LOC: [place] }))),
  );
  const id = await train([...lines, ...lines], {}, { n_epochs: 25 });
  const { job } = await waitFor(openai, id);
  expect(job.error?.message ?? null).toBeNull();
  const choice = await ask(job.fine_tuned_model!, 'ada lovelace works in london');
  expect(JSON.parse(choice.message.content!)).toEqual({ LOC: ['london'], PER: ['ada lovelace'] });
});

test.each(['head', 'last_layers(1)', 'lora'])(
  'trained by %s, a model is whole, and is taught further from where it is',
  async (how) => {
    const id = await train(labelled, {}, { train: how, ...(how === 'head' && { learning_rate: 3e-2 }) });
    const { job } = await waitFor(openai, id);
    expect(job.error?.message ?? null).toBeNull();
    const model = job.fine_tuned_model!;
    const probability = async (name: string): Promise<number> => {
      const choice = await ask(name, 'buy now free money');
      return (choice as { label_probabilities?: Record<string, number> }).label_probabilities!['spam']!;
    };
    const learnt = await probability(model);
    expect(learnt).toBeGreaterThan(0.6);
    const next = await train(labelled, { model }, { train: how, n_epochs: 1, learning_rate: 1e-6 });
    const { job: further } = await waitFor(openai, next);
    expect(further.error?.message ?? null).toBeNull();
    expect(await probability(further.fine_tuned_model!)).toBeCloseTo(learnt, 2);
  },
);

test('what is wrong with labels fails the job with the line', async () => {
  const fails = async (id: string): Promise<string> => {
    const { job } = await waitFor(openai, id);
    expect(job.status).toBe('failed');
    return job.error!.message;
  };
  const validation_file = await upload(openai, [labelled[0]!, chatLine('good news', 'odd')]);
  expect(await fails(await train(labelled, { validation_file }))).toMatch(
    /Example 2 has the label "odd", which no example of the training file has; expected "ham", "spam".*line 2/,
  );
  const texts = Array.from({ length: 12 }, (_, i) => chatLine('good news', `A text of its own, number ${i}.`));
  expect(await fails(await train(texts))).toMatch(/12 different texts in 12 examples/);
  expect(await fails(await train(labelled, {}, { task: 'token_classification' }))).toMatch(/which is not JSON/);
});

test('an encoder that was taught nothing cannot talk, and only encoders have a task', async () => {
  await expect(ask('mini', 'good')).rejects.toMatchObject({ status: 400, code: 'model_not_supported' });
  await expect(train(labelled, { model: 'tiny' }, { task: 'classification' })).rejects.toMatchObject({
    status: 400,
    param: 'method.supervised.hyperparameters.task',
  });
});
