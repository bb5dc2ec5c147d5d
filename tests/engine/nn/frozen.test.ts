/** What training computes beyond a forward pass, counted in the graph: nothing of it lies under the lowest trained weight. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { named, product } from '../../../src/engine/graph/dims.ts';
import { gradients } from '../../../src/engine/graph/gradient.ts';
import { gather } from '../../../src/engine/graph/ops/movement.ts';
import { input, type Application, type Tensor } from '../../../src/engine/graph/tensor.ts';
import { readArchitecture } from '../../../src/engine/nn/architecture.ts';
import { crossEntropy, judge } from '../../../src/engine/nn/losses.ts';
import { RotaryTables } from '../../../src/engine/nn/rotary.ts';
import { makeTrainables } from '../../../src/engine/nn/trainables.ts';
import { lastNorm, onlyForward, transformer } from '../../../src/engine/nn/transformer.ts';
import { freezeWeights, weightTensors } from '../../../src/engine/nn/weights.ts';
import type { TrainPlan } from '../../../src/engine/protocol.ts';
import { openGguf } from '../../../src/formats/gguf.ts';
import { writeTinyLlama } from '../../tiny-model.ts';

const head: TrainPlan = { mode: 'head' };
const lastTwo: TrainPlan = { mode: 'last_layers', layers: 2 };
const full: TrainPlan = { mode: 'full' };

test('the head alone costs as little over six frozen layers as over three', async () => {
  const [three, six] = [await backwardOps(3, head), await backwardOps(6, head)];
  expect(six).toEqual(three);
  // Both gradients of the head's product, and what leads to them.
  expect(six.products).toBeLessThanOrEqual(3);
});

test('the last two layers cost the same, however many lie frozen under them', async () => {
  expect(await backwardOps(6, lastTwo)).toEqual(await backwardOps(3, lastTwo));
});

test('all layers cost as many more products as there are more layers', async () => {
  const [three, six] = [await backwardOps(3, full), await backwardOps(6, full)];
  // Per layer two gradients of seven linear layers and of attention's two products.
  expect(six.products - three.products).toBe(3 * 2 * (7 + 2));
});

/** Ops that training needs and a forward pass does not. */
async function backwardOps(
  layers: number,
  train: TrainPlan,
): Promise<{ readonly all: number; readonly products: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'frozen-'));
  try {
    const path = join(folder, 'model.gguf');
    await writeTinyLlama(path, { layers, tied: false });
    await using gguf = await openGguf(path);
    const architecture = await readArchitecture(gguf);
    const layout = await freezeWeights(gguf, architecture, { base: 'f32', exactFrom: 0 }, folder, 1);
    const trainables = makeTrainables({ architecture, layout, folder }, train, 1);
    const weights = weightTensors(layout, trainables.weights);
    const [rows, tokens, judged] = [named('B'), named('T'), named('M')];
    const run = {
      ids: input('ids', [product(rows, tokens)], 'int64'),
      positions: input('positions', [rows, tokens], 'int64'),
      segments: input('segments', [rows, tokens], 'int64'),
      order: input('order', [tokens], 'int64'),
      rotations: new RotaryTables(architecture.rotations).inputs(named('P')),
    };
    const hidden = transformer(architecture, weights, trainables, run, onlyForward);
    const { logProbabilities } = judge(
      lastNorm(architecture, weights, gather(hidden, input('rows', [judged], 'int64'))),
      weights.head,
      input('targets', [judged, 1], 'int64'),
      1,
    );
    const loss = crossEntropy(logProbabilities, input('weights', [judged, 1]));
    const found = gradients(
      loss,
      trainables.inputs.map(({ tensor }) => tensor),
    );
    const forward = opsOf([loss]);
    const added = [...opsOf([loss, ...found])].filter((application) => !forward.has(application));
    return {
      all: added.length,
      products: added.filter(({ op }) => ['Gemm', 'MatMul', 'FusedMatMul'].includes(String(op.onnx))).length,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Every use of an op that these depend on. */
function opsOf(outputs: readonly Tensor[]): Set<Application> {
  const found = new Set<Application>();
  const open = [...outputs];
  for (let x = open.pop(); x !== undefined; x = open.pop()) {
    if (x.origin.kind !== 'result' || found.has(x.origin.application)) continue;
    found.add(x.origin.application);
    open.push(...x.origin.application.inputs);
  }
  return found;
}
