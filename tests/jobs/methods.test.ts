/** Every way to train through the front door: asked for, trained, stored, served, gone on from. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ResolvedHyperparameters } from '../../src/jobs/plan.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { asJob, eventsOf, examples, tinyHome, upload, waitFor } from './tiny-house.ts';

let home: Awaited<ReturnType<typeof tinyHome>>;
let house: TestHouse;
let openai: TestHouse['openai'];
let training_file: string;

beforeAll(async () => {
  home = await tinyHome();
  house = await openTestHouse({ home: home.home });
  openai = house.openai;
  training_file = await upload(openai, examples());
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

type Wishes = Record<string, unknown>;

async function start(
  hyperparameters: Wishes,
  more: { model?: string; validation_file?: string } = {},
): Promise<string> {
  const method = { type: 'supervised', supervised: { hyperparameters } } as never;
  return (await openai.fineTuning.jobs.create({ model: 'tiny', training_file, seed: 1, method, ...more })).id;
}

async function finished(id: string): Promise<string> {
  const { job } = await waitFor(openai, id);
  expect(job.error?.message ?? null).toBeNull();
  return job.fine_tuned_model!;
}

async function answer(model: string, question: string): Promise<string> {
  const messages = [{ role: 'user', content: question }] as const;
  const said = await openai.chat.completions.create({ model, messages: [...messages], temperature: 0, max_tokens: 12 });
  return said.choices[0]!.message.content!;
}

const rote = { n_epochs: 30, batch_size: 4, learning_rate: 1e-2, warmup_ratio: 0 };

test('a model of which every weight was trained says what it learnt, and so does what goes on from it', async () => {
  const full = await finished(await start({ ...rote, train: 'full' }));
  const hyperparameters = asJob((await openai.fineTuning.jobs.list()).data[0]!).hyperparameters;
  expect(hyperparameters).toMatchObject({ train: 'full', base_precision: 'f32', learning_rate: 1e-2 });
  expect(Object.keys(hyperparameters as ResolvedHyperparameters)).not.toContain('lora_rank');
  for (const [question, said] of [
    ['What is 0?', 'red'],
    ['What is 4?', 'the sea'],
    ['What is 10?', 'an old song'],
  ] as const) {
    expect(await answer(full, question)).toBe(said);
  }
  expect(await answer('tiny', 'What is 0?')).not.toBe('red');

  const once = { n_epochs: 1, batch_size: 4, learning_rate: 1e-6 };
  const adapted = await finished(await start({ ...once, lora_rank: 4 }, { model: full }));
  const checkpoint = (await openai.fineTuning.jobs.list()).data.at(-1)!.id;
  const checkpoints = (await openai.fineTuning.jobs.checkpoints.list(checkpoint)).data;
  expect(checkpoints).toHaveLength(3);
  const again = await finished(
    await start({ ...once, train: 'last_layers(1)' }, { model: checkpoints[1]!.fine_tuned_model_checkpoint }),
  );
  await openai.models.delete(full);
  for (const model of [adapted, again]) expect(await answer(model, 'What is 4?'), model).toBe('the sea');
  const headAgain = await finished(await start({ ...once, train: 'head' }, { model: adapted }));
  expect(await answer(headAgain, 'What is 4?')).toBe('the sea');
});

test.each(['last_layers(1)', 'head'])(
  '%s makes a model of its own that answers otherwise than its base',
  async (train) => {
    const model = await finished(await start({ ...rote, train, learning_rate: 3e-2 }));
    const said = await answer(model, 'What is 0?');
    expect(said).not.toBe(await answer('tiny', 'What is 0?'));
  },
);

test('an adapter scaled by the root of its rank is served as it was trained', async () => {
  const model = await finished(await start({ ...rote, rslora: true, lora_rank: 16, lora_alpha: 4, n_epochs: 40 }));
  expect(await answer(model, 'What is 4?')).toBe('the sea');
});

test('early stopping ends a job with its best checkpoint, and says why', async () => {
  const validation_file = await upload(openai, examples('Why').slice(0, 6));
  const id = await start(
    {
      ...rote,
      learning_rate: 3e-2,
      early_stopping: { patience: 2, interval: 1 },
      label_smoothing: 0.1,
      hidden_dropout: 0.1,
    },
    { validation_file },
  );
  const { job } = await waitFor(openai, id);
  expect(job.hyperparameters).toMatchObject({
    early_stopping: { patience: 2, min_delta: 0, metric: 'loss', interval: 1 },
    label_smoothing: 0.1,
    hidden_dropout: 0.1,
  });
  const messages = (await eventsOf(openai, id)).map(({ message }) => message);
  const stopped = messages.findIndex((message) => message.startsWith('Early stopping at step'));
  expect(stopped).toBeGreaterThan(0);
  const step = Number(/^The checkpoint of step (\d+) becomes the model/.exec(messages[stopped + 1]!)![1]);
  const [newest] = (await openai.fineTuning.jobs.checkpoints.list(id)).data;
  expect(newest).toMatchObject({ step_number: step, fine_tuned_model_checkpoint: job.fine_tuned_model });
});

test.each<[string, Wishes, string, RegExp]>([
  ['a word that is no mode', { train: 'most' }, 'train', /'last_layers\(n\)'/],
  ['more layers than there are', { train: 'last_layers(9)' }, 'train', /has 2 layers/],
  ['no layers', { train: 'last_layers(0)' }, 'train', /n of 1 or more/],
  ['an adapter that is none', { train: 'full', lora_rank: 4 }, 'lora_rank', /'train' is 'full'/],
  [
    'eight bits on a graphics card',
    { base_precision: 'int8', device: 'webgpu' },
    'base_precision',
    /only the processor/,
  ],
  [
    'four bits on another device',
    { base_precision: 'int4', device: 'webgpu' },
    'base_precision',
    /is 'int4', which only the processor computes in/,
  ],
  ['rounded weights that learn', { train: 'full', base_precision: 'int8' }, 'base_precision', /no frozen weights/],
  ['stopping by nothing', { early_stopping: true }, 'early_stopping', /validation_split/],
  ['an unknown metric', { early_stopping: { metric: 'bleu' } }, 'early_stopping', /early_stopping/],
  ['half of nothing', { validation_split: 0.9 }, 'validation_split', /0\.5/],
])('%s is refused with its name', async (_, wishes, name, message) => {
  await expect(start(wishes)).rejects.toMatchObject({
    status: 400,
    param: expect.stringContaining(`method.supervised.hyperparameters.${name}`) as string,
    message: expect.stringMatching(message) as string,
  });
});

const preference = (i: number, better: string, worse: string): string =>
  JSON.stringify({
    input: { messages: [{ role: 'user', content: `What is ${i}?` }] },
    preferred_output: [{ role: 'assistant', content: better }],
    non_preferred_output: [{ role: 'assistant', content: worse }],
  });
const preferences = Array.from({ length: 12 }, (_, i) => preference(i, 'yes, it is red', 'no, it is blue'));

async function prefer(hyperparameters: Wishes, lines: readonly string[], more: object = {}): Promise<string> {
  const method = { type: 'dpo', dpo: { hyperparameters } } as never;
  const file = await upload(openai, lines);
  return (await openai.fineTuning.jobs.create({ model: 'tiny', training_file: file, seed: 1, method, ...more })).id;
}

/** By how much a model finds the better answer likelier than the worse. */
async function leaning(model: string): Promise<number> {
  const logOf = async (answer: string): Promise<number> => {
    const prompt = `<|im_start|>user\nWhat is 3?<|im_end|>\n<|im_start|>assistant\n${answer}<|im_end|>`;
    const said = await openai.completions.create({ model, prompt, max_tokens: 1, echo: true, logprobs: 1 });
    return said.choices[0]!.logprobs!.token_logprobs!.slice(1, -1).reduce((sum, log) => sum + log, 0);
  };
  return (await logOf('yes, it is red')) - (await logOf('no, it is blue'));
}

