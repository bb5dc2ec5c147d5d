import { expect, test } from 'vitest';
import { whyTooLarge } from '../../src/jobs/forecast.ts';
import { memoryOf, remedyFor, type MemoryPlan } from '../../src/jobs/memory.ts';
import type { BaseModel } from '../../src/models/manifest.ts';
import type { TrainingPlan } from '../../src/engine/protocol.ts';

/** SmolLM2-135M. */
const architecture: BaseModel['architecture'] = {
  architecture: 'llama',
  layers: 30,
  width: 576,
  heads: 9,
  kvHeads: 3,
  headWidth: 64,
  feedForward: 1536,
  vocabulary: 49_152,
  contextTokens: 8192,
  ropeBase: 100_000,
  normEpsilon: 1e-5,
  tiedEmbeddings: true,
  parameters: 134_515_008,
  tensorTypes: {},
  servingOnly: null,
};
const targets = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const lora = { mode: 'lora', rank: 16, alpha: 32, rslora: false, dropout: 0, targets } as const;
const plan: MemoryPlan = { train: lora, basePrecision: 'int8', batchSize: 1, threads: 2, tokensMax: 285 };

test.each<[string, Partial<MemoryPlan>, number]>([
  // peaks of real trainers on this model, in megabytes: docs/decisions/0009-memory-of-training.md
  ['an adapter on rounded weights', {}, 1125],
  ['the same in two lanes', { batchSize: 4 }, 2115],
  ['an adapter on exact weights', { basePrecision: 'f32' }, 1699],
  ['the head', { train: { mode: 'head' } }, 1177],
  ['the head over exact weights', { train: { mode: 'head' }, basePrecision: 'f32' }, 1250],
  ['four layers', { train: { mode: 'last_layers', layers: 4 } }, 899],
  ['four layers in two lanes', { train: { mode: 'last_layers', layers: 4 }, batchSize: 8, tokensMax: 256 }, 1927],
  ['an adapter on rounded weights, of 4,096 tokens', { tokensMax: 4096 }, 5851],
  ['the same in two lanes, of 2,048 tokens', { tokensMax: 2048, batchSize: 2 }, 6239],
  ['every weight', { train: { mode: 'full' }, basePrecision: 'f32' }, 3715],
])('%s needs about what was measured', (_, changes, measured) => {
  const estimated = memoryOf(architecture, { ...plan, ...changes }).bytes / 2 ** 20;
  expect(estimated / measured).toBeGreaterThan(0.9);
  expect(estimated / measured).toBeLessThan(1.25);
});

test('more of everything needs more', () => {
  const of = (changes: Partial<MemoryPlan>): number => memoryOf(architecture, { ...plan, ...changes }).bytes;
  expect(of({ basePrecision: 'f32' })).toBeGreaterThan(of({}));
  expect(of({})).toBeGreaterThan(of({ basePrecision: 'int4' }));
  expect(of({ tokensMax: 2048 })).toBeGreaterThan(of({}));
  expect(of({ batchSize: 8 })).toBeGreaterThan(of({}));
  expect(of({ train: { mode: 'full' } })).toBeGreaterThan(of({ train: { mode: 'last_layers', layers: 2 } }));
});

test('what cannot fit is refused with its numbers and the setting that would fit', () => {
  const base = { id: 'smollm2-135m', architecture } as BaseModel;
  const full = { ...plan, basePrecision: 'f32', train: { mode: 'full' } } as TrainingPlan;
  expect(whyTooLarge(base, full, 24e9)).toBeNull();
  expect(whyTooLarge(base, full, 2e9)).toMatchObject({
    code: 'insufficient_memory',
    message: expect.stringMatching(
      /would need about \d\.\d GB .*trained 3\.0 GB.*grants 2\.0 GB\. It fits with "train": "last_layers\(2\)"\.$/,
    ) as string,
  });
  expect(remedyFor(architecture, { ...plan, basePrecision: 'f32' }, 1.6e9)).toBe('"base_precision": "int8"');
  expect(whyTooLarge(base, full, 1e8)?.message).toContain('a smaller base model would');
});
