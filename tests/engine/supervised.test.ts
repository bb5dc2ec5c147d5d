/** The trainer as a process: it learns, it repeats itself exactly, and no ending loses anything. */

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TrainingPlan } from '../../src/engine/protocol.ts';
import { temporaryFolder, type TemporaryFolder } from '../formats/folder.ts';
import { eventsOf, lastWord, lora, stepsOf, TestTrainer, tinyJob, train, type Ending } from './trainer.ts';

let folder: TemporaryFolder;
let plan: TrainingPlan;

beforeAll(async () => {
  folder = await temporaryFolder();
  plan = await tinyJob(folder);
});
afterAll(() => folder[Symbol.asyncDispose]());

const job = (name: string): string => folder.file(name);

/** The plan's run without interruption; made once, compared with by many. */
let whole: Promise<Ending> | null = null;
const wholeRun = (): Promise<Ending> => (whole ??= train(job('whole'), plan));

const adapterHash = async (name: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(join(job(name), 'checkpoints/step-9/adapter.safetensors')))
    .digest('hex');

test('a run tells its start, every step, every epoch’s checkpoint and its end', async () => {
  const run = await wholeRun();
  const { folder: last, ...done } = lastWord(run, 'done');
  expect(run.exit).toBe(0);
  const [started] = eventsOf(run, 'started');
  expect(started).toMatchObject({
    totalSteps: 9,
    stepsPerEpoch: 3,
    examples: 12,
    resumedFromStep: 0,
    truncatedLines: [],
  });
  expect(done).toEqual({ type: 'done', step: 9, chosen: 9, trainedTokens: started!.trainedTokens });
  expect(last).toBe(join(job('whole'), 'checkpoints/step-9'));
  const steps = stepsOf(run);
  expect(steps.map(({ step, epoch }) => [step, epoch])).toEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => [n, Math.ceil(n / 3)]),
  );
  expect(steps.filter(({ validation }) => validation !== null).map(({ step }) => step)).toEqual([2, 4, 6, 8]);
  expect(steps.filter(({ fullValidation }) => fullValidation !== null).map(({ step }) => step)).toEqual([3, 6, 9]);
  const trained = steps.reduce((total, { tokens }) => total + tokens, 0);
  const supervised = steps.reduce((total, { supervisedTokens }) => total + supervisedTokens, 0);
  expect([trained, supervised]).toEqual([started!.trainedTokens, started!.supervisedTokens]);
  const epochs = eventsOf(run, 'checkpoint').filter(({ kind }) => kind === 'epoch');
  expect(epochs.map(({ step }) => step)).toEqual([3, 6, 9]);
  expect((await readdir(join(job('whole'), 'checkpoints'))).sort()).toEqual(['step-3', 'step-6', 'step-8', 'step-9']);
  expect(await readdir(job('whole'))).not.toContain('work');
});

test('two runs of a plan are the same run, another seed is another', async () => {
  const [first, second] = [await wholeRun(), await train(job('again'), plan)];
  expect(stepsOf(second)).toEqual(stepsOf(first));
  expect(await adapterHash('again')).toBe(await adapterHash('whole'));
  const other = await train(job('other'), { ...plan, seed: 12, epochs: 1 });
  expect(stepsOf(other)[0]!.loss).not.toBe(stepsOf(first)[0]!.loss);
});

test('a trainer killed in the middle is continued to the same numbers, and the story is told from its beginning', async () => {
  {
    await using trainer = await TestTrainer.launch(job('killed'), plan);
    await trainer.reaches(4);
    trainer.kill('SIGKILL');
    expect((await trainer.ending).exit).toBe('SIGKILL');
  }
  const resumed = await train(job('killed'), plan);
  lastWord(resumed, 'done');
  const from = eventsOf(resumed, 'started')[0]!.resumedFromStep;
  expect(from).toBeGreaterThanOrEqual(3);
  expect(from).toBeLessThan(9);
  expect(stepsOf(resumed)).toEqual(stepsOf(await wholeRun()));
  expect(await adapterHash('killed')).toBe(await adapterHash('whole'));
});

test('a trainer that died after its last checkpoint only has to say so', async () => {
  await wholeRun();
  const again = await train(job('whole'), null);
  expect(lastWord(again, 'done')).toMatchObject({ step: 9 });
  expect(eventsOf(again, 'started')[0]).toMatchObject({ resumedFromStep: 9 });
});

