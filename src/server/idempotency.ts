/**
 * Asking again is safe: a request that has made something and comes a second time gets the first answer.
 *
 * Official clients repeat a POST whose answer they never saw, marked by `X-Stainless-Retry-Count`; other clients
 * send an `Idempotency-Key`. Every POST takes part but those for answers of models, which make nothing: these do
 * only with a key. Most answers are kept when they are sent; routes whose thing must not be made twice even when
 * the server dies in between hand `alongside(request)` to the room that makes it. Routes that read a form ask for
 * an earlier answer themselves, once they have its content (`formAnsweredBefore`).
 */

import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { invalid } from '../domain/errors.ts';
import type { House } from '../house.ts';
import type { Alongside, AnsweredRequests, Mark } from '../store/answered-requests.ts';
import { accessOf } from './access.ts';
import { answersOfModels } from './rate-limit.ts';

/** Their answers hold a secret that is kept nowhere. */
const neverKept: ReadonlySet<string> = new Set([
  '/v1/organization/projects/:project/api_keys',
  '/v1/organization/admin_api_keys',
]);
const keyLengthMax = 255;
/** Reckons and makes nothing. */
const estimates = '/v1/fine_tuning/estimates';
/** A larger answer is not worth keeping: what made it can be asked for. */
const bodyLengthMax = 2 ** 20;

const marks = new WeakMap<FastifyRequest, Mark>();
/** Requests whose answer is in the database already. */
const kept = new WeakSet<FastifyRequest>();

export function rememberAnswers(app: FastifyInstance, { answered }: House): void {
  app.addHook('preHandler', async (request, reply) => {
    if (!takesPart(request) || isForm(request)) return undefined;
    const before = await answeredBefore(answered, request, reply, JSON.stringify(request.body ?? null));
    return before ? reply : undefined; // the reply is waited for, so that nothing is made after all
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const { statusCode: status } = reply;
    if (request.method === 'DELETE' && status < 300)
      for (const id of Object.values(request.params as Record<string, string>)) await answered.forget(id);
    const mark = marks.get(request);
    if (mark === undefined) return;
    const isJson = String(reply.getHeader('content-type')).startsWith('application/json');
    const good = status < 300 && isJson && typeof payload === 'string' && payload.length <= bodyLengthMax;
    const answer = good ? { status, body: payload } : null;
    if (answer !== null && !kept.has(request)) await answered.keep(mark, answer);
    answered.end(mark, answer);
  });
}

/** Whether this form was sent before, and is answered by now as it was then; `digest` stands for its content. */
export async function formAnsweredBefore(
  { answered }: House,
  request: FastifyRequest,
  reply: FastifyReply,
  digest: string,
): Promise<boolean> {
  return await answeredBefore(answered, request, reply, digest);
}

/** For the room that makes what the request asks for: keeps the answer in the same transaction. */
export function alongside<Made>({ answered }: House, request: FastifyRequest, status = 200): Alongside<Made> {
  return async (rows, made) => {
    const mark = marks.get(request);
    if (mark === undefined) return;
    await answered.keep(mark, { status, body: JSON.stringify(made) }, rows);
    kept.add(request);
  };
}

/** Does not hand the reply on: it is a thenable, and whoever awaits it has nothing in hand once the answer is sent. */
async function answeredBefore(
  answered: AnsweredRequests,
  request: FastifyRequest,
  reply: FastifyReply,
  content: string,
): Promise<boolean> {
  const mark = markOf(request, reply, content);
  const earlier = await answered.recall(mark);
  if (earlier === null) {
    marks.set(request, mark);
    return false;
  }
  void reply
    .status(earlier.status)
    .headers({ 'content-type': 'application/json; charset=utf-8', 'idempotent-replayed': 'true' })
    .send(earlier.body);
  return true;
}

function markOf(request: FastifyRequest, reply: FastifyReply, content: string): Mark {
  const { project, key } = accessOf(request);
  const path = request.url.split('?', 1)[0]!;
  const hash = createHash('sha256');
  for (const part of [request.method, path, content]) hash.update(`${part.length} ${part}`);
  return {
    scope: JSON.stringify([project, key]),
    fingerprint: hash.digest('hex'),
    idempotencyKey: keyOf(request),
    isRetry: Number(request.headers['x-stainless-retry-count']) > 0,
    arrivedMs: Date.now() - reply.elapsedTime,
  };
}

function keyOf({ headers }: FastifyRequest): string | null {
  const key = headers['idempotency-key'];
  if (typeof key !== 'string' || key === '') return null;
  if (key.length <= keyLengthMax) return key;
  throw invalid(
    'Idempotency-Key',
    `Invalid Idempotency-Key: expected at most ${keyLengthMax} characters, found ${key.length}.`,
  );
}

function takesPart(request: FastifyRequest): boolean {
  if (request.method !== 'POST' || neverKept.has(request.routeOptions.url ?? '')) return false;
  const { url = '' } = request.routeOptions;
  return keyOf(request) !== null || !(answersOfModels.has(url) || url === estimates);
}

const isForm = ({ headers }: FastifyRequest): boolean =>
  headers['content-type']?.toLowerCase().startsWith('multipart/form-data') ?? false;
