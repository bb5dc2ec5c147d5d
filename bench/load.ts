/**
 * Many askers at once: how fast 1, 4, 16 and 64 streams run through our server, beside llama.cpp's own batching of
 * as many sequences; what HTTP adds to a request; and what it costs to change between twenty fine-tunes of one base.
 *
 * Greedy answers to short prompts of their own, each of the same length: the end of the turn is forbidden.
 * With BENCH_SMALL set, a fraction of it all, to see that it runs.
 */

import { join } from 'node:path';
import Table from 'cli-table3';
import { getLlama, type LlamaModel, type Token } from 'node-llama-cpp';
import OpenAI from 'openai';
import { readSettings } from '../src/config.ts';
import { GgufMetadata, ggufValue } from '../src/formats/gguf-metadata.ts';
import { openGguf, writeGguf } from '../src/formats/gguf.ts';
import { type House, openHouse } from '../src/house.ts';
import type { ServedModel } from '../src/models/registry.ts';
import { createApp } from '../src/server/app.ts';
import { listen } from '../src/server/listen.ts';
import type { CompletionRequest, Serving } from '../src/serving/serving.ts';
import { TextCodec } from '../src/text/codec.ts';
import type { Place } from './place.ts';

const small = process.env['BENCH_SMALL'] !== undefined;
const streamCounts = small ? [1, 4] : [1, 4, 16, 64];
const answerTokens = small ? 8 : 64;
const overheadRequests = small ? 10 : 300;
const fineTunes = small ? 4 : 20;

/** Enough for a prompt and its answer. */
const contextTokens = 256;

interface Load {
  /** Tokens per second of all streams together. */
  readonly rate: number;
  /** Milliseconds to the first token of each stream. */
  readonly firstMs: readonly number[];
}

export async function benchLoad({ base, folder, threads }: Place): Promise<void> {
  await using gguf = await openGguf(base.path);
  const codec = TextCodec.fromGguf(gguf.metadata);
  const settings = readSettings({}, { home: join(folder, 'load'), port: 0, logLevel: 'silent', threads });
  await using house = await openHouse(settings);
  await house.bases.pull(base.id, { from: base.path });
  const app = createApp(house);
  const openai = new OpenAI({ baseURL: `${await listen(app, house)}/v1`, apiKey: 'bench', maxRetries: 0 });
  const noEnd = [...codec.endOfTurnIds].map((token) => [token, -100] as const);

  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logger: () => undefined });
  const model = await llama.loadModel({ modelPath: base.path });
  await loadServer(openai, base.id, 1, noEnd); // loaded before anything counts

  const table = new Table({
    head: ['streams', 'tokens/s', 'first token p50', 'p99', "llama.cpp's own tokens/s", 'first token p50', 'p99'],
    style: { head: [], border: [] },
  });
  for (const count of streamCounts) {
    const bare = await loadBare(model, codec, count, threads);
    const served = await loadServer(openai, base.id, count, noEnd);
    table.push([count, ...cells(served), ...cells(bare)]);
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  console.log(`Load: ${answerTokens} tokens each, ${threads} threads.\n${table.toString()}`);
  await model.dispose();

  const served: ServedModel = { id: base.id, base, ownFolder: null, adapter: null, adapterFolder: null };
  const extra = await httpOverhead(house.serving, openai, served);
  console.log(
    `What HTTP adds to a request: p50 ${ms(extra, 0.5)}, p99 ${ms(extra, 0.99)} (${overheadRequests} requests).`,
  );
  await benchSwitching(house, served, gguf.metadata, folder);
  await app.close();
}

const cells = ({ rate, firstMs }: Load): string[] => [rate.toFixed(1), ms(firstMs, 0.5), ms(firstMs, 0.99)];

const topics = [
  'a lighthouse',
  'the sea',
  'an old clock',
  'two foxes',
  'a lost letter',
  'the first snow',
  'a robot',
  'bread',
];
const promptOf = (i: number) =>
  [{ role: 'user', content: `Story ${i}: tell me of ${topics[i % topics.length]}.` }] as const;

async function loadServer(
  openai: OpenAI,
  model: string,
  count: number,
  noEnd: readonly (readonly [number, number])[],
): Promise<Load> {
  const startMs = performance.now();
  const firstMs = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const chunks = await openai.chat.completions.create({
        model,
        messages: [...promptOf(i)],
        max_completion_tokens: answerTokens,
        temperature: 0,
        logit_bias: Object.fromEntries(noEnd),
        stream: true,
      });
      let first = 0;
      for await (const { choices } of chunks)
        if (first === 0 && choices[0]?.delta.content) first = performance.now() - startMs;
      return first;
    }),
  );
  return { rate: (1000 * count * answerTokens) / (performance.now() - startMs), firstMs };
}