test('a pause saves the step at hand, and the next trainer goes on from there', async () => {
  const slow = { ...plan, snapshotSeconds: 1000 };
  await using trainer = await TestTrainer.launch(job('paused'), slow);
  await trainer.reaches(1);
  trainer.ask({ type: 'pause' });
  const first = await trainer.ending;
  const paused = lastWord(first, 'paused');
  expect(first.exit).toBe(0);
  expect(paused.folder).toBe(join(job('paused'), `checkpoints/step-${paused.step}`));
  const resumed = await train(job('paused'), slow);
  expect(eventsOf(resumed, 'started')[0]!.resumedFromStep).toBe(paused.step);
  expect(stepsOf(resumed)).toEqual(stepsOf(await wholeRun()));
});

test('a pause before the first step keeps the job at its beginning', async () => {
  await using trainer = await TestTrainer.launch(job('early'), plan);
  trainer.ask({ type: 'pause' });
  const first = await trainer.ending;
  expect(lastWord(first, 'paused').step).toBe(0);
  expect(stepsOf(await train(job('early'), plan))).toEqual(stepsOf(await wholeRun()));
});

test('a cancelled trainer stops within a step', async () => {
  await using trainer = await TestTrainer.launch(job('cancelled'), { ...plan, epochs: 1000, snapshotSeconds: 1000 });
  await trainer.reaches(2);
  trainer.ask({ type: 'cancel' });
  const ending = await trainer.ending;
  expect(ending.exit).toBe(0);
  expect(lastWord(ending, 'cancelled').step).toBe(eventsOf(ending, 'step').at(-1)!.step);
});

test('a trainer whose parent dies leaves without a snapshot', async () => {
  await using trainer = await TestTrainer.launch(job('orphan'), { ...plan, epochs: 1000, snapshotSeconds: 1000 });
  await trainer.reaches(2);
  trainer.orphan();
  const ending = await trainer.ending;
  expect(ending.exit).toBe(2);
  expect(ending.events.at(-1)!.type).toMatch(/step|checkpoint/);
  const kinds = eventsOf(ending, 'checkpoint').map(({ kind }) => kind);
  expect(kinds).not.toContain('snapshot');
});

test('SIGTERM saves and leaves without a last word, so that the job goes on later', async () => {
  const long = { ...plan, snapshotSeconds: 1000 };
  await using trainer = await TestTrainer.launch(job('terminated'), long);
  await trainer.reaches(1);
  trainer.kill('SIGTERM');
  const ending = await trainer.ending;
  expect(ending.exit).toBe(143);
  expect(ending.events.at(-1)).toMatchObject({ type: 'checkpoint' });
  expect(stepsOf(await train(job('terminated'), long))).toEqual(stepsOf(await wholeRun()));
});

test('twelve examples are learnt by heart', async () => {
  const ending = await train(job('memory'), {
    ...plan,
    validationFile: null,
    epochs: 90,
    batchSize: 4,
    train: { ...lora, rank: 8, alpha: 16, dropout: 0 },
    snapshotSeconds: 1000,
  });
  lastWord(ending, 'done');
  const steps = stepsOf(ending);
  const lastEpoch = steps.slice(-3);
  expect(steps[0]!.loss).toBeGreaterThan(2);
  for (const { loss, tokenAccuracy, fullValidation } of lastEpoch) {
    expect(loss).toBeLessThan(0.1);
    expect(tokenAccuracy).toBe(1);
    expect(fullValidation).toBeNull();
  }
});

test('a fine-tune of a fine-tune starts from its adapter', async () => {
  const first = await wholeRun();
  const initialAdapter = join(lastWord(first, 'done').folder, 'adapter.safetensors');
  const plain = { ...plan, train: { ...lora, dropout: 0 }, epochs: 1 };
  const [fresh, continued] = [
    await train(job('fresh'), plain),
    await train(job('continued'), { ...plain, initialAdapter }),
  ];
  expect(stepsOf(continued)[0]!.loss).toBeLessThan(stepsOf(fresh)[0]!.loss);
});

test('training that diverges fails with the step, and says what helps', async () => {
  const ending = await train(job('diverged'), { ...plan, learningRate: 1e30, warmupRatio: 0, gradientNormMax: 0 });
  const failed = lastWord(ending, 'failed');
  expect(failed.code).toBe('diverged');
  expect(failed.message).toMatch(/diverged at step \d+: the loss is .* lower learning_rate_multiplier/);
  expect(ending.exit).toBe(1);
});

