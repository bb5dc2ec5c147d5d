/**
 * Brings each run from one status to the next, in the background.
 *
 *   queued        its items are read and wait in rows: in_progress, or failed where the data is unfit
 *   in_progress   items are answered and judged, several at a time, until none waits: completed
 *
 * The rows say where a run stands, so a worker that starts anew goes on there. An item that was underway when the
 * server died is judged again, on the answer that it had; what was judged is not. Knows nothing of HTTP or models: `rooms` does.
 */

import { Background } from '../../background.ts';
import type { Criterion, Eval } from '../../domain/eval.ts';
import { isRunOver } from '../../domain/eval.ts';
import type { GraderTools } from '../../graders/tools.ts';
import type { Log } from '../../log.ts';
import { readSource, type SourceItem, type Stores } from './data-source.ts';
import { endpointAnswerer } from './endpoint.ts';
import { asEvalError, RunFailure } from './failure.ts';
import { type Answerer, judgeItem, type Judging, unjudged } from './judge.ts';
import {
  changeRun,
  findRun,
  insertWaiting,
  keepAnswers,
  type Judged,
  keptRunOf,
  recordJudged,
  type Rows,
  runMoved,
  type RunRow,
  unfinishedRuns,
  type WaitingItem,
  waitingItems,
} from './records.ts';
import type { DataSource } from './request.ts';

/** What a run needs of the house, as its project has it. */
export interface RunRooms {
  readonly stores: Stores;
  readonly answerer: Answerer;
  readonly tools: GraderTools;
}

export interface RunWorkerOptions {
  readonly database: Rows;
  readonly log: Log;
  /** Internal hosts that may be asked for answers, or true for all. */
  readonly allowed: boolean | readonly string[];
  /** Items of one run that are underway at a time. */
  readonly itemsAtOnce?: number;
  readonly runsAtOnce?: number;
  readonly lookMs?: number;
  readonly retryMs?: number;
}

/** Items that are read before they are written. */
const readAtOnce = 1000;

export class EvalRunWorker implements AsyncDisposable {
  readonly #options: Required<RunWorkerOptions>;
  #roomsOf: ((project: string) => RunRooms) | null = null;
  #background: Background | null = null;

  constructor(options: RunWorkerOptions) {
    this.#options = { itemsAtOnce: 8, runsAtOnce: 4, lookMs: 1000, retryMs: 1000, ...options };
  }

