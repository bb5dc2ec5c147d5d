/**
 * Python graders: finds Pyodide, keeps a few sandboxes warm, and gives each grading to one for its source.
 *
 * Pyodide is an optional dependency and is only looked for when the first grader comes. The first start makes a
 * snapshot of its memory in the data folder's cache, from which later ones start in a fraction of a second. There
 * are never more processes than `sandboxesMax`: who comes then waits, and a sandbox of another source makes room.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Subject } from '../../domain/grader.ts';
import { sandboxHarness, sandboxProgram } from './program.ts';
import { makeSnapshot, PythonSandbox, type PythonSandboxSettings, serverError } from './sandbox.ts';

interface PythonLimits {
  readonly timeMsMax: number;
  readonly memoryBytesMax: number;
  readonly sandboxesMax: number;
  /** A sandbox that nobody has asked for so long is closed. */
  readonly idleMs: number;
}

/** Time and memory are OpenAI's. */
const usual: PythonLimits = { timeMsMax: 120_000, memoryBytesMax: 2 * 2 ** 30, sandboxesMax: 2, idleMs: 5 * 60_000 };

/** A sandbox that waits for the next grading of its source. */
interface Idle {
  readonly key: string;
  readonly sandbox: PythonSandbox;
  readonly clock: NodeJS.Timeout;
}

export class PythonGrading implements AsyncDisposable {
  readonly #cache: string;
  readonly #limits: PythonLimits;
  /** The one used last is last. */
  #idle: Idle[] = [];
  readonly #busy = new Set<PythonSandbox>();
  #turns = 0;
  readonly #queue: (() => void)[] = [];
  #settings: Promise<PythonSandboxSettings> | null = null;

  /** `cache` is a folder for the snapshot. */
  constructor(cache: string, limits: Partial<PythonLimits> = {}) {
    this.#cache = cache;
    this.#limits = { ...usual, ...limits };
  }

  /** The score that `grade(sample, item)` returns; a `GradingFailure` when it does not. */
  async grade(source: string, { sample, item }: Subject, signal: AbortSignal): Promise<number> {
    const key = createHash('sha256').update(source).digest('hex');
    const order = { source, subject: JSON.stringify({ sample, item: item ?? {} }) };
    await this.#turn();
    try {
      signal.throwIfAborted();
      const sandbox = this.#take(key) ?? new PythonSandbox(await this.#prepared());
      this.#busy.add(sandbox);
      try {
        return await sandbox.grade(order, this.#limits.timeMsMax, signal);
      } finally {
        this.#busy.delete(sandbox);
        if (sandbox.isAlive) this.#keep(key, sandbox);
      }
    } finally {
      this.#endTurn();
    }
  }

  /** Waits until fewer gradings are underway than there may be sandboxes. */
  async #turn(): Promise<void> {
    if (this.#turns < this.#limits.sandboxesMax) this.#turns += 1;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
  }

  #endTurn(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#turns -= 1;
    else next();
  }

  /** An idle sandbox of this source; without one, another's makes room if there is none to spare. */
  #take(key: string): PythonSandbox | null {
    this.#idle = this.#idle.filter(({ sandbox }) => sandbox.isAlive);
    const known = this.#idle.findLast((idle) => idle.key === key);
    if (known === undefined) {
      if (this.#idle.length + this.#turns > this.#limits.sandboxesMax) this.#idle.shift()?.sandbox.kill();
      return null;
    }
    clearTimeout(known.clock);
    this.#idle = this.#idle.filter((idle) => idle !== known);
    return known.sandbox;
  }

  #keep(key: string, sandbox: PythonSandbox): void {
    const clock = setTimeout(() => sandbox.kill(), this.#limits.idleMs).unref();
    this.#idle.push({ key, sandbox, clock });
  }

  #prepared(): Promise<PythonSandboxSettings> {
    this.#settings ??= this.#prepare().catch((error: unknown) => {
      this.#settings = null; // whoever installs it need not restart the server
      throw error;
    });
    return this.#settings;
  }

  async #prepare(): Promise<PythonSandboxSettings> {
    const { folder, version } = await findPyodide();
    const settings = {
      pyodide: { folder: folder + sep, url: `${pathToFileURL(folder).href}/` },
      harness: sandboxHarness,
      snapshot: null,
      memoryBytesMax: this.#limits.memoryBytesMax,
    };
    const program = createHash('sha256').update(sandboxProgram).digest('hex').slice(0, 8);
    const snapshot = join(this.#cache, `pyodide-${version}-${program}.snapshot`);
    if (!existsSync(snapshot)) {
      await mkdir(this.#cache, { recursive: true });
      const bytes = await makeSnapshot(settings);
      await writeFile(`${snapshot}.${process.pid}`, bytes);
      await rename(`${snapshot}.${process.pid}`, snapshot);
    }
    return { ...settings, snapshot };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { clock } of this.#idle) clearTimeout(clock);
    for (const sandbox of [...this.#busy, ...this.#idle.map(({ sandbox }) => sandbox)]) sandbox.kill();
  }
}

async function findPyodide(): Promise<{ folder: string; version: string }> {
  try {
    const path = createRequire(import.meta.url).resolve('pyodide/package.json');
    const { version } = JSON.parse(await readFile(path, 'utf8')) as { version: string };
    return { folder: dirname(path), version };
  } catch {
    throw serverError('not_installed', 'Python graders need the package pyodide: npm install pyodide@314.0.7');
  }
}
