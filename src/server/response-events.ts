/**
 * A reply as the events of a response, in OpenAI's order:
 *
 *   created, in_progress
 *     message    output_item.added, content_part.added, output_text.delta …, .done, content_part.done, output_item.done
 *     call       output_item.added, function_call_arguments.delta …, .done, output_item.done
 *   completed, incomplete or failed
 *
 * Every event has the next number, and those about the response's life carry it whole. A whole answer is what the
 * last one carries.
 */

import type OpenAI from 'openai';
import { cancelled, closing } from '../answers/background.ts';
import type { LifeEvent, OutputItem, Response, ResponseEvent } from '../answers/response.ts';
import { serverDied } from '../answers/response.ts';
import { TunesmithError } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import type { TokenAlternatives, TokenText } from '../serving/serving.ts';
import type { ReplyEvent } from './reply.ts';

type Message = OpenAI.Responses.ResponseOutputMessage;
type Call = OpenAI.Responses.ResponseFunctionToolCall & { id: string };
/** Ours: where the answer was chosen from labels, how probable each was. */
type TextPart = OpenAI.Responses.ResponseOutputText & { label_probabilities?: LabelProbabilities };
type LabelProbabilities = Readonly<Record<string, number>>;
type Logprob = OpenAI.Responses.ResponseOutputText.Logprob;
type Unnumbered = ResponseEvent extends infer Event
  ? Event extends unknown
    ? Omit<Event, 'sequence_number'>
    : never
  : never;

export interface ResponseSource {
  readonly draft: Response;
  /** What is said; called once, and may throw what is wrong with the request. */
  readonly reply: () => AsyncIterable<ReplyEvent>;
  readonly signal: AbortSignal;
  /** Hears what made a response fail, or throws it on. */
  readonly onError: (error: unknown) => void;
}

/** Events up to the last one, and the response as it ended. One that was cancelled ends without an event. */
export async function* responseEvents({
  draft,
  reply,
  signal,
  onError,
}: ResponseSource): AsyncGenerator<ResponseEvent, Response> {
  const writer = new ResponseWriter(draft);
  yield writer.life('response.created', {});
  if (draft.status === 'queued') yield writer.life('response.queued', {});
  yield writer.life('response.in_progress', { status: 'in_progress' });
  try {
    for await (const event of reply()) yield* writer.read(event);
  } catch (error) {
    if (signal.reason === cancelled) return writer.ended({ status: 'cancelled' });
    if (signal.reason !== closing) onError(error);
    const told = signal.reason === closing ? serverDied : errorOf(error);
    const failed = writer.life('response.failed', { status: 'failed', error: told });
    yield failed;
    return failed.response;
  }
  const last = writer.last();
  yield last;
  return last.response;
}

class ResponseWriter {
  readonly #draft: Response;
  readonly #output: OutputItem[] = [];
  #response: Partial<Response> = {};
  #next = 0;
  #open: OpenMessage | OpenCall | null = null;

  constructor(draft: Response) {
    this.#draft = draft;
  }

