/**
 * Tells whoever waits that the jobs table has changed.
 *
 * Only a hint: waiting ends after a while anyway and the table is read again, so a bell that nobody heard, or
 * that another process rang, costs a moment and never a job.
 */
export class Bell {
  readonly #waiting = new Set<() => void>();
  /** How often it rang so far; whoever remembers it misses no ring while busy. */
  rings = 0;

  ring(): void {
    this.rings += 1;
    for (const wake of this.#waiting) wake();
  }

  /** Resolves once it has rung more than `rings` times, after `waitMs`, or when `signal` aborts. */
  async heard(rings: number, waitMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.rings !== rings) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, waitMs);
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}
