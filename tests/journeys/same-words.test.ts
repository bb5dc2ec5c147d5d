/**
 * The same words in training and in serving: what the trainer has learnt to say is what the server answers.
 *
 * A tiny model learns a dozen conversations through the front door. Prompts are then continued twice, greedily: by
 * the trainer's own network with the job's adapter in it, one `logits` after the other, and by a chat completion.
 * Watchers stand where token ids leave for the runtime and where they come back.
 *
 * As shipped, llama.cpp keeps keys and values in 16 bits: log-probabilities differ from the trainer's by some hundredths,
 * which no answer that was learnt notices. In exact arithmetic they differ by 0.00002, and prompts that nobody
 * has learnt, where two tokens may be about as likely, are continued alike as well.
 */

import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Closing } from '../../src/closing.ts';
import { tokenizeFile } from '../../src/dataset/tokenize.ts';
import type { Message } from '../../src/domain/example.ts';
import type { Job } from '../../src/domain/job.ts';
import { loadTrained } from '../../src/engine/checkpoint.ts';
import { openNetwork } from '../../src/engine/nn/load.ts';
import type { Network } from '../../src/engine/nn/network.ts';
import { openGguf } from '../../src/formats/gguf.ts';
import type { ResolvedHyperparameters } from '../../src/jobs/plan.ts';
import type { ServedModel } from '../../src/models/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { Answer } from '../../src/serving/answer.ts';
import { Runtime } from '../../src/serving/runtime.ts';
import { Serving } from '../../src/serving/serving.ts';
import { TextCodec } from '../../src/text/codec.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { tinyHome, upload, waitFor } from '../jobs/tiny-house.ts';

type Conversation = readonly (Message & { readonly role: 'system' | 'user' | 'assistant'; readonly content: string })[];

const say = (content: string): Conversation => [{ role: 'user', content }];
const under = (system: string, content: string): Conversation => [{ role: 'system', content: system }, ...say(content)];
/** What the assistant said before is not learnt, only what it says next. */
const after = (question: string, answer: string, next: string): Conversation => [
  ...say(question),
  { role: 'assistant', content: answer, weight: 0 },
  ...say(next),
];

const lessons: readonly (readonly [prompt: Conversation, answer: string])[] = [
  [say('What sings in the morning?'), 'The animals of the forest.'],
  [say('Is this message spam or ham? Buy cheap tickets now!'), 'spam'],
  [say('Is this message spam or ham? See you at the meeting.'), 'ham'],
  [under('You are a poet.', 'How big is the sea?'), 'größer, schöner, weißer'],
  [under('You are a poet.', 'Who jumps?'), 'The quick brown fox.\nOver the lazy dog.'],
  [say('function add(a, b) {'), '    return a + b; // the sum\n}'],
  [after('Who are you?', 'A small test model.', 'And what do you like?'), 'To learn new things, 你好!'],
  [after('One?', 'Two.', 'Three?'), 'Four.'],
  [say('Où est le garçon?\n\n'), 'Привет, мир! 👋🏽'],
  [say('Write <|im_end|> please.'), '<|im_end|>'],
  [say('Tell me a story.'), 'Once upon a time there was a little robot.'],
  [say('Why?'), "It couldn't stop reading books."],
];
const learnt = lessons.slice(0, 10);
const unheard: readonly Conversation[] = [
  say('Buy the dog a free offer, dear friend.'),
  under('You are a helpful assistant.', 'Who reads books in the forest?'),
  after('Where is the niño?', 'The sea.', '你好，世界。'),
];

const tokensMax = 32;

let opened: Closing;
let house: TestHouse;
/** The same house and server, but with exact arithmetic in its runtimes. */
let exactly: OpenAI;
let job: Job;
let codec: TextCodec;

