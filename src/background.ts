/**
 * Work in the background that rows in a database stand for: batches, runs of evals.
 *
 * The rows say what is unfinished; each piece is brought on by one task at a time, a few side by side. A piece that is
 * noticed is stopped and begun again as it stands by then; one that stumbles rests a while first. Nothing here is state:
 * whoever starts anew goes on where the rows say.
 */

import { setTimeout as sleep } from 'node:timers/promises';

export interface BackgroundOptions {
  /** Ids of what is not finished, the oldest first. */
  readonly unfinished: () => Promise<readonly string[]>;
  /** Brings a piece as far as it gets; returns early when it is told to stop. */
  readonly bringOn: (id: string, signal: AbortSignal) => Promise<void>;
  /** Told what went wrong: with one piece, or, with null, with looking for them. */
  readonly onError: (id: string | null, error: unknown) => void;
  readonly atOnce: number;
  /** Between looks, where nobody notices anything. */
  readonly lookMs: number;
  /** How long a piece rests after it stumbled. */
  readonly restMs: number;
}

export class Background implements AsyncDisposable {
  readonly #options: BackgroundOptions;
  readonly #closing = new AbortController();
  readonly #running = new Map<string, { readonly stop: AbortController; readonly ended: Promise<void> }>();
  readonly #work: Promise<void>;
  #wake = (): void => {};

  constructor(options: BackgroundOptions) {
    this.#options = options;
    this.#work = this.#run();
  }

  /** A piece is new, or a user wants another thing of it than what is being done. */
  notice(id: string): void {
    this.#running.get(id)?.stop.abort();
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    for (const { stop } of this.#running.values()) stop.abort();
    this.#wake();
    await this.#work;
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  async #run(): Promise<void> {
    const { unfinished, onError, atOnce, lookMs } = this.#options;
    while (!this.#closing.signal.aborted) {
      try {
        for (const id of await unfinished()) {
          if (this.#running.size >= atOnce || this.#closing.signal.aborted) break;
          if (!this.#running.has(id)) this.#begin(id);
        }
      } catch (error) {
        onError(null, error);
      }
      if (this.#closing.signal.aborted) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lookMs);
        this.#wake = () => (clearTimeout(timer), resolve());
      });
    }
  }

  #begin(id: string): void {
    const { bringOn, onError, restMs } = this.#options;
    const stop = new AbortController();
    const ended = bringOn(id, stop.signal)
      .catch(async (error: unknown) => {
        onError(id, error);
        await sleep(restMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      })
      .finally(() => {
        this.#running.delete(id);
        this.#wake();
      });
    this.#running.set(id, { stop, ended });
  }
}
