/** An answer in OpenAI's shapes: whole, or as the chunks of a stream. */

import type OpenAI from 'openai';
import { newId } from '../domain/ids.ts';
import type { CompletionEvent, TokenAlternatives } from '../serving/serving.ts';

type Completion = OpenAI.ChatCompletion;
type Chunk = OpenAI.ChatCompletionChunk;
type Usage = OpenAI.CompletionUsage;

/** What all parts of one answer share. */
export interface Header {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
  readonly service_tier: 'default';
}

export function newHeader(model: string, fingerprint: string): Header {
  const created = Math.floor(Date.now() / 1000);
  return { id: newId('chat'), created, model, system_fingerprint: fingerprint, service_tier: 'default' };
}

export async function collectCompletion(
  header: Header,
  choiceCount: number,
  events: AsyncIterable<CompletionEvent>,
): Promise<Completion> {
  const choices = Array.from({ length: choiceCount }, (_, index) => emptyChoice(index));
  let usage: Usage | undefined;
  for await (const event of events) {
    if (event.type === 'usage') usage = usageOf(event);
    else if (event.type === 'end') choices[event.choice]!.finish_reason = event.reason;
    else {
      const choice = choices[event.choice]!;
      choice.message.content += event.text;
      if (event.logprobs !== null) (choice.logprobs ??= noLogprobs()).content!.push(...event.logprobs);
    }
  }
  return { object: 'chat.completion', ...header, choices, ...(usage === undefined ? {} : { usage }) };
}

/** The chunks of an answer: a choice's role, its pieces, its end; and the usage, when it was asked for. */
export async function* chunksOf(
  header: Header,
  includeUsage: boolean,
  events: AsyncIterable<CompletionEvent>,
): AsyncGenerator<Chunk, void> {
  const begun = new Set<number>();
  const chunk = (choices: Chunk['choices'], usage: Usage | null = null): Chunk => ({
    object: 'chat.completion.chunk',
    ...header,
    choices,
    ...(includeUsage ? { usage } : {}),
  });
  for await (const event of events) {
    if (event.type === 'usage') {
      if (includeUsage) yield chunk([], usageOf(event));
      return;
    }
    const { choice: index } = event;
    if (!begun.has(index)) {
      begun.add(index);
      const delta = { role: 'assistant', content: '', refusal: null } as const;
      yield chunk([{ index, delta, logprobs: null, finish_reason: null }]);
    }
    if (event.type === 'end') yield chunk([{ index, delta: {}, logprobs: null, finish_reason: event.reason }]);
    else {
      const logprobs = event.logprobs === null ? null : withContent(event.logprobs);
      yield chunk([{ index, delta: { content: event.text }, logprobs, finish_reason: null }]);
    }
  }
}

function emptyChoice(index: number): Completion['choices'][number] {
  const message = { role: 'assistant' as const, content: '', refusal: null, annotations: [] };
  return { index, message, logprobs: null, finish_reason: 'stop' };
}

const withContent = (content: readonly TokenAlternatives[]) => ({ content: [...content], refusal: null });
const noLogprobs = () => withContent([]);

function usageOf(event: Extract<CompletionEvent, { type: 'usage' }>): Usage {
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
