/** Vectors of texts, before anything is scaled: which states of the model they are made of. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { ggufValue } from '../../src/formats/gguf-metadata.ts';
import { Runtime } from '../../src/serving/runtime.ts';
import { addTinyModel, openTinyServing, type TinyServing } from './tiny-serving.ts';

let tiny: TinyServing;
let runtime: Runtime;
beforeAll(async () => {
  tiny = await openTinyServing();
  runtime = await openRuntime('mean');
});
afterAll(async () => {
  await runtime[Symbol.asyncDispose]();
  await tiny[Symbol.asyncDispose]();
});

async function openRuntime(id: string, pooling?: number): Promise<Runtime> {
  const metadata = { ...(pooling !== undefined && { 'llama.pooling_type': ggufValue.u32(pooling) }) };
  const { base } = await addTinyModel(tiny.bases, tiny.folder, id, { contextTokens: 1024, metadata });
  const runtime = new Runtime(id, { modelPath: base.path, threads: 1, exact: true, cacheBytesMax: 2 ** 28 });
  await runtime.ready;
  return runtime;
}

const ids = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => (7 * i + 3) % 390);

test('the mean of a text of several pieces is that of the states after each of its tokens', async () => {
  await using last = await openRuntime('last', 3);
  const text = ids(258);
  const beginnings = Array.from(text, (_, i) => text.slice(0, i + 1));
  const wishes = { adapter: null, priority: 'interactive' } as const;
  const states = await last.embed({ ...wishes, inputs: beginnings });
  const [pooled] = await runtime.embed({ ...wishes, inputs: [text] });
  const expected = states[0]!.map((_, i) => states.reduce((sum, state) => sum + state[i]!, 0) / states.length);
  for (const [i, value] of pooled!.entries()) expect(value).toBeCloseTo(expected[i]!, 4);
});

test('an adapter has vectors of its own, and leaves none of itself behind', async () => {
  const embed = (adapter: string | null) => runtime.embed({ adapter, inputs: [ids(20)], priority: 'interactive' });
  const [before, tuned, after] = [await embed(null), await embed(tiny.tuned.adapter), await embed(null)];
  expect(tuned).not.toEqual(before);
  expect(after).toEqual(before);
});

test('texts in the background wait for those that somebody waits for, and end up the same', async () => {
  const inputs = Array.from({ length: 40 }, () => ids(600));
  const ends: string[] = [];
  const embed = async (priority: 'interactive' | 'background', count: number) => {
    const vectors = await runtime.embed({ adapter: null, inputs: inputs.slice(0, count), priority });
    ends.push(priority);
    return vectors;
  };
  const background = embed('background', 40);
  const [urgent, patient] = [await embed('interactive', 2), await background];
  expect(ends).toEqual(['interactive', 'background']);
  for (const vector of patient) expect(vector).toEqual(urgent[0]);
});

test('whoever gives up ends the work on it', async () => {
  const controller = new AbortController();
  const inputs = Array.from({ length: 2000 }, () => ids(1000));
  const given = runtime.embed({ adapter: null, inputs, priority: 'interactive' }, controller.signal);
  setTimeout(() => controller.abort(new Error('enough')), 50);
  await expect(given).rejects.toThrow('enough');
  const started = performance.now();
  await runtime.embed({ adapter: null, inputs: [ids(5)], priority: 'interactive' });
  expect(performance.now() - started).toBeLessThan(3000); // and not the minute that the rest would take
});