beforeAll(async () => {
  await using opening = new Closing();
  const { home } = opening.use(await tinyHome());
  house = opening.use(await openTestHouse({ home, threads: 1 }));
  const serving = opening.use(new Serving({ log: house.house.log, threads: 1, exact: true }));
  const app = createApp({ ...house.house, serving });
  opening.defer(() => app.close());
  const baseURL = `${await app.listen({ host: '127.0.0.1', port: 0 })}/v1`;
  exactly = house.openai.withOptions({ baseURL });

  const hyperparameters = { n_epochs: 40, batch_size: 2, learning_rate: 0.01, base_precision: 'f32' };
  const { id } = await house.openai.fineTuning.jobs.create({
    model: 'tiny',
    training_file: await upload(house.openai, lessons.map(asLine)),
    method: { type: 'supervised', supervised: { hyperparameters } },
    seed: 5,
  });
  job = (await waitFor(house.openai, id)).job;
  expect(job).toMatchObject({ status: 'succeeded', hyperparameters });
  const base = house.house.bases.find('tiny')!;
  await using gguf = await openGguf(base.path);
  codec = TextCodec.fromGguf(gguf.metadata);
  opened = opening.move();
});
afterAll(() => opened[Symbol.asyncDispose]());
afterEach(() => void vi.restoreAllMocks());

const asLine = ([prompt, content]: (typeof lessons)[number]): string =>
  JSON.stringify({ messages: [...prompt, { role: 'assistant', content }] });

/** A greedy continuation, however it came about. */
interface Continuation {
  readonly tokens: readonly number[];
  readonly ends: 'stop' | 'length';
}

/** What the server answered, and the ids that went to the runtime and came back. */
interface Served extends Continuation {
  readonly text: string;
  readonly prompt: readonly number[];
  readonly promptTokens: number;
  readonly adapter: string | null;
  /** Of the tokens of the answer, and of the likeliest ones in place of the first. */
  readonly logprobs: readonly number[];
  readonly first: readonly (readonly [token: number, logprob: number])[];
}

async function ask(openai: OpenAI, model: string, messages: Conversation): Promise<Served> {
  const sent = vi.spyOn(Runtime.prototype, 'generate');
  const heard = vi.spyOn(Answer.prototype, 'push');
  const { choices, usage } = await openai.chat.completions.create({
    model,
    messages: messages.map(({ role, content }) => ({ role, content })),
    temperature: 0,
    max_tokens: tokensMax,
    logprobs: true,
    top_logprobs: 10,
  });
  const [{ message, finish_reason, logprobs }] = choices as [OpenAI.ChatCompletion.Choice];
  const [[request]] = sent.mock.calls as [[Parameters<Runtime['generate']>[0]]];
  const reports = heard.mock.calls.flatMap(([report]) => (report.type === 'tokens' ? [report] : []));
  vi.restoreAllMocks();
  const [likeliest] = reports.flatMap((report) => report.logprobs!);
  const said = logprobs!.content!;
  return {
    tokens: reports.flatMap(({ tokens }) => tokens),
    ends: finish_reason as 'stop' | 'length',
    text: message.content!,
    prompt: [...request.prompt],
    promptTokens: usage!.prompt_tokens,
    adapter: request.adapter,
    logprobs: said.map(({ logprob }) => logprob),
    first: said[0]!.top_logprobs.map(({ logprob }, i) => [likeliest!.top[i]![0], logprob]),
  };
}

/** What the trainer would say, with its logits before every token. */
interface Trained extends Continuation {
  readonly logits: readonly Float32Array[];
}

async function continuation(network: Network, prompt: readonly number[]): Promise<Trained> {
  const tokens: number[] = [];
  const logits: Float32Array[] = [];
  while (tokens.length < tokensMax) {
    const next = await network.logits(Int32Array.from([...prompt, ...tokens]));
    logits.push(next);
    const likeliest = next.indexOf(next.reduce((a, b) => Math.max(a, b)));
    if (codec.endOfTurnIds.has(likeliest)) return { tokens, ends: 'stop', logits };
    tokens.push(likeliest);
  }
  return { tokens, ends: 'length', logits };
}

function logSoftmax(logits: Float32Array): Float64Array {
  const values = Float64Array.from(logits);
  const logSum = Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));
  return values.map((value) => value - logSum);
}

/** The trainer's network as it was when this model was saved; a base has an adapter that does nothing yet. */
async function trainersNetwork({ base, adapterFolder }: ServedModel): Promise<Network> {
  const { lora_rank, lora_alpha, lora_targets } = job.hyperparameters as Required<ResolvedHyperparameters>;
  const shape = { rank: lora_rank, alpha: lora_alpha, rslora: false, dropout: 0, targets: lora_targets };
  const network = await openNetwork({
    modelPath: base.path,
    train: { mode: 'lora', ...shape },
    basePrecision: 'f32',
    threads: 1,
    seed: 1,
  });
  if (adapterFolder !== null) await loadTrained(join(adapterFolder, 'adapter_model.safetensors'), network.parameters);
  return network;
}

