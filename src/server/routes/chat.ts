/** `/v1/chat/completions`: an answer from a model, whole or in pieces; and those answers that are kept. */

import type { FastifyInstance, FastifyReply } from 'fastify';
import type OpenAI from 'openai';
import { z } from 'zod';
import type { StoredCompletion, StoredMessage } from '../../answers/stored-completions.ts';
import type { House } from '../../house.ts';
import { accessOf } from '../access.ts';
import { ChatAnswer } from '../answer.ts';
import { chunksOf } from '../chat-completion.ts';
import { parseChatRequest } from '../chat-request.ts';
import { dataStream, sendEvents, whenGone } from '../event-stream.ts';
import { metadataPairs, metadataSchema } from '../metadata.ts';
import { type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { replyTo } from '../reply.ts';
import { optional, parseBody, parseQuery } from '../validation.ts';

const order = optional(z.enum(['asc', 'desc'])).transform((order) => order ?? 'asc');
const messagesQuery = z.object({ ...pageFields(20, 100), order });
const listQuery = messagesQuery.extend({ model: optional(z.string()).transform((model) => model ?? null) });
const updateBody = z.strictObject({ metadata: metadataSchema.nullable() });

type ById = { Params: { id: string } };

export function chatRoutes(app: FastifyInstance, house: House): void {
  app.post('/chat/completions', async (request, reply): Promise<OpenAI.ChatCompletion | FastifyReply> => {
    const asked = parseChatRequest(request.body);
    const access = accessOf(request);
    const asker = { access, signal: whenGone(reply), priority: 'interactive' } as const;
    const said = await replyTo(house, asked.reply, asker);
    const answer = new ChatAnswer(house, access, asked, said);
    void reply.header('openai-model', said.model.id);
    const events = answer.events();
    if (asked.streaming)
      return sendEvents(request, reply, house.log, chunksOf(answer.header, asked, events), dataStream);
    for await (const _ of events);
    return answer.completion;
  });

  app.get('/chat/completions', async (request): Promise<ListPageWithEnds<StoredCompletion>> => {
    const query = parseQuery(listQuery, request.query);
    const { completions } = house.of(accessOf(request).project);
    const metadata = metadataPairs(request.query);
    return listPageWithEnds(await completions.list({ ...query, metadata }), query.limit);
  });

  app.get<ById>('/chat/completions/:id', async (request): Promise<StoredCompletion> => {
    return house.of(accessOf(request).project).completions.get(request.params.id);
  });

  app.get<ById>('/chat/completions/:id/messages', async (request): Promise<ListPageWithEnds<StoredMessage>> => {
    const query = parseQuery(messagesQuery, request.query);
    const { completions } = house.of(accessOf(request).project);
    return listPageWithEnds(await completions.messages(request.params.id, query), query.limit);
  });

  app.post<ById>('/chat/completions/:id', async (request): Promise<StoredCompletion> => {
    const { metadata } = parseBody(updateBody, request.body);
    return house.of(accessOf(request).project).completions.update(request.params.id, metadata ?? {});
  });

  app.delete<ById>('/chat/completions/:id', async (request): Promise<OpenAI.Chat.ChatCompletionDeleted> => {
    const { id } = request.params;
    await house.of(accessOf(request).project).completions.delete(id);
    return { id, object: 'chat.completion.deleted', deleted: true };
  });
}
