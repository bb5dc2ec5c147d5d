/**
 * Brings each batch from one status to the next, in the background.
 *
 *   validating    the whole input is read once: failed, or in_progress
 *   in_progress   requests are answered, several at a time, until all are, or the day is over
 *   finalizing    answers become the output and error files: completed, or expired
 *   cancelling    the same with what there is: cancelled
 *
 * The rows say where a batch stands, so a worker that starts anew goes on there: lines that have an answer are passed
 * over, and a request that was underway is made again. A request that is turned away because much is going on
 * waits and comes again; only an answer to the request itself ends it. Knows nothing of HTTP or models: `answer` does.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { Background } from '../background.ts';
import { type Batch, type BatchEndpoint, batchMoved, type BatchStatus, isBatchOver } from '../domain/batch.ts';
import { newId } from '../domain/ids.ts';
import type { Log } from '../log.ts';
import type { Blobs } from '../store/blobs.ts';
import { type BatchedRequest, judgeInput, readRequests } from './input.ts';
import { finishBatch } from './output.ts';
import { Recorder } from './recorder.ts';
import {
  answeredLines,
  type BatchRow,
  batchOf,
  changeBatch,
  findBatch,
  type Result,
  type Rows,
  unfinishedBatches,
} from './records.ts';

/** What the server would have answered to the same request over HTTP. */
export interface Answer {
  readonly status: number;
  readonly requestId: string;
  readonly body: unknown;
}

export interface Answering {
  answer(project: string, endpoint: BatchEndpoint, body: unknown, signal: AbortSignal): Promise<Answer>;
  findModel(project: string, name: string): Promise<boolean>;
}

export interface BatchWorkerOptions {
  readonly database: Rows;
  readonly blobs: Blobs;
  readonly log: Log;
  /** Requests of one batch that are underway at a time. */
  readonly requestsAtOnce?: number;
  readonly batchesAtOnce?: number;
  readonly lookMs?: number;
  /** Before a request that was turned away comes again; doubles each time. */
  readonly retryMs?: number;
}

const retryMsMax = 30_000;
/** An answer of 500 may be an accident. */
const failuresMax = 3;

export class BatchWorker implements AsyncDisposable {
  readonly #options: Required<BatchWorkerOptions>;
  #answering: Answering | null = null;
  #background: Background | null = null;

  constructor(options: BatchWorkerOptions) {
    this.#options = { requestsAtOnce: 8, batchesAtOnce: 4, lookMs: 1000, retryMs: 1000, ...options };
  }

  start(answering: Answering): void {
    const { database, log, batchesAtOnce, lookMs, retryMs } = this.#options;
    this.#answering = answering;
    this.#background = new Background({
      unfinished: () => unfinishedBatches(database),
      bringOn: (id, signal) => this.#bringOn(id, signal),
      onError: (batch, error) =>
        batch === null ? log.error('batches.failed', { error }) : log.error('batch.stumbled', { batch, error }),
      atOnce: batchesAtOnce,
      lookMs,
      restMs: retryMs,
    });
  }

  /** A batch is new, or a user wants another thing of it than what is being done. */
  notice(id: string): void {
    this.#background?.notice(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#background?.[Symbol.asyncDispose]();
  }

  /** One status after the other; stops in between when it is told to, and is then begun again. */
  async #bringOn(id: string, signal: AbortSignal): Promise<void> {
    const { database, blobs, log } = this.#options;
    const steps: Partial<Record<BatchStatus, (row: BatchRow, batch: Batch) => Promise<void>>> = {
      validating: (row, batch) => this.#validate(row, batch, signal),
      in_progress: (row, batch) => this.#answerAll(row, batch, signal),
      finalizing: (row) => finishBatch(database, blobs, row, signal),
      cancelling: (row) => finishBatch(database, blobs, row, signal),
    };
    while (!signal.aborted) {
      const row = await findBatch(database, id);
      if (row === undefined) return;
      const batch = batchOf(row);
      if (isBatchOver(batch.status)) return log.info('batch.ended', { batch: id, status: batch.status });
      await steps[batch.status]!(row, batch).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  async #validate({ id, project }: BatchRow, { input_file_id, endpoint }: Batch, signal: AbortSignal): Promise<void> {
    const { database, blobs } = this.#options;
    const findModel = (name: string): Promise<boolean> => this.#answering!.findModel(project, name);
    const { count, model, errors } = await judgeInput(blobs.path(input_file_id), endpoint, findModel, signal);
    await changeBatch(database, id, (batch) => {
      if (batch.status !== 'validating') return null;
      const named = model === null ? {} : { model };
      if (errors.length > 0)
        return batchMoved(batch, 'failed', { ...named, errors: { object: 'list', data: [...errors] } });
      return batchMoved(batch, 'in_progress', { ...named, request_counts: { total: count, completed: 0, failed: 0 } });
    });
  }

  async #answerAll(row: BatchRow, batch: Batch, stop: AbortSignal): Promise<void> {
    const { input_file_id, endpoint, expires_at } = batch;
    const { database, blobs, requestsAtOnce } = this.#options;
    const halt = new AbortController();
    const failures: unknown[] = [];
    const fail = (error: unknown): void => {
      if (!signal.aborted) failures.push(error);
      halt.abort(); // all the others end too, before anybody begins anew
    };
    const clock = setTimeout(() => halt.abort(), Math.max(0, expires_at * 1000 - Date.now()));
    const signal = AbortSignal.any([stop, halt.signal]);
    const answered = await answeredLines(database, row.id);
    const requests = readRequests(blobs.path(input_file_id), signal);
    const recorder = new Recorder(database, row.id, fail);
    const answerSome = async (): Promise<void> => {
      for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
        const { value: request } = next;
        if (signal.aborted || answered.has(request.line)) continue;
        const answer = await this.#answer(row.project, endpoint, request.body, signal);
        if (answer !== null) recorder.add({ result: resultOf(request, answer), body: answer.body });
      }
    };
    await Promise.all(Array.from({ length: requestsAtOnce }, () => answerSome().catch(fail)));
    await recorder.close();
    clearTimeout(clock);
    if (failures.length > 0) throw failures[0];
    if (stop.aborted) return;
    await changeBatch(database, row.id, (batch) =>
      batch.status === 'in_progress' ? batchMoved(batch, 'finalizing') : null,
    );
  }

  /** Asks until there is an answer; null when nobody waits for it any more. */
  async #answer(
    project: string,
    endpoint: BatchEndpoint,
    body: BatchedRequest['body'],
    signal: AbortSignal,
  ): Promise<Answer | null> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#answering!.answer(project, endpoint, body, signal);
      if (signal.aborted) return null;
      const { status } = answer;
      const again = status === 429 || status === 503 || (status === 500 && attempt < failuresMax);
      if (!again) return answer;
      const waitMs = Math.min(this.#options.retryMs * 2 ** (attempt - 1), retryMsMax);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return null;
    }
  }
}

/** An answer as a line of the output or error file. */
function resultOf({ line, customId }: BatchedRequest, { status, requestId, body }: Answer): Result {
  const response = { status_code: status, request_id: requestId, body };
  const output = JSON.stringify({ id: newId('batchRequest'), custom_id: customId, response, error: null });
  return { line, ok: status === 200, output };
}
