/**
 * Puts answers on record, several in one transaction: each commit waits for the disk, and everybody with it.
 *
 * An answer may be lost in a crash for as long as it waits here; its request is then made again.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch } from '../domain/batch.ts';
import { changeBatch, insertResult, type Result, type Rows } from './records.ts';
import { addUsage } from './usage.ts';

interface Answered {
  readonly result: Result;
  /** What was answered; its usage counts. */
  readonly body: unknown;
}

const gatheredMs = 50;

export class Recorder {
  readonly #database: Rows;
  readonly #batchId: string;
  readonly #onFailure: (error: unknown) => void;
  #waiting: Answered[] = [];
  #writing: Promise<void> | null = null;

  constructor(database: Rows, batchId: string, onFailure: (error: unknown) => void) {
    this.#database = database;
    this.#batchId = batchId;
    this.#onFailure = onFailure;
  }

  add(answered: Answered): void {
    this.#waiting.push(answered);
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything is on record, or cannot be. */
  async close(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        await sleep(gatheredMs);
        await this.#write(this.#waiting.splice(0));
      }
    } catch (error) {
      this.#onFailure(error);
    } finally {
      this.#writing = null;
    }
  }

  async #write(all: readonly Answered[]): Promise<void> {
    await changeBatch(this.#database, this.#batchId, async (batch, rows) => {
      let changed = batch;
      for (const { result, body } of all)
        if (await insertResult(rows, this.#batchId, result)) changed = counted(changed, result.ok, body);
      return changed;
    });
  }
}

function counted(batch: Batch, ok: boolean, body: unknown): Batch {
  const { total, completed, failed } = batch.request_counts;
  const request_counts = { total, completed: completed + (ok ? 1 : 0), failed: failed + (ok ? 0 : 1) };
  return { ...batch, request_counts, usage: addUsage(batch.usage!, body) };
}
