/**
 * The server seen from outside: a line and a span per request, counters, and three addresses for whoever watches.
 *
 *   /health    the process answers            /ready    it can do its work: 200, or 503 and what is wrong
 *   /metrics   for Prometheus; with keys configured it wants one, as everything that tells about users does
 *
 * A request's tokens are noted while it is answered, by `noteTokens`.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sql } from 'kysely';
import type { House } from '../house.ts';
import type { TokenFacts } from '../observation/metrics.ts';
import type { Trace } from '../observation/tracing.ts';
import { accessIfAny } from './access.ts';

interface Observed {
  readonly trace: Trace | null;
  tokens: TokenFacts | null;
  /** Until the first event of a stream. */
  firstEventMs: number | null;
}

const observed = new WeakMap<FastifyRequest, Observed>();

/** What answering a request has cost, for its log line, its span and the counters. */
export function noteTokens(request: FastifyRequest, tokens: TokenFacts): void {
  const each = observed.get(request);
  if (each !== undefined) each.tokens = tokens;
}

/** The first event of a stream is on its way. */
export function noteFirstEvent(request: FastifyRequest, reply: FastifyReply): void {
  const each = observed.get(request);
  if (each !== undefined) each.firstEventMs ??= Math.round(reply.elapsedTime);
}

export function observeRequests(app: FastifyInstance, { log, metrics, tracing }: House): void {
  app.addHook('onRequest', async (request) => {
    const { traceparent } = request.headers;
    const trace = tracing?.begin(request.method, pathOf(request), traceparent as string | undefined) ?? null;
    observed.set(request, { trace, tokens: null, firstEventMs: null });
  });
  app.addHook('onResponse', async (request, reply) => {
    const { trace, tokens, firstEventMs } = observed.get(request)!;
    const { id, method } = request;
    const status = reply.statusCode;
    const ms = Math.round(reply.elapsedTime);
    const route = request.routeOptions.url ?? 'unknown';
    metrics.countRequest({ method, route, status, ms });
    trace?.end({ route, status, requestId: id, tokens });
    const access = accessIfAny(request);
    log[isLooking(request) ? 'debug' : 'info']('request.answered', {
      id,
      method,
      path: pathOf(request),
      status,
      ms,
      ...(firstEventMs !== null && { first_ms: firstEventMs }),
      ...(access?.key != null && { key: access.key, project: access.project }),
      ...(tokens !== null && {
        model: tokens.model,
        prompt_tokens: tokens.promptTokens,
        cached_tokens: tokens.cachedTokens,
        completion_tokens: tokens.completionTokens,
      }),
    });
  });
}

/** The dashboard asks every second how things are; told line by line, that would drown the rest. */
const isLooking = ({ method, headers }: FastifyRequest): boolean =>
  method === 'GET' && headers['sec-fetch-site'] === 'same-origin';

/** `guard` refuses where a key is needed and none was sent. */
export function observationRoutes(
  app: FastifyInstance,
  { metrics, database, worker }: House,
  guard: (request: FastifyRequest) => Promise<unknown>,
): void {
  app.get('/health', async () => ({ status: 'ok' }));
  app.get('/ready', async (_request, reply) => {
    const checks = {
      database: await sql`select 1`.execute(database).then(
        () => 'ok',
        (error: unknown) => (error as Error).message,
      ),
      worker: worker.isWorking ? 'ok' : 'not running',
    };
    const ready = Object.values(checks).every((state) => state === 'ok');
    return reply.status(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', checks });
  });
  app.get('/metrics', async (request, reply) => {
    await guard(request);
    return reply.header('content-type', metrics.contentType).send(await metrics.text());
  });
}

/** Queries can hold what does not belong in logs. */
const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0]!;
