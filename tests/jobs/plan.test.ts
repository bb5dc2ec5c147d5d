import { expect, test } from 'vitest';
import type { Hyperparameters, Job } from '../../src/domain/job.ts';
import { runLimitsOf } from '../../src/dataset/batch.ts';
import { autoEpochs } from '../../src/dataset/epochs.ts';
import { autoBatchSize } from '../../src/dataset/epochs.ts';
import { resolveHyperparameters, toPlan } from '../../src/jobs/plan.ts';

const allAuto = { n_epochs: 'auto', batch_size: 'auto', learning_rate_multiplier: 'auto' } as const;
const targets = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const facts = { examples: 200, longestTokens: 300, contextTokens: 8192, targets, initialAdapter: null };

test.each([
  // examples, epochs: OpenAI's published rule, at its edges
  [10, 10],
  [12, 8], // 36 < 100, floor(100 / 12)
  [33, 3], // 99 < 100, floor(100 / 33)
  [34, 3],
  [100, 3],
  [8333, 3], // 24999
  [8334, 2], // 25002 > 25000, floor(25000 / 8334)
  [12_501, 1],
  [1_000_000, 1],
  [4, 25],
  [3, 25], // at most 25
])('%i examples train for %i epochs when nobody says', (examples, epochs) => {
  expect(autoEpochs(examples)).toBe(epochs);
});

test.each([
  [10, 1],
  [100, 1],
  [749, 1], // 1.498
  [750, 2], // 1.5
  [5000, 10],
  [1_000_000, 256],
])('%i examples go %i at a time when nobody says', (examples, batchSize) => {
  expect(autoBatchSize(examples)).toBe(batchSize);
});

test('nothing stays "auto"', () => {
  expect(resolveHyperparameters(allAuto, facts)).toEqual({
    n_epochs: 3,
    batch_size: 1,
    learning_rate_multiplier: 1,
    train: 'lora',
    lora_rank: 16,
    lora_alpha: 32,
    rslora: false,
    lora_dropout: 0,
    lora_targets: targets,
    weight_decay: 0.01,
    warmup_ratio: 0.03,
    lr_schedule: 'cosine',
    learning_rate: 2e-4,
    max_grad_norm: 1,
    max_length: 300,
    eval_interval: 10,
    base_precision: expect.stringMatching(/^(f32|int8)$/) as string,
  });
});

test('what was asked for stays as it was asked', () => {
  const asked = {
    n_epochs: 7,
    batch_size: 4,
    learning_rate_multiplier: 1.8,
    train: 'lora',
    lora_rank: 8,
    lora_alpha: 8,
    rslora: true,
    hidden_dropout: 0.1,
    label_smoothing: 0.05,
    validation_split: 0.2,
    lora_dropout: 0.1,
    lora_targets: ['q_proj', 'v_proj'],
    weight_decay: 0,
    warmup_ratio: 0,
    lr_schedule: 'linear',
    max_grad_norm: 0,
    max_length: 64,
    eval_interval: 2,
    base_precision: 'f32',
  } as const;
  const resolved = resolveHyperparameters({ ...asked, lora_targets: [...asked.lora_targets] }, facts);
  expect(resolved).toEqual({ ...asked, learning_rate: 3.6e-4 });
});

test('an absolute learning rate wins, and the multiplier tells what it amounts to', () => {
  const resolved = resolveHyperparameters({ ...allAuto, learning_rate_multiplier: 3, learning_rate: 1e-3 }, facts);
  expect(resolved).toMatchObject({ learning_rate: 1e-3, learning_rate_multiplier: 5 });
});

test('the longest sequence is never longer than the model can hold', () => {
  expect(resolveHyperparameters(allAuto, { ...facts, longestTokens: 9000 }).max_length).toBe(8192);
});

