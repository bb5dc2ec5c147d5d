import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  newestCheckpoint,
  pruneCheckpoints,
  restoreCheckpoint,
  saveCheckpoint,
  type CheckpointState,
} from '../../src/engine/checkpoint.ts';
import type { Parameter } from '../../src/engine/nn/network.ts';
import { AdamW } from '../../src/engine/optimizer.ts';
import { Random } from '../../src/engine/random.ts';
import { temporaryFolder } from '../formats/folder.ts';

const options = { weightDecay: 0.01, gradientNormMax: 1 };

function parameters(): Parameter[] {
  const random = Random.fromSeed(5);
  const values = (length: number): Float32Array => Float32Array.from({ length }, () => random.uint32() / 2 ** 32 - 0.5);
  return [
    { name: 'a.lora_A.weight', shape: [2, 3], data: values(6), gradient: values(6), decay: true },
    { name: 'a.lora_B.weight', shape: [4, 2], data: values(8), gradient: values(8), decay: true },
  ];
}

const state = (step: number, kind: CheckpointState['kind'] = 'epoch'): CheckpointState => ({
  step,
  epoch: 1,
  kind,
  random: Random.fromSeed(step).state,
});

const noDamage = (folder: string, reason: string): void => expect.unreachable(`${folder}: ${reason}`);

test('what was saved comes back bit for bit', async () => {
  await using folder = await temporaryFolder();
  const trained = parameters();
  const optimizer = new AdamW(trained, options);
  optimizer.update(0.1);
  await saveCheckpoint(folder.path, state(1), trained, optimizer);

  const fresh = parameters();
  const restored = new AdamW(fresh, options);
  const checkpoint = await newestCheckpoint(folder.path, noDamage);
  expect(checkpoint?.state).toEqual(state(1));
  await restoreCheckpoint(checkpoint!, fresh, restored);
  expect(fresh.map(({ data }) => data)).toEqual(trained.map(({ data }) => data));
  expect(restored.updates).toBe(1);
  expect(restored.moments).toEqual(optimizer.moments);
});

test('a checkpoint that does not hold is passed over for the one before it', async () => {
  await using folder = await temporaryFolder();
  const trained = parameters();
  const optimizer = new AdamW(trained, options);
  for (const step of [1, 2, 3, 4]) await saveCheckpoint(folder.path, state(step), trained, optimizer);
  await truncate(folder.file('step-4/optimizer.safetensors'), 100);
  await writeFile(folder.file('step-3/manifest.json'), '{');
  const damaged: string[] = [];
  const checkpoint = await newestCheckpoint(folder.path, (name, reason) => damaged.push(`${name}: ${reason}`));
  expect(checkpoint?.state.step).toBe(2);
  expect(damaged).toEqual([
    expect.stringMatching(/step-4: optimizer\.safetensors has 100 bytes .* the manifest says \d+ bytes/),
    expect.stringMatching(/step-3: /),
  ]);
});

test('a half-written checkpoint is none, and is cleared away', async () => {
  await using folder = await temporaryFolder();
  const trained = parameters();
  const optimizer = new AdamW(trained, options);
  await saveCheckpoint(folder.path, state(7), trained, optimizer);
  const bytes = await readFile(folder.file('step-7/adapter.safetensors'));
  await saveCheckpoint(join(folder.path, 'step-8.partial'), state(8), trained, optimizer);
  expect((await newestCheckpoint(folder.path, noDamage))?.state.step).toBe(7);
  await pruneCheckpoints(folder.path);
  expect(await readdir(folder.path)).toEqual(['step-7']);
  expect(await readFile(folder.file('step-7/adapter.safetensors'))).toEqual(bytes);
});

test('three epochs and one snapshot are kept', async () => {
  await using folder = await temporaryFolder();
  const trained = parameters();
  const optimizer = new AdamW(trained, options);
  const kinds = ['snapshot', 'epoch', 'epoch', 'snapshot', 'epoch', 'epoch', 'snapshot'] as const;
  for (const [i, kind] of kinds.entries()) {
    await saveCheckpoint(folder.path, state(i + 1, kind), trained, optimizer);
    await pruneCheckpoints(folder.path);
  }
  expect((await readdir(folder.path)).sort()).toEqual(['step-3', 'step-5', 'step-6', 'step-7']);
});

test('where nothing was saved there is nothing to resume', async () => {
  await using folder = await temporaryFolder();
  expect(await newestCheckpoint(folder.file('checkpoints'), noDamage)).toBeNull();
});

test('an adapter of another shape is refused with both shapes', async () => {
  await using folder = await temporaryFolder();
  const trained = parameters();
  await saveCheckpoint(folder.path, state(1), trained, new AdamW(trained, options));
  const checkpoint = (await newestCheckpoint(folder.path, noDamage))!;
  const other = parameters().map((parameter, i) => (i === 1 ? { ...parameter, shape: [2, 4] } : parameter));
  await expect(restoreCheckpoint(checkpoint, other, new AdamW(other, options))).rejects.toMatchObject({
    code: 'adapter_mismatch',
    message: expect.stringContaining('found [4,2] under "a.lora_B.weight"; this job trains [2,4] there') as string,
  });
});