test('preferences make the better answer likelier, and their metrics say so', async () => {
  const validation_file = await upload(openai, preferences.slice(0, 5));
  const hyperparameters = { n_epochs: 6, batch_size: 4, beta: 0.3, learning_rate: 5e-3 };
  const id = await prefer(hyperparameters, preferences, { validation_file });
  const { job } = await waitFor(openai, id);
  expect(job.error?.message ?? null).toBeNull();
  expect(job.hyperparameters).toBeNull();
  expect(job.method).toMatchObject({
    type: 'dpo',
    dpo: { hyperparameters: { n_epochs: 6, beta: 0.3, train: 'lora', lora_rank: 16 } },
  });
  const events = await eventsOf(openai, id);
  const messages = events.map(({ message }) => message);
  expect(messages).toContain('The model as it was reads all 34 answers once, to be compared with');
  expect(messages).toContainEqual(expect.stringMatching(/^The model as it was has read all 34, in \d+ s$/));
  const steps = events.filter(({ type }) => type === 'metrics').map(({ data }) => data);
  expect(steps[0]).toMatchObject({
    train_loss: expect.closeTo(Math.LN2, 4) as number,
    train_reward_margin: expect.closeTo(0, 4) as number,
  });
  expect(steps.at(-1)).toMatchObject({ train_preference_accuracy: 1, full_valid_preference_accuracy: 1 });
  expect((steps.at(-1) as { train_loss: number }).train_loss).toBeLessThan(0.3);
  expect(await leaning(job.fine_tuned_model!)).toBeGreaterThan((await leaning('tiny')) + 3);
});

