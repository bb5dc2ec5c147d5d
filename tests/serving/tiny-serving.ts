/** What the tests of serving share: a tiny base model with an adapter, with or without a server around it. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Closing } from '../../src/closing.ts';
import { GgufMetadata, ggufValue } from '../../src/formats/gguf-metadata.ts';
import { writeGguf } from '../../src/formats/gguf.ts';
import type { Facts, Log } from '../../src/log.ts';
import { BaseModels } from '../../src/models/base-models.ts';
import type { ServedModel } from '../../src/models/registry.ts';
import { Serving, type CompletionRequest, type ServingSettings } from '../../src/serving/serving.ts';
import { writeTinyLlama, type TinyModelOptions } from '../tiny-model.ts';

/** A log that keeps its lines. */
export class MemoryLog implements Log {
  readonly lines: { readonly event: string; readonly facts: Facts }[] = [];
  debug = (event: string, facts: Facts = {}): void => this.#add(event, facts);
  info = (event: string, facts: Facts = {}): void => this.#add(event, facts);
  warn = (event: string, facts: Facts = {}): void => this.#add(event, facts);
  error = (event: string, facts: Facts = {}): void => this.#add(event, facts);

  /** Process ids of the runtimes that were started. */
  get pids(): number[] {
    return this.lines.filter(({ event }) => event === 'runtime.started').map(({ facts }) => Number(facts['pid']));
  }

  #add(event: string, facts: Facts): void {
    this.lines.push({ event, facts });
  }
}

/** A LoRA that changes every attention output of the tiny model a good deal. */
export async function writeTinyAdapter(
  path: string,
  { layers = 2, width = 32, rank = 4, phase = 0 } = {},
): Promise<void> {
  const wave = (at: number): Uint8Array =>
    new Uint8Array(Float32Array.from({ length: width * rank }, (_, i) => Math.sin(i * 1.7 + at + phase)).buffer);
  await writeGguf(path, {
    metadata: new GgufMetadata([
      ['general.architecture', ggufValue.string('llama')],
      ['general.type', ggufValue.string('adapter')],
      ['adapter.type', ggufValue.string('lora')],
      ['adapter.lora.alpha', ggufValue.f32(8)],
    ]),
    tensors: Array.from({ length: layers }, (_, layer) => [
      { name: `blk.${layer}.attn_output.weight.lora_a`, shape: [rank, width], type: 'F32' as const, data: wave(layer) },
      {
        name: `blk.${layer}.attn_output.weight.lora_b`,
        shape: [width, rank],
        type: 'F32' as const,
        data: wave(9 + layer),
      },
    ]).flat(),
  });
}

export interface TinyServing extends AsyncDisposable {
  readonly serving: Serving;
  readonly log: MemoryLog;
  readonly bases: BaseModels;
  readonly folder: string;
  readonly model: ServedModel;
  /** The model with an adapter on it. */
  readonly tuned: ServedModel;
}

/** Serving by itself, on a tiny model in a temporary folder. */
export async function openTinyServing(
  settings: Partial<ServingSettings> = {},
  options: TinyModelOptions = {},
): Promise<TinyServing> {
  await using opening = new Closing();
  const folder = await mkdtemp(join(process.env['TUNESMITH_TEST_FOLDER'] ?? tmpdir(), 'serving-'));
  opening.defer(() => rm(folder, { recursive: true, force: true }));
  const bases = await BaseModels.open(folder);
  const model = await addTinyModel(bases, folder, 'tiny', options);
  const adapter = join(folder, 'adapter.gguf');
  await writeTinyAdapter(adapter);
  const tuned = { ...model, id: 'ft:tiny:personal::AbC12345', adapter, adapterFolder: folder };
  const log = new MemoryLog();
  const serving = opening.use(new Serving({ log, threads: 1, ...settings }));
  const open = opening.move();
  return { serving, log, bases, folder, model, tuned, [Symbol.asyncDispose]: () => open[Symbol.asyncDispose]() };
}

export async function addTinyModel(
  bases: BaseModels,
  folder: string,
  id: string,
  options: TinyModelOptions = {},
): Promise<ServedModel> {
  const path = join(folder, `${id}.gguf`);
  await writeTinyLlama(path, options);
  return { id, base: await bases.pull(path, { id }), ownFolder: null, adapter: null, adapterFolder: null };
}

/** A request with every wish at its default, greedy and short. */
export function request(model: ServedModel, wishes: Partial<CompletionRequest> = {}): CompletionRequest {
  return {
    model,
    messages: [{ role: 'user', content: 'Tell me a story.' }],
    choices: 1,
    tokensMax: 20,
    stops: [],
    topLogprobs: null,
    streaming: false,
    ...wishes,
    sampling: {
      temperature: 0,
      topP: 1,
      seed: 1,
      frequencyPenalty: 0,
      presencePenalty: 0,
      logitBias: [],
      ...wishes.sampling,
    },
  };
}

export interface WholeAnswer {
  readonly texts: string[];
  readonly reasons: string[];
  /** Token texts and log-probabilities, all choices in a row. */
  readonly tokens: { token: string; logprob: number; top: [string, number][] }[];
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

export async function ask(serving: Serving, wishes: CompletionRequest, signal?: AbortSignal): Promise<WholeAnswer> {
  const texts: string[] = [];
  const reasons: string[] = [];
  const tokens: WholeAnswer['tokens'] = [];
  for await (const event of serving.complete(wishes, signal)) {
    if (event.type === 'usage') return { texts, reasons, tokens, ...event };
    texts[event.choice] ??= '';
    if (event.type === 'end') reasons[event.choice] = event.reason;
    else {
      texts[event.choice] += event.text;
      for (const { token, logprob, top_logprobs } of event.logprobs ?? [])
        tokens.push({ token, logprob, top: top_logprobs.map(({ token, logprob }) => [token, logprob]) });
    }
  }
  throw new Error('the answer has no end');
}
