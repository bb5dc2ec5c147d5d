/**
 * Where rooms leave word of what has happened.
 *
 * An event becomes rows in the very transaction that makes it true: one for each webhook of the project that wants
 * to hear of it. So nothing is told that did not happen, nothing that happened is forgotten in a crash, and each
 * ending is told once. Delivering is somebody else's work.
 */

import type { Kysely } from 'kysely';
import { newId } from '../domain/ids.ts';
import type { WebhookEventType } from '../domain/webhook.ts';
import type { Schema } from '../store/schema.ts';

export interface Announcement {
  readonly project: string;
  readonly type: WebhookEventType;
  /** Id of the job, batch, run or response. */
  readonly about: string;
}

export async function announce(rows: Kysely<Schema>, { project, type, about }: Announcement): Promise<void> {
  const webhooks = await rows.selectFrom('webhooks').select(['id', 'events']).where('project', '=', project).execute();
  const listening = webhooks.filter(({ events }) => (JSON.parse(events) as string[]).includes(type));
  if (listening.length === 0) return;
  const body = eventBody(type, about);
  await rows
    .insertInto('webhook_deliveries')
    .values(
      listening.map(({ id }) => ({
        id: newId('delivery'),
        webhook_id: id,
        type,
        about,
        body,
        created_at: unixSeconds(),
        status: 'pending',
        attempts: 0,
        due_at_ms: 0,
        last_error: null,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** What is posted, to the byte: the signature is over it. */
export function eventBody(type: WebhookEventType, about: string): string {
  const event = { object: 'event', id: newId('webhookEvent'), type, created_at: unixSeconds(), data: { id: about } };
  return JSON.stringify(event);
}

const unixSeconds = (): number => Math.floor(Date.now() / 1000);
