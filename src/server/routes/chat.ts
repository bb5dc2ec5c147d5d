/** `/v1/chat/completions`: an answer from a model, whole or as a stream of server-sent events. */

import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type OpenAI from 'openai';
import { invalid, notFound } from '../../domain/errors.ts';
import type { House } from '../../house.ts';
import { accessOf } from '../access.ts';
import { chunksOf, collectCompletion, newHeader } from '../chat-completion.ts';
import { parseChatRequest } from '../chat-request.ts';
import { answerTo } from '../errors.ts';

export function chatRoutes(app: FastifyInstance, house: House): void {
  const { log, serving } = house;

  app.post('/chat/completions', async (request, reply): Promise<OpenAI.ChatCompletion | FastifyReply> => {
    const { model: name, completion, includeUsage } = parseChatRequest(request.body);
    const access = accessOf(request);
    const model = await house.of(access.project).models.resolve(name);
    if (model === null) throw unknownModel(name);
    const events = house.limits.counting(access, serving.complete({ ...completion, model }, whenGone(reply)));
    const header = newHeader(model.id, serving.fingerprint(model));
    void reply.header('openai-model', model.id);
    if (!completion.streaming) return collectCompletion(header, completion.choices, events);

    const chunks = chunksOf(header, includeUsage, events);
    const first = await chunks.next(); // what is wrong with the request shows now, while the status can still say it
    return reply
      .headers({
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache',
        'x-accel-buffering': 'no',
      })
      .send(Readable.from(frames(first, chunks, request)));
  });

  async function* frames<Chunk>(
    first: IteratorResult<Chunk, void>,
    chunks: AsyncGenerator<Chunk, void>,
    request: FastifyRequest,
  ): AsyncGenerator<string, void> {
    try {
      for (let next = first; next.done !== true; next = await chunks.next()) yield frame(next.value);
      yield 'data: [DONE]\n\n';
    } catch (error) {
      const { body, unforeseen } = answerTo(error, request.id);
      if (unforeseen) log.error('request.failed', { id: request.id, path: request.url, error });
      yield frame(body);
    } finally {
      await chunks.return();
    }
  }
}

const frame = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

/** Aborts when the client has gone before its answer was complete. */
function whenGone({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished)
      gone.abort(invalid(null, 'The client closed the connection before its answer was complete.'));
  });
  return gone.signal;
}

const unknownModel = (name: string) =>
  notFound(null, `The model \`${name}\` does not exist or you do not have access to it.`, 'model_not_found');