test('a fine-tune of a fine-tune keeps the shape of the adapter it goes on with', () => {
  const initialAdapter = { rank: 4, alpha: 6, rslora: false, dropout: 0, targets: ['q_proj'] };
  const resolved = resolveHyperparameters(allAuto, { ...facts, initialAdapter });
  expect(resolved).toMatchObject({ lora_rank: 4, lora_alpha: 6, lora_targets: ['q_proj'] });
});

test('a plan says everything that a trainer needs', () => {
  const job = { id: 'ftjob-1', seed: 42 } as Job;
  const resolved = resolveHyperparameters({ ...allAuto, base_precision: 'f32' }, facts);
  const plan = toPlan(job, resolved, {
    model: { id: 'tiny', path: '/models/tiny.gguf', sha256: 'abc' },
    initialAdapter: null,
    trainingFile: '/files/a',
    validationFile: '/files/b',
    threads: 2,
    snapshotSeconds: 60,
  });
  expect(plan).toEqual({
    version: 2,
    recipe: 'supervised',
    jobId: 'ftjob-1',
    model: { id: 'tiny', path: '/models/tiny.gguf', sha256: 'abc' },
    initialAdapter: null,
    trainingFile: '/files/a',
    validationFile: '/files/b',
    seed: 42,
    epochs: 3,
    batchSize: 1,
    learningRate: 2e-4,
    schedule: 'cosine',
    warmupRatio: 0.03,
    weightDecay: 0.01,
    gradientNormMax: 1,
    train: {
      mode: 'lora',
      rank: 16,
      alpha: 32,
      rslora: false,
      dropout: 0,
      targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    },
    tokensMax: 300,
    evaluationInterval: 10,
    snapshotSeconds: 60,
    basePrecision: 'f32',
    threads: 2,
  });
});

test('weights of the model learn more slowly than an adapter, and have no shape of one', () => {
  const resolved = resolveHyperparameters({ ...allAuto, train: 'last_layers(2)' }, facts);
  expect(resolved).toMatchObject({ train: 'last_layers(2)', learning_rate: 5e-5, learning_rate_multiplier: 1 });
  expect(Object.keys(resolved).filter((name) => name.startsWith('lora_'))).toEqual([]);
  const full = resolveHyperparameters({ ...allAuto, train: 'full', learning_rate_multiplier: 2 }, facts);
  expect(full).toMatchObject({ learning_rate: 4e-5, base_precision: 'f32' });
});

test('early stopping looks four times an epoch unless told otherwise, but not before ten steps', () => {
  const stopping = (early_stopping: Hyperparameters['early_stopping'], split = 0) =>
    resolveHyperparameters({ ...allAuto, batch_size: 4, early_stopping, validation_split: split }, facts)
      .early_stopping;
  expect(stopping(true)).toEqual({ patience: 3, min_delta: 0, metric: 'loss', interval: 13 });
  expect(stopping({ patience: 5, metric: 'exact_answers', interval: 2 })).toMatchObject({ patience: 5, interval: 2 });
  expect(stopping(true, 0.5)).toMatchObject({ interval: 13 });
  expect(stopping(true, 0.9)).toMatchObject({ interval: 5 });
  expect(stopping(false)).toBeUndefined();
});

test('another device than the processor computes exactly, in one lane; a job that names one is told which it got', () => {
  const onCard = resolveHyperparameters({ ...allAuto }, { ...facts, device: 'webgpu' });
  expect(onCard).toMatchObject({ device: 'webgpu', base_precision: 'f32' });
  expect(resolveHyperparameters({ ...allAuto, device: 'cuda' }, facts)).toMatchObject({ device: 'cpu' });
  expect(resolveHyperparameters({ ...allAuto }, facts)).not.toHaveProperty('device');
  expect(runLimitsOf({ threads: 4, batchSize: 4, device: 'webgpu' }).lanes).toBe(1);
  expect(runLimitsOf({ threads: 4, batchSize: 4, device: 'cpu' }).lanes).toBe(4);
});
