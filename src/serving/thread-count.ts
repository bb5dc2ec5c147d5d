/**
 * How many threads an evaluation gets, learnt from what the last ones got.
 *
 * llama.cpp's threads wait for each other without sleeping, some hundred times per evaluation. On a core that
 * somebody else needs as well everything waits for the slowest: ten times the time is nothing unusual. Threads that
 * had their cores for themselves used as much processor time as passed on the clock, times their number. When they
 * used clearly less, there is one thread less for a while, and then another try.
 */

/** The share of their time that threads must have got. */
const fairShare = 0.85;

/** Shorter evaluations tell more about the clock than about the threads. */
const judgedMsMin = 4;

const pauseMsMin = 2000;
const pauseMsMax = 60_000;

export interface Evaluation {
  readonly threads: number;
  /** Processor time of all threads together. */
  readonly processorMs: number;
  readonly clockMs: number;
}

export class ThreadCount {
  #max: number;
  /** Threads that have cores for themselves, as far as we know. */
  #free: number;
  #pauseMs = pauseMsMin;
  #nextTryMs = 0;

  constructor(max: number) {
    this.#max = max;
    this.#free = max;
  }

  setMax(max: number): void {
    this.#max = max;
    this.#free = max;
  }

  /** For prompts: all there are, and one more when it is time for a try. */
  forPrompts(nowMs: number): number {
    return nowMs < this.#nextTryMs ? this.#free : Math.min(this.#free + 1, this.#max);
  }

  /** For single tokens, which gain little from the last thread and leave its core to the others. */
  forTokens(): number {
    return Math.max(1, Math.min(this.#free, this.#max - 1));
  }

  /** Learns from an evaluation. */
  judge({ threads, processorMs, clockMs }: Evaluation, nowMs: number): void {
    if (clockMs < judgedMsMin || threads > this.#max) return;
    if (processorMs >= fairShare * clockMs * threads) {
      if (threads > this.#free) this.#pauseMs = pauseMsMin;
      this.#free = Math.max(this.#free, threads);
    } else if (threads > 1) {
      this.#free = Math.min(this.#free, threads - 1);
      this.#nextTryMs = nowMs + this.#pauseMs;
      this.#pauseMs = Math.min(2 * this.#pauseMs, pauseMsMax);
    }
  }
}
