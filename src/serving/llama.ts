/**
 * llama.cpp as this house uses it: this file and its `llama-*` neighbours alone know node-llama-cpp and its insides.
 *
 * Models and contexts are made through its public functions. Evaluation is not: the package's own sequences put
 * together batches as they please, and what an answer is computed from must not depend on who else is being
 * answered (see `lane.ts`). So a context's native half is driven directly. That half is internal to the package,
 * which is therefore pinned to one version, and every runtime proves on its own model at start-up (`selfTest`)
 * that the insides are what these files take them for.
 *
 * Nothing here may run twice at the same time on one context; `scheduler.ts` sees to it.
 */

import { strict as assert } from 'node:assert';
import { getLlama, type LlamaModel, type Token } from 'node-llama-cpp';
import { openGguf } from '../formats/gguf.ts';
import { Adapters } from './llama-adapters.ts';
import { Complaints } from './llama-complaints.ts';
import type { Internals, NativeContext } from './llama-natives.ts';
import { LogprobReader, Output, Sampler } from './llama-sampling.ts';
import type { Sampling, TokenConstraint } from './protocol.ts';
import type { Evaluation } from './thread-count.ts';

/** Tokens in one evaluation at most. Larger pieces are no faster and cost memory (this times the vocabulary). */
export const pieceTokensMax = 256;

export class Llama implements AsyncDisposable {
  readonly vocabularySize: number;
  /** Positions that the model was trained for. */
  readonly contextTokensMax: number;
  /** Key/value cache per token of context. */
  readonly cacheBytesPerToken: number;
  readonly pooling: Pooling;
  readonly #model: LlamaModel;
  readonly #complaints: Complaints;
  readonly #adapters: Adapters;
  readonly #exact: boolean;

  private constructor(model: LlamaModel, pooling: Pooling, complaints: Complaints, exact: boolean) {
    this.#model = model;
    this.pooling = pooling;
    this.#complaints = complaints;
    this.#adapters = new Adapters(model as unknown as Internals, complaints);
    this.#exact = exact;
    this.vocabularySize = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
    this.contextTokensMax = model.trainContextSize;
    this.cacheBytesPerToken = cacheBytesPerToken(model) * (exact ? 2 : 1);
  }

  /** Loads a model; a file that llama.cpp refuses throws with its reasons, one that it cannot stand kills the process. */
  static async open(modelPath: string, options: { threads: number; exact: boolean }): Promise<Llama> {
    process.execArgv = []; // getLlama tries its binary in a fork, which has no use for our TypeScript loader
    const complaints = new Complaints();
    const llama = await getLlama({
      gpu: false,
      build: 'never',
      progressLogs: false,
      maxThreads: options.threads,
      logger: (level, message) => complaints.add(level, message),
    });
    const { architecture, pooling } = await readPooling(modelPath);
    // Files of models that were not made for embeddings name no pooling, and then there would be none.
    const metadataOverrides = { [architecture]: { pooling_type: poolingTypes[pooling] } };
    const model = await complaints.explain(llama.loadModel({ modelPath, gpuLayers: 0, metadataOverrides }));
    const opened = new Llama(model, pooling, complaints, options.exact);
    await selfTest(opened);
    return opened;
  }

