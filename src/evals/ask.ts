/**
 * Puts a test to a model through the official SDK: greedy, each question once, answers in the order of the test.
 *
 * Servers differ in what they take, so what one refuses by name (`temperature`, `logprobs`, …) is left out from then
 * on. A question that fails is an answer with an `error`, and wrong; what would fail for every question (no such
 * model, a wrong key, nobody there) ends the asking.
 */

import { setMaxListeners } from 'node:events';
import OpenAI, { APIConnectionError, APIError, APIUserAbortError } from 'openai';
import type { Message } from '../domain/example.ts';
import { labelProbabilities } from './labels.ts';
import type { TestItem } from './task.ts';

/** A question of a test with what a model made of it. */
export interface Answered extends TestItem {
  readonly answer: Message | null;
  /** Of the labels, summing to one; null where nobody asked or the server does not tell. */
  readonly probabilities: Readonly<Record<string, number>> | null;
  readonly error: string | null;
  readonly latencyMs: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

export interface Asking {
  /** Questions under way at a time; more than one share the server's cores, and each looks slower. */
  readonly concurrency?: number;
  /** The closed set of answers, where there is one; their probabilities are asked for. */
  readonly labels?: readonly string[];
  readonly answerTokensMax?: number;
  /** Asks for log-probabilities where there are no labels as well. */
  readonly logprobs?: boolean;
  /** Told the whole answer to a question before it is yielded, and the parameters it was asked with. */
  readonly onCompletion?: (item: TestItem, completion: OpenAI.ChatCompletion, body: AnswerParameters) => void;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number) => void;
}

export async function* askAll(
  openai: OpenAI,
  model: string,
  items: readonly TestItem[],
  asking: Asking = {},
): AsyncGenerator<Answered, void> {
  const { concurrency = 1, signal, onProgress = () => {} } = asking;
  const stop = new AbortController();
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  setMaxListeners(0, both); // one for each question under way
  const body = bodyWith(items, asking);
  const asker = new Asker(openai, model, body, asking, both);
  const underway: Promise<Answered>[] = [];
  try {
    let done = 0;
    for (let next = 0; next < items.length || underway.length > 0;) {
      while (next < items.length && underway.length < concurrency) {
        const answer = asker.ask(items[next++]!);
        answer.catch(() => {}); // heard when its turn comes
        underway.push(answer);
      }
      const answered = await underway.shift()!;
      onProgress((done += 1));
      yield answered;
    }
  } finally {
    stop.abort();
    await Promise.allSettled(underway);
  }
}

/** What requests have in common. */
export interface AnswerParameters {
  temperature?: number;
  max_completion_tokens?: number;
  max_tokens?: number;
  logprobs?: boolean;
  top_logprobs?: number;
  /** Ours: a model that was taught a closed set of answers is held to it. */
  labels?: 'auto';
}

const answerTokensLeast = 256;
const answerTokensMost = 4096;

/** Greedy, with room for the longest label or reference and some talk around it; a letter is never more than a token. */
export function bodyWith(
  items: readonly TestItem[],
  {
    labels = [],
    answerTokensMax,
    logprobs = labels.length > 0,
  }: Pick<Asking, 'labels' | 'answerTokensMax' | 'logprobs'>,
): AnswerParameters {
  const room = answerTokensMax ?? (labels.length > 0 ? longest(labels) + 4 : roomFor(items));
  const probabilities = logprobs ? { logprobs: true, top_logprobs: 20 } : {};
  const held = labels.length > 0 ? ({ labels: 'auto' } as const) : {};
  return { temperature: 0, max_completion_tokens: room, ...probabilities, ...held };
}

const longest = (texts: readonly string[]): number => texts.reduce((most, { length }) => Math.max(most, length), 0);

function roomFor(items: readonly TestItem[]): number {
  const letters = longest(items.map(({ reference }) => JSON.stringify(reference)));
  return Math.min(answerTokensMost, Math.max(answerTokensLeast, letters));
}

/** What a server may refuse by name, and what then stands in its place. */
const without: Readonly<Record<string, (body: AnswerParameters) => void>> = {
  labels: (body) => delete body.labels,
  temperature: (body) => delete body.temperature,
  logprobs: (body) => {
    delete body.logprobs;
    delete body.top_logprobs;
  },
  // OpenAI's own limit was 5 once, and still is elsewhere.
  top_logprobs: (body) => {
    if ((body.top_logprobs ?? 0) > 5) body.top_logprobs = 5;
    else without['logprobs']!(body);
  },
  max_completion_tokens: (body) => {
    if (body.max_completion_tokens !== undefined) body.max_tokens = body.max_completion_tokens;
    delete body.max_completion_tokens;
  },
};

class Asker {
  readonly #openai: OpenAI;
  readonly #model: string;
  readonly #labels: readonly string[];
  readonly #onCompletion: NonNullable<Asking['onCompletion']>;
  readonly #signal: AbortSignal;
  #body: AnswerParameters;

