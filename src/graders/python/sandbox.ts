/**
 * A process in which a stranger's Python can do no harm: WebAssembly inside Node's permission model.
 *
 *   files      none but Pyodide's own can be read, nothing can be written, no process started
 *   network    Python has no sockets there; where the system allows it (`unshare`), the process has no network at all
 *   secrets    an empty environment, and no way from Python objects to JavaScript that could be evaluated
 *   memory     WebAssembly may not grow beyond the limit (a MemoryError); what still outgrows it is killed
 *   time       killed when a grading takes too long, since a loop in WebAssembly hears no signal
 *
 * One sandbox runs one grader's source and no other, so what it leaves behind meets only itself. When the server
 * dies the channel closes and the process ends; where the system can (`setpriv`), also in the middle of a loop.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GradingFailure } from '../failure.ts';
import { type SandboxOrder, sandboxProgram, type SandboxReport, type SandboxStart } from './program.ts';

export interface PythonSandboxSettings {
  /** Pyodide's folder, as a path and as a URL, both ending in a slash. */
  readonly pyodide: { readonly folder: string; readonly url: string };
  /** Python that defines the grading; see `program.ts`. */
  readonly harness: string;
  /** A memory snapshot of a fresh Pyodide: it starts ten times faster. Null starts from nothing. */
  readonly snapshot: string | null;
  readonly memoryBytesMax: number;
}

/** The interpreter and its heap, before any grader has asked for memory. */
const ownBytes = 512 * 2 ** 20;
const lookAtMemoryMs = 100;
const startMsMax = 60_000;

export class PythonSandbox {
  readonly #child: ChildProcess;
  readonly #memoryBytesMax: number;
  readonly #ready: Promise<void>;
  #broken = false;

  constructor(settings: PythonSandboxSettings) {
    this.#memoryBytesMax = settings.memoryBytesMax;
    this.#child = startSandbox({ ...settings, makesSnapshot: false });
    for (const end of ['exit', 'error']) this.#child.once(end, () => (this.#broken = true));
    this.#ready = this.#start();
    this.#ready.catch(() => this.kill());
  }

  /** Whether it can grade again. */
  get isAlive(): boolean {
    return !this.#broken;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** One grading at a time; the caller waits for the one before. */
  async grade(order: SandboxOrder, timeMsMax: number, signal: AbortSignal): Promise<number> {
    await this.#ready;
    this.#child.send(order);
    const report = await this.#report(timeMsMax, signal);
    if (report.type !== 'graded') {
      this.kill();
      throw runtimeError(`Python broke down: ${told(report)}`);
    }
    return scoreIn(report.outcome);
  }

  kill(): void {
    this.#broken = true;
    this.#child.kill('SIGKILL');
  }

  async #start(): Promise<void> {
    const report = await this.#report(startMsMax, new AbortController().signal);
    if (report.type !== 'ready') throw serverError('start_failed', `The sandbox did not start: ${told(report)}.`);
  }

  /** What the process says next; its death, and what makes us kill it, are failures of the grading. */
  async #report(timeMsMax: number, signal: AbortSignal): Promise<SandboxReport> {
    const child = this.#child;
    const over = new AbortController();
    let reason: GradingFailure | null = null;
    const end = (failure: GradingFailure): void => {
      reason ??= failure;
      this.kill();
    };
    const abort = (): void => this.kill();
    const clock = setTimeout(() => end(tooSlow(timeMsMax)), timeMsMax);
    const weigh = async (): Promise<void> => {
      if ((await residentBytes(child.pid)) > this.#memoryBytesMax + ownBytes) end(tooBig(this.#memoryBytesMax));
    };
    const scale = setInterval(() => void weigh(), lookAtMemoryMs);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      const first = this.#broken ? null : await firstOf(child, over.signal);
      signal.throwIfAborted();
      if (first !== null) return first;
      throw reason ?? serverError('crashed', 'The process that runs Python graders ended in the middle of a grading.');
    } finally {
      over.abort();
      clearTimeout(clock);
      clearInterval(scale);
      signal.removeEventListener('abort', abort);
    }
  }
}

