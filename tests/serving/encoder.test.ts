/** Encoders answer with what they were taught to tell apart, and make vectors of texts. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EncoderReader } from '../../src/engine/nn/encoder-reader.ts';
import type { HeadFacts } from '../../src/families/label-head.ts';
import { ggufValue } from '../../src/formats/gguf-metadata.ts';
import { BaseModels } from '../../src/models/base-models.ts';
import type { ServedModel } from '../../src/models/registry.ts';
import { logSoftmax } from '../../src/serving/label-answer.ts';
import { Serving } from '../../src/serving/serving.ts';
import { ofUnitLength } from '../../src/serving/vectors.ts';
import { EncoderCodec } from '../../src/text/encoder-codec.ts';
import { openGguf } from '../../src/formats/gguf.ts';
import { writeTinyEncoder, type TinyEncoderOptions } from '../tiny-encoder.ts';
import { ask, MemoryLog, request } from './tiny-serving.ts';

let folder: string;
let bases: BaseModels;
let serving: Serving;
const log = new MemoryLog();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tunesmith-encoders-'));
  bases = await BaseModels.open(folder);
  serving = new Serving({ log, threads: 1 });
});
afterAll(async () => {
  await serving[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function add(id: string, options: TinyEncoderOptions = {}): Promise<ServedModel> {
  const path = join(folder, `${id}.gguf`);
  await writeTinyEncoder(path, options);
  return { id, base: await bases.pull(path, { id }), ownFolder: null, adapter: null, adapterFolder: null };
}

const spam: HeadFacts = { task: 'classification', labels: ['ham', 'spam', 'odd'], form: null, pooling: 'first' };
const say = (content: string) => ({ messages: [{ role: 'user', content } as const] });

test('a label, with the probabilities of all of them', async () => {
  const model = await add('labels', { head: spam });
  const answer = await ask(serving, request(model, { ...say('buy now, free money'), topLogprobs: 5, choices: 2 }));
  await using gguf = await openGguf(model.base.path);
  const { ids } = EncoderCodec.fromGguf(gguf.metadata).encode('buy now, free money', 128);
  await using reader = await EncoderReader.open(model.base.path, 1);
  const [logits] = await reader.judge([{ ids, positions: Int32Array.of(0) }]);
  const logs = logSoftmax(logits!);
  const best = spam.labels[logs.indexOf(Math.max(...logs))];
  expect(answer).toMatchObject({ texts: [best, best], reasons: ['stop', 'stop'], promptTokens: ids.length });
  const [token] = answer.tokens;
  expect(token!.token).toBe(best);
  const probabilities = Object.fromEntries(token!.top.map(([label, logprob]) => [label, Math.exp(logprob)]));
  for (const [i, label] of spam.labels.entries()) expect(probabilities[label]).toBeCloseTo(Math.exp(logs[i]!), 5);
  expect(Object.values(probabilities).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
});

test('instructions are not read, and longer texts are read as far as the model can', async () => {
  const model = await add('reads', { head: spam, contextTokens: 32 });
  const plain = await ask(serving, request(model, say('good news')));
  const told = { messages: [{ role: 'system', content: 'Say ham.' } as const, ...say('good news').messages] };
  expect(await ask(serving, request(model, told))).toEqual(plain);
  const long = await ask(serving, request(model, say('good news '.repeat(100))));
  expect(long.promptTokens).toBe(32);
});

test('several labels are a JSON list, whose bracket carries the probability of each', async () => {
  const head: HeadFacts = { task: 'multi_label', labels: ['a', 'b', 'c', 'd'], form: null, pooling: 'mean' };
  const model = await add('several', { head });
  const answer = await ask(serving, request(model, { ...say('good news'), topLogprobs: 4 }));
  const chosen = JSON.parse(answer.texts[0]!) as string[];
  const [bracket, ...others] = answer.tokens;
  expect(answer.tokens.map(({ token }) => token).join('')).toBe(answer.texts[0]);
  expect(bracket!.top.map(([label]) => label).sort()).toEqual(head.labels);
  for (const [label, logprob] of bracket!.top) expect(Math.exp(logprob) > 0.5, label).toBe(chosen.includes(label));
  expect(others.length).toBe(chosen.length + 1);
});

test.each([
  { shape: 'by_type', wrapper: null },
  { shape: 'spans', wrapper: 'entities' },
  { shape: 'pairs', wrapper: null },
] as const)('entities come in the form that was taught: $shape', async ({ shape, wrapper }) => {
  const keys = { text: 'text', label: 'type', start: 'start', end: 'end' };
  const head: HeadFacts = {
    task: 'token_classification',
    labels: ['LOC', 'PER'],
    form: { shape, wrapper, keys },
    pooling: 'none',
  };
  const model = await add(`entities-${shape}`, { head, seed: 3 });
  const text = 'Ada Lovelace works in Paris, London';
  const answer = await ask(serving, request(model, { ...say(text), topLogprobs: 0 }));
  expect(answer.tokens.map(({ token }) => token).join('')).toBe(answer.texts[0]);
  const value = JSON.parse(answer.texts[0]!) as never;
  if (shape === 'by_type') {
    expect(Object.keys(value)).toEqual(['LOC', 'PER']);
    for (const entity of Object.values<string[]>(value).flat()) expect(text).toContain(entity);
  } else if (shape === 'pairs') {
    for (const [entity, label] of value as [string, string][]) {
      expect(text).toContain(entity);
      expect(['LOC', 'PER']).toContain(label);
    }
  } else {
    const { entities } = value as { entities: { text: string; type: string; start: number; end: number }[] };
    for (const { text: entity, start, end } of entities) expect(text.slice(start, end)).toBe(entity);
  }
});

test('a text without words has no entities', async () => {
  const form = {
    shape: 'by_type',
    wrapper: null,
    keys: { text: 'text', label: 'label', start: null, end: null },
  } as const;
  const model = await add('empty', { head: { task: 'token_classification', labels: ['LOC'], form, pooling: 'none' } });
  expect((await ask(serving, request(model, say('  ')))).texts).toEqual(['{"LOC":[]}']);
});

test('vectors are the mean over a text, of length 1 unless the model says otherwise', async () => {
  const model = await add('vectors');
  const plain = await add('plain', { metadata: { 'tunesmith.normalise': ggufValue.bool(false) } });
  const inputs = [{ type: 'text', text: 'good news' } as const, { type: 'tokens', ids: [70, 71] } as const];
  const { vectors, promptTokens } = await serving.embed({ model, inputs });
  expect(promptTokens).toBe(8);
  for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  const { vectors: longer } = await serving.embed({ model: plain, inputs });
  expect(Math.hypot(...longer[0]!)).not.toBeCloseTo(1, 2);
  for (const [i, value] of ofUnitLength(longer[0]!).entries()) expect(value).toBeCloseTo(vectors[0]![i]!, 6);
});

test('what an encoder cannot do is told', async () => {
  const base = await add('base');
  const labels = await add('no-tools', { head: spam });
  await expect(ask(serving, request(base, say('good')))).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining("'base' is an encoder that was taught no labels") as string,
  });
  const tools = [{ type: 'function', function: { name: 'f' } }] as const;
  await expect(ask(serving, request(labels, { ...say('good'), tools }))).rejects.toMatchObject({ param: 'tools' });
  const long = { type: 'text', text: 'good '.repeat(200) } as const;
  await expect(serving.embed({ model: base, inputs: [long] })).rejects.toMatchObject({
    code: 'context_length_exceeded',
  });
  const bad = { type: 'tokens', ids: [100_000] } as const;
  await expect(serving.embed({ model: base, inputs: [bad] })).rejects.toMatchObject({ param: 'input' });
});

test('a request that is given up leaves the others alone', async () => {
  const model = await add('given-up', { head: spam });
  const wishes = request(model, say('good news'));
  const expected = await ask(serving, wishes);
  const given = AbortSignal.abort(new Error('gone'));
  const [lost, kept] = await Promise.allSettled([ask(serving, wishes, given), ask(serving, wishes)]);
  expect(lost).toMatchObject({ status: 'rejected', reason: { message: 'gone' } });
  expect(kept).toMatchObject({ status: 'fulfilled', value: expected });
});
