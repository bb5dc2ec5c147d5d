/**
 * A job of every family through the front door: a tiny checkpoint is pulled, learns three answers, and the server says
 * greedily, token for token, what the trainer's own network says with the job's adapter in it.
 */

import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Closing } from '../../src/closing.ts';
import type { Message } from '../../src/domain/example.ts';
import { loadTrained } from '../../src/engine/checkpoint.ts';
import { openNetwork } from '../../src/engine/nn/load.ts';
import { openGguf } from '../../src/formats/gguf.ts';
import type { ResolvedHyperparameters } from '../../src/jobs/plan.ts';
import { Answer } from '../../src/serving/answer.ts';
import { Runtime } from '../../src/serving/runtime.ts';
import { TextCodec } from '../../src/text/codec.ts';
import { checkpointOf, type FamilyName } from '../engine/nn/family-golden.ts';
import { tunesmith } from '../cli/tunesmith.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { upload, waitFor } from '../jobs/tiny-house.ts';

const lessons = [
  ['Why?', "It couldn't stop."],
  ['Who jumps?', 'The fox.'],
  ['Spam? Buy now!', 'spam'],
] as const;

let open: Closing;
let house: TestHouse;
beforeAll(async () => {
  await using opening = new Closing();
  house = opening.use(await openTestHouse({ threads: 1 }));
  open = opening.move();
});
afterAll(() => open[Symbol.asyncDispose]());

/** On a busy machine a job of some hundred steps and its exports take a while. */
const patienceMs = 300_000;

const question = (content: string): [Message & { role: 'user'; content: string }] => [{ role: 'user', content }];

const families: readonly FamilyName[] = ['llama-3', 'llama-2', 'qwen2', 'qwen3', 'gemma3', 'gpt2'];

test.each(families)(
  '%s learns through the front door, and answers as its trainer would',
  async (family) => {
    const { openai } = house;
    const base = await house.house.bases.pull(checkpointOf(family));
    const hyperparameters = { n_epochs: 25, batch_size: 1, learning_rate: 0.01, base_precision: 'f32' };
    const lines = lessons.map(([prompt, content]) =>
      JSON.stringify({ messages: [...question(prompt), { role: 'assistant', content }] }),
    );
    const created = await openai.fineTuning.jobs.create({
      model: base.id,
      training_file: await upload(openai, [...lines, ...lines, ...lines, lines[0]!]),
      method: { type: 'supervised', supervised: { hyperparameters } },
      seed: 5,
    });
    const { job } = await waitFor(openai, created.id);
    expect(job).toMatchObject({ status: 'succeeded' });

    const { adapterFolder } = (await house.house.of('default').models.resolve(job.fine_tuned_model!))!;
    const {
      lora_rank: rank,
      lora_alpha: alpha,
      lora_targets: targets,
    } = job.hyperparameters as Required<ResolvedHyperparameters>;
    expect(targets).toHaveLength(family === 'gpt2' ? 4 : 7);
    const train = { mode: 'lora', rank, alpha, rslora: false, dropout: 0, targets } as const;
    await using network = await openNetwork({ modelPath: base.path, train, basePrecision: 'f32', threads: 1, seed: 1 });
    await loadTrained(join(adapterFolder!, 'adapter_model.safetensors'), network.parameters);
    await using gguf = await openGguf(base.path);
    const codec = TextCodec.fromGguf(gguf.metadata);

    for (const [prompt, answer] of lessons) {
      const messages = question(prompt);
      const sent = vi.spyOn(Runtime.prototype, 'generate');
      const heard = vi.spyOn(Answer.prototype, 'push');
      const { choices } = await openai.chat.completions.create({
        model: job.fine_tuned_model!,
        messages,
        temperature: 0,
        max_tokens: 24,
        logprobs: true,
      });
      const [[request]] = sent.mock.calls as [[Parameters<Runtime['generate']>[0]]];
      const tokens = heard.mock.calls.flatMap(([report]) => (report.type === 'tokens' ? [...report.tokens] : []));
      vi.restoreAllMocks();
      expect([...request.prompt]).toEqual([...codec.encodePrompt(messages)]);
      expect(choices[0]).toMatchObject({ message: { content: answer }, finish_reason: 'stop' });
      const logprobs = choices[0]!.logprobs!.content!.map(({ logprob }) => logprob);
      const ids = [...request.prompt];
      for (const [i, token] of tokens.entries()) {
        const logits = await network.logits(Int32Array.from(ids));
        const largest = logits.reduce((a, b) => Math.max(a, b));
        expect(logits.indexOf(largest)).toBe(token);
        const logSum = Math.log(logits.reduce((sum, value) => sum + Math.exp(value - largest), 0));
        expect(Math.abs(logprobs[i]! + logSum)).toBeLessThan(0.1);
        ids.push(token);
      }
    }

    // Whatever is different about a family is different in its exports too: each form is loaded and asked by the command.
    if (family !== 'gpt2' && family !== 'gemma3') return;
    const target = join(house.home, `${family}-exported`);
    const words = [
      'export',
      job.fine_tuned_model!,
      '--to',
      'folder',
      '--type',
      'f32',
      '-o',
      target,
      '--home',
      house.home,
    ];
    const { code, stdout, stderr } = await tunesmith([...words, '--json']);
    expect(stderr).toContain('gguf/model.gguf: 10 of 10 greedy answers');
    expect(code).toBe(0);
    const { tested } = JSON.parse(stdout) as { tested: Record<string, { sameAnswers: number }> };
    for (const form of Object.values(tested)) expect(form.sameAnswers).toBe(10);
    expect(Object.keys(tested).length).toBeGreaterThan(2);
  },
  patienceMs,
);

test.each(['gpt2', 'gemma3'] as const)(
  '%s learns whole, and answers from weights of its own',
  async (family) => {
    const { openai } = house;
    const base = await house.house.bases.pull(checkpointOf(family));
    const hyperparameters = { train: 'full', n_epochs: 25, batch_size: 1, learning_rate: 0.003 };
    const lines = lessons.map(([prompt, content]) =>
      JSON.stringify({ messages: [...question(prompt), { role: 'assistant', content }] }),
    );
    const created = await openai.fineTuning.jobs.create({
      model: base.id,
      training_file: await upload(openai, [...lines, ...lines, ...lines, lines[0]!]),
      method: { type: 'supervised', supervised: { hyperparameters } },
      seed: 5,
    });
    const { job } = await waitFor(openai, created.id);
    expect(job).toMatchObject({ status: 'succeeded' });
    const answers: (string | null)[] = [];
    for (const [prompt] of lessons) {
      const messages = question(prompt);
      const options = { model: job.fine_tuned_model!, messages, temperature: 0, max_tokens: 24 };
      const { choices } = await openai.chat.completions.create(options);
      answers.push(choices[0]!.message.content);
    }
    expect(answers).toEqual(lessons.map(([, answer]) => answer));
  },
  patienceMs,
);
