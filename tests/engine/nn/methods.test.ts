/** Every way to train, held to what PyTorch computes for the tiny Llamas (tests/goldens/make_methods.py). */

import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { MicroBatch, Pairs } from '../../../src/dataset/batch.ts';
import type { Network, Parameter } from '../../../src/engine/nn/network.ts';
import { AdamW } from '../../../src/engine/optimizer.ts';
import type { TrainPlan } from '../../../src/engine/protocol.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { Golden, goldenNames, layOut, relativeDistance, type GoldenName, type Sequence } from './llama-golden.ts';

type Four = readonly [Sequence, Sequence, Sequence, Sequence];

class MethodGolden {
  readonly llama: Golden;
  readonly #content: Awaited<ReturnType<typeof readSafetensors>>;

  constructor(llama: Golden, content: Awaited<ReturnType<typeof readSafetensors>>) {
    this.llama = llama;
    this.#content = content;
  }

  static async read(name: GoldenName): Promise<MethodGolden> {
    const path = fileURLToPath(new URL(`../../goldens/${name}-methods.safetensors`, import.meta.url));
    return new MethodGolden(await Golden.read(name), await readSafetensors(path));
  }

  floats(tensor: string): Float32Array {
    return this.#content.tensors.get(tensor)!.data as Float32Array;
  }

  /** All four examples in two rows. */
  get batch(): MicroBatch {
    const [a, b, c, d] = this.llama.sequences as unknown as Four;
    return layOut([[c], [a, b, d]], 32);
  }
}

const modes: readonly TrainPlan[] = [{ mode: 'full' }, { mode: 'last_layers', layers: 1 }, { mode: 'head' }];

async function tenSteps(network: Network, golden: MethodGolden, name: string): Promise<void> {
  const optimizer = new AdamW(network.parameters, { weightDecay: 0.01, gradientNormMax: 1 });
  const { sequences, learningRate } = golden.llama;
  for (let step = 0; step < 10; step++) {
    const { loss } = await network.differentiate([layOut([[sequences[step % 4]!, sequences[(step + 1) % 4]!]], 40)], 0);
    expect(Math.abs(loss - golden.floats(`${name}.losses`)[step]!)).toBeLessThan(1e-3);
    expect(optimizer.update(learningRate)).toBeCloseTo(golden.floats(`${name}.norms`)[step]!, 2);
  }
}

describe.each(goldenNames)('%s', (name) => {
  test.each(modes)('has the gradient that PyTorch has for every weight that $mode trains', async (train) => {
    const golden = await MethodGolden.read(name);
    await using network = await golden.llama.openFresh({ train });
    const { loss } = await network.differentiate([golden.batch], 0);
    expect(loss).toBeCloseTo(golden.floats('loss')[0]!, 5);
    for (const { name, gradient } of network.parameters) {
      expect(relativeDistance(gradient, golden.floats(`gradient.${name}`)), name).toBeLessThan(1e-3);
    }
  });

  test.each(modes)('follows ten steps of PyTorch when it trains $mode', async (train) => {
    const golden = await MethodGolden.read(name);
    await using network = await golden.llama.openFresh({ train });
    await tenSteps(network, golden, train.mode);
  });

  test('follows ten steps of peft with rsLoRA', async () => {
    const golden = await MethodGolden.read(name);
    await using network = await golden.llama.open({ train: { ...golden.llama.lora, rslora: true } });
    await tenSteps(network, golden, 'rslora');
  });

  test('smooths labels as PyTorch does', async () => {
    const golden = await MethodGolden.read(name);
    const objective = { kind: 'likelihood', labelSmoothing: 0.1 } as const;
    await using network = await golden.llama.openFresh({ train: { mode: 'head' }, objective });
    const { loss } = await network.differentiate([golden.batch], 0);
    expect(loss).toBeCloseTo(golden.floats('smoothed.loss')[0]!, 4);
    for (const { name, gradient } of network.parameters) {
      expect(relativeDistance(gradient, golden.floats(`smoothed.gradient.${name}`)), name).toBeLessThan(1e-3);
    }
    expect((await network.evaluate([golden.batch])).loss).toBeCloseTo(golden.floats('loss')[0]!, 5);
  });

  test('prefers answers as PyTorch makes it, against the model without its adapter', async () => {
    const golden = await MethodGolden.read(name);
    const objective = { kind: 'preference', beta: 0.5 } as const;
    await using fresh = await golden.llama.openFresh({ objective });
    await using network = await golden.llama.open({ objective });
    const batches = await pairBatches(golden.llama.sequences as unknown as Four, fresh);
    const { loss, margin } = await network.differentiate(batches, 0);
    expect(loss).toBeCloseTo(golden.floats('dpo.loss')[0]!, 4);
    expect(margin).toBeCloseTo(
      golden.floats('dpo.margins').reduce((a, b) => a + b, 0),
      3,
    );
    for (const { name, gradient } of network.parameters) {
      expect(relativeDistance(gradient, golden.floats(`dpo.gradient.${name}`)), name).toBeLessThan(1e-3);
      gradient.fill(0);
    }
    const optimizer = new AdamW(network.parameters, { weightDecay: 0.01, gradientNormMax: 1 });
    for (const expected of golden.floats('dpo.losses')) {
      expect((await network.differentiate(batches, 0)).loss).toBeCloseTo(expected, 2);
      optimizer.update(golden.llama.learningRate);
    }
  });
});

