/**
 * Counts the tokens of many examples, in several ways at once, spread over threads.
 *
 * Batches go to whichever thread has least to do and come back in the order they were asked for. A set so small that
 * starting threads would take longer than counting is counted here.
 */

import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { AnyExample } from '../../domain/example.ts';
import { startThread } from '../../programs.ts';
import type { ExampleCounter, ExampleTokens } from './example-tokens.ts';
import { openCounters, type CountingWay } from './ways.ts';

/** One count per way, in the order of the ways; null where an example cannot be written that way. */
export type Counts = readonly (ExampleTokens | null)[];

export type CountReply = { readonly counts: readonly Counts[] } | { readonly error: unknown };

export interface CounterOptions {
  /** How much there is to count, to tell whether threads are worth while. */
  readonly sizeBytes?: number;
  /** None counts in this thread. */
  readonly threads?: number;
  /** What was asked and is not yet answered fails at once. */
  readonly signal?: AbortSignal;
}

/** A row of a file, as its reader gives it. */
interface Countable {
  readonly text: string;
  readonly checked: AnyExample | null;
}

/** A thread is ready in about the time in which so much is counted. */
const sizeOfOneThread = 4_000_000;
/** One reader cannot feed more; each keeps words and ranks of its own, a hundred megabytes or so. */
const threadsMax = 8;
const batchCharacters = 128 * 1024;

export class TokenCounter implements AsyncDisposable {
  readonly ways: readonly CountingWay[];
  readonly #here: readonly ExampleCounter[];
  readonly #threads: readonly CountingThread[];

  private constructor(
    ways: readonly CountingWay[],
    here: readonly ExampleCounter[],
    threads: readonly CountingThread[],
  ) {
    this.ways = ways;
    this.#here = here;
    this.#threads = threads;
  }

  static async open(ways: readonly CountingWay[], options: CounterOptions = {}): Promise<TokenCounter> {
    const { sizeBytes = Infinity, signal } = options;
    const worthWhile = Math.min(availableParallelism(), threadsMax, Math.floor(sizeBytes / sizeOfOneThread));
    const threads = Array.from({ length: options.threads ?? worthWhile }, () => new CountingThread(ways, signal));
    return new TokenCounter(ways, threads.length === 0 ? await openCounters(ways) : [], threads);
  }

  async count(examples: readonly AnyExample[]): Promise<readonly Counts[]> {
    if (this.#threads.length > 0) {
      const idlest = this.#threads.reduce((best, thread) => (thread.waiting < best.waiting ? thread : best));
      return await idlest.count(examples);
    }
    await setImmediate(); // a turn for everybody else
    return examples.map((example) => this.#here.map((counter) => counter.count(example)));
  }

  /** Rows with their counts, in their order; rows that are no examples have none. */
  async *countRows<Row extends Countable>(
    rows: AsyncIterable<Row>,
  ): AsyncGenerator<readonly [Row, Counts | null], void> {
    const underWay: (() => Promise<readonly (readonly [Row, Counts | null])[]>)[] = [];
    for await (const batch of inBatches(rows)) {
      const examples = batch.flatMap(({ checked }) => (checked === null ? [] : [checked]));
      const counting = this.count(examples);
      counting.catch(() => undefined); // it is heard when its turn comes
      underWay.push(async () => {
        const counts = (await counting).values();
        return batch.map((row) => [row, row.checked === null ? null : counts.next().value!] as const);
      });
      if (underWay.length > 2 * this.#threads.length) yield* await underWay.shift()!();
    }
    for (const next of underWay) yield* await next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()));
  }
}

async function* inBatches<Row extends Countable>(rows: AsyncIterable<Row>): AsyncGenerator<Row[], void> {
  let batch: Row[] = [];
  let characters = 0;
  for await (const row of rows) {
    batch.push(row);
    characters += row.text.length;
    if (characters < batchCharacters) continue;
    yield batch;
    batch = [];
    characters = 0;
  }
  if (batch.length > 0) yield batch;
}

class CountingThread implements AsyncDisposable {
  readonly #worker: Worker;
  /** Asked and not yet answered, the oldest first. */
  readonly #asked: { resolve: (counts: readonly Counts[]) => void; reject: (error: unknown) => void }[] = [];
  readonly #stop: () => void;
  readonly #signal: AbortSignal | undefined;
  #failure: { readonly error: unknown } | null = null;

  constructor(ways: readonly CountingWay[], signal: AbortSignal | undefined) {
    this.#worker = startThread('dataset/tokens/count-main', ways);
    this.#worker.on('message', (reply: CountReply) => {
      if ('error' in reply) this.#fail(reply.error);
      else this.#asked.shift()?.resolve(reply.counts);
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', (code) => this.#fail(new Error(`A thread that counted tokens ended with code ${code}.`)));
    this.#stop = () => this.#fail(signal?.reason);
    this.#signal = signal;
    signal?.addEventListener('abort', this.#stop);
  }

  get waiting(): number {
    return this.#asked.length;
  }

  async count(examples: readonly AnyExample[]): Promise<readonly Counts[]> {
    if (this.#failure !== null) throw this.#failure.error;
    return await new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#worker.postMessage(examples);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#stop);
    await this.#worker.terminate();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of this.#asked.splice(0)) reject(this.#failure.error);
  }
}
