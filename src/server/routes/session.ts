/**
 * `/session`: how a browser signs in, asks who it is, and signs out. Beside `/v1`, since it is about browsers.
 *
 * A key is shown once and never kept in the browser; what the browser gets is a cookie that no script can read.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Door } from '../../access/keyring.ts';
import { SignInGuard } from '../../access/sign-in-guard.ts';
import { TunesmithError } from '../../domain/errors.ts';
import type { Session } from '../../domain/session.ts';
import type { House } from '../../house.ts';
import { masked } from '../auth.ts';
import { assertOwnPage, cookieWith, cookieWithout, sessionToken } from '../session-cookie.ts';
import { parseBody } from '../validation.ts';

const signInSchema = z.strictObject({ key: z.string().min(1).max(1000) });

export function sessionRoutes(
  app: FastifyInstance,
  { sessions, log }: House,
  doorOf: (request: FastifyRequest) => Door,
): void {
  const guard = new SignInGuard();

  app.get('/session', async (request, reply): Promise<Session> => {
    void reply.header('cache-control', 'no-store');
    const token = sessionToken(request.headers);
    const found = token === null ? null : await sessions.find(token);
    return sessionAt(doorOf(request), found);
  });

  app.post('/session', async (request, reply): Promise<Session> => {
    assertOwnPage(request.headers);
    void reply.header('cache-control', 'no-store');
    const { key } = parseBody(signInSchema, request.body);
    guard.admit(request.ip);
    const door = doorOf(request);
    const access = door.accessWith(key);
    if (access === null) {
      guard.wrong(request.ip);
      log.warn('session.refused', { address: request.ip });
      throw new TunesmithError('unauthorized', `No key here is ${masked(key)}. Look whether all of it was copied.`, {
        param: 'key',
        code: 'invalid_api_key',
      });
    }
    if (access.key === null) return sessionAt(door, null); // no key is needed, so there is nothing to remember
    const { token, expiresAt } = await sessions.create(access.key);
    void reply.header('set-cookie', cookieWith(token, request.headers));
    log.info('session.begun', { key: access.key, project: access.project });
    return sessionAt(door, { keyId: access.key, expiresAt });
  });

  app.delete('/session', async (request, reply: FastifyReply): Promise<Session> => {
    assertOwnPage(request.headers);
    const token = sessionToken(request.headers);
    if (token !== null) await sessions.end(token);
    void reply.headers({ 'set-cookie': cookieWithout(request.headers), 'cache-control': 'no-store' });
    return sessionAt(doorOf(request), null);
  });
}

function sessionAt(door: Door, found: { readonly keyId: string; readonly expiresAt: number } | null): Session {
  const known = found === null ? null : door.keyById(found.keyId);
  const access = known?.access ?? door.accessWith(null);
  return {
    object: 'session',
    key_needed: door.locked,
    signed_in: access !== null,
    project: access?.project ?? null,
    operator: access?.operator ?? false,
    key_id: known?.access.key ?? null,
    key_name: known?.name ?? null,
    expires_at: known === null ? null : found!.expiresAt,
  };
}
