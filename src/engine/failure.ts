/** Any error as the one `failed` event that ends a trainer, with a code that a program can match on. */

import { TunesmithError } from '../domain/errors.ts';
import type { TrainerEvent } from './protocol.ts';

export type Failure = Extract<TrainerEvent, { type: 'failed' }>;

/** EFBIG is what a limit on file sizes says where a full disk says ENOSPC. */
const diskFull = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const outOfMemory = /bad_alloc|failed to allocate|allocation failed|out of memory|ENOMEM/i;

export function failureOf(error: unknown): Failure {
  const { message, code, param } = error instanceof Error ? describe(error) : describe(new Error(String(error)));
  return { type: 'failed', code, message, param };
}

function describe(error: Error): Omit<Failure, 'type'> {
  if (error instanceof TunesmithError) {
    return { code: error.code ?? 'server_error', message: error.message, param: error.param };
  }
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (diskFull.has(code))
      return { code: 'disk_full', message: `No space left on the disk. ${error.message}`, param: null };
  }
  if (outOfMemory.test(error.message)) {
    return { code: 'out_of_memory', message: `The trainer ran out of memory: ${error.message}`, param: null };
  }
  return { code: 'server_error', message: error.message, param: null };
}