  start(roomsOf: (project: string) => RunRooms): void {
    const { database, log, runsAtOnce, lookMs, retryMs } = this.#options;
    this.#roomsOf = roomsOf;
    this.#background = new Background({
      unfinished: () => unfinishedRuns(database),
      bringOn: (id, signal) => this.#bringOn(id, signal),
      onError: (run, error) =>
        run === null ? log.error('eval_runs.failed', { error }) : log.error('eval_run.stumbled', { run, error }),
      atOnce: runsAtOnce,
      lookMs,
      restMs: retryMs,
    });
  }

  /** A run is new, or a user wants another thing of it than what is being done. */
  notice(id: string): void {
    this.#background?.notice(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#background?.[Symbol.asyncDispose]();
  }

  /** One status after the other; stops in between when it is told to, and is then begun again. */
  async #bringOn(id: string, signal: AbortSignal): Promise<void> {
    const { database, log } = this.#options;
    while (!signal.aborted) {
      const row = await findRun(database, id);
      if (row === undefined) return;
      const { status } = keptRunOf(row);
      if (isRunOver(status)) return log.info('eval_run.ended', { run: id, status });
      try {
        if (status === 'queued') await this.#load(row, signal);
        else await this.#judgeAll(row, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof RunFailure)) throw error;
        await changeRun(database, id, (run) =>
          isRunOver(run.status) ? null : runMoved(run, 'failed', { error: asEvalError(error) }),
        );
      }
    }
  }

  /** Items that a request brought wait already; others are read now, from the beginning if that was begun before. */
  async #load(row: RunRow, signal: AbortSignal): Promise<void> {
    const { database } = this.#options;
    const { source } = JSON.parse(row.data_source) as DataSource;
    let total: number | null = null;
    if (source.type !== 'file_content') {
      await database.deleteFrom('eval_items').where('run_id', '=', row.id).execute();
      const { stores } = this.#roomsOf!(row.project);
      const config = await this.#configOf(row.eval_id);
      let some: SourceItem[] = [];
      total = 0;
      const keep = async (): Promise<void> => {
        const [first, items] = [total!, some];
        await insertWaiting(database, row.id, first, items);
        total = first + items.length;
        some = [];
      };
      for await (const item of readSource(source, config, stores, signal)) {
        some.push(item);
        if (some.length === readAtOnce) await keep();
      }
      await keep();
      if (total === 0) throw new RunFailure('empty_data_source', nothingFits);
    }
    await changeRun(database, row.id, async (run, rows) => {
      if (run.status !== 'queued') return null;
      await rows.updateTable('eval_runs').set({ file_id: null }).where('id', '=', row.id).execute();
      return runMoved(run, 'in_progress', {
        ...(total !== null && { result_counts: { ...run.result_counts, total } }),
      });
    });
  }

  async #configOf(evalId: string): Promise<Eval['data_source_config']> {
    const { database } = this.#options;
    const row = await database.selectFrom('evals').select('object').where('id', '=', evalId).executeTakeFirst();
    if (row === undefined) throw new RunFailure('eval_not_found', `The eval ${evalId} is not there any more.`);
    return (JSON.parse(row.object) as Eval).data_source_config;
  }

  async #judgeAll(row: RunRow, stop: AbortSignal): Promise<void> {
    const { database, itemsAtOnce } = this.#options;
    const halt = new AbortController();
    const failures: unknown[] = [];
    const fail = (error: unknown): void => {
      if (!signal.aborted) failures.push(error);
      halt.abort(); // all the others end too, before anybody begins anew
    };
    const signal = AbortSignal.any([stop, halt.signal]);
    const items = waitingItems(database, row.id);
    const recorder = new Recorder(database, row.id, fail);
    const judging = this.#judging(row, (answered) => recorder.keep(answered));
    const judgeSome = async (): Promise<void> => {
      for (let next = await items.next(); next.done !== true; next = await items.next()) {
        if (signal.aborted) return;
        recorder.add(await this.#judge(judging, next.value, signal));
      }
    };
    await Promise.all(Array.from({ length: itemsAtOnce }, () => judgeSome().catch(fail)));
    await recorder.close();
    if (failures.length > 0) throw failures[0];
    if (stop.aborted) return;
    await changeRun(database, row.id, (run) => (run.status === 'in_progress' ? runMoved(run, 'completed') : null));
  }

  /** What nobody foresaw is that item's misfortune: it must not keep the run from its end. */
  async #judge(judging: Judging, waiting: WaitingItem, signal: AbortSignal): Promise<Judged> {
    try {
      return await judgeItem(judging, waiting, signal);
    } catch (error) {
      if (signal.aborted || error instanceof RunFailure) throw error;
      this.#options.log.error('eval_item.failed', { run: judging.runId, item: waiting.n, error });
      const message = `The server had an error while judging this item. Its log tells more under ${judging.runId}.`;
      return unjudged(judging, waiting, { code: 'server_error', message });
    }
  }

  #judging(row: RunRow, keep: Judging['keep']): Judging {
    const { answerer, tools } = this.#roomsOf!(row.project);
    const dataSource = JSON.parse(row.data_source) as DataSource;
    const endpoint = dataSource.type === 'jsonl' ? undefined : dataSource.endpoint;
    const { allowed } = this.#options;
    return {
      runId: row.id,
      evalId: row.eval_id,
      dataSource,
      criteria: JSON.parse(row.criteria) as Criterion[],
      answerer:
        endpoint === undefined
          ? answerer
          : endpointAnswerer({ baseUrl: endpoint.base_url, apiKey: row.endpoint_key, allowed }),
      tools,
      keep,
    };
  }
}

const nothingFits =
  'Nothing that is stored fits the filters of the data source. Store answers with "store": true, or ask for less.';

/** Puts outcomes on record, all those that wait in one transaction: each commit waits for the disk, and everybody with it. */
class Recorder {
  readonly #database: Rows;
  readonly #run: string;
  readonly #onFailure: (error: unknown) => void;
  #judged: Judged[] = [];
  #answered: WaitingItem[] = [];
  #writing: Promise<void> | null = null;

  constructor(database: Rows, run: string, onFailure: (error: unknown) => void) {
    this.#database = database;
    this.#run = run;
    this.#onFailure = onFailure;
  }

  add(judged: Judged): void {
    this.#judged.push(judged);
    this.#writing ??= this.#writeAll();
  }

  keep(answered: WaitingItem): void {
    this.#answered.push(answered);
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything is on record, or cannot be. */
  async close(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#judged.length + this.#answered.length > 0) {
        const [judged, answered] = [this.#judged.splice(0), this.#answered.splice(0)];
        if (answered.length > 0) await keepAnswers(this.#database, this.#run, answered);
        if (judged.length > 0) await recordJudged(this.#database, this.#run, judged);
      }
    } catch (error) {
      this.#onFailure(error);
    } finally {
      this.#writing = null;
    }
  }
}
