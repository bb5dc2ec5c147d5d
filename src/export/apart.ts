/** An export in a process of its own (`export-main.ts`): it computes for as long as it likes, and nobody waits for it. */

import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ErrorKind, TunesmithError } from '../domain/errors.ts';
import type { ServedModel } from '../models/registry.ts';
import { programArguments } from '../programs.ts';
import type { ExportResult } from './export.ts';
import type { ExportForm } from './options.ts';
import type { ExportType } from './pack.ts';

/** What the process reads from a file. */
export interface ExportOrder {
  /** The data folder: what is told of the model comes from its rows. */
  readonly home: string;
  readonly model: ServedModel;
  readonly form: ExportForm;
  readonly adapterOnly: boolean;
  readonly type: ExportType;
  readonly path: string;
  readonly threads: number;
}

/** Its lines on stdout. */
export type ExportLine =
  | { readonly what: string; readonly done: number; readonly total: number }
  | { readonly ok: true; readonly result: ExportResult }
  | {
      readonly ok: false;
      readonly kind: ErrorKind;
      readonly message: string;
      readonly code: string | null;
      readonly param: string | null;
    };

export interface ExportWatch {
  readonly signal: AbortSignal;
  readonly onProgress: (what: string, done: number, total: number) => void;
}

/** How long it may take to take away what it has begun. */
const graceMs = 5000;

/** `folder` is where the order is left for the process to read. */
export async function exportApart(order: ExportOrder, folder: string, watch: ExportWatch): Promise<ExportResult> {
  const { signal, onProgress } = watch;
  signal.throwIfAborted();
  const file = join(folder, 'order.json');
  await writeFile(file, JSON.stringify(order));
  // Its stdin says that somebody waits for it: it ends when that closes, also when this process is killed.
  const child = spawn(process.execPath, [...programArguments('export/export-main'), file], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  child.stdin.on('error', () => undefined);
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-4000);
  });
  const ending = new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, killedBy) =>
      resolve(killedBy === null ? `ended with status ${code}` : `was killed by ${killedBy}`),
    );
  });
  ending.catch(() => undefined); // told below
  let impatience: NodeJS.Timeout | null = null;
  const stop = (): void => {
    child.stdin.end();
    impatience = setTimeout(() => child.kill('SIGKILL'), graceMs);
  };
  signal.addEventListener('abort', stop, { once: true });
  let last: ExportLine | null = null;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      last = JSON.parse(line) as ExportLine;
      if ('what' in last) onProgress(last.what, last.done, last.total);
    }
    const how = await ending;
    signal.throwIfAborted();
    if (last !== null && 'ok' in last) {
      if (last.ok) return last.result;
      throw new TunesmithError(last.kind, last.message, { code: last.code, param: last.param });
    }
    throw new TunesmithError('internal', `The export ${how}. ${complaints.trim()}`.trim(), { code: 'export_crashed' });
  } finally {
    signal.removeEventListener('abort', stop);
    if (impatience !== null) clearTimeout(impatience);
  }
}
