/**
 * Texts to vectors: what a model holds in its last layer about each, pooled into one.
 *
 * Texts go one by one through a context of their own, in pieces, so that answers under way are not held up. The mean
 * over a text is the mean over its pieces, weighted by their lengths; as each piece sees all pieces before it, that
 * is exact.
 */

import { type EvaluationContext, type Llama, pieceTokensMax, type Pooling } from './llama.ts';
import type { EmbedCommand, RuntimeReport } from './protocol.ts';
import type { ThreadCount } from './thread-count.ts';

/** One request while a runtime works on it. */
export class Embedding {
  readonly command: EmbedCommand;
  finished = false;
  readonly #report: (report: RuntimeReport) => void;
  readonly #pooling: Pooling;
  #input = 0;
  #position = 0;
  #vector: Float64Array | null = null;

  constructor(command: EmbedCommand, pooling: Pooling, report: (report: RuntimeReport) => void) {
    this.command = command;
    this.#pooling = pooling;
    this.#report = report;
  }

  get isUrgent(): boolean {
    return this.command.priority === 'interactive';
  }

  /** Tokens of the longest input. */
  get longest(): number {
    return Math.max(...this.command.inputs.map(({ length }) => length));
  }

  /** The tokens to evaluate next, and where in their text they stand. */
  next(): { position: number; tokens: Int32Array } {
    const position = this.#position;
    return { position, tokens: this.command.inputs[this.#input]!.subarray(position, position + pieceTokensMax) };
  }

  /** Takes the pooled states of those tokens. */
  take(pooled: Float64Array, count: number): void {
    const text = this.command.inputs[this.#input]!;
    const before = this.#vector;
    if (this.#pooling === 'mean')
      this.#vector = pooled.map((value, i) => (before?.[i] ?? 0) + (value * count) / text.length);
    else if (this.#pooling === 'last' || before === null) this.#vector = pooled;
    this.#position += count;
    if (this.#position < text.length) return;
    this.#report({ type: 'embedding', id: this.command.id, input: this.#input, vector: this.#vector! });
    this.#input += 1;
    this.#position = 0;
    this.#vector = null;
    this.finished = this.#input === this.command.inputs.length;
  }

  /** What was evaluated of the text under way is gone. */
  restartText(): void {
    this.#position = 0;
    this.#vector = null;
  }

  cancel(): void {
    this.finished = true;
  }

  fail(message: string): void {
    this.finished = true;
    this.#report({ type: 'failed', id: this.command.id, message });
  }
}

/** The context that texts go through. */
export class Embedder implements AsyncDisposable {
  /** Longer texts need another one. */
  readonly tokensMax: number;
  readonly #context: EvaluationContext;
  readonly #threads: ThreadCount;
  #current: Embedding | null = null;

  private constructor(tokensMax: number, context: EvaluationContext, threads: ThreadCount) {
    this.tokensMax = tokensMax;
    this.#context = context;
    this.#threads = threads;
  }

  static async open(llama: Llama, tokensMax: number, threads: ThreadCount): Promise<Embedder> {
    const options = { adapter: null, sequences: 1, tokensPerSequence: tokensMax, embeddings: true };
    return new Embedder(tokensMax, await llama.openContext(options), threads);
  }

  /** Goes one piece further. */
  async step(embedding: Embedding): Promise<void> {
    if (this.#current !== embedding) {
      embedding.restartText();
      await this.#context.setAdapter(embedding.command.adapter);
    }
    this.#current = embedding;
    const { position, tokens } = embedding.next();
    if (position === 0) this.#context.keep(0, 0);
    const piece = { sequence: 0, position, tokens };
    const evaluated = await this.#context.evaluate([piece], this.#threads.forPrompts(performance.now()));
    this.#threads.judge(evaluated, performance.now());
    embedding.take(this.#context.pooled(piece), tokens.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context[Symbol.asyncDispose]();
  }
}
