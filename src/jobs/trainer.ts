/**
 * One trainer process: launched on a job's folder, listened to, spoken to, and brought to an end.
 *
 * Whatever becomes of it has one of six names, and the worker has one answer to each:
 *
 *   done, paused, cancelled, failed    it said so itself, and that was its last word
 *   crashed                            it ended without a last word: a signal, an exit code
 *   silent                             it said nothing for too long and was killed
 *
 * It lives in a process group of its own, so Ctrl-C in the server's terminal reaches the server alone, which
 * then lets the trainer save its work. When the server dies, the trainer's stdin ends and it stops by itself.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { TrainerCommand, TrainerEvent } from '../engine/protocol.ts';
import { TrainerLines } from './trainer-lines.ts';

/** How long a trainer may take to leave after its last word. */
const leavingMsMax = 30_000;

type TrainerProcess = ChildProcessByStdio<Writable, Readable, null>;
type LastWord = Extract<TrainerEvent, { type: 'done' | 'paused' | 'cancelled' | 'failed' }>;

export type TrainerEnding =
  | LastWord
  | { readonly type: 'crashed'; readonly how: string; readonly lastLines: string }
  | { readonly type: 'silent'; readonly how: string; readonly lastLines: string };

export interface TrainerOptions {
  /** Arguments for `process.execPath`: the program, then its own. */
  readonly arguments: readonly string[];
  /** The job's folder; what the trainer writes for people goes into `trainer.log` there. */
  readonly folder: string;
  readonly silenceMsMax: number;
  /** A line that is no event of the protocol. */
  readonly onNoise: (line: string) => void;
}

export class Trainer implements AsyncDisposable {
  readonly #child: TrainerProcess;
  readonly #options: TrainerOptions;
  readonly #exit: Promise<unknown>;
  #lastWord: LastWord | null = null;
  #silent = false;
  #patience: NodeJS.Timeout;

  private constructor(child: TrainerProcess, options: TrainerOptions) {
    this.#child = child;
    this.#options = options;
    this.#exit = once(child, 'exit');
    this.#patience = this.#wait(options.silenceMsMax);
    child.stdin.on('error', () => undefined); // it may be gone; its exit tells
  }

  static async launch(options: TrainerOptions): Promise<Trainer> {
    const log = await open(join(options.folder, 'trainer.log'), 'a');
    try {
      const child = spawn(process.execPath, options.arguments, { stdio: ['pipe', 'pipe', log.fd], detached: true });
      await once(child, 'spawn');
      return new Trainer(child as TrainerProcess, options);
    } finally {
      await log.close();
    }
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** What it says, in order, several events at a time when it speaks faster than it is heard; ends with it. */
  async *listen(): AsyncGenerator<TrainerEvent[], void> {
    const lines = new TrainerLines(this.#options.onNoise);
    for await (const piece of this.#child.stdout) {
      const events = lines.read(piece as Buffer);
      if (events.length === 0) continue;
      this.#lastWord ??= events.find(isLastWord) ?? null;
      if (this.#lastWord !== null) this.#child.stdin.end();
      clearTimeout(this.#patience);
      this.#patience = this.#wait(this.#lastWord === null ? this.#options.silenceMsMax : leavingMsMax);
      yield events;
    }
  }

  /** Tells it to stop, and gives it this long to leave by itself. */
  leave(command: TrainerCommand['type'], graceMs: number): void {
    if (this.#child.stdin.writable)
      this.#child.stdin.write(`${JSON.stringify({ type: command } satisfies TrainerCommand)}\n`);
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), graceMs).unref();
    this.#child.once('exit', () => clearTimeout(kill));
  }

  /** What became of it, once `listen` has ended. */
  async ending(): Promise<TrainerEnding> {
    await this.#exit;
    if (this.#lastWord !== null) return this.#lastWord;
    const lastLines = await this.#lastLines();
    if (this.#silent) return { type: 'silent', how: `no word for ${this.#options.silenceMsMax / 1000} s`, lastLines };
    const { signalCode, exitCode } = this.#child;
    return { type: 'crashed', how: signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`, lastLines };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    this.#child.kill('SIGKILL');
    await this.#exit;
    clearTimeout(this.#patience);
  }

  #wait(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#silent = true;
      this.#child.kill('SIGKILL');
    }, ms);
  }

  async #lastLines(): Promise<string> {
    const text = await readFile(join(this.#options.folder, 'trainer.log'), 'utf8');
    return text.slice(-2000);
  }
}

function isLastWord(event: TrainerEvent): event is LastWord {
  return event.type === 'done' || event.type === 'paused' || event.type === 'cancelled' || event.type === 'failed';
}
