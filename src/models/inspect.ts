/**
 * Has a model file opened by the checker (`inspect-main`), a process whose death harms nobody.
 *
 * A hostile file may exhaust its memory, hang it or crash it: each ends here, as one clear error about the file.
 */

import { spawn } from 'node:child_process';
import { invalid } from '../domain/errors.ts';
import { programArguments } from '../programs.ts';
import type { Architecture } from './manifest.ts';

/** What the checker tells about a file that it accepts. */
export interface Inspection {
  readonly architecture: Architecture;
  /** `general.name` and `general.license` of the file. */
  readonly name: string | null;
  readonly licence: string | null;
}

/** The checker's one line on stdout. */
export type InspectionLine =
  ({ readonly ok: true } & Inspection) | { readonly ok: false; readonly message: string; readonly code: string | null };

const timeoutMs = 120_000;
const heapMegabytes = 1024;
const lineBytesMax = 1 << 20;

export async function inspectModel(
  path: string,
  signal?: AbortSignal,
  limits: { readonly timeoutMs: number } = { timeoutMs },
): Promise<Inspection> {
  const line = await runChecker(path, limits.timeoutMs, signal);
  if (!line.ok) throw invalid('model', line.message, line.code ?? 'model_unreadable');
  return line;
}

function runChecker(path: string, timeoutMs: number, signal?: AbortSignal): Promise<InspectionLine> {
  const argv = [`--max-old-space-size=${heapMegabytes}`, ...programArguments('models/inspect-main'), path];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', HF_TOKEN: '' },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      signal,
    });
    let output = '';
    let complaints = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.length > lineBytesMax) child.kill('SIGKILL');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      complaints = (complaints + chunk.toString()).slice(-4000);
    });
    child.on('error', (error) => reject(signal?.aborted ? (signal.reason as Error) : error));
    child.on('close', (code, killedBy) => {
      if (code === 0) return resolve(JSON.parse(output) as InspectionLine);
      const how = killedBy === null ? `ended with status ${code}` : `was killed by ${killedBy}`;
      const hint = complaints.includes('heap out of memory') ? ' for lack of memory' : '';
      return reject(
        invalid(
          'model',
          `The checker ${how}${hint} while it read ${path}: the file is damaged or hostile, or took longer than ${timeoutMs / 1000} s.`,
          'model_unreadable',
        ),
      );
    });
  });
}