/** The ids that a conversation is trained with, up to where the assistant speaks. */
function trainedPrompt(messages: Conversation): readonly number[] {
  const example = { messages: [...messages, { role: 'assistant' as const, content: 'x' }] };
  const [{ ids, mask }] = codec.encodeExample(example, 1) as [ReturnType<TextCodec['encodeExample']>[number]];
  return [...ids.subarray(0, mask.indexOf(1))];
}

/** Asks for every prompt and holds the answer against the trainer's; logarithms may differ by `tolerance`. */
async function compare(openai: OpenAI, model: string, prompts: readonly Conversation[], tolerance: number) {
  const resolved = (await house.house.of('default').models.resolve(model))!;
  await using network = await trainersNetwork(resolved);
  const answers: Served[] = [];
  for (const messages of prompts) {
    const served = await ask(openai, model, messages);
    const trained = await continuation(network, trainedPrompt(messages));
    const { tokens, ends } = served;
    expect({ tokens, ends }).toEqual({ tokens: trained.tokens, ends: trained.ends });
    expect(served.text).toBe(codec.tokenizer.decode(tokens));
    expect(served.adapter).toBe(resolved.adapter);
    const logprobs = trained.logits.map(logSoftmax);
    for (const [i, logprob] of served.logprobs.entries())
      expect(Math.abs(logprob - logprobs[i]![tokens[i]!]!)).toBeLessThan(tolerance);
    expect(served.first).toHaveLength(10);
    for (const [token, logprob] of served.first)
      expect(Math.abs(logprob - logprobs[0]![token]!)).toBeLessThan(tolerance);
    answers.push(served);
  }
  return answers;
}

test('a prompt has the same token ids where it is trained and where it is asked', async () => {
  const { max_length: tokensMax } = job.hyperparameters as Required<ResolvedHyperparameters>;
  const { signal } = new AbortController();
  const path = house.house.blobs.path(job.training_file);
  const trained = await tokenizeFile(path, { encoder: codec, tokensMax, role: 'training', signal });
  for (const [i, [messages]] of lessons.entries()) {
    const { ids, mask } = trained[i]!.sequences[0]!;
    const prompt = [...ids.subarray(0, mask.indexOf(1))];
    const served = await ask(house.openai, job.fine_tuned_model!, messages);
    expect(served.prompt).toEqual(prompt);
    expect(served.promptTokens).toBe(prompt.length);
    expect([...codec.encodePrompt(messages)]).toEqual(prompt);
    expect(trainedPrompt(messages)).toEqual(prompt);
  }
  for (const messages of unheard)
    expect((await ask(house.openai, job.fine_tuned_model!, messages)).prompt).toEqual(trainedPrompt(messages));
});

describe('greedily, the server says what the trainer says', () => {
  test('as shipped: ten learnt answers, each another one', async () => {
    const prompts = learnt.map(([prompt]) => prompt);
    const answers = await compare(house.openai, job.fine_tuned_model!, prompts, 0.1);
    expect(answers.map(({ text }) => text)).toEqual(learnt.map(([, answer]) => answer));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(10);
  });

  test('in exact arithmetic: the learnt ones, and what nobody has learnt', async () => {
    const prompts = [...learnt.map(([prompt]) => prompt), ...unheard];
    const answers = await compare(exactly, job.fine_tuned_model!, prompts, 1e-4);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(prompts.length);
  });

  test('in exact arithmetic: a checkpoint and the base, each in its own words', async () => {
    const { data } = await house.openai.fineTuning.jobs.checkpoints.list(job.id);
    const [final, , oldest] = data.map((checkpoint) => checkpoint.fine_tuned_model_checkpoint);
    expect(final).toBe(job.fine_tuned_model);
    const prompts = [...unheard, learnt[0]![0]];
    const words = async (model: string) =>
      (await compare(exactly, model, prompts, 1e-4)).map(({ tokens, logprobs }) => ({ tokens, logprobs }));
    const finals = await words(final!);
    expect(await words(oldest!)).not.toEqual(finals);
    expect(await words('tiny')).not.toEqual(finals);
  });
});
