/**
 * The webhooks of a project: made, looked at, deleted.
 *
 * Each has a secret of its own, shown when it is made and never again. OpenAI's webhooks are made on its website, so
 * these calls are Tunesmith's own; what is delivered is OpenAI's.
 */

import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type { Kysely, Selectable } from 'kysely';
import { invalid, notFound } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import type { Webhook, WebhookDelivery, WebhookEventType } from '../domain/webhook.ts';
import { isInternal } from '../outbound/addresses.ts';
import type { Schema, WebhookDeliveriesTable, WebhooksTable } from '../store/schema.ts';
import { type AllowedHosts, deliver } from './deliver.ts';
import { eventBody } from './outbox.ts';

export interface NewWebhook {
  readonly url: string;
  readonly events: readonly WebhookEventType[];
}

type WebhookRow = Selectable<WebhooksTable>;

const deliveriesShown = 100;

export class Webhooks {
  readonly #database: Kysely<Schema>;
  readonly #project: string;
  readonly #allowed: AllowedHosts;

  constructor(database: Kysely<Schema>, project: string, allowed: AllowedHosts) {
    this.#database = database;
    this.#project = project;
    this.#allowed = allowed;
  }

  async create({ url, events }: NewWebhook): Promise<Webhook & { readonly secret: string }> {
    assertDeliverable(url, this.#allowed);
    const row = {
      id: newId('webhook'),
      project: this.#project,
      url,
      events: JSON.stringify([...new Set(events)]),
      secret: `whsec_${randomBytes(32).toString('base64')}`,
      created_at: Math.floor(Date.now() / 1000),
    };
    await this.#database.insertInto('webhooks').values(row).execute();
    return { ...webhookOf(row), secret: row.secret };
  }

  async get(id: string): Promise<Webhook> {
    return webhookOf(await this.#row(id));
  }

  /** Delivers an event about nothing, once and now; null when it was taken, else why not. */
  async test(id: string, type: WebhookEventType | null): Promise<string | null> {
    const row = await this.#row(id);
    const body = eventBody(type ?? webhookOf(row).events[0]!, 'test');
    return await deliver({ ...row, id: newId('delivery'), body }, this.#allowed, new AbortController().signal);
  }

  /** Newest first, one more than asked for when there is more. */
  async list({ after, limit }: { readonly after: string | null; readonly limit: number }): Promise<Webhook[]> {
    let query = this.#mine()
      .selectAll()
      .orderBy('seq', 'desc')
      .limit(limit + 1);
    if (after !== null) {
      const cursor = await this.#mine().where('id', '=', after).select('seq').executeTakeFirst();
      if (cursor === undefined)
        throw invalid('after', `Invalid 'after': there is no webhook '${after}'.`, 'invalid_value');
      query = query.where('seq', '<', cursor.seq);
    }
    return (await query.execute()).map(webhookOf);
  }

  /** Whatever was still on its way to it is dropped. */
  async delete(id: string): Promise<void> {
    await this.#row(id);
    await this.#database.transaction().execute(async (rows) => {
      await rows.deleteFrom('webhook_deliveries').where('webhook_id', '=', id).execute();
      await rows.deleteFrom('webhooks').where('id', '=', id).execute();
    });
  }

  /** The newest ones, and how they went. */
  async deliveries(id: string): Promise<WebhookDelivery[]> {
    await this.#row(id);
    const rows = await this.#database
      .selectFrom('webhook_deliveries')
      .selectAll()
      .where('webhook_id', '=', id)
      .orderBy('seq', 'desc')
      .limit(deliveriesShown)
      .execute();
    return rows.map(deliveryOf);
  }

  async #row(id: string): Promise<WebhookRow> {
    const row = await this.#mine().where('id', '=', id).selectAll().executeTakeFirst();
    if (row === undefined) throw notFound('id', `No such webhook: ${id}`);
    return row;
  }

  #mine() {
    return this.#database.selectFrom('webhooks').where('project', '=', this.#project);
  }
}

/** What can be known to fail before anything is sent; where a name leads is looked at with each delivery. */
function assertDeliverable(text: string, allowed: AllowedHosts): void {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw invalid('url', `Invalid 'url': '${text.slice(0, 200)}' is no http or https address.`, 'invalid_value');
  const address = url.hostname.replace(/^\[|\]$/g, '');
  const isRefused = address === 'localhost' || (isIP(address) !== 0 && isInternal(address));
  if (isRefused && allowed !== true && !allowed.includes(url.host))
    throw invalid(
      'url',
      `Invalid 'url': ${url.host} is an internal address. To deliver there, name it in TUNESMITH_WEBHOOK_HOSTS.`,
      'address_refused',
    );
}

const webhookOf = ({ id, url, events, created_at }: Omit<WebhookRow, 'seq'>): Webhook => ({
  object: 'webhook',
  id,
  created_at,
  url,
  events: JSON.parse(events) as WebhookEventType[],
});

const deliveryOf = (row: Selectable<WebhookDeliveriesTable>): WebhookDelivery => ({
  object: 'webhook.delivery',
  id: row.id,
  type: row.type,
  created_at: row.created_at,
  status: row.status as WebhookDelivery['status'],
  attempts: row.attempts,
  last_error: row.last_error,
});
