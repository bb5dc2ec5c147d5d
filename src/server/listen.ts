/** Opens the API's port, or says in one sentence why not. */

import type { FastifyInstance } from 'fastify';
import { invalid, TunesmithError } from '../domain/errors.ts';
import type { House } from '../house.ts';
import { isLoopback } from './auth.ts';
import { startTasks } from './task-rooms.ts';

/** The origin that clients reach, `http://127.0.0.1:8080`, with the port that was really taken; `/v1` lies below. */
export async function listen(app: FastifyInstance, house: House): Promise<string> {
  const { settings, lock, keyring, works } = house;
  const { host, port } = settings;
  if (!isLoopback(host) && !(await keyring.look()).locked)
    throw invalid(
      'TUNESMITH_HOST',
      `TUNESMITH_HOST is ${host}, which other machines can reach, and there are no API keys. Make one with: tunesmith keys create (or set TUNESMITH_API_KEYS), or listen on 127.0.0.1.`,
      'keys_required',
    );
  const url = await app.listen({ host, port }).catch((cause: unknown) => {
    throw cannotListen(cause, host, port);
  });
  await lock.announce(url);
  if (works) await startTasks(house, url);
  return url;
}

function cannotListen(cause: unknown, host: string, port: number): unknown {
  const sentence = reasons[(cause as { code?: string }).code ?? ''];
  if (sentence === undefined) return cause;
  return new TunesmithError('conflict', `Cannot listen on ${host}:${port}: ${sentence}`, {
    code: 'cannot_listen',
    cause,
  });
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'another program has this port. Stop it, or choose another port with TUNESMITH_PORT (0 takes any free one).',
  EACCES: 'this user may not open the port. Choose one above 1023 with TUNESMITH_PORT.',
  EADDRNOTAVAIL: 'this machine does not have that address. Set TUNESMITH_HOST to one it has, such as 127.0.0.1.',
  ENOTFOUND: 'no such host. Set TUNESMITH_HOST to an address of this machine, such as 127.0.0.1.',
};
