/**
 * Responses from request to end: what went before is fetched, a model answers, and what is to be kept is kept.
 *
 * In the foreground whoever asked hears the events and ends the work by leaving; in the background it goes on by
 * itself and is followed or cancelled by id.
 */

import type { Access } from '../access/keyring.ts';
import { endsResponse, isUnfinished, type Item, type Response, type ResponseEvent } from '../answers/response.ts';
import { invalid } from '../domain/errors.ts';
import type { Message } from '../domain/example.ts';
import type { House } from '../house.ts';
import type { ServedModel } from '../models/registry.ts';
import type { Priority } from '../serving/serving.ts';
import { checkJsonIsMentioned } from './answer-format.ts';
import { type Asker, type ReplyEvent, type ReplyRequest, replyTo, unknownModel } from './reply.ts';
import { responseEvents } from './response-events.ts';
import { itemsOf, messagesOf } from './response-items.ts';
import { parseResponseRequest, type ResponseRequest } from './response-request.ts';

/** The answer to the body of a response, whole and in the foreground even where it asks otherwise. */
export async function answerResponse(
  house: House,
  access: Access,
  body: unknown,
  signal: AbortSignal,
  priority: Priority = 'interactive',
): Promise<Response> {
  const request = parseResponseRequest(body);
  const question = await questionOf(house, access, request);
  const draft: Response = { ...question.draft, status: 'in_progress', background: false };
  const events = foreground(house, { ...question, draft }, { access, signal, priority }, false);
  let next = await events.next();
  while (next.done !== true) next = await events.next();
  return next.value;
}

/** A request with its conversation. */
export interface Question {
  readonly draft: Response;
  readonly reply: ReplyRequest;
  /** All items that are answered, and those of them that are new. */
  readonly input: readonly Item[];
  readonly newItems: readonly Item[];
}

export async function questionOf(house: House, access: Access, request: ResponseRequest): Promise<Question> {
  const { draft, tools, format, labels } = request;
  const { responses, models } = house.of(access.project);
  const model = await models.resolve(draft.model);
  if (model === null) throw unknownModel(draft.model);
  const newItems = await itemsOf(request.input, (id) => responses.item(id));
  const input = [...(await itemsBefore(request, (id) => responses.find(id))), ...newItems];
  const messages = messagesOf(draft.instructions as string | null, input);
  if (format.type === 'json_object')
    checkJsonIsMentioned(messages, {
      param: 'text.format',
      message:
        "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.",
    });
  const shown = draft.truncation === 'auto' ? await truncated(house, model, messages, tools?.tools ?? []) : messages;
  const completion = {
    messages: shown,
    choices: 1,
    tokensMax: draft.max_output_tokens ?? null,
    stops: [],
    sampling: {
      temperature: draft.temperature!,
      topP: draft.top_p!,
      seed: null,
      frequencyPenalty: 0,
      presencePenalty: 0,
      logitBias: [],
    },
    topLogprobs: request.topLogprobs,
    streaming: request.streaming,
  };
  return {
    draft: { ...draft, model: model.id },
    reply: { model: draft.model, completion, tools, format, labels },
    input,
    newItems,
  };
}

/** Events as they come, and the response in the end; kept before the last event is told. */
export async function* foreground(
  house: House,
  { draft, reply: asked, input, newItems }: Question,
  asker: Asker,
  streaming: boolean,
): AsyncGenerator<ResponseEvent, Response> {
  const reply = await replyTo(house, asked, asker);
  try {
    const said = await begun(reply.events); // what is wrong with the request shows before any event
    const onError = (error: unknown): void => {
      if (!streaming) throw error;
      house.log.error('response.failed', { response: draft.id, error });
    };
    const events = responseEvents({ draft, reply: () => said, signal: asker.signal, onError });
    let next = await events.next();
    for (; next.done !== true; next = await events.next()) {
      const event = next.value;
      if (draft.store && endsResponse(event) && 'response' in event)
        await house.of(asker.access.project).responses.add(event.response, input, newItems);
      yield event;
    }
    return next.value;
  } finally {
    await reply.events.return(); // whoever asked may leave before anything was read of it
  }
}

/** Begins a response that goes on by itself; it is on record from here on. */
export async function startInBackground(house: House, access: Access, question: Question): Promise<void> {
  const { draft, reply: asked, input, newItems } = question;
  const { responses } = house.of(access.project);
  await responses.add(draft, input, newItems);
  house.background.start(draft.id, {
    make: (signal) => {
      async function* reply(): AsyncGenerator<ReplyEvent, void> {
        const asker: Asker = { access, signal, priority: 'interactive' };
        yield* (await replyTo(house, asked, asker)).events;
      }
      const onError = (error: unknown) => house.log.error('response.failed', { response: draft.id, error });
      return responseEvents({ draft, reply, signal, onError });
    },
    finish: (response, events) => responses.finish(response, events),
  });
}

async function itemsBefore(
  { previousId }: ResponseRequest,
  find: (id: string) => Promise<{ response: Response; input: Item[] } | null>,
): Promise<Item[]> {
  if (previousId === null) return [];
  const previous = await find(previousId);
  if (previous === null)
    throw invalid(
      'previous_response_id',
      `Previous response with id '${previousId}' not found.`,
      'previous_response_not_found',
    );
  if (isUnfinished(previous.response))
    throw invalid('previous_response_id', `Previous response with id '${previousId}' is not complete yet.`);
  return [...previous.input, ...previous.response.output];
}

/** Room that is left for the answer when a conversation is cut. */
const answerTokensMin = 16;

/** As much of the end of a conversation as fits, from something the user said on; instructions always stay. */
async function truncated(
  { serving }: House,
  model: ServedModel,
  messages: readonly Message[],
  tools: NonNullable<ReplyRequest['tools']>['tools'],
): Promise<readonly Message[]> {
  const fits = async (shown: readonly Message[]): Promise<boolean> =>
    (await serving.countTokens(model, { messages: shown, tools })) + answerTokensMin <= model.base.contextTokens;
  if (await fits(messages)) return messages;
  const first = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer');
  const beginnings = messages.flatMap(({ role }, i) => (role === 'user' ? [i] : []));
  const from = (i: number): Message[] => [...messages.slice(0, first), ...messages.slice(beginnings[i])];
  let [low, high] = [0, beginnings.length - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await fits(from(middle))) high = middle;
    else low = middle + 1;
  }
  return high < 0 ? messages : from(high);
}

/** The same events, the first of which is there already. */
async function begun<Event>(events: AsyncGenerator<Event, void>): Promise<AsyncGenerator<Event, void>> {
  const first = await events.next();
  async function* all(): AsyncGenerator<Event, void> {
    for (let next = first; next.done !== true; next = await events.next()) yield next.value;
  }
  return all();
}
