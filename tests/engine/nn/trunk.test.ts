/** Frozen layers that read every sequence once: what is trained above them is the same to the last digits that count. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { packStep } from '../../../src/dataset/batch.ts';
import type { EncodedExample } from '../../../src/domain/example.ts';
import { openNetwork, type NetworkOptions } from '../../../src/engine/nn/load.ts';
import type { Network } from '../../../src/engine/nn/network.ts';
import { TrunkMemory } from '../../../src/engine/nn/trunk/memory.ts';
import { AdamW } from '../../../src/engine/optimizer.ts';
import type { HeadPlan, TrainPlan } from '../../../src/engine/protocol.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { importEncoder } from './encoder-files.ts';
import { Golden, goldenNames, relativeDistance } from './llama-golden.ts';

const folder = mkdtempSync(join(tmpdir(), 'tunesmith-trunk-'));
afterAll(() => rmSync(folder, { recursive: true }));

const head: TrainPlan = { mode: 'head' };
const lastOne: TrainPlan = { mode: 'last_layers', layers: 1 };
const limits = { tokensPerRun: 48, lanes: 1 };

const told: number[] = [];
const readingOf = (sequences: readonly EncodedExample[]): NonNullable<NetworkOptions['reading']> => ({
  sequences,
  onProgress: async (read) => void told.push(read),
});

const sequencesOf = (golden: Golden): EncodedExample[] =>
  golden.sequences.map(({ ids, mask }, i) => ({ line: i + 1, ids, mask: Uint8Array.from(mask) }));

describe.each(goldenNames)('%s', (name) => {
  test.each([head, lastOne])('follows ten steps of PyTorch when it trains $mode', async (train) => {
    const golden = await Golden.read(name);
    const path = fileURLToPath(new URL(`../../goldens/${name}-methods.safetensors`, import.meta.url));
    const { tensors } = await readSafetensors(path);
    const expected = (what: string) => tensors.get(`${train.mode}.${what}`)!.data as Float32Array;
    const sequences = sequencesOf(golden);
    await using network = await golden.openFresh({ train, reading: readingOf(sequences) });
    const optimizer = new AdamW(network.parameters, { weightDecay: 0.01, gradientNormMax: 1 });
    for (let step = 0; step < 10; step++) {
      const batches = packStep([sequences[step % 4]!, sequences[(step + 1) % 4]!], limits);
      const { loss } = await network.differentiate(batches, 0);
      expect(Math.abs(loss - expected('losses')[step]!)).toBeLessThan(1e-3);
      expect(optimizer.update(golden.learningRate)).toBeCloseTo(expected('norms')[step]!, 2);
    }
  });

  test.each([head, lastOne])('judges, measures and writes as without when it trains $mode', async (train) => {
    const golden = await Golden.read(name);
    const sequences = sequencesOf(golden);
    for (const lanes of [1, 2]) {
      const options = { train, lanes, threads: lanes, basePrecision: 'int8' } as const;
      await using network = await golden.openFresh({ ...options, reading: readingOf(sequences) });
      await using plain = await golden.openFresh(options);
      await expectAlike(network, plain, packStep(sequences, { ...limits, lanes }));
      const ids = sequences[2]!.ids;
      expect(relativeDistance(await network.logits(ids), await plain.logits(ids))).toBeLessThan(1e-5);
    }
  });
});

async function expectAlike(network: Network, plain: Network, batches: ReturnType<typeof packStep>): Promise<void> {
  for (let step = 0; step < 3; step++) {
    const [found, expected] = [await network.differentiate(batches, step), await plain.differentiate(batches, step)];
    expect(found.loss).toBeCloseTo(expected.loss, 5);
    expect(found.correct).toBe(expected.correct);
    for (const [i, { name, gradient }] of network.parameters.entries())
      expect(relativeDistance(gradient, plain.parameters[i]!.gradient), name).toBeLessThan(1e-4);
    for (const each of [network, plain])
      new AdamW(each.parameters, { weightDecay: 0.01, gradientNormMax: 1 }).update(1e-3);
  }
  const [found, expected] = [await network.evaluate(batches), await plain.evaluate(batches)];
  expect(found.loss).toBeCloseTo(expected.loss, 5);
  const [measured, wanted] = [await network.measure(batches), await plain.measure(batches)];
  for (const [i, { logProbabilities, hits }] of measured.entries()) {
    expect(relativeDistance(logProbabilities, wanted[i]!.logProbabilities)).toBeLessThan(1e-4);
    expect(hits).toEqual(wanted[i]!.hits);
  }
}

const labels = ['a', 'b', 'c'];
const keys = { text: 'text', label: 'label', start: null, end: null };
const heads: Readonly<Record<string, HeadPlan>> = {
  first: { task: 'classification', labels, form: null, pooling: 'first' },
  mean: { task: 'classification', labels, form: null, pooling: 'mean' },
  any: { task: 'multi_label', labels, form: null, pooling: 'mean' },
  words: { task: 'token_classification', labels: ['X'], form: { shape: 'by_type', wrapper: null, keys }, pooling: 'none' }, // prettier-ignore
};

test.each(Object.entries(heads))('an encoder with the head "%s" learns as without', async (_, plan) => {
  const modelPath = await importEncoder('bert', folder);
  const sequences = [5, 9, 7, 12, 3].map((length, i): EncodedExample => {
    const ids = Int32Array.from({ length }, (_, at) => 5 + ((at * 7 + i * 3) % 20));
    const positions = plan.pooling === 'none' ? Int32Array.from({ length: length - 1 }, (_, at) => at + 1) : Int32Array.of(0); // prettier-ignore
    const several = plan.task === 'multi_label';
    const targets = several ? Int32Array.of(i % 2, 1, 0) : positions.map((at) => (at + i) % 3);
    return { line: i + 1, ids, mask: new Uint8Array(length), judged: { positions, targets } };
  });
  for (const train of [head, lastOne]) {
    const options: NetworkOptions = { modelPath, train, head: plan, basePrecision: 'f32', threads: 1, seed: 3, rowTokensMax: 16 }; // prettier-ignore
    await using network = await openNetwork({ ...options, reading: readingOf(sequences) });
    await using plain = await openNetwork(options);
    await expectAlike(network, plain, packStep(sequences, { tokensPerRun: 24, lanes: 1 }));
  }
});

test('a step of more judged positions than the head takes at once is cut', async () => {
  const golden = await Golden.read('llama-tied');
  const sequences = Array.from({ length: 30 }, (_, i): EncodedExample => {
    const ids = Int32Array.from({ length: 24 }, (_, at) => 1 + ((at * 5 + i * 11) % 30));
    return { line: i + 1, ids, mask: new Uint8Array(24).fill(1) };
  });
  await using network = await golden.openFresh({ train: head, reading: readingOf(sequences) });
  await using plain = await golden.openFresh({ train: head });
  const batches = packStep(sequences, limits);
  expect(batches.reduce((sum, { rows }) => sum + rows.length, 0)).toBeGreaterThan(512);
  await expectAlike(network, plain, batches);
});

test('reading tells how far it is, and what is thrown there ends it and leaves nothing', async () => {
  const golden = await Golden.read('llama-tied');
  const sequences = Array.from({ length: 5 }, () => sequencesOf(golden)).flat();
  told.length = 0;
  {
    await using _ = await golden.openFresh({ train: head, reading: readingOf(sequences) });
    expect(told).toEqual([0, 16, 20]);
  }
  const workFolder = mkdtempSync(join(folder, 'work-'));
  const onProgress = async (read: number): Promise<void> => {
    if (read > 0) throw new Error('enough');
  };
  await expect(golden.openFresh({ train: head, workFolder, reading: { sequences, onProgress } })).rejects.toThrow('enough'); // prettier-ignore
  expect(readdirSync(workFolder)).toEqual([]);
});

test('what pairs are judged by, what drops hidden states and what trains every layer is not read once', async () => {
  const golden = await Golden.read('llama-tied');
  told.length = 0;
  const reading = readingOf(sequencesOf(golden));
  for (const options of [
    { train: head, hiddenDropout: 0.1 },
    { train: head, objective: { kind: 'preference', beta: 0.1 } },
    { train: { mode: 'last_layers', layers: 9 } },
    { train: { mode: 'full' } },
    {},
  ] as const) {
    await using _ = await golden.openFresh({ ...options, reading });
  }
  expect(told).toEqual([]);
});

test('a sequence that was never read is an error, and so is the same with something else judged', () => {
  using memory = new TrunkMemory('judged', mkdtempSync(join(folder, 'memory-')));
  const at = (judged: number): EncodedExample => {
    const mask = new Uint8Array(6);
    mask[judged] = 1;
    return { line: 1, ids: Int32Array.of(1, 2, 3, 4, 5, 6), mask };
  };
  const [known] = packStep([at(3)], limits);
  memory.add(known!, [Float32Array.of(1, 2)]);
  expect(memory.of(known!)).toEqual([Float32Array.of(1, 2)]);
  expect(() => memory.of(packStep([at(4)], limits)[0]!)).toThrow('never read');
});
