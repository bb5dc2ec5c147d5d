/**
 * Responses that are made while nobody waits for them.
 *
 * Each is a stream of events; whoever follows one gets those so far and then the rest as they come. Cancelling one
 * ends its work, and closing the house ends all. How a response ended is on record before anybody is told.
 */

import type { Log } from '../log.ts';
import { endsResponse, type Response, type ResponseEvent } from './response.ts';

export interface BackgroundResponse {
  /** Its events, and in the end what became of it. */
  make(signal: AbortSignal): AsyncGenerator<ResponseEvent, Response>;
  /** Puts it on record. */
  finish(response: Response, events: readonly ResponseEvent[]): Promise<void>;
}

/** Why the work on a response is ended: the signal's reason. */
export const cancelled = Symbol('cancelled');
export const closing = Symbol('closing');

export class Background implements AsyncDisposable {
  readonly #log: Log;
  readonly #running = new Map<string, Running>();

  constructor(log: Log) {
    this.#log = log;
  }

  start(id: string, response: BackgroundResponse): void {
    const running = new Running(response);
    this.#running.set(id, running);
    running.ended = running
      .run()
      .catch((error: unknown) => this.#log.error('response.lost', { response: id, error }))
      .finally(() => this.#running.delete(id));
  }

  /** The newest state of a response that is being made here. */
  current(id: string): Response | null {
    const last = this.#running.get(id)?.events.findLast((event) => 'response' in event);
    return last === undefined ? null : last.response;
  }

  /** The events after that number as they come; null when nobody is making this response. */
  follow(id: string, after: number): AsyncGenerator<ResponseEvent, void> | null {
    return this.#running.get(id)?.follow(after) ?? null;
  }

  /** Resolves when it has ended and that is on record. */
  async cancel(id: string): Promise<void> {
    const running = this.#running.get(id);
    running?.stop.abort(cancelled);
    await running?.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#running.values()];
    for (const { stop } of all) stop.abort(closing);
    await Promise.all(all.map(({ ended }) => ended));
  }
}

class Running {
  readonly events: ResponseEvent[] = [];
  readonly stop = new AbortController();
  ended: Promise<void> = Promise.resolve();
  readonly #response: BackgroundResponse;
  #over = false;
  #bells: (() => void)[] = [];

  constructor(response: BackgroundResponse) {
    this.#response = response;
  }

  async run(): Promise<void> {
    try {
      const events = this.#response.make(this.stop.signal);
      const ends: ResponseEvent[] = [];
      let next = await events.next();
      for (; next.done !== true; next = await events.next()) {
        if (endsResponse(next.value)) ends.push(next.value);
        else this.#tell(next.value);
      }
      await this.#response.finish(next.value, [...this.events, ...ends]);
      this.#tell(...ends);
    } finally {
      this.#over = true;
      this.#tell();
    }
  }

  async *follow(after: number): AsyncGenerator<ResponseEvent, void> {
    for (let next = 0; ;) {
      for (; next < this.events.length; next++) {
        const event = this.events[next]!;
        if (event.sequence_number > after) yield event;
      }
      if (this.#over) return;
      await new Promise<void>((resolve) => this.#bells.push(resolve));
    }
  }

  #tell(...events: readonly ResponseEvent[]): void {
    this.events.push(...events);
    for (const bell of this.#bells.splice(0)) bell();
  }
}
