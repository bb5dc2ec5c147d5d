/**
 * Texts of pages and PDFs that strangers wrote, read in a thread with limits.
 *
 * A page of a few megabytes can be made so that it takes a parser minutes and gigabytes. The thread is ended when
 * it needs too long or too much, and the next page gets a new one.
 */

import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../programs.ts';
import type { PageText } from './main-text.ts';

/** To the thread. */
export interface Extraction {
  readonly kind: 'html' | 'pdf';
  readonly bytes: Uint8Array;
  /** As the server said it, for the encoding. */
  readonly contentType: string;
}

/** And back. */
export type Extracted = { readonly text: PageText } | { readonly reason: string };

const heapMegabytes = 512;

export class Extractor implements AsyncDisposable {
  readonly #timeoutMs: number;
  #thread: Worker | null = null;
  /** The end of the reading before: one at a time. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(timeoutMs = 30_000) {
    this.#timeoutMs = timeoutMs;
  }

  /** Throws an Error that says why there is no text. */
  async extract(extraction: Extraction): Promise<PageText> {
    const reading = this.#before.then(() => this.#read(extraction));
    this.#before = reading.catch(() => undefined);
    const extracted = await reading;
    if ('reason' in extracted) throw new Error(extracted.reason);
    return extracted.text;
  }

  async #read(extraction: Extraction): Promise<Extracted> {
    this.#thread ??= await started();
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), this.#timeoutMs);
    try {
      this.#thread.postMessage(extraction);
      return await Promise.race([answerOf(this.#thread, late.signal), endOf(this.#thread, late.signal)]);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      if ((error as Error).name === 'AbortError')
        return { reason: `it takes longer than ${this.#timeoutMs / 1000} s to read` };
      const isFull = (error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY';
      return { reason: isFull ? 'it takes too much memory to read' : (error as Error).message };
    } finally {
      clearTimeout(timer);
      late.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.terminate();
  }
}

/** A thread that has said that it listens; loading it is no page's fault. */
async function started(): Promise<Worker> {
  const thread = startThread('collect/extract-main', null, { maxOldGenerationSizeMb: heapMegabytes });
  await once(thread, 'message');
  return thread;
}

async function answerOf(thread: Worker, signal: AbortSignal): Promise<Extracted> {
  const [extracted] = (await once(thread, 'message', { signal })) as [Extracted];
  return extracted;
}

/** Nobody answers any more, when reading was stopped. */
async function endOf(thread: Worker, signal: AbortSignal): Promise<Extracted> {
  await once(thread, 'exit', { signal });
  return { reason: 'reading was stopped' };
}