  constructor(openai: OpenAI, model: string, body: AnswerParameters, asking: Asking, signal: AbortSignal) {
    this.#openai = openai;
    this.#model = model;
    this.#body = body;
    this.#labels = asking.labels ?? [];
    this.#onCompletion = asking.onCompletion ?? (() => {});
    this.#signal = signal;
  }

  async ask(item: TestItem): Promise<Answered> {
    const startedMs = performance.now();
    try {
      const completion = await this.#complete(item);
      return answeredBy(item, completion, this.#labels, performance.now() - startedMs);
    } catch (error) {
      if (isForAll(error) || this.#signal.aborted) throw error;
      return unanswered(item, (error as Error).message, performance.now() - startedMs);
    }
  }

  async #complete(item: TestItem): Promise<OpenAI.ChatCompletion> {
    return await withOwnSignal(this.#signal, (signal) => this.#completeWith(item, signal));
  }

  async #completeWith(item: TestItem, signal: AbortSignal): Promise<OpenAI.ChatCompletion> {
    for (;;) {
      const body = this.#body;
      try {
        const request = requestFor(item, this.#model, body);
        const completion = await this.#openai.chat.completions.create(request, { signal });
        this.#onCompletion(item, completion, body);
        return completion;
      } catch (error) {
        const param =
          error instanceof APIError && (error.status === 400 || error.status === 422) ? refusedOf(error, body) : null;
        if (param === null) throw error;
        if (this.#body !== body) continue; // another question has seen to it
        this.#body = { ...body };
        without[param]!(this.#body);
      }
    }
  }
}

/** The SDK leaves a listener on the signal of every request; with a signal of its own it goes with the request. */
export async function withOwnSignal<T>(signal: AbortSignal, ask: (own: AbortSignal) => Promise<T>): Promise<T> {
  const request = new AbortController();
  const stop = (): void => request.abort();
  signal.throwIfAborted();
  signal.addEventListener('abort', stop);
  try {
    return await ask(request.signal);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** The parameter that an error is about, if it can be left out. */
function refusedOf(error: APIError, body: AnswerParameters): string | null {
  const named = Object.keys(without).filter((name) => Object.hasOwn(body, name));
  // A field that is none of OpenAI's is refused in many ways, not all of which name it as the parameter.
  const ours = Object.hasOwn(body, 'labels') && /\blabels\b/.test(error.message) ? 'labels' : null;
  return named.find((name) => error.param === name) ?? ours;
}

export function requestFor(
  { input, tools }: TestItem,
  model: string,
  body: AnswerParameters,
): OpenAI.ChatCompletionCreateParamsNonStreaming {
  const messages = input.map((message) => {
    const { weight: _, ...sent } = message;
    return sent as OpenAI.ChatCompletionMessageParam;
  });
  const request = { model, messages, ...body };
  return tools === undefined ? request : { ...request, tools: tools as OpenAI.ChatCompletionFunctionTool[] };
}

/** Without the house itself no question has an answer; a request that is too long or was cut off is one of many. */
export function isForAll(error: unknown): boolean {
  if (error instanceof APIUserAbortError || !(error instanceof APIError)) return true;
  if (error instanceof APIConnectionError) return error.cause !== undefined && isRefused(error.cause);
  return error.status === 401 || error.status === 403 || error.status === 404;
}

const isRefused = (cause: unknown): boolean => {
  const codes = [cause, (cause as { cause?: unknown }).cause].map((each) => (each as { code?: unknown } | null)?.code);
  return codes.some((code) => code === 'ECONNREFUSED' || code === 'ENOTFOUND');
};

export function answeredBy(
  item: TestItem,
  { choices, usage }: OpenAI.ChatCompletion,
  labels: readonly string[],
  latencyMs: number,
): Answered {
  const choice = choices[0];
  return {
    ...item,
    answer: choice === undefined ? null : messageOf(choice.message),
    probabilities: probabilitiesOf(choice, labels),
    error: choice === undefined ? 'The server gave no choice.' : null,
    latencyMs,
    promptTokens: usage?.prompt_tokens ?? 0,
    cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    completionTokens: usage?.completion_tokens ?? 0,
  };
}

/** As the server tells them, or as the answer's tokens do. */
function probabilitiesOf(
  choice: OpenAI.ChatCompletion.Choice | undefined,
  labels: readonly string[],
): Readonly<Record<string, number>> | null {
  if (labels.length === 0) return null;
  const { label_probabilities: told } = (choice ?? {}) as { label_probabilities?: Record<string, number> };
  if (told !== undefined && labels.every((label) => told[label] !== undefined)) return told;
  const tokens = choice?.logprobs?.content;
  return tokens == null ? null : labelProbabilities(tokens, labels);
}

export const unanswered = (item: TestItem, error: string, latencyMs: number): Answered => ({
  ...item,
  answer: null,
  probabilities: null,
  error,
  latencyMs,
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
});

function messageOf({ content, tool_calls, function_call }: OpenAI.ChatCompletionMessage): Message {
  const calls = (tool_calls ?? []).filter((call) => call.type === 'function');
  return {
    role: 'assistant',
    content,
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(function_call != null && { function_call }),
  };
}