/** Examples (0, 1) and (2, 3) as pairs, each in a micro-batch of its own. */
async function pairBatches([a, b, c, d]: Four, reference: Network): Promise<MicroBatch[]> {
  const batches: MicroBatch[] = [];
  for (const [better, worse] of [
    [a, b],
    [c, d],
  ] as const) {
    const batch = layOut([[better], [worse]], 24);
    const signs = Float32Array.from(batch.rows, (row) => (row < 24 ? 1 : -1));
    const [measured] = await reference.measure([batch]);
    const leaning = measured!.logProbabilities.reduce((sum, log, i) => sum + log * signs[i]!, 0);
    const of = new Int32Array(signs.length);
    const pairs: Pairs = { of, signs, references: Float32Array.of(leaning), weights: Float32Array.of(1 / 2) };
    batches.push({ ...batch, pairs });
  }
  return batches;
}

const slopes: readonly (readonly [string, TrainPlan, Parameters<Golden['openFresh']>[0]])[] = [
  ['full', { mode: 'full' }, {}],
  ['last_layers', { mode: 'last_layers', layers: 1 }, { basePrecision: 'int8' }],
  ['head', { mode: 'head' }, {}],
  ['smoothed', { mode: 'full' }, { objective: { kind: 'likelihood', labelSmoothing: 0.2 } }],
  ['dropped', { mode: 'full' }, { hiddenDropout: 0.3 }],
];

test.each(slopes)('the gradient of %s is the slope of its loss', async (_, train, options) => {
  const golden = await Golden.read('llama-tied');
  await using network = await golden.openFresh({ ...options, train });
  const batch = layOut([[golden.sequences[2]!], [golden.sequences[0]!]], 24);
  await network.differentiate([batch], 7);
  const gradients = network.parameters.map(({ gradient }) => gradient.slice());
  const squared = gradients.reduce((sum, x) => sum + x.reduce((a, b) => a + b * b, 0), 0);
  const move = (by: number): void => {
    for (const [k, { data }] of network.parameters.entries())
      data.forEach((x, i) => (data[i] = x + by * gradients[k]![i]!));
  };
  const distance = 0.005 / Math.sqrt(squared);
  move(distance);
  const above = (await network.differentiate([batch], 7)).loss;
  move(-2 * distance);
  const below = (await network.differentiate([batch], 7)).loss;
  expect((above - below) / (2 * distance) / squared).toBeCloseTo(1, 2);
});

test('dropping of hidden states hangs on the seed and is left out of evaluations', async () => {
  const golden = await Golden.read('llama-tied');
  await using network = await golden.openFresh({ train: { mode: 'head' }, hiddenDropout: 0.3 });
  await using plain = await golden.openFresh({ train: { mode: 'head' } });
  const batch = layOut([[golden.sequences[2]!]], 24);
  const lossAt = async (seed: number): Promise<number> => (await network.differentiate([batch], seed)).loss;
  const loss = await lossAt(1);
  expect(await lossAt(1)).toBe(loss);
  expect(await lossAt(2)).not.toBe(loss);
  expect((await network.evaluate([batch])).loss).toBe((await plain.evaluate([batch])).loss);
});

test('only what is trained is among the parameters, and matrices alone decay', async () => {
  const golden = await Golden.read('llama-tied');
  const trained = async (train: TrainPlan): Promise<readonly Parameter[]> => {
    await using network = await golden.openFresh({ train });
    return network.parameters;
  };
  const named = async (train: TrainPlan): Promise<string[]> =>
    (await trained(train)).map(({ name }) => name).toSorted();
  expect(await named({ mode: 'head' })).toEqual(['output.weight', 'output_norm.weight']);
  const last = await named({ mode: 'last_layers', layers: 1 });
  expect(last.filter((name) => !name.startsWith('blk.1.'))).toEqual(['output_norm.weight']);
  expect(await named({ mode: 'full' })).toHaveLength(2 * 9 + 2);
  expect(await named({ mode: 'last_layers', layers: 9 })).toHaveLength(2 * 9 + 1);
  for (const { name, decay } of await trained({ mode: 'full' })) expect(decay, name).toBe(!name.includes('norm'));
});
