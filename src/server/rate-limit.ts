/**
 * Rate limits on the endpoints that compute answers, and their headers in OpenAI's spelling.
 *
 * A request is counted when it comes in. Its tokens are counted by whoever answers it, through
 * `house.limits.counting(access, events)` or `spend(access, tokens)`, as soon as they are known.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Gauge, RateLimits } from '../access/rate-limits.ts';
import { type Access, accessOf } from './access.ts';

/** What computes an answer, and makes nothing that lasts unless it is asked to. */
export const answersOfModels: ReadonlySet<string> = new Set([
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
]);

export function limitRates(app: FastifyInstance, limits: RateLimits): void {
  const counted = new WeakMap<FastifyRequest, Access>();

  app.addHook('onRequest', async (request) => {
    if (request.method !== 'POST' || !answersOfModels.has(request.routeOptions.url ?? '')) return;
    counted.set(request, accessOf(request));
    limits.admit(accessOf(request));
  });
  app.addHook('onSend', async (request, reply) => {
    const access = counted.get(request);
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

/** `17ms`, `1s`, `6m0s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
