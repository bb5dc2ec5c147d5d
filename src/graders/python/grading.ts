/**
 * Python graders: finds Pyodide, keeps a few sandboxes warm, and gives each grading to the one for its source.
 *
 * Pyodide is an optional dependency and is only looked for when the first grader comes. The first start makes a
 * snapshot of its memory in the data folder's cache, from which later ones start in a fraction of a second.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Subject } from '../../domain/grader.ts';
import { sandboxHarness } from './program.ts';
import { makeSnapshot, PythonSandbox, type PythonSandboxSettings, serverError } from './sandbox.ts';

export interface PythonLimits {
  readonly timeMsMax: number;
  readonly memoryBytesMax: number;
  /** Processes kept for the graders used last. */
  readonly sandboxesMax: number;
  /** A sandbox that nobody has asked for so long is closed. */
  readonly idleMs: number;
}

/** Time and memory are OpenAI's. */
const usual: PythonLimits = { timeMsMax: 120_000, memoryBytesMax: 2 * 2 ** 30, sandboxesMax: 2, idleMs: 5 * 60_000 };

interface Warm {
  readonly sandbox: PythonSandbox;
  /** Ends when the gradings before have ended. */
  busy: Promise<unknown>;
  waiting: number;
  idle: NodeJS.Timeout | undefined;
}

export class PythonGrading implements AsyncDisposable {
  readonly #cache: string;
  readonly #limits: PythonLimits;
  /** By the hash of their source; the one used last is last. */
  readonly #warm = new Map<string, Warm>();
  #settings: Promise<PythonSandboxSettings> | null = null;

  /** `cache` is a folder for the snapshot. */
  constructor(cache: string, limits: Partial<PythonLimits> = {}) {
    this.#cache = cache;
    this.#limits = { ...usual, ...limits };
  }

  /** The score that `grade(sample, item)` returns; a `GradingFailure` when it does not. */
  async grade(source: string, { sample, item }: Subject, signal: AbortSignal): Promise<number> {
    const subject = JSON.stringify({ sample, item: item ?? {} });
    const key = createHash('sha256').update(source).digest('hex');
    const warm = await this.#sandboxFor(key);
    warm.waiting += 1;
    clearTimeout(warm.idle);
    const graded = warm.busy.then(async () => {
      signal.throwIfAborted();
      if (!warm.sandbox.isAlive) return null;
      return await warm.sandbox.grade({ source, subject }, this.#limits.timeMsMax, signal);
    });
    warm.busy = graded.catch(() => undefined);
    try {
      const score = await graded;
      if (score !== null) return score;
    } finally {
      warm.waiting -= 1;
      if (!warm.sandbox.isAlive && this.#warm.get(key) === warm) this.#warm.delete(key);
      else if (warm.waiting === 0) this.#closeLater(key, warm);
    }
    return await this.grade(source, { sample, item }, signal); // a grading before this one ended the sandbox
  }

  async #sandboxFor(key: string): Promise<Warm> {
    this.#settings ??= this.#prepare();
    const settings = await this.#settings.catch((error: unknown) => {
      this.#settings = null; // whoever installs it need not restart the server
      throw error;
    });
    const known = this.#warm.get(key);
    this.#warm.delete(key);
    const warm =
      known?.sandbox.isAlive === true
        ? known
        : { sandbox: new PythonSandbox(settings), busy: Promise.resolve(), waiting: 0, idle: undefined };
    this.#warm.set(key, warm);
    this.#makeRoom();
    return warm;
  }

  /** Closes sandboxes that nobody waits for, those used longest ago first. */
  #makeRoom(): void {
    for (const [key, { sandbox, waiting }] of this.#warm) {
      if (this.#warm.size <= this.#limits.sandboxesMax) return;
      if (waiting > 0 || key === [...this.#warm.keys()].at(-1)) continue;
      sandbox.kill();
      this.#warm.delete(key);
    }
  }

  #closeLater(key: string, warm: Warm): void {
    warm.idle = setTimeout(() => {
      warm.sandbox.kill();
      if (this.#warm.get(key) === warm) this.#warm.delete(key);
    }, this.#limits.idleMs).unref();
  }

  async #prepare(): Promise<PythonSandboxSettings> {
    const { folder, version } = await findPyodide();
    const settings = {
      pyodide: { folder: folder + sep, url: `${pathToFileURL(folder).href}/` },
      harness: sandboxHarness,
      snapshot: null,
      memoryBytesMax: this.#limits.memoryBytesMax,
    };
    const snapshot = join(this.#cache, `pyodide-${version}.snapshot`);
    if (!existsSync(snapshot)) {
      await mkdir(this.#cache, { recursive: true });
      const bytes = await makeSnapshot(settings);
      await writeFile(`${snapshot}.${process.pid}`, bytes);
      await rename(`${snapshot}.${process.pid}`, snapshot);
    }
    return { ...settings, snapshot };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { sandbox, idle } of this.#warm.values()) {
      clearTimeout(idle);
      sandbox.kill();
    }
    this.#warm.clear();
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
