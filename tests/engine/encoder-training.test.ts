/** The trainer as a process with encoders: it learns labels by every method, resumes exactly, and keeps its head. */

import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HeadPlan, TrainingPlan, TrainPlan } from '../../src/engine/protocol.ts';
import { bert } from '../../src/families/bert.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { temporaryFolder, type TemporaryFolder } from '../formats/folder.ts';
import { writeTinyEncoder } from '../tiny-encoder.ts';
import { eventsOf, lastWord, stepsOf, TestTrainer, tinyJob, train } from './trainer.ts';

let folder: TemporaryFolder;
let plan: TrainingPlan;

const spam: HeadPlan = { task: 'classification', labels: ['ham', 'spam'], form: null, pooling: 'first' };

const chat = (content: string, answer: string): string =>
  JSON.stringify({
    messages: [
      { role: 'user', content },
      { role: 'assistant', content: answer },
    ],
  });

const texts = [
  ['buy now free money', 'spam'],
  ['the meeting is now', 'ham'],
  ['free news of money', 'spam'],
  ['good report of ada', 'ham'],
  ['money money buy', 'spam'],
  ['ada works in london', 'ham'],
] as const;

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeTinyEncoder(folder.file('encoder.gguf'));
  const lines = [...texts, ...texts].map(([content, label]) => chat(content, label));
  await writeFile(folder.file('labels.jsonl'), lines.join('\n'));
  plan = {
    ...(await tinyJob(folder)),
    model: { id: 'encoder', path: folder.file('encoder.gguf'), sha256: '' },
    trainingFile: folder.file('labels.jsonl'),
    validationFile: folder.file('labels.jsonl'),
    train: { mode: 'full' },
    head: spam,
    epochs: 10,
    batchSize: 4,
    learningRate: 3e-3,
    evaluationInterval: 1000,
    snapshotSeconds: 1000,
  };
});
afterAll(() => folder[Symbol.asyncDispose]());

const methods: TrainPlan[] = [
  { mode: 'full' },
  { mode: 'last_layers', layers: 1 },
  { mode: 'head' },
  { mode: 'lora', rank: 4, alpha: 8, rslora: false, dropout: 0.05, targets: bert.linears.map(({ target }) => target) },
];

test.each(methods)('$mode: labels are learnt, and the checkpoint holds the head', async (method) => {
  const job = folder.file(`job-${method.mode}`);
  const run = await train(job, { ...plan, train: method, learningRate: method.mode === 'head' ? 3e-2 : 3e-3 });
  const { folder: last } = lastWord(run, 'done');
  const judged = stepsOf(run).flatMap(({ fullValidation }) => fullValidation ?? []);
  expect(judged.at(-1)!.loss).toBeLessThan(judged[0]!.loss);
  expect(judged.at(-1)!.tokenAccuracy).toBeGreaterThanOrEqual(11 / 12);
  const { tensors } = await readSafetensors(
    join(last, method.mode === 'lora' ? 'adapter.safetensors' : 'weights.safetensors'),
  );
  expect([...tensors.keys()]).toEqual(
    expect.arrayContaining(['cls.weight', 'cls.bias', 'cls.output.weight', 'cls.output.bias']),
  );
  expect(tensors.get('cls.output.weight')!.shape).toEqual([2, 32]);
});

test('several labels and entities are learnt too', async () => {
  const any = texts.map(([content, label]) => chat(content, JSON.stringify(label === 'spam' ? ['a', 'b'] : [])));
  await writeFile(folder.file('any.jsonl'), [...any, ...any].join('\n'));
  const people = texts.map(([content]) => chat(content, content.includes('ada') ? '{"PER":["ada"]}' : '{"PER":[]}'));
  await writeFile(folder.file('people.jsonl'), [...people, ...people].join('\n'));
  const form = {
    shape: 'by_type',
    wrapper: null,
    keys: { text: 'text', label: 'label', start: null, end: null },
  } as const;
  const heads: [string, HeadPlan][] = [
    ['any.jsonl', { task: 'multi_label', labels: ['a', 'b'], form: null, pooling: 'mean' }],
    ['people.jsonl', { task: 'token_classification', labels: ['PER'], form, pooling: 'none' }],
  ];
  for (const [name, head] of heads) {
    const file = folder.file(name);
    const run = await train(folder.file(`job-${name}`), { ...plan, trainingFile: file, validationFile: file, head });
    lastWord(run, 'done');
    const judged = stepsOf(run).flatMap(({ fullValidation }) => fullValidation ?? []);
    expect(judged.at(-1)!.tokenAccuracy, name).toBeGreaterThan(0.9);
    const [started] = eventsOf(run, 'started');
    expect(started!.supervisedTokens, name).toBe(name === 'any.jsonl' ? 120 : 10 * 2 * 23);
  }
});

test.each(['full', 'head', 'last_layers'] as const)(
  'a trainer of %s that is killed goes on as if nothing had happened',
  async (mode) => {
    const training = mode === 'last_layers' ? ({ mode, layers: 1 } as const) : { mode };
    const short = { ...plan, epochs: 3, train: training };
    const whole = await train(folder.file(`whole-${mode}`), short);
    const readings = eventsOf(whole, 'reading');
    expect(readings.at(0)?.read).toBe(mode === 'full' ? undefined : 0);
    expect(readings.at(-1)?.read).toBe(readings.at(0)?.sequences);
    const job = folder.file(`killed-${mode}`);
    {
      await using trainer = await TestTrainer.launch(job, short);
      await trainer.reaches(4);
      trainer.kill('SIGKILL');
      await trainer.ending;
    }
    const again = await train(job, null);
    expect(stepsOf(again)).toEqual(stepsOf(whole));
    const weights = (run: typeof whole) => readFileSync(join(lastWord(run, 'done').folder, 'weights.safetensors'));
    expect(weights(again)).toEqual(weights(whole));
  },
);

test('a pause is heard while frozen layers read, and costs no checkpoint', async () => {
  const head = { ...plan, epochs: 3, train: { mode: 'head' }, snapshotSeconds: 0 } as const;
  const whole = await train(folder.file('whole-pause'), head);
  const job = folder.file('paused');
  const pausedAtOnce = async () => {
    await using trainer = await TestTrainer.launch(job, head);
    trainer.ask({ type: 'pause' });
    const ending = await trainer.ending;
    expect(ending.exit).toBe(0);
    expect(eventsOf(ending, 'started')).toEqual([]);
    return lastWord(ending, 'paused');
  };
  expect(await pausedAtOnce()).toMatchObject({ step: 0, folder: null });
  {
    await using trainer = await TestTrainer.launch(job, head);
    await trainer.reaches(4);
    trainer.kill('SIGKILL');
    await trainer.ending;
  }
  const again = await pausedAtOnce();
  expect(again.step).toBeGreaterThanOrEqual(3);
  expect(again.folder).toBe(join(job, `checkpoints/step-${again.step}`));
  expect(stepsOf(await train(job, null))).toEqual(stepsOf(whole));
});