  /** A context for `sequences` independent texts, all under one adapter at a time. */
  async openContext(options: ContextOptions): Promise<EvaluationContext> {
    const settings = {
      sequences: options.sequences,
      contextSize: options.tokensPerSequence,
      batchSize: pieceTokensMax,
      swaFullCache: true, // any prefix can be kept
      failedCreationRemedy: false as const,
      flashAttention: !this.#exact,
      _embeddings: options.embeddings ?? false,
      ...(this.#exact ? ({ experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' } as const) : {}),
    };
    const context = await this.#complaints.explain(this.#model.createContext(settings));
    const native = (context as unknown as { _ctx: NativeContext })._ctx;
    const opened = new EvaluationContext(native, this.#adapters, () => context.dispose());
    try {
      await opened.setAdapter(options.adapter);
    } catch (error) {
      await opened[Symbol.asyncDispose]();
      throw error;
    }
    return opened;
  }

  openSampler(sampling: Sampling, constraint: TokenConstraint | null = null): Sampler {
    if (constraint === null) return new Sampler(this.#native(), sampling, null);
    // Where a grammar is complete it lets the model end, and that takes a token which would be text elsewhere.
    const forbidden = constraint.forbidden.filter((token) => !this.isEnd(token));
    return new Sampler(this.#native(), sampling, { ...constraint, forbidden });
  }

  /** Whether llama.cpp takes a token for the end of an answer: a grammar allows these where it is complete. */
  isEnd(token: number): boolean {
    return this.#model.isEogToken(token as Token);
  }

  openLogprobReader(): LogprobReader {
    return new LogprobReader(this.#native());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model.dispose();
  }

  #native(): Internals {
    return this.#model as unknown as Internals;
  }
}

export interface ContextOptions {
  readonly adapter: string | null;
  readonly sequences: number;
  readonly tokensPerSequence: number;
  /** Whether it gives the model's last states instead of logits. */
  readonly embeddings?: boolean;
}

/** Which of a text's states stand for the text: their mean, the first one, the last one. */
export type Pooling = 'mean' | 'first' | 'last';

/** GGUF's numbers for them. */
const poolingTypes: Readonly<Record<Pooling, number>> = { mean: 1, first: 2, last: 3 };

/** What the model's file says, else the mean, which needs no training. */
async function readPooling(path: string): Promise<{ architecture: string; pooling: Pooling }> {
  await using file = await openGguf(path);
  const architecture = file.metadata.string('general.architecture');
  const type = file.metadata.number(`${architecture}.pooling_type`, null);
  const named = (Object.keys(poolingTypes) as Pooling[]).find((pooling) => poolingTypes[pooling] === type);
  return { architecture, pooling: named ?? 'mean' };
}

/** Some tokens of one sequence, in a row, beginning at `position`. */
export interface Piece {
  readonly sequence: number;
  readonly position: number;
  readonly tokens: ArrayLike<number> & Iterable<number>;
  /** Whether the logits after every token are wanted, and not only those after the last. */
  readonly everyOutput?: boolean;
}

export interface Evaluated extends Evaluation {
  /** Of each piece, those that were wanted; the last one stands for the logits after its last token. */
  readonly outputs: readonly (readonly Output[])[];
}

export class EvaluationContext implements AsyncDisposable {
  readonly #native: NativeContext;
  readonly #adapters: Adapters;
  readonly #close: () => Promise<void>;
  #adapter: string | null = null;

  constructor(native: NativeContext, adapters: Adapters, close: () => Promise<void>) {
    this.#native = native;
    this.#adapters = adapters;
    this.#close = close;
  }

  /** Goes on with another adapter, or the base alone. What the sequences hold belongs to the one before: forget it. */
  async setAdapter(path: string | null): Promise<void> {
    if (path === this.#adapter) return;
    const next = path === null ? [] : [await this.#adapters.borrow(path)];
    const before = this.#adapter;
    this.#native.setLoras(
      next,
      next.map(() => 1),
    );
    this.#adapter = path;
    if (before !== null) await this.#adapters.giveBack(before);
  }

  /** The pooled states of the piece that was evaluated last, which must have been the only one. */
  pooled({ tokens }: Piece): Float64Array {
    return this.#native.getEmbedding(tokens.length);
  }

  /** Evaluates pieces as one batch. */
  async evaluate(pieces: readonly Piece[], threads: number): Promise<Evaluated> {
    this.#native.initBatch(pieces.reduce((count, { tokens }) => count + tokens.length, 0));
    const outputs = pieces.map(({ sequence, position, tokens, everyOutput = false }) => {
      const wanted = everyOutput ? Uint32Array.from(tokens, (_, i) => i) : Uint32Array.of(tokens.length - 1);
      const indexes = this.#native.addToBatch(sequence, position, Uint32Array.from(tokens), wanted);
      return Array.from(indexes, (index) => new Output(this.#native, index));
    });
    this.#native.setThreads(threads);
    const [startedMs, processor] = [performance.now(), process.cpuUsage()];
    await this.#native.decodeBatch();
    const { user, system } = process.cpuUsage(processor);
    return { outputs, threads, processorMs: (user + system) / 1000, clockMs: performance.now() - startedMs };
  }

  /** Forgets what a sequence holds beyond its first `count` tokens; false when it had to forget everything. */
  keep(sequence: number, count: number): boolean {
    const holdsStart = this.#native.getSequenceKvCacheMinPosition(sequence) === 0;
    if (count > 0 && holdsStart && this.#native.removeTokenCellsFromSequence(sequence, count, -1)) return true;
    this.#native.disposeSequence(sequence);
    return count === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    if (this.#adapter !== null) await this.#adapters.giveBack(this.#adapter);
  }
}

/** Keys and values in f16 for every layer. */
function cacheBytesPerToken(model: LlamaModel): number {
  const { metadata } = model.fileInfo;
  const sizes = metadata[metadata.general.architecture] as {
    block_count: number;
    embedding_length: number;
    attention: { head_count: number; head_count_kv?: number | number[]; key_length?: number; value_length?: number };
  };
  const { head_count: heads, head_count_kv: kvHeads = heads, key_length, value_length } = sizes.attention;
  const headWidth = sizes.embedding_length / heads;
  const kvHeadsMax = Math.max(...[kvHeads].flat()); // some families differ from layer to layer
  return sizes.block_count * kvHeadsMax * ((key_length ?? headWidth) + (value_length ?? headWidth)) * 2;
}

/** Proves on three tokens that the insides do what this file takes for granted. */
async function selfTest(llama: Llama): Promise<void> {
  await using context = await llama.openContext({ adapter: null, sequences: 1, tokensPerSequence: 256 });
  const plainly = { temperature: 0, topP: 1, seed: 0, frequencyPenalty: 0, presencePenalty: 0, logitBias: [] };
  using greedy = llama.openSampler(plainly);
  using reader = llama.openLogprobReader();
  const tokens = [0, 1, 2].map((token) => Math.min(token, llama.vocabularySize - 1));
  const first = await context.evaluate([{ sequence: 0, position: 0, tokens }], 1);
  const output = first.outputs[0]![0]!;
  const token = await greedy.next(output);
  const { logprob, top } = await reader.read(output, token, 1);
  assert(token < llama.vocabularySize, `sampled token ${token} of a vocabulary of ${llama.vocabularySize}`);
  assert(top[0]?.[1] === logprob, `the greedy token has log-probability ${logprob}, the likeliest ${top[0]?.[1]}`);
  assert(logprob <= 0 && logprob >= -Math.log(llama.vocabularySize) - 1e-3, `log-probability ${logprob}`);
  assert(context.keep(0, 2), 'a sequence could not be cut back');
  const second = await context.evaluate([{ sequence: 0, position: 2, tokens: tokens.slice(2) }], 1);
  await greedy.next(second.outputs[0]![0]!);
  const constraint = { grammar: 'root ::= .+', forbidden: [token], forbiddenAfter: [] };
  using constrained = llama.openSampler(plainly, constraint);
  const other = await constrained.next(second.outputs[0]![0]!);
  assert(other !== token && !llama.isEnd(other), `token ${other} came where it could not`);
}
