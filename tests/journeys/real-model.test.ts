/**
 * The whole journey with a real model: SmolLM2-135M-Instruct learns from real mails to say spam or ham.
 *
 * Small enough for a test, sixteen shortened mails and two epochs: it shows that real weights, in the quantised form
 * in which they are fetched, pass through every room. How well the model then filters is what the quickstart measures.
 */

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Message } from '../../src/domain/example.ts';
import { isFinal, type Job } from '../../src/domain/job.ts';
import { openGguf } from '../../src/formats/gguf.ts';
import { toJsonl, type LabelledExample } from '../../src/quickstart/labelled.ts';
import { spamSplits } from '../../src/quickstart/spam.ts';
import { TextCodec } from '../../src/text/codec.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { asJob, eventsOf, stepsTold, upload, upTo } from '../jobs/tiny-house.ts';
import { realModel } from '../real-model.ts';

const base = 'smollm2-135m-instruct';

/** A mail's beginning has half of the tokens. */
const shortened = ({ prompt, label }: LabelledExample): LabelledExample => ({
  prompt: [prompt[0]!, { role: 'user', content: (prompt[1]!.content as string).slice(0, 160) }],
  label,
});
const splits = spamSplits({ training: 16, validation: 10, test: 2 }, 7);
const training = splits.training.map(shortened);
const validation = splits.validation.map(shortened);
const heldOut = splits.test.map(shortened);

const asLines = (examples: readonly LabelledExample[]): string[] => toJsonl(examples).trim().split('\n');

/** The base is copied from the user's data folder, where only the first run has to fetch it. */
test('a real model learns from two files, answers at once, as do its checkpoints, and can be deleted', async (context) => {
  const { path } = await realModel(context);
  await using house = await openTestHouse();
  const { openai } = house;
  await house.house.bases.pull(base, { from: path });
  await using gguf = await openGguf(path);
  const codec = TextCodec.fromGguf(gguf.metadata);

  const hyperparameters = { n_epochs: 2, batch_size: 4, learning_rate: 0.001, eval_interval: 2 };
  const created = await openai.fineTuning.jobs.create({
    model: base,
    training_file: await upload(openai, asLines(training)),
    validation_file: await upload(openai, asLines(validation)),
    suffix: 'mail',
    seed: 1,
    method: { type: 'supervised', supervised: { hyperparameters } },
  });
  const job = await untilOver(house, created.id);
  const model = job.fine_tuned_model!;
  const first = await ask(house, model, heldOut[0]!);

  expect(job).toMatchObject({ status: 'succeeded', hyperparameters, error: { code: null } });
  expect(model).toMatch(/^ft:smollm2-135m-instruct:personal:mail:[A-Za-z0-9]{8}$/);
  const trained = training.map(({ prompt, label }) => {
    const messages = [...(prompt as Message[]), { role: 'assistant' as const, content: label }];
    return codec.encodeExample({ messages }, 1)[0]!;
  });
  expect(job.trained_tokens).toBe(2 * trained.reduce((sum, { ids }) => sum + ids.length, 0));

  // four steps an epoch: validation on a batch every second step, on everything at 4 and 8
  const events = await eventsOf(openai, job.id);
  expect(stepsTold(events)).toEqual(upTo(8));
  const metrics = events.filter(({ type }) => type === 'metrics').map(({ data }) => data as Record<string, number>);
  const losses = (name: string): number[] => metrics.flatMap((data) => data[name] ?? []);
  expect(losses('train_loss')).toHaveLength(8);
  expect(mean(losses('train_loss').slice(4))).toBeLessThan(mean(losses('train_loss').slice(0, 4)) / 2);
  expect(losses('valid_loss')).toHaveLength(4);
  const [afterOne, afterTwo] = losses('full_valid_loss') as [number, number];
  expect(afterTwo).toBeLessThan(afterOne);

  const [result] = job.result_files;
  const csv = Buffer.from(await (await openai.files.content(result!)).text(), 'base64').toString('utf8');
  expect(csv.trim().split('\n')).toHaveLength(1 + 8);
  const { data: checkpoints } = await openai.fineTuning.jobs.checkpoints.list(job.id);
  expect(checkpoints.map(({ step_number }) => step_number)).toEqual([8, 4]);
  expect(checkpoints.map(({ metrics }) => metrics.full_valid_loss)).toEqual([afterTwo, afterOne]);
  const [final, earlier] = checkpoints.map((checkpoint) => checkpoint.fine_tuned_model_checkpoint);
  expect(final).toBe(model);

  expect(['spam', 'ham']).toContain(first.text);
  expect(first.promptTokens).toBe(codec.encodePrompt(heldOut[0]!.prompt as Message[]).length);
  expect(await ask(house, model, training[0]!)).toEqual({
    text: expect.stringMatching(/^(spam|ham)$/) as string,
    ends: 'stop',
    promptTokens: trained[0]!.mask.indexOf(1),
  });
  expect((await ask(house, earlier!, heldOut[1]!)).text).toMatch(/^(spam|ham)/);
  expect((await ask(house, base, heldOut[1]!)).text).not.toMatch(/^(spam|ham)$/); // what it is now, it has learnt

  const { adapterFolder } = (await house.house.of('default').models.resolve(model))!;
  expect(existsSync(adapterFolder!)).toBe(true);
  expect(await openai.models.delete(model)).toEqual({ id: model, object: 'model', deleted: true });
  expect(existsSync(adapterFolder!)).toBe(false);
  await expect(ask(house, model, heldOut[0]!)).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  expect((await openai.models.list()).data.map(({ id }) => id)).toEqual([base, earlier]);
  expect((await ask(house, earlier!, heldOut[0]!)).text).toMatch(/^(spam|ham)/);
}, 300_000);

/** Real training takes a minute, and several on a machine with other things to do. */
async function untilOver({ openai }: TestHouse, id: string): Promise<Job> {
  for (let waits = 0; waits < 1000; waits++) {
    const job = asJob(await openai.fineTuning.jobs.retrieve(id));
    if (isFinal(job.status)) return job;
    await sleep(250);
  }
  throw new Error(`${id} is not over after four minutes`);
}

async function ask({ openai }: TestHouse, model: string, { prompt }: LabelledExample) {
  const answer = await openai.chat.completions.create({ model, messages: [...prompt], temperature: 0, max_tokens: 8 });
  const { message, finish_reason } = answer.choices[0]!;
  return { text: message.content!, ends: finish_reason, promptTokens: answer.usage!.prompt_tokens };
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
