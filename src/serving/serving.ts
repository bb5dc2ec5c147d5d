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
import type { Message, ToolDefinition } from '../domain/example.ts';
import { isEncoder } from '../families/table.ts';
import type { Log } from '../log.ts';
import type { BaseModel } from '../models/base-models.ts';
import type { ServedModel } from '../models/registry.ts';
import type { TextCodec } from '../text/codec.ts';
import { conversationText, type EncoderCodec } from '../text/encoder-codec.ts';
import { type Constraint, grammarOf } from '../text/json-grammar/constraint.ts';
import type { CallSyntax } from '../text/tool-calls/syntax.ts';
import { ChoiceReader, namePrompt, type PromptToken, type TokenAlternatives } from './choice-reader.ts';
import { answeringHead, encoderIds, noTools, writesNothing } from './encoder-text.ts';
import { labelAnswer, type LabelAnswer } from './label-answer.ts';
import { Pool } from './pool.ts';
import { forbiddenTokens } from './forbidden-tokens.ts';
import { checkRoom, conversationIds, promptIds, promptText } from './prompts.ts';
import type { Priority, Sampling, TokenConstraint } from './protocol.ts';
import { ofUnitLength } from './vectors.ts';

export type { Priority } from './protocol.ts';
export type { Constraint } from '../text/json-grammar/constraint.ts';
export type { PromptToken, TokenAlternatives, TokenText } from './choice-reader.ts';

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

/** What every request says, whatever its prompt is. */
export interface CompletionWishes {
  readonly model: ServedModel;
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
  /** The answers of which one has to be chosen; each is then told with its probability. */
  readonly labels?: readonly string[] | null;
  /** What the answer must look like; an answer that ends with `stop` does. */
  readonly constraint?: Constraint | null;
  /** Background work waits while anybody else is waiting. */
  readonly priority?: Priority;
}

/** What the model's own template renders. */
export interface Conversation {
  readonly messages: readonly Message[];
  readonly tools?: readonly ToolDefinition[];
}

export interface CompletionRequest extends CompletionWishes, Conversation {}

/** Bare text that the model continues. */
export interface RawCompletionRequest extends CompletionWishes {
  readonly prompt: Prompt;
  /** Whether the prompt's own log-probabilities are wanted, with as many alternatives as the answer's. */
  readonly scorePrompt: boolean;
}

export type Prompt =
  | {
      readonly type: 'text';
      readonly text: string;
      /** What comes after the gap that the model is to fill; only some models have learnt to. */
      readonly suffix?: string;
    }
  | { readonly type: 'tokens'; readonly ids: readonly number[] };

export interface EmbeddingRequest {
  readonly model: ServedModel;
  readonly inputs: readonly Prompt[];
  readonly priority?: Priority;
}

export interface Embeddings {
  /** One per input, of length 1. */
  readonly vectors: readonly Float32Array[];
  readonly promptTokens: number;
}

export type CompletionEvent =
  | {
      readonly type: 'text';
      readonly choice: number;
      readonly text: string;
      readonly logprobs: readonly TokenAlternatives[] | null;
      /** Where the answer was chosen from labels: how probable each was. */
      readonly labels?: Readonly<Record<string, number>> | null;
    }
  | { readonly type: 'end'; readonly choice: number; readonly reason: 'stop' | 'length' }
  | {
      readonly type: 'usage';
      readonly promptTokens: number;
      readonly cachedTokens: number;
      readonly completionTokens: number;
    };

export type RawCompletionEvent =
  /** The prompt, before everything else. */
  | { readonly type: 'prompt'; readonly text: string; readonly logprobs: readonly PromptToken[] | null }
  | CompletionEvent;

/** Without a stream nobody looks before the end, and every message between processes costs. */
const tokensPerReportUnseen = 64;

