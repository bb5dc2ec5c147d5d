/** `/v1/responses`: make, stream, look at, cancel and delete responses, and list what they answered. */

import type { FastifyInstance, FastifyReply } from 'fastify';
import type OpenAI from 'openai';
import { z } from 'zod';
import { isUnfinished, type Item, type Response, type ResponseEvent } from '../../answers/response.ts';
import { invalid } from '../../domain/errors.ts';
import { randomLetters } from '../../domain/ids.ts';
import type { House } from '../../house.ts';
import { accessOf } from '../access.ts';
import { sendEvents, type StreamShape, whenGone } from '../event-stream.ts';
import { type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { foreground, questionOf, startInBackground } from '../respond.ts';
import { includeSchema, parseResponseRequest } from '../response-request.ts';
import { optional, parseQuery, queryInteger } from '../validation.ts';

const itemsQuery = z.object({
  ...pageFields(20, 100),
  order: optional(z.enum(['asc', 'desc'])).transform((order) => order ?? 'desc'),
});
const flag = optional(z.enum(['true', 'false'])).transform((text) => text === 'true');
const retrieveQuery = z.object({
  stream: flag,
  starting_after: optional(queryInteger(0, Number.MAX_SAFE_INTEGER)),
  include_obfuscation: flag,
});

type ById = { Params: { id: string } };

export function responseRoutes(app: FastifyInstance, house: House): void {
  const { log, background } = house;

  app.post('/responses', async (request, reply): Promise<Response | FastifyReply> => {
    const asked = parseResponseRequest(request.body);
    const access = accessOf(request);
    const question = await questionOf(house, access, asked);
    const { draft } = question;
    void reply.header('openai-model', draft.model);
    if (draft.background) {
      await startInBackground(house, access, question);
      if (!asked.streaming) return draft;
      return sendEvents(request, reply, log, background.follow(draft.id, -1)!, eventStream(asked.obfuscated));
    }
    const asker = { access, signal: whenGone(reply), priority: 'interactive' } as const;
    const events = foreground(house, question, asker, asked.streaming);
    if (asked.streaming) return sendEvents(request, reply, log, events, eventStream(asked.obfuscated));
    let next = await events.next();
    while (next.done !== true) next = await events.next();
    return next.value;
  });

  app.post('/responses/input_tokens', async (request): Promise<OpenAI.Responses.InputTokenCountResponse> => {
    const { reply } = await questionOf(house, accessOf(request), parseResponseRequest(request.body));
    const model = (await house.of(accessOf(request).project).models.resolve(reply.model))!;
    const conversation = { messages: reply.completion.messages, tools: reply.tools?.tools ?? [] };
    return { object: 'response.input_tokens', input_tokens: await house.serving.countTokens(model, conversation) };
  });

  app.get<ById>('/responses/:id', async (request, reply): Promise<Response | FastifyReply> => {
    const { id } = request.params;
    const query = parseQuery(retrieveQuery, request.query);
    checkInclude(request.query);
    const { response, events } = await house.of(accessOf(request).project).responses.get(id);
    if (!query.stream) return background.current(id) ?? response;
    if (!response.background)
      throw invalid('stream', 'Only responses made with background=true can be streamed afterwards.');
    const after = query.starting_after ?? -1;
    const stream = background.follow(id, after) ?? replayed(events, after);
    return sendEvents(request, reply, log, stream, eventStream(query.include_obfuscation));
  });

  app.get<ById>('/responses/:id/input_items', async (request): Promise<ListPageWithEnds<Item>> => {
    const query = parseQuery(itemsQuery, request.query);
    checkInclude(request.query);
    const { responses } = house.of(accessOf(request).project);
    return listPageWithEnds(await responses.inputItems(request.params.id, query), query.limit);
  });

  app.post<ById>('/responses/:id/cancel', async (request): Promise<Response> => {
    const { id } = request.params;
    const { responses } = house.of(accessOf(request).project);
    const { response } = await responses.get(id);
    if (!response.background) throw invalid('response_id', 'Cannot cancel a synchronous response.');
    if (!isUnfinished(response)) return response;
    await background.cancel(id);
    return (await responses.get(id)).response;
  });

  app.delete<ById>('/responses/:id', async (request) => {
    const { id } = request.params;
    const { responses } = house.of(accessOf(request).project);
    await responses.get(id);
    await background.cancel(id);
    await responses.delete(id);
    return { id, object: 'response.deleted', deleted: true };
  });
}

/** `include[]=…`, once or several times; all that can be included is there from the beginning. */
function checkInclude(query: unknown): void {
  const { include, 'include[]': list = include } = query as Record<string, string | string[] | undefined>;
  parseQuery(z.object({ include: includeSchema }), { include: list === undefined ? undefined : [list].flat() });
}

async function* replayed(events: readonly ResponseEvent[], after: number): AsyncGenerator<ResponseEvent, void> {
  yield* events.filter(({ sequence_number: number }) => number > after);
}

/** Frames that name their event; there is no word at the end. */
function eventStream(obfuscated: boolean): StreamShape<ResponseEvent> {
  let next = 0;
  return {
    frame(event) {
      next = event.sequence_number + 1;
      const padding =
        obfuscated && event.type.endsWith('.delta')
          ? { obfuscation: randomLetters(1 + Math.floor(Math.random() * 16)) }
          : {};
      return `event: ${event.type}\ndata: ${JSON.stringify({ ...event, ...padding })}\n\n`;
    },
    end: '',
    errorFrame({ code, message, param }) {
      const event = { type: 'error', code, message, param, sequence_number: next };
      return `event: error\ndata: ${JSON.stringify(event)}\n\n`;
    },
  };
}
