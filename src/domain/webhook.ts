/** What webhooks tell of: something has come to its end. */

export const webhookEvents = [
  'fine_tuning.job.succeeded',
  'fine_tuning.job.failed',
  'fine_tuning.job.cancelled',
  'batch.completed',
  'batch.failed',
  'batch.expired',
  'batch.cancelled',
  'eval.run.succeeded',
  'eval.run.failed',
  'eval.run.canceled',
  'response.completed',
  'response.failed',
  'response.cancelled',
  'response.incomplete',
] as const;

export type WebhookEventType = (typeof webhookEvents)[number];

/** An endpoint of the user's that is told; the secret is shown once, when it is made. Tunesmith's own shape. */
export interface Webhook {
  readonly object: 'webhook';
  readonly id: string;
  readonly created_at: number;
  readonly url: string;
  readonly events: readonly WebhookEventType[];
}

/** One event on its way to one webhook. */
export interface WebhookDelivery {
  readonly object: 'webhook.delivery';
  /** Sent as `webhook-id`. */
  readonly id: string;
  readonly type: string;
  readonly created_at: number;
  readonly status: 'pending' | 'delivered' | 'given_up';
  readonly attempts: number;
  readonly last_error: string | null;
}
