/**
 * The process that launched this trainer, as the trainer sees it: someone to tell events, who may wish things.
 *
 *   stdin   {"type":"cancel"}   leave at the next breath; nothing is kept that is not yet a checkpoint
 *           {"type":"pause"}    save after the step at hand, say so, leave
 *           its end             the parent died: leave at once, and whoever comes next resumes
 *   SIGTERM                     save after the step at hand and leave without a last word, so the job goes on later
 *   SIGINT                      ignored: Ctrl-C reaches a whole process group, and what it means is the parent's to say
 *
 * stdout belongs to the protocol: whatever else JavaScript prints there goes to stderr. A network blocks the event
 * loop while it runs, so wishes are heard between runs, where the recipe takes a breath. Whoever has not begun with
 * steps has nothing to save and leaves at the next breath, whatever the wish.
 */

import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import type { TrainerCommand, TrainerEvent } from './protocol.ts';

/** A wish to leave was followed before the first step. */
export class LeftEarly extends Error {}

export class Parent {
  readonly #cancel = new AbortController();
  readonly #write: typeof process.stdout.write;
  /** How long no word may be told where breaths are taken. */
  readonly #silenceMsMax: number;
  #wish: 'pause' | 'stop' | null = null;
  /** The newest step that was told. */
  #step = 0;
  #toldMs = performance.now();

  constructor(onGone: () => void, silenceMsMax = 60_000) {
    this.#silenceMsMax = silenceMsMax;
    this.#write = process.stdout.write.bind(process.stdout);
    process.stdout.write = process.stderr.write.bind(process.stderr);
    process.stdout.on('error', onGone);
    createInterface({ input: process.stdin })
      .on('line', (line) => this.#obey(line))
      .on('close', onGone);
    process.on('SIGTERM', () => (this.#wish ??= 'stop'));
    process.on('SIGINT', () => undefined);
  }

  /** Aborted when the job was cancelled. */
  get cancelled(): AbortSignal {
    return this.#cancel.signal;
  }

  /** Whether to save and leave after this step: with a word (`pause`) or without one (`stop`). */
  get wish(): 'pause' | 'stop' | null {
    return this.#wish;
  }

  get step(): number {
    return this.#step;
  }

  tell(event: TrainerEvent): void {
    if (event.type === 'step') this.#step = event.step;
    this.#toldMs = performance.now();
    this.#write(`${JSON.stringify(event)}\n`);
  }

  /** Says the last word; resolves when it has left this process. */
  async tellLast(event: TrainerEvent): Promise<void> {
    await new Promise<void>((resolve) => this.#write(`${JSON.stringify(event)}\n`, () => resolve()));
  }

  /** Lets wishes be heard, and says that it is still at work where it has been silent for long; throws the cancellation. */
  async breathe(): Promise<void> {
    await setImmediate();
    this.#cancel.signal.throwIfAborted();
    if (performance.now() - this.#toldMs > this.#silenceMsMax) this.tell({ type: 'working' });
  }

  /** A breath of one who prepares; throws `LeftEarly` where it is to save and leave. */
  async breatheBeforeSteps(): Promise<void> {
    await this.breathe();
    if (this.#wish !== null) throw new LeftEarly();
  }

  #obey(line: string): void {
    let command: Partial<TrainerCommand> | null = null;
    try {
      command = JSON.parse(line) as Partial<TrainerCommand> | null;
    } catch {
      // Not JSON is no command either.
    }
    if (command?.type === 'cancel') this.#cancel.abort();
    else if (command?.type === 'pause') this.#wish = 'pause';
    else console.error(`Expected {"type":"pause"} or {"type":"cancel"} on stdin, found: ${line.slice(0, 200)}`);
  }
}
