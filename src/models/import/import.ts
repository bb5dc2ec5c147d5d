/**
 * Has a checkpoint folder made a GGUF by the importer (`main.ts`), a process whose death harms nobody. The GGUF is then
 * checked like any other that comes from outside.
 */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { invalid } from '../../domain/errors.ts';
import { programArguments } from '../../programs.ts';

/** The importer's lines on stdout. */
export type ImportLine =
  | { readonly done: number; readonly total: number }
  | { readonly ok: true }
  | { readonly ok: false; readonly message: string; readonly code: string | null };

export interface ImportWatch {
  readonly signal?: AbortSignal | undefined;
  readonly onTensor: (done: number, total: number) => void;
}

/** A vocabulary of 260,000 tokens as JSON, and one matrix at a time. */
const heapMegabytes = 4096;

export async function importCheckpoint(folder: string, path: string, { signal, onTensor }: ImportWatch): Promise<void> {
  signal?.throwIfAborted();
  const argv = [`--max-old-space-size=${heapMegabytes}`, ...programArguments('models/import/main'), folder, path];
  const child = spawn(process.execPath, argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', HF_TOKEN: '' },
    signal,
    killSignal: 'SIGKILL',
  });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-4000);
  });
  const ending = new Promise<string>((resolve, reject) => {
    child.on('error', (error) => reject(signal?.aborted ? (signal.reason as Error) : error));
    child.on('close', (code, killedBy) =>
      resolve(killedBy === null ? `ended with status ${code}` : `was killed by ${killedBy}`),
    );
  });
  ending.catch(() => undefined); // told below
  let last: ImportLine | null = null;
  for await (const line of createInterface({ input: child.stdout })) {
    last = JSON.parse(line) as ImportLine;
    if ('done' in last) onTensor(last.done, last.total);
  }
  const how = await ending;
  if (last !== null && 'ok' in last) {
    if (last.ok) return;
    throw invalid('model', last.message, last.code ?? 'model_unreadable');
  }
  const hint = complaints.includes('heap out of memory') ? ' for lack of memory' : '';
  throw invalid(
    'model',
    `The importer ${how}${hint} while it read ${folder}: the checkpoint is damaged or hostile.`,
    'model_unreadable',
  );
}
