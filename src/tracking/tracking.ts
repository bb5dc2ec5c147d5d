/**
 * Follows jobs and tells their trackers the news.
 *
 * Who follows which job is written in the transaction that makes the job. From then on the job's events are the
 * news: a row per job and tracker holds the newest event that was told and what the tracker wants to remember. A
 * tracker that cannot be reached is tried again, ever more rarely, for three days; the job does not wait for it.
 */

import type { Kysely, Selectable } from 'kysely';
import { setTimeout as sleep } from 'node:timers/promises';
import { isFinal, type Job, type JobEvent, type StepMetrics } from '../domain/job.ts';
import type { Log } from '../log.ts';
import type { Schema, TrackingTable } from '../store/schema.ts';
import { type News, type Outcome, pointOf, type Tracker } from './run.ts';

export interface TrackingOptions {
  readonly database: Kysely<Schema>;
  readonly log: Log;
  readonly trackers: readonly Tracker<unknown>[];
  /** Between two looks for news. */
  readonly lookMs?: number;
  /** Before the first new attempt; doubles with each. */
  readonly retryMs?: number;
}

type Row = Selectable<TrackingTable>;

const eventsAtOnce = 2000;
const retryMsMax = 60 * 60_000;
const patienceMs = 72 * 60 * 60_000;

export class Tracking implements AsyncDisposable {
  readonly #options: Required<TrackingOptions>;
  readonly #closing = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(options: TrackingOptions) {
    this.#options = { lookMs: 1000, retryMs: 5000, ...options };
  }

  /** To be called in the transaction that makes the job; throws when the job asks for a tracker that is not set up. */
  async follow(rows: Kysely<Schema>, job: Job): Promise<void> {
    const followers = this.#options.trackers.filter((tracker) => tracker.follows(job));
    if (followers.length === 0) return;
    await rows
      .insertInto('tracking')
      .values(
        followers.map(({ name }) => ({
          job_id: job.id,
          tracker: name,
          told_seq: 0,
          state: null,
          failed_since_ms: null,
          attempts: 0,
          next_ms: 0,
          ended: 0,
        })),
      )
      .execute();
  }

  start(): void {
    this.#work = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#work;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (error) {
        if (!signal.aborted) this.#options.log.error('tracking.failed', { error });
      }
      await sleep(this.#options.lookMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Tells every tracker whose time has come what is new. */
  async look(): Promise<void> {
    const due = await this.#options.database
      .selectFrom('tracking')
      .selectAll()
      .where('ended', '=', 0)
      .where('next_ms', '<=', Date.now())
      .orderBy('seq')
      .execute();
    for (const row of due) {
      const tracker = this.#options.trackers.find(({ name }) => name === row.tracker);
      if (tracker === undefined || this.#closing.signal.aborted) continue; // not set up today: it may be tomorrow
      await this.#tell(row, tracker);
    }
  }

  async #tell(row: Row, tracker: Tracker<unknown>): Promise<void> {
    const { log } = this.#options;
    const facts = { job: row.job_id, tracker: row.tracker };
    try {
      const { news, toldSeq } = await this.#newsFor(row);
      if (news === null) return;
      const state = row.state === null ? null : (JSON.parse(row.state) as unknown);
      const told = await tracker.tell(news, state, this.#closing.signal);
      const ended = news.outcome === null ? 0 : 1;
      await this.#update(row, {
        told_seq: toldSeq,
        state: JSON.stringify(told),
        failed_since_ms: null,
        attempts: 0,
        next_ms: 0,
        ended,
      });
      if (row.attempts > 0) log.info('tracking.recovered', facts);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      const now = Date.now();
      const since = row.failed_since_ms ?? now;
      const givenUp = now - since > patienceMs;
      log[givenUp ? 'error' : 'warn'](givenUp ? 'tracking.given_up' : 'tracking.unreachable', { ...facts, error });
      await this.#update(row, {
        failed_since_ms: since,
        attempts: row.attempts + 1,
        next_ms: now + Math.min(retryMsMax, this.#options.retryMs * 2 ** row.attempts),
        ended: givenUp ? 1 : 0,
      });
    }
  }

  /** The next lot of points; the outcome only with the last lot. Null while there is nothing to tell. */
  async #newsFor({ job_id, told_seq, state }: Row): Promise<{ news: News | null; toldSeq: number }> {
    const { database } = this.#options;
    // The job before its events: what is final now has no events still to come.
    const found = await database.selectFrom('jobs').select('object').where('id', '=', job_id).executeTakeFirstOrThrow();
    const job = JSON.parse(found.object) as Job;
    const events = await database
      .selectFrom('job_events')
      .select(['seq', 'step', 'created_at', 'object'])
      .where('job_id', '=', job_id)
      .where('seq', '>', told_seq)
      .where('step', 'is not', null)
      .orderBy('seq')
      .limit(eventsAtOnce)
      .execute();
    const points = events.map(({ object, created_at }) =>
      pointOf((JSON.parse(object) as JobEvent).data as StepMetrics, created_at),
    );
    const outcome = isFinal(job.status) && events.length < eventsAtOnce ? (job.status as Outcome) : null;
    const started = job.status === 'running' && state === null;
    const worth = points.length > 0 || outcome !== null || started;
    return { news: worth ? { job, points, outcome } : null, toldSeq: events.at(-1)?.seq ?? told_seq };
  }

  async #update(row: Row, change: Partial<Row>): Promise<void> {
    await this.#options.database.updateTable('tracking').set(change).where('seq', '=', row.seq).execute();
  }
}
