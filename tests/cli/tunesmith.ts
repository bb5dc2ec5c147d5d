/** Runs command lines as a user would, in this process: what was written where, and the exit code. */

import { setMaxListeners } from 'node:events';
import { Readable } from 'node:stream';
import { runCommandLine } from '../../src/cli/program.ts';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly signal?: AbortSignal;
  /** Both outputs claim to be a terminal. */
  readonly interactive?: boolean;
  /** Sees each piece of output as it is written. */
  readonly onOutput?: (text: string) => void;
}

export async function tunesmith(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY: options.interactive === true,
    columns: 100,
    write: (text: string | Uint8Array) => {
      written[name] += Buffer.from(text).toString();
      options.onOutput?.(Buffer.from(text).toString());
    },
  });
  const signal = options.signal ?? new AbortController().signal;
  setMaxListeners(0, signal); // every request listens
  const code = await runCommandLine(words, {
    stdin: Readable.from(options.stdin === undefined ? [] : [options.stdin]),
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    env: options.env ?? {},
    signal,
  });
  return { code, ...written };
}