const failures: [
  name: string,
  changes: () => Partial<TrainingPlan>,
  code: string,
  param: string | null,
  message: RegExp,
][] = [
  [
    'a training file with a fault',
    () => ({ trainingFile: folder.file('bad.jsonl') }),
    'invalid_training_file',
    'training_file',
    /Example 2, message 1 Discriminator 'role' is "bot".*\(line 3, \$\.messages\[0\]\.role\)/,
  ],
  [
    'an empty training file',
    () => ({ trainingFile: folder.file('empty.jsonl') }),
    'invalid_training_file',
    'training_file',
    /no examples/,
  ],
  [
    'a file that is no model',
    () => ({ model: { id: 'tiny', path: folder.file('train.jsonl'), sha256: '' } }),
    'model_unreadable',
    null,
    /The base model tiny could not be read/,
  ],
  [
    'a model that is not there',
    () => ({ model: { id: 'tiny', path: folder.file('none.gguf'), sha256: '' } }),
    'model_unreadable',
    null,
    /ENOENT/,
  ],
  [
    'a plan of another version',
    () => ({ version: 9 as never }),
    'invalid_plan',
    null,
    /found version 9 .* expected version 2/,
  ],
];

test.each(failures)('%s is one failed event with its code', async (name, changes, code, param, message) => {
  await writeFile(folder.file('empty.jsonl'), '');
  const [line] = (await readFile(plan.trainingFile, 'utf8')).split('\n');
  await writeFile(
    folder.file('bad.jsonl'),
    `${line}\n\n${JSON.stringify({ messages: [{ role: 'bot', content: '' }] })}\n`,
  );
  const ending = await train(job(name), { ...plan, ...changes() });
  expect(lastWord(ending, 'failed')).toMatchObject({ code, param, message: expect.stringMatching(message) as string });
  expect(ending.exit).toBe(1);
});

test('a folder without a plan is one failed event too', async () => {
  await mkdir(job('bare'), { recursive: true });
  const failed = lastWord(await train(job('bare'), null), 'failed');
  expect(failed).toMatchObject({ code: 'invalid_plan', message: expect.stringContaining('plan.json') as string });
});

test('training stops when its validation set says that it is in vain, and ends with the best checkpoint', async () => {
  const earlyStopping = { patience: 2, minDelta: 0, metric: 'loss', interval: 1 } as const;
  const long = { ...plan, epochs: 40, learningRate: 3e-2, train: { ...lora, dropout: 0 }, earlyStopping };
  const ending = await train(job('stopped early'), long);
  const { step, chosen = step, folder, trainedTokens } = lastWord(ending, 'done');
  const steps = stepsOf(ending);
  expect(step).toBeLessThan(120);
  expect(steps.map((event) => event.step)).toEqual(Array.from({ length: step }, (_, i) => i + 1));
  const losses = steps.map(({ fullValidation }) => fullValidation!.loss);
  expect(losses[chosen - 1]).toBe(Math.min(...losses));
  expect(chosen).toBeLessThan(step);
  expect(folder).toMatch(new RegExp(`step-${chosen}$`));
  expect(trainedTokens).toBe(steps.reduce((sum, { tokens }) => sum + tokens, 0));
  const remarks = eventsOf(ending, 'remark').map(({ message }) => message);
  expect(remarks.at(-2)).toMatch(
    new RegExp(`^Early stopping at step ${step}: the validation loss has not improved in 2`),
  );
  expect(remarks.at(-1)).toMatch(new RegExp(`^The checkpoint of step ${chosen} becomes the model`));
});

test('a part of the training file validates by the share of exact answers where the plan says so', async () => {
  const earlyStopping = { patience: 50, minDelta: 0, metric: 'exact_answers', interval: 100 } as const;
  const split = { ...plan, validationFile: null, validationSplit: 0.25, epochs: 2, earlyStopping };
  const ending = await train(job('set apart'), split);
  expect(eventsOf(ending, 'started')[0]).toMatchObject({ examples: 9, stepsPerEpoch: 2, totalSteps: 4 });
  const [, second, , fourth] = stepsOf(ending);
  for (const event of [second!, fourth!])
    expect(event.fullValidation).toMatchObject({ exactAnswers: expect.any(Number) as number });
});

test.each([{ mode: 'full' }, { mode: 'last_layers', layers: 1 }, { mode: 'head' }] as const)(
  'training of $mode goes on after a snapshot as if nothing had been',
  async (mode) => {
    const weights = { ...plan, train: mode, learningRate: 1e-3, epochs: 2, hiddenDropout: 0.1 };
    const whole = await train(job(`whole ${mode.mode}`), weights);
    {
      await using trainer = await TestTrainer.launch(job(`killed ${mode.mode}`), weights);
      await trainer.reaches(3);
      trainer.kill('SIGKILL');
      await trainer.ending;
    }
    const second = await train(job(`killed ${mode.mode}`), weights);
    expect(stepsOf(second)).toEqual(stepsOf(whole));
    const file = async (ending: Ending): Promise<string> =>
      createHash('sha256')
        .update(await readFile(join(lastWord(ending, 'done').folder, 'weights.safetensors')))
        .digest('hex');
    expect(await file(second)).toBe(await file(whole));
  },
);
