/** What only the operator may do: manage keys, projects and aliases, which are nobody's project's. */

import type { FastifyRequest } from 'fastify';
import { TunesmithError } from '../domain/errors.ts';
import { type Access, accessOf } from './access.ts';

/** Throws for whoever is not; see `access/keyring.ts` for who is. */
export function assertOperator(request: FastifyRequest): Access {
  const access = accessOf(request);
  if (access.operator === true) return access;
  throw new TunesmithError(
    'forbidden',
    'This needs an admin key. Whoever runs this server makes one with: tunesmith keys create --admin.',
    { code: 'admin_key_required' },
  );
}
