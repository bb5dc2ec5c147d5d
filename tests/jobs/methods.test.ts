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