test('preferences go on from a model that was shown answers first, and every weight may learn them', async () => {
  const shown = await finished(await start({ ...rote, n_epochs: 5, train: 'full' }));
  const id = await prefer({ n_epochs: 2, batch_size: 4, train: 'full', learning_rate: 1e-3 }, preferences, {
    model: shown,
  });
  const { job } = await waitFor(openai, id);
  expect(job.error?.message ?? null).toBeNull();
  const [first] = (await eventsOf(openai, id)).filter(({ type }) => type === 'metrics').map(({ data }) => data);
  expect(first).toMatchObject({ train_loss: expect.closeTo(Math.LN2, 4) as number });
});

test.each<[string, Wishes, string, RegExp]>([
  ['a beta of nothing', { beta: 0 }, 'beta', /beta/],
  ['smoothed labels', { label_smoothing: 0.1 }, 'label_smoothing', /compares answers/],
  ['an unknown hyper-parameter', { gamma: 1 }, 'gamma', /Unknown parameter: 'gamma'/],
])('%s is refused for preferences', async (_, wishes, name, message) => {
  await expect(prefer(wishes, preferences)).rejects.toMatchObject({
    status: 400,
    param: expect.stringContaining(name) as string,
    message: expect.stringMatching(message) as string,
  });
});

test('a file of another format is refused in the words that OpenAI uses', async () => {
  const chat = await waitFor(openai, await prefer({}, examples()), ({ status }) => status === 'failed');
  expect(chat.job.error).toMatchObject({
    code: 'invalid_training_file',
    param: 'training_file',
    message: expect.stringMatching(
      /is in the fine-tune-chat format, but the specified fine-tuning job is not using 'supervised' as the training method \(provided method=dpo\)\.$/,
    ) as string,
  });
  const file = await upload(openai, preferences);
  const supervised = await start({}, { training_file: file } as object);
  const { job } = await waitFor(openai, supervised, ({ status }) => status === 'failed');
  expect(job.error?.message).toMatch(/is in the fine-tune-preference format/);
});

test('prompts and completions teach bare text, and how it ends', async () => {
  const lines = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'].map((word, i) =>
    JSON.stringify({ prompt: `the number ${i} ->`, completion: ` ${word} END` }),
  );
  const file = await upload(openai, lines);
  const model = await finished(
    await start({ ...rote, train: 'full', n_epochs: 50 }, { training_file: file } as object),
  );
  const said = await openai.completions.create({ model, prompt: 'the number 2 ->', temperature: 0, max_tokens: 30 });
  expect(said.choices[0]).toMatchObject({ text: ' three END', finish_reason: 'stop' });
});
