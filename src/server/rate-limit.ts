/**
 * Rate limits on the endpoints that compute answers, and their headers in OpenAI's spelling.
 *
 * A request is counted when it comes in. Its tokens are counted by whoever answers it, through
 * `house.spend(access, tokens)`, as soon as they are known; `counted` does it for the events of an answer.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Gauge, RateLimits } from '../access/rate-limits.ts';
import type { House } from '../house.ts';
import type { CompletionEvent } from '../serving/serving.ts';
import { type Access, accessOf } from './access.ts';

/** What computes an answer, and makes nothing that lasts unless it is asked to. */
export const answersOfModels: ReadonlySet<string> = new Set([
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
]);

export function limitRates(app: FastifyInstance, limits: RateLimits): void {
  const admitted = new WeakMap<FastifyRequest, Access>();

  app.addHook('onRequest', async (request) => {
    if (request.method !== 'POST' || !answersOfModels.has(request.routeOptions.url ?? '')) return;
    admitted.set(request, accessOf(request));
    limits.admit(accessOf(request));
  });
  app.addHook('onSend', async (request, reply) => {
    const access = admitted.get(request);
    if (access === undefined) return;
    const { requests, tokens } = limits.standing(access);
    if (requests !== null) tell(reply, 'requests', requests);
    if (tokens !== null) tell(reply, 'tokens', tokens);
  });
}

function tell(reply: FastifyReply, what: 'requests' | 'tokens', { limit, remaining, resetMs }: Gauge): void {
  void reply.headers({
    [`x-ratelimit-limit-${what}`]: String(limit),
    [`x-ratelimit-remaining-${what}`]: String(remaining),
    [`x-ratelimit-reset-${what}`]: duration(resetMs),
  });
}

/** The events of an answer as they are; what they cost is counted at their end, or where they are abandoned. */
export async function* counted<Event extends CompletionEvent>(
  house: House,
  access: Access,
  model: string,
  events: AsyncIterable<Event>,
): AsyncGenerator<Event, void> {
  let cost = { model, promptTokens: 0, cachedTokens: 0, completionTokens: 0 };
  try {
    for await (const event of events) {
      if (event.type === 'text') cost.completionTokens += 1;
      if (event.type === 'usage') {
        const { promptTokens, cachedTokens, completionTokens } = event;
        cost = { model, promptTokens, cachedTokens, completionTokens };
      }
      yield event;
    }
  } finally {
    house.spend(access, cost);
  }
}

/** `17ms`, `1s`, `6m0s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
