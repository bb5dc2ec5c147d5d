/**
 * llama.cpp as this house uses it: the only file that knows node-llama-cpp and its insides.
 *
 * Models and contexts are made through its public functions. Evaluation is not: the package's own sequences put
 * together batches as they please, and what an answer is computed from must not depend on who else is being
 * answered (see `lane.ts`). So a context's native half is driven directly. That half is internal to the package,
 * which is therefore pinned to one version, and every runtime proves on its own model at start-up (`selfTest`)
 * that the insides are what this file takes them for.
 *
 * Nothing here may run twice at the same time on one context; `scheduler.ts` sees to it.
 */

import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { getLlama, LlamaLogLevel, type LlamaModel, type Token } from 'node-llama-cpp';
import type { Sampling, TokenConstraint, TokenLogprobs, TokenPairs } from './protocol.ts';
import type { Evaluation } from './thread-count.ts';

/** Tokens in one evaluation at most. Larger pieces are no faster and cost memory (this times the vocabulary). */
export const pieceTokensMax = 256;

/** Log-probability of a token whose probability is too small for a float. OpenAI's spelling of "very unlikely". */
const veryUnlikely = -9999;

/** Candidates read to find a token's log-probability; whoever is not among them costs a walk over the vocabulary. */
const candidateCount = 256;

interface NativeAdapter {
  dispose(): Promise<void>;
}

interface NativeSampler {
  applyConfig(config: Record<string, unknown>): void;
  dispose(): void;
}

type Probabilities = [token: number, probabilities: number[] | undefined, confidence: number | undefined];

interface NativeContext {
  setThreads(threads: number): void;
  setLoras(adapters: NativeAdapter[], scales: number[]): void;
  initBatch(tokens: number): void;
  addToBatch(sequence: number, position: number, tokens: Uint32Array, outputs: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(output: number, sampler: NativeSampler): Promise<number>;
  sampleToken(
    output: number,
    sampler: NativeSampler,
    probabilities: boolean,
    confidence: boolean,
  ): Promise<Probabilities>;
  disposeSequence(sequence: number): void;
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
  getSequenceKvCacheMinPosition(sequence: number): number;
}

/** What of the package's insides is used, and by that what `selfTest` has to prove. */
interface Internals {
  readonly _llama: {
    readonly _bindings: {
      readonly AddonSampler: new (model: object) => NativeSampler;
      readonly AddonModelLora: new (model: object, path: string) => NativeAdapter;
      readonly AddonGrammar: new (text: string, options: { addonExports: object; rootRuleName: string }) => object;
      readonly AddonGrammarEvaluationState: new (model: object, grammar: object) => object;
    };
  };
  readonly _model: { loadLora(adapter: NativeAdapter): Promise<void> };
}

export class Llama implements AsyncDisposable {
  readonly vocabularySize: number;
  /** Positions that the model was trained for. */
  readonly contextTokensMax: number;
  /** Key/value cache per token of context. */
  readonly cacheBytesPerToken: number;
  readonly #model: LlamaModel;
  readonly #complaints: Complaints;
  readonly #exact: boolean;

  private constructor(model: LlamaModel, complaints: Complaints, exact: boolean) {
    this.#model = model;
    this.#complaints = complaints;
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
    const model = await complaints.explain(llama.loadModel({ modelPath, gpuLayers: 0 }));
    const opened = new Llama(model, complaints, options.exact);
    await selfTest(opened);
    return opened;
  }

  /** A context for `sequences` independent texts, all under one adapter. */
  async openContext(options: {
    adapter: string | null;
    sequences: number;
    tokensPerSequence: number;
  }): Promise<EvaluationContext> {
    const adapter = options.adapter === null ? null : await this.#loadAdapter(options.adapter);
    const context = await this.#complaints.explain(
      this.#model.createContext({
        sequences: options.sequences,
        contextSize: options.tokensPerSequence,
        batchSize: pieceTokensMax,
        swaFullCache: true, // any prefix can be kept
        failedCreationRemedy: false,
        flashAttention: !this.#exact,
        ...(this.#exact ? { experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' } : {}),
      }),
    );
    const native = (context as unknown as { _ctx: NativeContext })._ctx;
    if (adapter !== null) native.setLoras([adapter], [1]);
    return new EvaluationContext(native, async () => {
      await context.dispose();
      await adapter?.dispose();
    });
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

  /** Each context has its own copy, so that a closed context gives the memory back. */
  async #loadAdapter(path: string): Promise<NativeAdapter> {
    const { _llama, _model } = this.#native();
    const adapter = new _llama._bindings.AddonModelLora(_model, path);
    await this.#complaints.explain(_model.loadLora(adapter));
    return adapter;
  }
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
  readonly #close: () => Promise<void>;

  constructor(native: NativeContext, close: () => Promise<void>) {
    this.#native = native;
    this.#close = close;
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
  }
}

/** Logits of one position; good until the context evaluates again. */
export class Output {
  readonly #native: NativeContext;
  readonly #index: number;

  constructor(native: NativeContext, index: number) {
    this.#native = native;
    this.#index = index;
  }

  /** Draws the next token. */
  async sample(sampler: NativeSampler): Promise<number> {
    const token = await this.#native.sampleToken(this.#index, sampler);
    if (token < 0) throw new Error('The model gave no usable probabilities for the next token.');
    return token;
  }

  /** Tokens with their probabilities after the sampler's stages, most likely first. */
  async probabilities(sampler: NativeSampler): Promise<[token: number, probability: number][]> {
    const [, flat = []] = await this.#native.sampleToken(this.#index, sampler, true, false);
    return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!]);
  }

  /** Probability of the token that the sampler picks. */
  async confidence(sampler: NativeSampler): Promise<number> {
    const [, , confidence] = await this.#native.sampleToken(this.#index, sampler, false, true);
    return confidence ?? 0;
  }
}