  life(type: LifeEvent, changes: Partial<Response>): Extract<ResponseEvent, { response: unknown }> {
    Object.assign(this.#response, changes);
    return { type, sequence_number: this.#next++, response: this.ended({}) };
  }

  ended(changes: Partial<Response>): Response {
    return { ...this.#draft, ...this.#response, output: [...this.#output], ...changes };
  }

  *read(event: ReplyEvent): Generator<ResponseEvent> {
    switch (event.type) {
      case 'text':
        if (!(this.#open instanceof OpenMessage)) yield* this.#begin(new OpenMessage(this.#output.length));
        yield* this.#numbered((this.#open as OpenMessage).add(event));
        break;
      case 'call':
        yield* this.#begin(new OpenCall(this.#output.length, event.id, event.name));
        break;
      case 'arguments':
        yield* this.#numbered((this.#open as OpenCall).add(event.text));
        break;
      case 'end': {
        const incomplete = event.reason === 'length';
        if (this.#open === null) yield* this.#begin(new OpenMessage(this.#output.length));
        yield* this.#finish(incomplete ? 'incomplete' : 'completed');
        this.#response = {
          ...this.#response,
          status: incomplete ? 'incomplete' : 'completed',
          completed_at: incomplete ? null : Math.floor(Date.now() / 1000),
          incomplete_details: incomplete ? { reason: 'max_output_tokens' } : null,
        };
        break;
      }
      case 'usage':
        this.#response = { ...this.#response, usage: usageOf(event) };
        break;
      default:
        throw event satisfies never;
    }
  }

  last() {
    return this.life(this.#response.status === 'incomplete' ? 'response.incomplete' : 'response.completed', {});
  }

  *#begin(item: OpenMessage | OpenCall): Generator<ResponseEvent> {
    yield* this.#finish('completed');
    this.#open = item;
    yield* this.#numbered(item.begin());
  }

  *#finish(status: 'completed' | 'incomplete'): Generator<ResponseEvent> {
    if (this.#open === null) return;
    yield* this.#numbered(this.#open.finish(status));
    this.#output.push(this.#open.item(status));
    this.#open = null;
  }

  *#numbered(events: Iterable<Unnumbered>): Generator<ResponseEvent> {
    for (const event of events) yield { ...event, sequence_number: this.#next++ };
  }
}

class OpenMessage {
  readonly #place: { readonly item_id: string; readonly output_index: number; readonly content_index: 0 };
  #text = '';
  readonly #logprobs: Logprob[] = [];
  #labels: LabelProbabilities | null = null;

  constructor(output_index: number) {
    this.#place = { item_id: newId('message'), output_index, content_index: 0 };
  }

  *begin(): Generator<Unnumbered> {
    const { output_index } = this.#place;
    yield { type: 'response.output_item.added', output_index, item: { ...this.item('in_progress'), content: [] } };
    yield { type: 'response.content_part.added', ...this.#place, part: this.#part() };
  }

  *add(said: Extract<ReplyEvent, { type: 'text' }>): Generator<Unnumbered> {
    const { text, labels = null } = said;
    this.#text += text;
    this.#labels ??= labels;
    const logprobs = (said.logprobs ?? []).map(asLogprob);
    this.#logprobs.push(...logprobs);
    yield { type: 'response.output_text.delta', ...this.#place, delta: text, logprobs };
  }

  *finish(status: Message['status']): Generator<Unnumbered> {
    const { output_index } = this.#place;
    yield { type: 'response.output_text.done', ...this.#place, text: this.#text, logprobs: this.#logprobs };
    yield { type: 'response.content_part.done', ...this.#place, part: this.#part() };
    yield { type: 'response.output_item.done', output_index, item: this.item(status) };
  }

  item(status: Message['status']): Message {
    return { type: 'message', id: this.#place.item_id, status, role: 'assistant', content: [this.#part()] };
  }

  #part(): TextPart {
    const chosen = this.#labels === null ? {} : { label_probabilities: this.#labels };
    return { type: 'output_text', text: this.#text, annotations: [], logprobs: [...this.#logprobs], ...chosen };
  }
}

class OpenCall {
  readonly #place: { readonly item_id: string; readonly output_index: number };
  readonly #callId: string;
  readonly #name: string;
  #arguments = '';

  constructor(output_index: number, callId: string, name: string) {
    this.#place = { item_id: newId('functionCall'), output_index };
    this.#callId = callId;
    this.#name = name;
  }

  *begin(): Generator<Unnumbered> {
    const { output_index } = this.#place;
    yield { type: 'response.output_item.added', output_index, item: this.item('in_progress') };
  }

  *add(delta: string): Generator<Unnumbered> {
    this.#arguments += delta;
    yield { type: 'response.function_call_arguments.delta', ...this.#place, delta };
  }

  *finish(status: Call['status']): Generator<Unnumbered> {
    const { output_index } = this.#place;
    const done = { name: this.#name, arguments: this.#arguments };
    yield { type: 'response.function_call_arguments.done', ...this.#place, ...done };
    yield { type: 'response.output_item.done', output_index, item: this.item(status) };
  }

  item(status: Call['status']): Call {
    const called = { call_id: this.#callId, name: this.#name, arguments: this.#arguments };
    return { type: 'function_call', id: this.#place.item_id, ...called, status };
  }
}

/** Here tokens without text have no bytes rather than null. */
function asLogprob({ top_logprobs: top, ...token }: TokenAlternatives): Logprob {
  const spelled = ({ token, logprob, bytes }: TokenText) => ({ token, logprob, bytes: bytes ?? [] });
  return { ...spelled(token), top_logprobs: top.map(spelled) };
}

function errorOf(error: unknown): NonNullable<Response['error']> {
  if (!(error instanceof TunesmithError) || error.kind === 'internal')
    return { code: 'server_error', message: 'The server had an error while making this response.' };
  const busy = error.kind === 'rate_limited' || error.kind === 'overloaded';
  return { code: busy ? 'rate_limit_exceeded' : 'invalid_prompt', message: error.message };
}

function usageOf({ promptTokens, cachedTokens, completionTokens }: Extract<ReplyEvent, { type: 'usage' }>) {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens, cache_write_tokens: 0 },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + completionTokens,
  };
}
