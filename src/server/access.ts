/** Whose request this is: the project that its key belongs to, which decides what it can see. */

import type { FastifyRequest } from 'fastify';
import { defaultProject } from '../domain/project.ts';

export { defaultProject };

export interface Access {
  readonly project: string;
  /** The key's id; null where none is needed. */
  readonly key: string | null;
}

export function accessOf(_request: FastifyRequest): Access {
  return { project: defaultProject, key: null };
}