/** The next report, or null for the end of the process. */
async function firstOf(child: ChildProcess, signal: AbortSignal): Promise<SandboxReport | null> {
  const report = once(child, 'message', { signal }).then(([value]) => value as SandboxReport);
  const death = once(child, 'exit', { signal }).then(() => null);
  return await Promise.race([report, death]);
}

/** A fresh Pyodide's memory, as bytes that a later sandbox starts from. */
export async function makeSnapshot(settings: PythonSandboxSettings): Promise<Buffer> {
  const child = startSandbox({ ...settings, makesSnapshot: true });
  try {
    const [report] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [SandboxReport | number];
    if (typeof report === 'object' && report?.type === 'snapshot') return Buffer.from(report.base64, 'base64');
    throw serverError('start_failed', 'The sandbox for Python graders did not start.');
  } finally {
    child.kill('SIGKILL');
  }
}

function startSandbox(start: SandboxStart): ChildProcess {
  const { pyodide, snapshot } = start;
  const node = [
    process.execPath,
    '--disallow-code-generation-from-strings',
    '--experimental-permission',
    '--no-warnings',
    `--allow-fs-read=${pyodide.folder}*`,
    ...(snapshot === null ? [] : [`--allow-fs-read=${snapshot}`]),
    '--max-old-space-size=512',
    '--input-type=module',
    '--eval',
    sandboxProgram,
    '--',
    JSON.stringify(start),
  ];
  const [program, ...words] = [...wrapped(), ...node];
  const child = spawn(program!, words, { env: {}, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  child.on('error', () => child.kill('SIGKILL')); // it could not start, or takes no more orders: it counts as dead
  return child;
}

/** Commands that start another one: in a network namespace of its own, and bound to die with us even in a loop. */
const wrappers = [
  ['unshare', '--net', '--map-root-user'],
  ['setpriv', '--pdeathsig', 'KILL'],
] as const;

let wrapping: readonly string[] | null = null;

/** As many of them as this system has and allows. */
function wrapped(): readonly string[] {
  wrapping ??= wrappers.flatMap(([name, ...words]) => {
    const path = ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find((path) => existsSync(path));
    const works = path !== undefined && spawnSync(path, [...words, process.execPath, '--version']).status === 0;
    return works ? [path, ...words] : [];
  });
  return wrapping;
}

/** What a process holds in memory; 0 where the system does not tell. */
async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

function scoreIn(outcome: string): number {
  const { score, error } = readOutcome(outcome);
  if (typeof score === 'number') return score;
  throw runtimeError(typeof error === 'string' ? error : 'the grading gave no score');
}

/** The grader may have replaced what writes this JSON. */
function readOutcome(outcome: string): { score?: unknown; error?: unknown } {
  try {
    return Object(JSON.parse(outcome)) as object;
  } catch {
    return {};
  }
}

const told = (report: SandboxReport): string => (report.type === 'broken' ? report.message : report.type);

const runtimeError = (details: string): GradingFailure =>
  new GradingFailure(`The Python grader failed: ${details.split('\n').at(-1)}`, {
    python_grader_runtime_error: true,
    python_grader_runtime_error_details: details,
  });

export const serverError = (type: string, message: string): GradingFailure =>
  new GradingFailure(message, { python_grader_server_error: true, python_grader_server_error_type: type });

function tooSlow(timeMsMax: number): GradingFailure {
  const details = `The Python grader took longer than ${timeMsMax / 1000} s and was stopped.`;
  return new GradingFailure(details, {
    unresponsive_reward_error: true,
    python_grader_runtime_error: true,
    python_grader_runtime_error_details: details,
  });
}

const tooBig = (memoryBytesMax: number): GradingFailure =>
  runtimeError(`It used more than ${Math.round(memoryBytesMax / 2 ** 20)} MB of memory and was stopped.`);
