/** An answer in OpenAI's shapes: whole, or as the chunks of a stream. */

import type OpenAI from 'openai';
import { newId, randomLetters } from '../domain/ids.ts';
import type { TokenAlternatives } from '../serving/serving.ts';
import type { Reply, ReplyEvent } from './reply.ts';

type Completion = OpenAI.ChatCompletion;
type Choice = Completion['choices'][number];
type Chunk = OpenAI.ChatCompletionChunk & { obfuscation?: string };
type ChunkChoice = Chunk['choices'][number];
type Usage = OpenAI.CompletionUsage;

/** What all parts of one answer share. */
export interface Header {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
  readonly service_tier: 'default';
}

export function newHeader({ model, fingerprint }: Reply): Header {
  const created = Math.floor(Date.now() / 1000);
  return { id: newId('chat'), created, model: model.id, system_fingerprint: fingerprint, service_tier: 'default' };
}

export interface CompletionShape {
  readonly choices: number;
  /** Whether calls go into the deprecated field. */
  readonly asFunctionCall: boolean;
}

/** A whole completion, put together from events as they pass. */
export class CompletionBuilder {
  readonly #header: Header;
  readonly #asFunctionCall: boolean;
  readonly #choices: Choice[];
  #usage: Usage | null = null;

  constructor(header: Header, { choices, asFunctionCall }: CompletionShape) {
    this.#header = header;
    this.#asFunctionCall = asFunctionCall;
    this.#choices = Array.from({ length: choices }, (_, index) => emptyChoice(index));
  }

  add(event: ReplyEvent): void {
    if (event.type === 'usage') {
      this.#usage = usageOf(event);
      return;
    }
    const choice = this.#choices[event.choice]!;
    const { message } = choice;
    switch (event.type) {
      case 'text':
        message.content = (message.content ?? '') + event.text;
        if (event.labels != null) Object.assign(choice, { label_probabilities: event.labels });
        if (event.logprobs !== null) (choice.logprobs ??= withContent([])).content!.push(...event.logprobs);
        break;
      case 'call': {
        const call = { name: event.name, arguments: '' };
        if (this.#asFunctionCall) message.function_call = call;
        else (message.tool_calls ??= []).push({ id: event.id, type: 'function', function: call });
        break;
      }
      case 'arguments':
        callUnderway(message).arguments += event.text;
        break;
      case 'end':
        choice.finish_reason = reasonOf(event.reason, this.#asFunctionCall);
        if (message.tool_calls === undefined && message.function_call == null) message.content ??= '';
        break;
      default:
        throw event satisfies never;
    }
  }

  /** Complete once all events have been added. */
  get completion(): Completion {
    const usage = this.#usage === null ? {} : { usage: this.#usage };
    return { object: 'chat.completion', ...this.#header, choices: this.#choices, ...usage };
  }
}

export interface ChunkShape {
  readonly includeUsage: boolean;
  readonly obfuscated: boolean;
  readonly asFunctionCall: boolean;
}

/** The chunks of an answer: a choice's role, its pieces, its end; and the usage, when it was asked for. */
export async function* chunksOf(
  header: Header,
  { includeUsage, obfuscated, asFunctionCall }: ChunkShape,
  events: AsyncIterable<ReplyEvent>,
): AsyncGenerator<Chunk, void> {
  /** Calls made so far, by choice; a choice is in here once it has begun. */
  const calls = new Map<number, number>();
  const chunk = (choices: ChunkChoice[], usage: Usage | null = null): Chunk => ({
    object: 'chat.completion.chunk',
    ...header,
    choices,
    ...(includeUsage ? { usage } : {}),
    ...(obfuscated ? { obfuscation: randomLetters(1 + Math.floor(Math.random() * 16)) } : {}),
  });
  for await (const event of events) {
    if (event.type === 'usage') {
      if (includeUsage) yield chunk([], usageOf(event));
      continue;
    }
    const { choice: index } = event;
    const piece = (delta: ChunkChoice['delta'], rest: Partial<ChunkChoice> = {}): Chunk =>
      chunk([{ index, delta, logprobs: null, finish_reason: null, ...rest }]);
    if (!calls.has(index)) {
      calls.set(index, 0);
      const content = event.type === 'call' ? null : '';
      yield piece({ role: 'assistant', content, refusal: null });
    }
    switch (event.type) {
      case 'text':
        yield piece(
          { content: event.text },
          {
            logprobs: event.logprobs === null ? null : withContent(event.logprobs),
            ...(event.labels != null && { label_probabilities: event.labels }),
          },
        );
        break;
      case 'call': {
        const call = calls.get(index)!;
        calls.set(index, call + 1);
        const begun = { name: event.name, arguments: '' };
        if (asFunctionCall) yield piece({ function_call: begun });
        else yield piece({ tool_calls: [{ index: call, id: event.id, type: 'function', function: begun }] });
        break;
      }
      case 'arguments': {
        const more = { arguments: event.text };
        if (asFunctionCall) yield piece({ function_call: more });
        else yield piece({ tool_calls: [{ index: calls.get(index)! - 1, function: more }] });
        break;
      }
      case 'end':
        yield piece({}, { finish_reason: reasonOf(event.reason, asFunctionCall) });
        break;
      default:
        throw event satisfies never;
    }
  }
}

function emptyChoice(index: number): Choice {
  const message = { role: 'assistant' as const, content: null, refusal: null, annotations: [] };
  return { index, message, logprobs: null, finish_reason: 'stop' };
}

function callUnderway({ tool_calls: calls, function_call: call }: Choice['message']): { arguments: string } {
  const last = calls?.at(-1);
  return last?.type === 'function' ? last.function : call!;
}

function reasonOf(reason: Extract<ReplyEvent, { type: 'end' }>['reason'], asFunctionCall: boolean) {
  return reason === 'tool_calls' && asFunctionCall ? 'function_call' : reason;
}

const withContent = (content: readonly TokenAlternatives[]) => ({ content: [...content], refusal: null });

function usageOf(event: Extract<ReplyEvent, { type: 'usage' }>): Usage {
  const { promptTokens, cachedTokens, completionTokens } = event;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
