/**
 * Where the lines of a data command go: into a file that is there whole or not at all, or down a pipe as fast as
 * its reader reads.
 */

import { once } from 'node:events';
import { realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { writeAtomically } from '../../formats/atomic-write.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../outcome.ts';
import type { Terminal } from '../terminal.ts';

/** Letters that are written at once. */
const pieceLetters = 1 << 16;
const patienceMs = 2000;
const redrawMs = 100;

/** Writes to the file, or to stdout without one; a person who waits two seconds sees how many lines there are. */
export async function writeLines(
  context: Context,
  path: string | undefined,
  lines: AsyncIterable<string>,
): Promise<void> {
  const pieces = inPieces(context, lines);
  try {
    if (path !== undefined) return await writeAtomically(path, pieces);
    for await (const piece of pieces) await writeOut(context, piece);
  } finally {
    context.terminal.live('');
  }
}

export interface OutputFlags {
  readonly output?: string | undefined;
  readonly force?: boolean;
}

/** `--force`, for the commands that write a file of their own. */
export const forceOption = ['--force', 'replace the output if it is there already'] as const;

/** A file is replaced only where that was asked for, and what is being read never. */
export async function checkOutput({ output, force }: OutputFlags, input?: string): Promise<void> {
  if (output === undefined) return;
  if (input !== undefined) {
    const [from, to] = await Promise.all([input, output].map((path) => realpath(path).catch(() => resolve(path))));
    if (from === to) throw new UsageError(`${output} is the input; name another file with -o.`);
  }
  const taken = await stat(output).catch(() => null);
  // A pipe or a device, such as /dev/null, is written to, not replaced.
  if (force === true || taken === null || !(taken.isFile() || taken.isDirectory())) return;
  throw new UsageError(`${output} is there already; add --force to replace it, or name another file with -o.`);
}

/** Takes how many rows there are so far, for a person who has waited two seconds for them. */
export function rowProgress(terminal: Terminal): (count: number) => void {
  let drawnMs = performance.now() + patienceMs - redrawMs;
  return (count) => {
    const nowMs = performance.now();
    if (nowMs - drawnMs < redrawMs) return;
    drawnMs = nowMs;
    terminal.live(`  ${count.toLocaleString('en')} rows`);
  };
}

async function* inPieces({ terminal, signal }: Context, lines: AsyncIterable<string>): AsyncGenerator<Buffer, void> {
  const onRow = rowProgress(terminal);
  let piece = '';
  let count = 0;
  for await (const line of lines) {
    signal.throwIfAborted();
    onRow(++count);
    piece += `${line}\n`;
    if (piece.length < pieceLetters) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  if (piece !== '') yield Buffer.from(piece);
}

async function writeOut({ surroundings, signal }: Context, piece: Buffer): Promise<void> {
  const { stdout } = surroundings;
  if (stdout.write(piece) === false && 'once' in stdout)
    await once(stdout as NodeJS.WritableStream, 'drain', { signal });
}
