/**
 * What the server costs on top of llama.cpp: the same prompts to the same model, once through HTTP and once by
 * calling node-llama-cpp here, taking turns so that both see the same machine.
 *
 * Greedy, `answerTokens` tokens, a new mail each time behind a shared beginning that both keep in their caches.
 */

import { join } from 'node:path';
import Table from 'cli-table3';
import { getLlama, type LlamaContextSequence, type Token } from 'node-llama-cpp';
import OpenAI from 'openai';
import { readSettings } from '../src/config.ts';
import { openGguf } from '../src/formats/gguf.ts';
import { openHouse } from '../src/house.ts';
import { spamSplits } from '../src/quickstart/spam.ts';
import { createApp } from '../src/server/app.ts';
import { listen } from '../src/server/listen.ts';
import type { Message } from '../src/domain/example.ts';
import { TextCodec } from '../src/text/codec.ts';
import type { Place } from './place.ts';

const answerTokens = 1;
const longAnswerTokens = 64;
const requests = 100;
const contextTokens = 1024;

export async function benchServing({ base, folder, threads }: Place): Promise<void> {
  const mails = spamSplits({ training: requests, validation: 0, test: 0 }, 11).training;
  await using gguf = await openGguf(base.path);
  const codec = TextCodec.fromGguf(gguf.metadata);

  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logger: () => undefined });
  const model = await llama.loadModel({ modelPath: base.path });
  const context = await model.createContext({ contextSize: contextTokens, threads, batchSize: 512 });
  const sequence = context.getSequence();

  const settings = readSettings({}, { home: join(folder, 'house'), port: 0, logLevel: 'silent' });
  await using house = await openHouse(settings);
  await house.bases.pull(base.id, { from: base.path });
  const app = createApp(house);
  const openai = new OpenAI({ baseURL: `${await listen(app, house)}/v1`, apiKey: 'bench', maxRetries: 0 });

  const bare = async (prompt: Int32Array, tokens: number): Promise<number> => {
    const startMs = performance.now();
    await generate(sequence, prompt, tokens);
    return performance.now() - startMs;
  };
  const served = async (messages: OpenAI.ChatCompletionMessageParam[], tokens: number): Promise<number> => {
    const startMs = performance.now();
    const answer = await openai.chat.completions.create({
      model: base.id,
      messages,
      max_completion_tokens: tokens,
      temperature: 0,
    });
    if (answer.usage!.completion_tokens > tokens) throw new Error('more tokens than asked for');
    return performance.now() - startMs;
  };

  // Both have their model loaded before anything counts.
  await bare(codec.encodePrompt([{ role: 'user', content: 'Hello' }]), 1);
  await served([{ role: 'user', content: 'Hello' }], 1);

  const times = { bare: [] as number[], served: [] as number[] };
  for (const [i, { prompt: messages }] of mails.entries()) {
    const prompt = codec.encodePrompt(messages as Message[]);
    const one = async () => times.bare.push(await bare(prompt, answerTokens));
    const other = async () => times.served.push(await served([...messages], answerTokens));
    for (const turn of i % 2 === 0 ? [one, other] : [other, one]) await turn();
    if (i % 10 === 0) process.stderr.write('.');
  }
  process.stderr.write('\n');

  const story = [{ role: 'user', content: 'Tell me a long story about a lighthouse and the sea.' } as const];
  const storyPrompt = codec.encodePrompt(story);
  const rates = { bare: [] as number[], served: [] as number[] };
  for (let i = 0; i < 6; i++) {
    // The second call finds its prompt in the cache: what is left is decoding.
    await bare(storyPrompt, 1);
    rates.bare.push((1000 * longAnswerTokens) / (await bare(storyPrompt, longAnswerTokens)));
    await served(story, 1);
    rates.served.push((1000 * longAnswerTokens) / (await served(story, longAnswerTokens)));
  }
  await app.close();
  await context.dispose();

  const table = new Table({
    head: ['one token after a mail', 'p50', 'p99', `${longAnswerTokens} tokens, tokens/s`],
    style: { head: [], border: [] },
  });
  const row = (name: string, ms: readonly number[], rate: readonly number[]) =>
    table.push([
      name,
      `${quantile(ms, 0.5).toFixed(1)} ms`,
      `${quantile(ms, 0.99).toFixed(1)} ms`,
      quantile(rate, 0.5).toFixed(1),
    ]);
  row('llama.cpp, called here', times.bare, rates.bare);
  row('our server, over HTTP', times.served, rates.served);
  const extra = times.served.map((ms, i) => ms - times.bare[i]!);
  console.log(`Serving: ${requests} requests each, taking turns, ${threads} threads.\n${table.toString()}`);
  console.log(
    `Overhead of a request: p50 ${quantile(extra, 0.5).toFixed(1)} ms, p99 ${quantile(extra, 0.99).toFixed(1)} ms.\n`,
  );
}

/** The bare loop: reuse what the cache holds, evaluate the rest, take the likeliest token each time. */
async function generate(sequence: LlamaContextSequence, prompt: Int32Array, tokens: number): Promise<void> {
  const ids = [...prompt] as Token[];
  await sequence.adaptStateToTokens(ids.slice(0, -1), false);
  let count = 0;
  const rest = ids.slice(sequence.nextTokenIndex);
  for await (const _ of sequence.evaluate(rest, { temperature: 0, yieldEogToken: true })) if (++count === tokens) break;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
