/**
 * Answers from models: chat messages in, text out, piece by piece.
 *
 * The text work is done here, in the server's process: the template and tokenizer that training uses, stop strings,
 * characters spread over tokens, names of tokens in log-probabilities. Runtimes know token ids only. What comes out
 * is a choice's pieces in order, then its end; choices come one after another, and the token counts come last.
 */

import { createHash, randomInt } from 'node:crypto';
import { totalmem } from 'node:os';
import { invalid } from '../domain/errors.ts';
import type { Message } from '../domain/example.ts';
import type { Log } from '../log.ts';
import type { ServedModel } from '../models/registry.ts';
import type { TextCodec } from '../text/codec.ts';
import { ChoiceReader, type TokenAlternatives } from './choice-reader.ts';
import { Pool } from './pool.ts';
import type { Sampling } from './protocol.ts';

export type { TokenAlternatives, TokenText } from './choice-reader.ts';

export interface ServingSettings {
  readonly log: Log;
  /** Threads that one runtime may use at a time. */
  readonly threads: number;
  /** Keys and values in f32, no flash attention: for comparing answers with the trainer's. */
  readonly exact?: boolean;
  /** Memory of one model's key/value caches together. */
  readonly cacheBytesMax?: number;
  /** Memory of all loaded models together. */
  readonly loadedBytesMax?: number;
  /** A model that nobody has asked for so long is unloaded. */
  readonly idleMs?: number;
  /** Requests to one model at a time, running and waiting; more are turned away. */
  readonly requestsMax?: number;
}

export interface CompletionRequest {
  readonly model: ServedModel;
  readonly messages: readonly Message[];
  readonly choices: number;
  /** Generated tokens per choice; null for as many as the model's context holds. */
  readonly tokensMax: number | null;
  readonly stops: readonly string[];
  /** A seed of null is a new one every time. */
  readonly sampling: Omit<Sampling, 'seed'> & { readonly seed: number | null };
  /** Alternatives per token; null for no log-probabilities. */
  readonly topLogprobs: number | null;
  /** Whether pieces are wanted as soon as they are there. */
  readonly streaming: boolean;
}

export type CompletionEvent =
  | {
      readonly type: 'text';
      readonly choice: number;
      readonly text: string;
      readonly logprobs: readonly TokenAlternatives[] | null;
    }
  | { readonly type: 'end'; readonly choice: number; readonly reason: 'stop' | 'length' }
  | {
      readonly type: 'usage';
      readonly promptTokens: number;
      readonly cachedTokens: number;
      readonly completionTokens: number;
    };

/** Without a stream nobody looks before the end, and every message between processes costs. */
const tokensPerReportUnseen = 64;

export class Serving implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #exact: boolean;

  constructor(settings: ServingSettings) {
    this.#exact = settings.exact ?? false;
    this.#pool = new Pool({
      exact: this.#exact,
      cacheBytesMax: 2 ** 30,
      loadedBytesMax: totalmem() / 2,
      idleMs: 10 * 60 * 1000,
      requestsMax: 256,
      ...settings,
    });
  }

  /**
   * The answer to a conversation. Throws before the first event for what is wrong with the request; leaving the
   * iteration, or aborting the signal, ends the work on it.
   */
  async *complete(request: CompletionRequest, signal?: AbortSignal): AsyncGenerator<CompletionEvent, void> {
    const { base, adapter } = request.model;
    const codec = await this.#pool.codec(base);
    const prompt = encodePrompt(codec, request);
    checkTokens(codec, request.sampling.logitBias);
    using borrowed = await this.#pool.borrow(base);
    signal?.throwIfAborted();
    const answer = borrowed.runtime.generate({
      adapter,
      prompt,
      choices: request.choices,
      tokensMax: Math.min(request.tokensMax ?? Infinity, base.contextTokens - prompt.length),
      endTokens: [...codec.endOfTurnIds],
      sampling: { ...request.sampling, seed: seed32(request.sampling.seed) },
      topLogprobs: request.topLogprobs,
      tokensPerReport: request.streaming || request.stops.length > 0 ? 1 : tokensPerReportUnseen,
    });
    const abort = () => answer.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const readers = Array.from({ length: request.choices }, () => new ChoiceReader(codec.tokenizer, request.stops));
      let cachedTokens = 0;
      for await (const report of answer) {
        const { choice, end } = report;
        const reader = readers[choice]!;
        const piece = reader.read(report);
        if (piece.text !== '' || (piece.logprobs?.length ?? 0) > 0) yield { type: 'text', choice, ...piece };
        if (reader.stopped) answer.endChoice(choice);
        if (reader.stopped || end !== null) yield { type: 'end', choice, reason: reader.stopped ? 'stop' : end! };
        cachedTokens = report.cachedTokens;
      }
      borrowed.succeeded();
      const completionTokens = readers.reduce((sum, { tokens }) => sum + tokens, 0);
      yield { type: 'usage', promptTokens: prompt.length, cachedTokens, completionTokens };
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Equal for two answers that were computed in the same way: OpenAI's `system_fingerprint`. */
  fingerprint({ base, adapter }: ServedModel): string {
    const parts = [base.sha256, adapter ?? '', this.#exact ? 'exact' : ''];
    return `fp_${createHash('sha256').update(parts.join(' ')).digest('hex').slice(0, 10)}`;
  }

  /** While a job trains, answers get by with fewer threads. */
  setThreads(threads: number): void {
    this.#pool.setThreads(threads);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }
}

function encodePrompt(codec: TextCodec, { messages, model }: CompletionRequest): Int32Array {
  const prompt = codec.encodePrompt(messages);
  const { contextTokens } = model.base;
  if (prompt.length < contextTokens) return prompt;
  throw invalid(
    'messages',
    `This model's maximum context length is ${contextTokens} tokens. However, your messages resulted in ${prompt.length} tokens, and the answer needs room too. Please reduce the length of the messages.`,
    'context_length_exceeded',
  );
}

function checkTokens(codec: TextCodec, logitBias: Sampling['logitBias']): void {
  const { vocabularySize } = codec.tokenizer;
  const unknown = logitBias.find(([token]) => token >= vocabularySize);
  if (unknown === undefined) return;
  throw invalid(
    'logit_bias',
    `Invalid 'logit_bias': ${unknown[0]} is not a token of this model. Expected token ids from 0 to ${vocabularySize - 1}.`,
    'invalid_value',
  );
}

/** Any integer as 32 bits. */
function seed32(seed: number | null): number {
  if (seed === null) return randomInt(2 ** 32);
  return ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32;
}
