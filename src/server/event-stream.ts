/** Answers that come in pieces: server-sent events, one frame for each, and what ends them early. */

import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalid } from '../domain/errors.ts';
import type { Log } from '../log.ts';
import { answerTo } from './errors.ts';
import { noteFirstEvent } from './observe.ts';

export interface StreamShape<Event> {
  /** The frame of an event. */
  frame(event: Event): string;
  /** What comes after the last one. */
  readonly end: string;
  /** The frame that tells of an error in the middle. */
  errorFrame(error: { message: string; type: string; param: string | null; code: string | null }): string;
}

/** Chat's and completions' own: data alone, and a word at the end. */
export const dataStream: StreamShape<object> = {
  frame: (event) => `data: ${JSON.stringify(event)}\n\n`,
  end: 'data: [DONE]\n\n',
  errorFrame: (error) => `data: ${JSON.stringify({ error })}\n\n`,
};

/**
 * Sends events as they come. What is wrong with the request shows at the first one, while the status can still say
 * it; later errors become a frame.
 */
export async function sendEvents<Event>(
  request: FastifyRequest,
  reply: FastifyReply,
  log: Log,
  events: AsyncGenerator<Event, unknown>,
  shape: StreamShape<Event>,
): Promise<FastifyReply> {
  const first = await events.next();
  noteFirstEvent(request, reply);
  return reply
    .headers({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    })
    .send(Readable.from(frames(first)));

  async function* frames(first: IteratorResult<Event, unknown>): AsyncGenerator<string, void> {
    try {
      for (let next = first; next.done !== true; next = await events.next()) yield shape.frame(next.value);
      yield shape.end;
    } catch (error) {
      const { body, unforeseen } = answerTo(error, request.id);
      if (unforeseen) log.error('request.failed', { id: request.id, path: request.url, error });
      yield shape.errorFrame(body.error);
    } finally {
      await events.return(undefined);
    }
  }
}

/** Aborts when the client has gone before its answer was complete. */
export function whenGone({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished)
      gone.abort(invalid(null, 'The client closed the connection before its answer was complete.'));
  });
  return gone.signal;
}
