/**
 * Takes jobs from the queue and brings each to its end.
 *
 * One lane validates files, as many lanes as wanted train; so a new job's files are judged at once, even while
 * another job trains for hours. While a lane works on a job, a heartbeat renews its lease and reads what the
 * user wants meanwhile: a cancelled or paused job is stopped, and so is one that another worker took over.
 * Closing stops every trainer with its work saved; those jobs stay "running" and go on at the next start.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { JobStatus } from '../domain/job.ts';
import { programArguments } from '../programs.ts';
import type { Bell } from './bell.ts';
import { Devices } from './devices.ts';
import { failJob, failureOf } from './failure.ts';
import { claim, release, releaseAll, renew } from './queue.ts';
import type { JobRow } from './records.ts';
import { sweepJobs } from './sweep.ts';
import { trainJob } from './training.ts';
import { validateJob } from './validation.ts';
import type { Workshop } from './workshop.ts';

/** Rests between two looks at an empty queue, and between two heartbeats. */
const lookMs = 1_000;
const heartbeatMs = 5_000;

const patience = {
  name: 'server',
  leaseMs: 30_000,
  snapshotSeconds: 60,
  silenceMsMax: 30 * 60_000,
  graceMs: 30_000,
  crashesMax: 3,
  retryMs: 1_000,
  judge: null,
};

type Defaults = Omit<typeof patience, 'judge'> & Pick<Workshop, 'trainer' | 'judge' | 'devices'>;

export type WorkerOptions = Omit<Workshop, keyof Defaults> &
  Partial<Defaults> & {
    /** Rings when a job is new or its status was changed. */
    readonly bell: Bell;
    /** How many jobs train at the same time. */
    readonly concurrency?: number;
    /** Told how many jobs train whenever that changes: others may then take more cores, or leave some. */
    readonly onTraining?: (jobs: number) => void;
  };

export class Worker implements AsyncDisposable {
  readonly #shop: Workshop;
  readonly #bell: Bell;
  readonly #concurrency: number;
  readonly #onTraining: (jobs: number) => void;
  #training = 0;
  readonly #closing = new AbortController();
  #started = false;
  #work: Promise<unknown> = Promise.resolve();

  constructor({ bell, concurrency = 1, onTraining = () => {}, ...shop }: WorkerOptions) {
    const devices = new Devices({ threads: shop.threads });
    this.#shop = { trainer: programArguments('engine/main'), devices, ...patience, ...shop };
    this.#bell = bell;
    this.#concurrency = concurrency;
    this.#onTraining = onTraining;
  }

  get isWorking(): boolean {
    return this.#started && !this.#closing.signal.aborted;
  }

  start(): void {
    this.#started = true;
    this.#work = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#bell.ring();
    await this.#work;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    const { database, name } = this.#shop;
    await this.#unlessItFails('worker.start_failed', async () => {
      await releaseAll(database, name); // whoever held them under this name is dead: the folder's lock is ours
      await sweepJobs(this.#shop);
    });
    const lanes = [
      this.#lane(['validating_files'], (row, stop) => validateJob(this.#shop, row, stop)),
      ...Array.from({ length: this.#concurrency }, () =>
        this.#lane(['running', 'queued'], (row, stop) => this.#train(row, stop)),
      ),
    ];
    await Promise.all(lanes);
  }

  async #lane(statuses: readonly JobStatus[], work: (row: JobRow, stop: AbortSignal) => Promise<void>): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const { rings } = this.#bell;
      const worked = await this.#unlessItFails('worker.stumbled', async () => {
        const row = await claim(this.#shop.database, this.#shop, statuses);
        if (row === undefined) return false;
        await this.#hold(row, work);
        return true;
      });
      if (worked !== true) await this.#bell.heard(rings, lookMs, this.#closing.signal);
    }
  }

  async #train(row: JobRow, stop: AbortSignal): Promise<void> {
    this.#onTraining((this.#training += 1));
    try {
      await trainJob(this.#shop, row.id, stop);
    } finally {
      this.#onTraining((this.#training -= 1));
    }
  }

  /** Works on a claimed job under a heartbeat; what goes wrong unexpectedly fails the job and not the lane. */
  async #hold(row: JobRow, work: (row: JobRow, stop: AbortSignal) => Promise<void>): Promise<void> {
    const { database, name, log } = this.#shop;
    const stop = new AbortController();
    const done = new AbortController();
    const heart = this.#beat(row.id, stop, done.signal);
    try {
      await work(row, stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) {
        log.error('job.failed', { job: row.id, error });
        await failJob(database, name, row.id, failureOf(error));
      }
    } finally {
      done.abort();
      await heart;
      await release(database, name, row.id);
      await sweepJobs(this.#shop);
    }
  }

  async #beat(id: string, stop: AbortController, done: AbortSignal): Promise<void> {
    while (!done.aborted) {
      const { rings } = this.#bell;
      await this.#unlessItFails('worker.heartbeat_failed', async () => {
        const status = await renew(this.#shop.database, this.#shop, id);
        if (status === null || status === 'cancelled') stop.abort('cancel');
        else if (status === 'paused' || this.#closing.signal.aborted) stop.abort('pause');
      });
      await this.#bell.heard(rings, heartbeatMs, done);
    }
  }

  async #unlessItFails<Result>(event: string, act: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await act();
    } catch (error) {
      this.#shop.log.error(event, { error });
      await sleep(this.#shop.retryMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      return undefined;
    }
  }
}
