/** A model that writes can be held to a set of answers, and tells how probable each of them was. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openNetwork } from '../../src/engine/nn/load.ts';
import { openGguf } from '../../src/formats/gguf.ts';
import { answerLogprobs, branchesOf } from '../../src/serving/label-tree.ts';
import { TextCodec } from '../../src/text/codec.ts';
import { ask, openTinyServing, request, type TinyServing } from './tiny-serving.ts';

test('answers part at the root, and where some of them begin alike', () => {
  const [spam, notSpam, not] = [
    [1, 9],
    [2, 1, 9],
    [2, 9],
  ];
  const answers = [spam, notSpam, not];
  const branches = branchesOf(answers);
  expect(branches).toEqual([
    { path: [], tokens: [1, 2] },
    { path: [2], tokens: [1, 9] },
  ]);
  const logs = (...shares: number[]): number[] => shares.map(Math.log);
  // What else the model might have said is left out: 0.6 and 0.2 become 3/4 and 1/4.
  const found = answerLogprobs(answers, branches, [logs(0.6, 0.2), logs(0.1, 0.3)]);
  expect(Array.from(found, (log) => Math.exp(log))).toEqual([
    expect.closeTo(0.75, 5) as number,
    expect.closeTo(0.25 * 0.25, 5) as number,
    expect.closeTo(0.25 * 0.75, 5) as number,
  ]);
});

test('a set of one answer is certain, and equal answers share', () => {
  expect(answerLogprobs([[4, 9]], branchesOf([[4, 9]]), [[-3]])[0]).toBeCloseTo(0, 6);
  const twice = [
    [4, 9],
    [4, 9],
  ];
  expect(answerLogprobs(twice, branchesOf(twice), [[-3]])[0]).toBeCloseTo(Math.log(0.5), 6);
});

let tiny: TinyServing;
beforeAll(async () => {
  tiny = await openTinyServing({ exact: true });
});
afterAll(() => tiny[Symbol.asyncDispose]());

const labels = ['red', 'reddish', 'blue', 'a cat'];

test('the probabilities are those that the trainer’s own network gives', async () => {
  const wishes = request(tiny.model, { labels, topLogprobs: 10, choices: 2 });
  const { texts, tokens, promptTokens } = await ask(tiny.serving, wishes);
  expect(texts[1]).toBe(texts[0]);
  const found = Object.fromEntries(tokens[0]!.top.map(([label, logprob]) => [label, logprob]));
  expect(tokens[0]!.top[0]![0]).toBe(texts[0]);

  await using gguf = await openGguf(tiny.model.base.path);
  const codec = TextCodec.fromGguf(gguf.metadata);
  const prompt = codec.encodePrompt(wishes.messages);
  expect(prompt.length).toBe(promptTokens);
  const train = { mode: 'head' } as const;
  const options = { modelPath: tiny.model.base.path, train, basePrecision: 'f32', threads: 1, seed: 1 } as const;
  await using network = await openNetwork(options);
  const answers = labels.map((label) => codec.answerIds(label));
  const branches = branchesOf(answers);
  const logprobs: number[][] = [];
  for (const { path, tokens } of branches) {
    const logits = await network.logits(Int32Array.from([...prompt, ...path]));
    logprobs.push(tokens.map((token) => logits[token]!));
  }
  const expected = answerLogprobs(answers, branches, logprobs);
  expect(branches.length).toBeGreaterThan(1);
  for (const [i, label] of labels.entries()) expect(found[label], label).toBeCloseTo(expected[i]!, 3);
  expect(Object.values(found).reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 4);
});

test('many at a time, with another adapter, and after each other: each has its own', async () => {
  const alone = await ask(tiny.serving, request(tiny.model, { labels, topLogprobs: 4 }));
  const tuned = await ask(tiny.serving, request(tiny.tuned, { labels, topLogprobs: 4 }));
  expect(tuned.tokens).not.toEqual(alone.tokens);
  const plain = request(tiny.model, { tokensMax: 30 });
  const written = await ask(tiny.serving, plain);
  const together = await Promise.all([
    ask(tiny.serving, request(tiny.model, { labels, topLogprobs: 4 })),
    ask(tiny.serving, plain),
    ask(tiny.serving, request(tiny.tuned, { labels, topLogprobs: 4 })),
  ]);
  const of = ({ tokens }: typeof alone): [string, number][] =>
    tokens[0]!.top.map(([label, log]) => [label, Number(log.toFixed(3))]);
  expect(of(together[0])).toEqual(of(alone));
  expect(together[1].texts).toEqual(written.texts);
  expect(of(together[2])).toEqual(of(tuned));
});

test('a request that is given up leaves nothing behind', async () => {
  const gone = AbortSignal.abort(new Error('gone'));
  await expect(ask(tiny.serving, request(tiny.model, { labels }), gone)).rejects.toThrow('gone');
  expect((await ask(tiny.serving, request(tiny.model, { labels }))).texts.length).toBe(1);
});