/** OpenAI's limit for the texts of one request together. */
const embeddedTokensMax = 300_000;

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

  /** The text side of a base, without its weights. */
  async textOf(base: BaseModel): Promise<TextCodec | EncoderCodec> {
    return isEncoder(base) ? (await this.#pool.encoder(base)).codec : await this.#pool.codec(base);
  }

  /**
   * The answer to a conversation. Throws before the first event for what is wrong with the request; leaving the
   * iteration, or aborting the signal, ends the work on it.
   */
  async *complete(request: CompletionRequest, signal?: AbortSignal): AsyncGenerator<CompletionEvent, void> {
    if (isEncoder(request.model.base)) {
      yield* this.#label(request, signal);
      return;
    }
    const codec = await this.#pool.codec(request.model.base);
    const prompt = conversationIds(codec, request);
    if (request.labels != null) {
      yield* this.#choose(request, request.labels, codec, prompt, signal);
      return;
    }
    for await (const event of this.#answer(request, codec, prompt, false, signal))
      if (event.type !== 'prompt') yield event;
  }

  /** What the model says after bare text; otherwise like `complete`. */
  async *continueText(request: RawCompletionRequest, signal?: AbortSignal): AsyncGenerator<RawCompletionEvent, void> {
    const { model, prompt, tokensMax, scorePrompt } = request;
    if (isEncoder(model.base)) throw writesNothing(model.id);
    const codec = await this.#pool.codec(model.base);
    const ids = promptIds(codec, prompt, 'prompt');
    checkRoom(model.base, ids.length, tokensMax ?? 1, 'prompt');
    const text = promptText(codec, prompt);
    const alone = ids.length === 1; // nothing comes before its only token
    if (!scorePrompt || alone)
      yield { type: 'prompt', text, logprobs: scorePrompt ? namePrompt(codec, ids, []) : null };
    for await (const event of this.#answer(request, codec, ids, scorePrompt && !alone, signal))
      yield event.type === 'prompt' ? { ...event, text } : event;
  }

  /** What an encoder says about a conversation; of a longer text than it can read, about the beginning, as it was taught. */
  async *#label(request: CompletionRequest, signal?: AbortSignal): AsyncGenerator<CompletionEvent, void> {
    const { base } = request.model;
    const encoder = await this.#pool.encoder(base);
    const head = answeringHead(encoder, request);
    const text = conversationText(request.messages);
    const { ids, words } = encoder.codec.encode(text, base.contextTokens);
    const byWord = head.task === 'token_classification';
    const positions = byWord ? Int32Array.from(words, ({ position }) => position) : Int32Array.of(0);
    let logits: Float32Array = new Float32Array();
    if (positions.length > 0) {
      using borrowed = await this.#pool.borrow(base);
      signal?.throwIfAborted();
      const { priority = 'interactive' } = request;
      logits = await borrowed.runtime.read({ ids, positions, priority }, signal);
      borrowed.succeeded();
    }
    const answer = labelAnswer(head, logits, text, words);
    yield* told(answer, request, ids.length, answer.pieces);
  }

  /** One of some labels: the likeliest, with the probabilities of all. */
  async *#choose(
    request: CompletionRequest,
    labels: readonly string[],
    codec: TextCodec,
    prompt: Int32Array,
    signal?: AbortSignal,
  ): AsyncGenerator<CompletionEvent, void> {
    const { base, adapter } = request.model;
    const answers = labels.map((label) => codec.answerIds(label));
    const longest = Math.max(...answers.map(({ length }) => length));
    checkRoom(base, prompt.length, longest, 'messages');
    using borrowed = await this.#pool.borrow(base);
    signal?.throwIfAborted();
    const { priority = 'interactive' } = request;
    const logits = await borrowed.runtime.choose({ adapter, prompt, answers, priority }, signal);
    borrowed.succeeded();
    const answer = labelAnswer({ task: 'classification', labels, form: null }, logits, '', []);
    const said = answers[labels.indexOf(answer.text)]!.length - 1;
    yield* told(answer, request, prompt.length, said);
  }

  async *#answer(
    request: CompletionWishes,
    codec: TextCodec,
    prompt: Int32Array,
    scorePrompt: boolean,
    signal?: AbortSignal,
  ): AsyncGenerator<RawCompletionEvent, void> {
    const { base, adapter } = request.model;
    checkTokens(codec, request.sampling.logitBias);
    const constraint = request.constraint ? constrain(codec, request.constraint) : null;
    using borrowed = await this.#pool.borrow(base);
    signal?.throwIfAborted();
    const answer = borrowed.runtime.generate({
      adapter,
      prompt,
      choices: request.choices,
      tokensMax: Math.min(request.tokensMax ?? Infinity, base.contextTokens - prompt.length),
      endTokens: [...codec.endOfTurnIds],
      sampling: { ...request.sampling, seed: seed32(request.sampling.seed) },
      constraint,
      topLogprobs: request.topLogprobs,
      tokensPerReport: request.streaming || request.stops.length > 0 ? 1 : tokensPerReportUnseen,
      scorePrompt,
      priority: request.priority ?? 'interactive',
    });
    const abort = () => answer.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const readers = Array.from({ length: request.choices }, () => new ChoiceReader(codec.tokenizer, request.stops));
      let cachedTokens = 0;
      for await (const report of answer) {
        if (report.type === 'prompt') {
          yield { type: 'prompt', text: '', logprobs: namePrompt(codec, prompt, report.logprobs) };
          continue;
        }
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

  /** Texts as vectors. */
  async embed(
    { model, inputs, priority = 'interactive' }: EmbeddingRequest,
    signal?: AbortSignal,
  ): Promise<Embeddings> {
    const { base, adapter } = model;
    const encoder = isEncoder(base) ? await this.#pool.encoder(base) : null;
    const codec = encoder === null ? await this.#pool.codec(base) : null;
    const ids = inputs.map((input) =>
      encoder === null ? promptIds(codec!, input, 'input') : encoderIds(encoder, input, 'input'),
    );
    for (const { length } of ids) checkRoom(base, length, 0, 'input');
    const promptTokens = ids.reduce((sum, { length }) => sum + length, 0);
    if (promptTokens > embeddedTokensMax)
      throw invalid(
        'input',
        `Requested ${promptTokens} tokens, max ${embeddedTokensMax} tokens per request.`,
        'max_tokens_per_request',
      );
    using borrowed = await this.#pool.borrow(base);
    signal?.throwIfAborted();
    const pooled = await borrowed.runtime.embed({ adapter, inputs: ids, priority }, signal);
    borrowed.succeeded();
    const plain = encoder?.normalises === false;
    return { vectors: pooled.map(plain ? (vector) => Float32Array.from(vector) : ofUnitLength), promptTokens };
  }

  /** Tokens of a conversation as the model is given it, or of bare text. */
  async countTokens(model: ServedModel, prompt: Prompt | Conversation): Promise<number> {
    if (isEncoder(model.base)) {
      const encoder = await this.#pool.encoder(model.base);
      const text: Prompt = 'messages' in prompt ? { type: 'text', text: conversationText(prompt.messages) } : prompt;
      return encoderIds(encoder, text, 'prompt').length;
    }
    const codec = await this.#pool.codec(model.base);
    const ids = 'messages' in prompt ? codec.encodePrompt(prompt.messages, prompt) : promptIds(codec, prompt, 'prompt');
    return ids.length;
  }

  /** How the model writes function calls down, for whoever finds them in its answers. */
  async callSyntax({ id, base }: ServedModel): Promise<CallSyntax> {
    if (isEncoder(base)) throw noTools(id);
    const { template } = await this.#pool.codec(base);
    return template.callSyntax;
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

/** An answer that is known as a whole, for every choice alike. */
function* told(
  answer: LabelAnswer,
  { topLogprobs, choices }: CompletionRequest,
  promptTokens: number,
  answerTokens: number,
): Generator<CompletionEvent, void> {
  for (let choice = 0; choice < choices; choice++) {
    const logprobs = topLogprobs === null ? null : answer.tokens(topLogprobs);
    yield { type: 'text', choice, text: answer.text, logprobs, labels: answer.probabilities };
    yield { type: 'end', choice, reason: 'stop' };
  }
  yield { type: 'usage', promptTokens, cachedTokens: 0, completionTokens: answerTokens * choices };
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

/** Compiled, with the tokens that the model must not use under it. */
function constrain(codec: TextCodec, constraint: Constraint): TokenConstraint {
  return { grammar: grammarOf(constraint), ...forbiddenTokens(codec.tokenizer) };
}

/** Any integer as 32 bits. */
function seed32(seed: number | null): number {
  if (seed === null) return randomInt(2 ** 32);
  return ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32;
}
