/** A model that writes learns a closed set of answers, remembers it, and is held to it where somebody asks. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';
import { chatLine, eventsOf, examples, tinyHome, upload, waitFor } from '../jobs/tiny-house.ts';

let home: Awaited<ReturnType<typeof tinyHome>>;
let house: TestHouse;
let openai: TestHouse['openai'];

beforeAll(async () => {
  home = await tinyHome();
  house = await openTestHouse({ home: home.home });
  openai = house.openai;
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const lines = ['buy now', 'free money', 'see you', 'at ten', 'cheap tickets', 'dear friend'].map((text, i) =>
  chatLine(text, i % 3 === 0 ? 'spam' : i % 3 === 1 ? 'ham' : 'not sure'),
);

async function trained(training: readonly string[], validation: readonly string[] | null = null): Promise<string> {
  const job = await openai.fineTuning.jobs.create({
    model: 'tiny',
    training_file: await upload(openai, training),
    ...(validation !== null && { validation_file: await upload(openai, validation) }),
    hyperparameters: { n_epochs: 1 },
    seed: 3,
  });
  return job.id;
}

const labelled = (model: string, labels: unknown, more: object = {}) =>
  openai.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'free tickets' }],
    max_completion_tokens: 3,
    ...more,
    ...({ labels } as object),
  });

const responded = (model: string, labels: unknown, more: object = {}) =>
  openai.responses.create({ model, input: 'free tickets', ...more, ...({ labels } as object) });

/** What a response's text tells of its labels. */
const toldBy = (response: Awaited<ReturnType<typeof responded>>): Told['label_probabilities'] => {
  const [item] = response.output;
  return item?.type === 'message' ? (item.content[0] as Told).label_probabilities : undefined;
};

interface Told {
  readonly label_probabilities?: Record<string, number>;
}

test('the set is remembered, and answers keep to it with the probability of each', async () => {
  const id = await trained([...lines, ...lines], lines);
  const { job } = await waitFor(openai, id);
  expect(job.error?.message ?? null).toBeNull();
  const said = (await eventsOf(openai, id)).map(({ message }) => message);
  expect(said.some((message) => message.startsWith('All answers are one of 3: the model will remember them'))).toBe(
    true,
  );
  // A random model would never have written a label; held to them, every answer is one.
  const metrics = said.find((message) => message.startsWith('Task metrics'));
  expect(metrics).toMatch(/classification/);
  const judged = (await eventsOf(openai, id)).find(({ message }) => message === metrics)!.data as { unparsed: number };
  expect(judged.unparsed).toBe(0);

  const model = job.fine_tuned_model!;
  for (const labels of [true, 'auto']) {
    const { choices } = await labelled(model, labels, { logprobs: true, top_logprobs: 3 });
    const { label_probabilities: told } = choices[0] as Told;
    expect(Object.keys(told!).sort()).toEqual(['ham', 'not sure', 'spam']);
    expect(Object.values(told!).reduce((a, b) => a + b)).toBeCloseTo(1, 4);
    const best = Object.entries(told!).sort(([, a], [, b]) => b - a)[0]![0];
    expect(choices[0]!.message.content).toBe(best);
    expect(choices[0]!.logprobs!.content![0]!.token).toBe(best);
  }
  for (const labels of [true, 'auto']) {
    const response = await responded(model, labels);
    const told = toldBy(response)!;
    expect(Object.keys(told).sort()).toEqual(['ham', 'not sure', 'spam']);
    expect(response.output_text).toBe(Object.entries(told).sort(([, a], [, b]) => b - a)[0]![0]);
    const kept = await openai.responses.retrieve(response.id);
    expect(toldBy(kept)).toEqual(told);
  }
  expect(toldBy(await responded(model, false, { max_output_tokens: 16 }))).toBeUndefined();
  const free = await labelled(model, false);
  expect((free.choices[0] as Told).label_probabilities).toBeUndefined();
});

test('any model is held to a list, and only who remembers one can be asked for it', async () => {
  const { choices, usage } = await labelled('tiny', ['yes', 'no', 'no idea']);
  expect(['yes', 'no', 'no idea']).toContain(choices[0]!.message.content);
  expect(usage!.completion_tokens).toBeGreaterThan(0);
  const { choices: plain } = await labelled('tiny', 'auto');
  expect((plain[0] as Told).label_probabilities).toBeUndefined();
  await expect(labelled('tiny', true)).rejects.toMatchObject({ status: 400, param: 'labels' });
  for (const bad of [['one'], ['a', 'a'], [], 'yes', 5])
    await expect(labelled('tiny', bad), JSON.stringify(bad)).rejects.toMatchObject({ status: 400 });
  const tools = [{ type: 'function', function: { name: 'f' } }];
  await expect(labelled('tiny', ['a', 'b'], { tools })).rejects.toMatchObject({ status: 400, param: 'labels' });

  expect(['yes', 'no']).toContain((await responded('tiny', ['yes', 'no'])).output_text);
  await expect(responded('tiny', true)).rejects.toMatchObject({ status: 400, param: 'labels' });
  await expect(responded('tiny', ['one'])).rejects.toMatchObject({ status: 400, param: 'labels' });
  const text = { format: { type: 'json_object' } };
  for (const more of [{ text }, { tools: [{ type: 'function', name: 'f' }] }])
    await expect(responded('tiny', ['a', 'b'], more)).rejects.toMatchObject({ status: 400, param: 'labels' });
});

test('free texts are no set', async () => {
  const id = await trained(examples());
  const { job } = await waitFor(openai, id);
  const said = (await eventsOf(openai, id)).map(({ message }) => message);
  expect(said.some((message) => message.startsWith('All answers'))).toBe(false);
  await expect(labelled(job.fine_tuned_model!, true)).rejects.toMatchObject({ param: 'labels' });
});