/** As many sequences of one context, put together by the package as it sees fit. */
async function loadBare(model: LlamaModel, codec: TextCodec, count: number, threads: number): Promise<Load> {
  const context = await model.createContext({ contextSize: contextTokens, sequences: count, batchSize: 512, threads });
  const prompts = Array.from({ length: count }, (_, i) => [...codec.encodePrompt([...promptOf(i)])] as Token[]);
  const startMs = performance.now();
  const firstMs = await Promise.all(
    prompts.map(async (prompt) => {
      const sequence = context.getSequence();
      let [tokens, first] = [0, 0];
      for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
        first ||= performance.now() - startMs;
        if (++tokens === answerTokens) break;
      }
      return first;
    }),
  );
  const rate = (1000 * count * answerTokens) / (performance.now() - startMs);
  await context.dispose();
  return { rate, firstMs };
}

/** The same request through HTTP and without, taking turns. */
async function httpOverhead(serving: Serving, openai: OpenAI, model: ServedModel): Promise<number[]> {
  const direct = async (): Promise<number> => {
    const startMs = performance.now();
    await firstTokenMs(serving, model, 'Hello');
    return performance.now() - startMs;
  };
  const throughHttp = async (): Promise<number> => {
    const startMs = performance.now();
    await openai.chat.completions.create({
      model: model.id,
      messages: [{ role: 'user', content: 'Hello' }],
      max_completion_tokens: 1,
      temperature: 0,
    });
    return performance.now() - startMs;
  };
  const extra: number[] = [];
  for (let i = 0; i < overheadRequests; i++) {
    const [first, second] = i % 2 === 0 ? [direct, throughHttp] : [throughHttp, direct];
    const [a, b] = [await first(), await second()];
    extra.push(i % 2 === 0 ? b - a : a - b);
  }
  return extra;
}

/** The time to the first token of each fine-tune in turn, beside that of one which is asked again and again. */
async function benchSwitching(house: House, base: ServedModel, metadata: GgufMetadata, folder: string): Promise<void> {
  const models = [];
  for (let i = 0; i < fineTunes; i++) {
    const adapter = join(folder, `adapter-${i}.gguf`);
    await writeAdapter(adapter, metadata, i);
    models.push({ ...base, id: `ft:${base.id}:bench::n${i}`, adapter, adapterFolder: folder });
  }
  const rounds: number[][] = [];
  for (let round = 0; round < 3; round++) {
    const times: number[] = [];
    for (const [i, model] of models.entries())
      times.push(await firstTokenMs(house.serving, model, `Round ${round}, ${i}`));
    rounds.push(times);
  }
  const same: number[] = [];
  for (let i = 0; i < fineTunes; i++) same.push(await firstTokenMs(house.serving, models[0]!, `Again, ${i}`));
  console.log(
    `First token, ${fineTunes} fine-tunes in turn: p50 ${ms(rounds[0]!, 0.5)} the first time, ${ms(rounds[2]!, 0.5)} later (p99 ${ms(rounds[2]!, 0.99)}); one fine-tune all the time: p50 ${ms(same, 0.5)}.\n`,
  );
}

async function firstTokenMs(serving: Serving, model: ServedModel, content: string): Promise<number> {
  const request: CompletionRequest = {
    model,
    messages: [{ role: 'user', content }],
    choices: 1,
    tokensMax: 1,
    stops: [],
    sampling: { temperature: 0, topP: 1, seed: 1, frequencyPenalty: 0, presencePenalty: 0, logitBias: [] },
    topLogprobs: null,
    streaming: true,
  };
  const startMs = performance.now();
  for await (const _ of serving.complete(request));
  return performance.now() - startMs;
}

/** An adapter of rank 16 on queries and values, of small numbers that mean nothing. */
async function writeAdapter(path: string, metadata: GgufMetadata, seed: number): Promise<void> {
  const rank = 16;
  const of = (key: string): number => metadata.number(`llama.${key}`);
  const width = of('embedding_length');
  const headSize = width / of('attention.head_count');
  const outputs = { attn_q: width, attn_v: headSize * of('attention.head_count_kv') };
  const wave = (count: number, phase: number): Uint8Array =>
    new Uint8Array(Float32Array.from({ length: count }, (_, i) => 0.01 * Math.sin(i * 1.7 + phase + seed)).buffer);
  await writeGguf(path, {
    metadata: new GgufMetadata([
      ['general.architecture', ggufValue.string('llama')],
      ['general.type', ggufValue.string('adapter')],
      ['adapter.type', ggufValue.string('lora')],
      ['adapter.lora.alpha', ggufValue.f32(32)],
    ]),
    tensors: Array.from({ length: of('block_count') }, (_, layer) =>
      Object.entries(outputs).flatMap(([name, out]) => [
        {
          name: `blk.${layer}.${name}.weight.lora_a`,
          shape: [rank, width],
          type: 'F32' as const,
          data: wave(rank * width, layer),
        },
        {
          name: `blk.${layer}.${name}.weight.lora_b`,
          shape: [out, rank],
          type: 'F32' as const,
          data: wave(out * rank, 9 + layer),
        },
      ]),
    ).flat(),
  });
}

function ms(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return `${sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(1)} ms`;
}
