/**
 * Whose request this is: the project that its key belongs to, which decides what it can see, and the key, which
 * decides how much.
 */

import assert from 'node:assert';
import type { FastifyRequest } from 'fastify';
import type { Access } from '../access/keyring.ts';

export type { Access } from '../access/keyring.ts';

const accesses = new WeakMap<FastifyRequest, Access>();

/** Known for every request below `/v1` from the moment its key was found to fit. */
export function accessOf(request: FastifyRequest): Access {
  const access = accesses.get(request);
  assert(access !== undefined, `${request.method} ${request.url} was let in without a look at its key`);
  return access;
}

/** Null where no key was looked at, such as outside of `/v1`. */
export const accessIfAny = (request: FastifyRequest): Access | null => accesses.get(request) ?? null;

export function grantAccess(request: FastifyRequest, access: Access): void {
  accesses.set(request, access);
}
