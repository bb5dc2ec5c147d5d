/**
 * What a sweep remembers, in a file that is replaced whole each time something was learnt.
 *
 * The file belongs to one undertaking: the same data, space and rules, told apart by a fingerprint.
 */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { invalid } from '../domain/errors.ts';
import { writeAtomically } from '../formats/atomic-write.ts';

export interface Kept {
  readonly version: 1;
  /** Also in the metadata of its jobs. */
  readonly id: string;
  /** Everything that the fingerprint is of, by name, so that a difference can be told. */
  readonly asked: Readonly<Record<string, unknown>>;
}

export const fingerprintOf = (asked: Readonly<Record<string, unknown>>): string =>
  createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 16);

/** Null when there is none; an error when it is of another undertaking. */
export async function readState<State extends Kept>(path: string, asked: Kept['asked']): Promise<State | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const state = parsed(text) as State | null;
  if (state?.version !== 1) throw invalid(null, `${path} is not the state of a sweep; choose another --output.`);
  const other = Object.keys(asked).filter((name) => JSON.stringify(state.asked[name]) !== JSON.stringify(asked[name]));
  if (other.length > 0)
    throw invalid(
      null,
      `${path} belongs to a run with other settings (${other.join(', ')}). Choose another --output, or begin again with --fresh.`,
    );
  return state;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

export const writeState = (path: string, state: object): Promise<void> =>
  writeAtomically(path, [Buffer.from(`${JSON.stringify(state, null, 2)}\n`)]);

export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}
