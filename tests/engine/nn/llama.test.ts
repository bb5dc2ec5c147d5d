import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { AdamW } from '../../../src/engine/optimizer.ts';
import type { Network, Parameter } from '../../../src/engine/nn/network.ts';
import { temporaryFolder } from '../../formats/folder.ts';
import { Golden, goldenNames, layOut, relativeDistance, type Sequence } from './llama-golden.ts';

const gradientsOf = (network: Network): Map<string, Float32Array> =>
  new Map(network.parameters.map((x) => [x.name, x.gradient.slice()]));

function clearGradients(network: Network): void {
  for (const { gradient } of network.parameters) gradient.fill(0);
}

describe.each(goldenNames)('%s in f32', (name) => {
  test('gives the logits that transformers gives', async () => {
    const golden = await Golden.read(name);
    await using network = await golden.open();
    for (const { ids, logits } of golden.sequences) {
      for (let length = 1; length <= ids.length; length += 3) {
        const found = await network.logits(ids.subarray(0, length));
        const expected = logits.subarray((length - 1) * found.length, length * found.length);
        expect(Math.max(...found.map((x, i) => Math.abs(x - expected[i]!)))).toBeLessThan(1e-4);
      }
    }
  });

  test('gives the loss and every LoRA gradient that peft gives, with examples packed into rows', async () => {
    const golden = await Golden.read(name);
    await using network = await golden.open();
    const [a, b, c, d] = golden.sequences as [never, never, never, never];
    const { loss } = await network.differentiate([layOut([[c], [a, b, d]], 32)], 0);
    expect(loss).toBeCloseTo(golden.floats('loss')[0]!, 5);
    for (const { name, gradient } of network.parameters) {
      expect(relativeDistance(gradient, golden.floats(`gradient.${name}`)), name).toBeLessThan(1e-3);
    }
  });

  test('follows 20 steps of PyTorch with AdamW', async () => {
    const golden = await Golden.read(name);
    await using network = await golden.open();
    const optimizer = new AdamW(network.parameters, { weightDecay: 0.01, gradientNormMax: 1 });
    for (let step = 0; step < 20; step++) {
      const examples = [golden.sequences[step % 4]!, golden.sequences[(step + 1) % 4]!];
      const { loss } = await network.differentiate([layOut([examples], 40)], 0);
      expect(Math.abs(loss - golden.floats('steps.losses')[step]!)).toBeLessThan(1e-3);
      const norm = optimizer.update(golden.learningRate);
      expect(norm).toBeCloseTo(golden.floats('steps.norms')[step]!, 2);
    }
  });
});