/** Draws the tokens of one choice; remembers them for the penalties and keeps its own random numbers. */
export class Sampler implements Disposable {
  readonly #native: NativeSampler;
  readonly #sampling: Sampling;
  readonly #constraint: TokenConstraint | null;
  readonly #grammar: object | null;
  readonly #drawn: number[] = [];
  #forbidden: readonly TokenPairs[] = [];

  constructor(internals: Internals, sampling: Sampling, constraint: TokenConstraint | null) {
    const { _bindings: addonExports } = internals._llama;
    this.#native = new addonExports.AddonSampler(internals._model);
    this.#sampling = sampling;
    this.#constraint = constraint;
    this.#grammar =
      constraint === null
        ? null
        : new addonExports.AddonGrammarEvaluationState(
            internals._model,
            new addonExports.AddonGrammar(constraint.grammar, { addonExports, rootRuleName: 'root' }),
          );
    this.#configure();
  }

  async next(output: Output): Promise<number> {
    const last = this.#drawn.at(-1);
    const forbidden =
      last === undefined ? [] : (this.#constraint?.forbiddenAfter.filter(({ first }) => first.includes(last)) ?? []);
    if (forbidden.length > 0 || this.#forbidden.length > 0) {
      this.#forbidden = forbidden;
      this.#configure();
    }
    const token = await output.sample(this.#native);
    this.#drawn.push(token);
    return token;
  }

  [Symbol.dispose](): void {
    this.#native.dispose();
  }

  /** What is left out is switched off, whatever it was before. */
  #configure(): void {
    const { temperature, topP, seed, frequencyPenalty, presencePenalty } = this.#sampling;
    const bias = this.#bias();
    this.#native.applyConfig({
      temperature,
      seed,
      // The defaults of the package are not OpenAI's: without these two keys no candidate is left out.
      ...(topP < 1 ? { topP } : {}),
      ...(frequencyPenalty === 0 && presencePenalty === 0
        ? {}
        : {
            repeatPenaltyTokens: Uint32Array.from(this.#drawn),
            repeatPenaltyMaxTokens: 2 ** 16,
            repeatPenaltyFrequencyPenalty: frequencyPenalty,
            repeatPenaltyPresencePenalty: presencePenalty,
          }),
      ...(bias.size === 0
        ? {}
        : { tokenBiasKeys: Uint32Array.from(bias.keys()), tokenBiasValues: Float32Array.from(bias.values()) }),
      ...(this.#grammar === null ? {} : { grammarEvaluationState: this.#grammar }),
    });
  }

  #bias(): Map<number, number> {
    const forbidden = [...(this.#constraint?.forbidden ?? []), ...this.#forbidden.flatMap(({ second }) => second)];
    return new Map([...this.#sampling.logitBias, ...forbidden.map((token) => [token, -Infinity] as const)]);
  }
}

/**
 * Reads the model's own log-probabilities: those of the raw logits, whatever the sampler does to them.
 *
 * The package hands out the whole vocabulary or nothing, and the whole takes 10 ms for 49 152 tokens. But the
 * probability of the likeliest token is to be had alone, and the ratios within the best 256 are too:
 * ln p(t) = ln p(best) + ln(ratio of t to best). That is exact and takes a third of the time.
 */
export class LogprobReader implements Disposable {
  readonly #best: NativeSampler;
  readonly #candidates: NativeSampler;

  constructor(internals: Internals) {
    const { AddonSampler } = internals._llama._bindings;
    this.#best = new AddonSampler(internals._model);
    this.#best.applyConfig({ temperature: 0, seed: 0 });
    this.#candidates = new AddonSampler(internals._model);
    this.#candidates.applyConfig({ temperature: 1, topK: candidateCount, seed: 0 });
  }

  async read(output: Output, token: number, topCount: number): Promise<TokenLogprobs> {
    const best = Math.log(await output.confidence(this.#best));
    const candidates = await output.probabilities(this.#candidates);
    const bestOfCandidates = Math.log(candidates[0]?.[1] ?? 0);
    const logprob = (probability: number) =>
      probability > 0 ? Math.min(0, best + Math.log(probability) - bestOfCandidates) : veryUnlikely;
    const found = candidates.find(([candidate]) => candidate === token);
    return {
      logprob: found === undefined ? await this.#rare(output, token) : logprob(found[1]),
      top: candidates.slice(0, topCount).map(([candidate, probability]) => [candidate, logprob(probability)]),
    };
  }

  async #rare(output: Output, token: number): Promise<number> {
    const all = await output.probabilities(this.#best);
    const probability = all.find(([candidate]) => candidate === token)?.[1] ?? 0;
    return probability > 0 ? Math.log(probability) : veryUnlikely;
  }

  [Symbol.dispose](): void {
    this.#best.dispose();
    this.#candidates.dispose();
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

/** llama.cpp's last warnings; its errors say only that something failed, and the reason arrives in the log. */
class Complaints {
  #lines: string[] = [];

  add(level: LlamaLogLevel, message: string): void {
    if (level !== LlamaLogLevel.error && level !== LlamaLogLevel.warn) return;
    this.#lines = [...this.#lines.slice(-3), message.trim()];
  }

  /** The promise's value, or its error with the reasons that were logged meanwhile. */
  async explain<Value>(promise: Promise<Value>): Promise<Value> {
    this.#lines = [];
    try {
      return await promise;
    } catch (error) {
      await sleep(20); // log lines arrive late
      const found = error instanceof Error ? error.message : String(error);
      throw new Error([found, ...this.#lines].join(': '), { cause: error });
    }
  }
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
