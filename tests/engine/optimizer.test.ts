import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Parameter } from '../../src/engine/nn/network.ts';
import { AdamW, globalNorm } from '../../src/engine/optimizer.ts';

interface Golden {
  weightDecay: number;
  gradientNormMax: number;
  start: number[][];
  steps: { learningRate: number; gradients: number[][]; norm: number; parameters: number[][] }[];
}

const golden = JSON.parse(readFileSync(new URL('../goldens/adamw.json', import.meta.url), 'utf8')) as Golden;

const parameters = (): Parameter[] =>
  golden.start.map((values, i) => ({
    name: `p${i}`,
    shape: [values.length],
    data: Float32Array.from(values),
    gradient: new Float32Array(values.length),
    decay: i === 0,
  }));

function setGradients(parameters: readonly Parameter[], gradients: readonly number[][]): void {
  parameters.forEach(({ gradient }, i) => gradient.set(gradients[i]!));
}

test('AdamW with clipping follows PyTorch, with and without decay', () => {
  const ours = parameters();
  const optimizer = new AdamW(ours, golden);
  for (const step of golden.steps) {
    setGradients(ours, step.gradients);
    expect(optimizer.update(step.learningRate)).toBeCloseTo(step.norm, 5);
    ours.forEach(({ data }, i) => {
      step.parameters[i]!.forEach((expected, j) => expect(data[j]).toBeCloseTo(expected, 6));
    });
  }
  expect(optimizer.updates).toBe(golden.steps.length);
});

test('an update leaves the gradients as they are', () => {
  const ours = parameters();
  setGradients(ours, golden.steps[0]!.gradients);
  const norm = new AdamW(ours, golden).update(0.01);
  expect(globalNorm(ours.map(({ gradient }) => gradient))).toBe(norm);
});

test('an optimiser restored in the middle continues bit for bit', () => {
  const whole = parameters();
  const interrupted = parameters();
  const first = new AdamW(whole, golden);
  const second = new AdamW(interrupted, golden);
  for (const step of golden.steps.slice(0, 3)) {
    setGradients(whole, step.gradients);
    setGradients(interrupted, step.gradients);
    first.update(step.learningRate);
    second.update(step.learningRate);
  }
  const resumed = new AdamW(interrupted, golden);
  resumed.restore(second.updates, second.moments);
  for (const step of golden.steps.slice(3)) {
    setGradients(whole, step.gradients);
    setGradients(interrupted, step.gradients);
    expect(resumed.update(step.learningRate)).toBe(first.update(step.learningRate));
  }
  expect(interrupted.map(({ data }) => data)).toEqual(whole.map(({ data }) => data));
});

test('a norm maximum of 0 never clips', () => {
  const clipped = parameters();
  const free = parameters();
  const tenfold = golden.steps[0]!.gradients.map((values) => values.map((value) => value * 10));
  setGradients(clipped, tenfold);
  setGradients(free, tenfold);
  const small = new AdamW(clipped, { ...golden, gradientNormMax: 1 });
  const none = new AdamW(free, { ...golden, gradientNormMax: 0 });
  small.update(0.01);
  none.update(0.01);
  expect(none.moments.get('p0')!.first[0]! / small.moments.get('p0')!.first[0]!).toBeGreaterThan(10);
});

test('the state of other parameters is refused', () => {
  const ours = parameters();
  const optimizer = new AdamW(ours, golden);
  expect(() => optimizer.restore(1, new Map())).toThrow(/no moments for p0/);
});