describe('a network', () => {
  test('computes the same for examples packed together, apart, and split over micro-batches', async () => {
    const golden = await Golden.read('llama-tied');
    await using network = await golden.open();
    const [a, b, c, d] = golden.sequences as [never, never, never, never];
    const { loss: packed } = await network.differentiate([layOut([[a, b, c, d]], 46)], 0);
    const expected = gradientsOf(network);
    const judged = layOut([[a, b, c, d]], 46).targets.length;
    for (const batches of [
      [layOut([[a], [b], [c], [d]], 23)],
      [a, b, c, d].map((one) => layOut([[one]], 23, judged)),
      [layOut([[d, c]], 33, judged), layOut([[b, a]], 20, judged)],
      [layOut([[a, b, c, d], []], 64)],
    ]) {
      clearGradients(network);
      const { loss } = await network.differentiate(batches, 0);
      expect(Math.abs(loss - packed)).toBeLessThan(1e-5);
      for (const { name, gradient } of network.parameters) {
        expect(relativeDistance(gradient, expected.get(name)!), name).toBeLessThan(1e-5);
      }
    }
  });

  test('leaves the gradients of the last batches, whatever was there', async () => {
    const golden = await Golden.read('llama-untied');
    await using network = await golden.open();
    const batch = layOut([[golden.sequences[0]!]], 11);
    await network.differentiate([batch], 0);
    const once = gradientsOf(network);
    await network.differentiate([batch], 0);
    for (const { name, gradient } of network.parameters) {
      expect(relativeDistance(gradient, once.get(name)!), name).toBeLessThan(1e-6);
    }
  });

  test('evaluates to the loss it trains on, and counts what the most likely token gets right', async () => {
    const golden = await Golden.read('llama-tied');
    await using network = await golden.open();
    const [, , sequence] = golden.sequences as [never, never, Sequence];
    const batch = layOut([[sequence]], 24);
    const vocabulary = sequence.logits.length / sequence.ids.length;
    let correct = 0;
    for (const [i, position] of batch.rows.entries()) {
      const logits = sequence.logits.subarray(position * vocabulary, (position + 1) * vocabulary);
      const best = logits.indexOf(Math.max(...logits));
      if (i % 3 === 0) batch.targets[i] = best;
      if (batch.targets[i] === best) correct++;
    }
    expect(correct).toBe(4);
    const trained = await network.differentiate([batch], 0);
    const evaluated = await network.evaluate([batch]);
    expect(evaluated.loss).toBeCloseTo(trained.loss, 5);
    expect(trained.correct).toBe(correct);
    expect(evaluated.correct).toBe(correct);
  });

  test('has nothing to say about a batch without judged positions', async () => {
    const golden = await Golden.read('llama-tied');
    await using network = await golden.open();
    const sequence = { ...golden.sequences[0]!, mask: new Int32Array(11) };
    expect(await network.differentiate([layOut([[sequence]], 11)], 0)).toMatchObject({ loss: 0, correct: 0 });
    expect(network.parameters.every(({ gradient }) => gradient.every((x) => x === 0))).toBe(true);
  });

  test('gives the same gradients when it recomputes instead of keeping', async () => {
    const golden = await Golden.read('llama-tied');
    const batch = layOut([[golden.sequences[2]!], [golden.sequences[0]!]], 24);
    await using keeping = await golden.open({ recompute: false });
    await using recomputing = await golden.open({ recompute: true });
    await keeping.differentiate([batch], 0);
    await recomputing.differentiate([batch], 0);
    for (const [i, { name, gradient }] of keeping.parameters.entries()) {
      expect(relativeDistance(recomputing.parameters[i]!.gradient, gradient), name).toBeLessThan(1e-6);
    }
  });

  test('in eight bits has nearly the loss and nearly the gradients of f32', async () => {
    const golden = await Golden.read('llama-tied');
    const [a, b, c, d] = golden.sequences as [never, never, never, never];
    const batch = layOut([[a, b, c, d]], 48);
    await using exact = await golden.open();
    await using rounded = await golden.open({ basePrecision: 'int8' });
    const { loss } = await exact.differentiate([batch], 0);
    expect(Math.abs((await rounded.differentiate([batch], 0)).loss - loss)).toBeLessThan(0.05);
    for (const [i, { name, gradient }] of exact.parameters.entries()) {
      const other = rounded.parameters[i]!.gradient;
      const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, k) => sum + value * y[k]!, 0);
      const cosine = dot(gradient, other) / Math.sqrt(dot(gradient, gradient) * dot(other, other));
      expect(cosine, name).toBeGreaterThan(0.99);
    }
  });

  test('starts as the base model, with an adapter that depends on the seed alone', async () => {
    const golden = await Golden.read('llama-tied');
    const start = async (seed: number): Promise<Parameter[]> => {
      await using network = await golden.openFresh({ seed });
      return [...network.parameters];
    };
    const [one, again, other] = [await start(1), await start(1), await start(2)];
    for (const [i, { name, shape, data }] of one.entries()) {
      expect(name).toMatch(/^base_model\.model\.model\.layers\.[01]\.(self_attn|mlp)\.\w+_proj\.lora_[AB]\.weight$/);
      expect(data).toEqual(again[i]!.data);
      if (name.includes('lora_B')) {
        expect(data.every((x) => x === 0)).toBe(true);
      } else {
        expect(data).not.toEqual(other[i]!.data);
        const limit = 1 / Math.sqrt(shape[1]!);
        const largest = Math.max(...data.map(Math.abs));
        expect(largest).toBeLessThanOrEqual(limit);
        expect(largest).toBeGreaterThan(0.9 * limit);
      }
    }
  });

  test('drops out by the seed alone, and differentiates what it computed', async () => {
    const golden = await Golden.read('llama-tied');
    await using network = await golden.open({ train: { ...golden.lora, dropout: 0.4 } });
    const batch = layOut([[golden.sequences[2]!], [golden.sequences[0]!]], 24);
    const lossAt = async (seed: number): Promise<number> => (await network.differentiate([batch], seed)).loss;
    const loss = await lossAt(7);
    const gradients = gradientsOf(network);
    expect(await lossAt(7)).toBe(loss);
    expect(await lossAt(8)).not.toBe(loss);
    expect((await network.differentiate([batch, batch], 7)).loss).not.toBe(2 * loss);
    // Central difference along the gradient: its slope is the gradient's own squared length.
    const squared = [...gradients.values()].reduce((sum, x) => sum + x.reduce((a, b) => a + b * b, 0), 0);
    const move = (by: number): void => {
      for (const { name, data } of network.parameters)
        data.forEach((x, i) => (data[i] = x + by * gradients.get(name)![i]!));
    };
    const distance = 0.005 / Math.sqrt(squared);
    move(distance);
    const above = await lossAt(7);
    move(-2 * distance);
    const below = await lossAt(7);
    expect((above - below) / (2 * distance) / squared).toBeCloseTo(1, 2);
  });

  test('without a detour on some layers leaves them alone', async () => {
    const golden = await Golden.read('llama-tied');
    const sequence = golden.sequences[0]!;
    for (const target of golden.lora.targets) {
      await using network = await golden.openFresh({ train: { ...golden.lora, targets: [target] } });
      expect(network.parameters.map(({ name }) => name.split('.').at(-3))).toEqual([target, target, target, target]);
      await network.differentiate([layOut([[sequence]], 11)], 0);
      for (const { name, gradient } of network.parameters) {
        expect(
          gradient.some((x) => x !== 0),
          name,
        ).toBe(name.includes('lora_B'));
      }
    }
  });

  test('leaves no file behind', async () => {
    await using folder = await temporaryFolder();
    const golden = await Golden.read('llama-tied');
    const network = await golden.open({ workFolder: folder.path });
    expect(await readdir(folder.path)).toHaveLength(1);
    await network[Symbol.asyncDispose]();
    expect(await readdir(folder.path)).toEqual([]);
  });
});
