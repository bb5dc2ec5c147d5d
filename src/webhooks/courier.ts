/**
 * Carries what lies in the outbox to the webhooks, again and again until it is taken.
 *
 * The rows are the queue, so a restart goes on where it was; an attempt that a crash cut off is made again: at least
 * once, under the same id. The waits grow from seconds to hours, and after three days an event is given up. Each
 * webhook gets one event at a time and several webhooks are served at once, so a slow one keeps nobody else waiting.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely, Selectable } from 'kysely';
import type { Log } from '../log.ts';
import type { Schema, WebhookDeliveriesTable } from '../store/schema.ts';
import { type AllowedHosts, deliver } from './deliver.ts';

export interface CourierOptions {
  readonly database: Kysely<Schema>;
  readonly log: Log;
  readonly allowed: AllowedHosts;
  /** Between two looks into the outbox. */
  readonly lookMs?: number;
  /** Before the second attempt; each wait is three times the one before. */
  readonly retryMs?: number;
}

type Delivery = Selectable<WebhookDeliveriesTable> & { readonly url: string; readonly secret: string };

const atOnce = 8;
const retryMsMax = 8 * 60 * 60_000;
const patienceSeconds = 72 * 60 * 60;
/** What was delivered or given up can be looked at for so long. */
const keptSeconds = 7 * 24 * 60 * 60;

export class Courier implements AsyncDisposable {
  readonly #options: Required<CourierOptions>;
  readonly #closing = new AbortController();
  /** By webhook. */
  readonly #underway = new Map<string, Promise<void>>();
  #work: Promise<void> = Promise.resolve();

  constructor(options: CourierOptions) {
    this.#options = { lookMs: 1000, retryMs: 5000, ...options };
  }

  start(): void {
    this.#work = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#work;
    await Promise.all(this.#underway.values());
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { log, lookMs } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#sweep();
        await this.#look();
      } catch (error) {
        log.error('webhooks.failed', { error });
      }
      await sleep(lookMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Sets out with what is due, as far as hands are free. */
  async #look(): Promise<void> {
    const busy = [...this.#underway.keys()];
    const due = await this.#options.database
      .selectFrom('webhook_deliveries as delivery')
      .innerJoin('webhooks as webhook', 'webhook.id', 'delivery.webhook_id')
      .selectAll('delivery')
      .select(['webhook.url', 'webhook.secret'])
      .where('delivery.status', '=', 'pending')
      .where('delivery.due_at_ms', '<=', Date.now())
      .where('webhook.id', 'not in', busy)
      .orderBy('delivery.seq')
      .limit(1000)
      .execute();
    for (const delivery of due) {
      if (this.#underway.size >= atOnce) return;
      if (this.#underway.has(delivery.webhook_id)) continue;
      const { log } = this.#options;
      const carried = this.#carry(delivery)
        .catch((error: unknown) => this.#closing.signal.aborted || log.error('webhook.failed', { error }))
        .finally(() => this.#underway.delete(delivery.webhook_id));
      this.#underway.set(delivery.webhook_id, carried as Promise<void>);
    }
  }

  async #carry(delivery: Delivery): Promise<void> {
    const { database, log, allowed, retryMs } = this.#options;
    const problem = await deliver(delivery, allowed, this.#closing.signal);
    const attempts = delivery.attempts + 1;
    const facts = { webhook: delivery.webhook_id, delivery: delivery.id, type: delivery.type, attempts };
    const isTooOld = delivery.created_at + patienceSeconds < unixSeconds();
    const status = problem === null ? 'delivered' : isTooOld ? 'given_up' : 'pending';
    if (status === 'delivered') log.info('webhook.delivered', facts);
    else log.warn(status === 'pending' ? 'webhook.postponed' : 'webhook.given_up', { ...facts, problem });
    const waitMs = Math.min(retryMs * 3 ** delivery.attempts, retryMsMax);
    await database
      .updateTable('webhook_deliveries')
      .set({ status, attempts, last_error: problem, due_at_ms: Date.now() + waitMs })
      .where('id', '=', delivery.id)
      .execute();
  }

  async #sweep(): Promise<void> {
    await this.#options.database
      .deleteFrom('webhook_deliveries')
      .where('status', '!=', 'pending')
      .where('created_at', '<', unixSeconds() - keptSeconds)
      .execute();
  }
}

const unixSeconds = (): number => Math.floor(Date.now() / 1000);
