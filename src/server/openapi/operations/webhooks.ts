/** Webhooks, and what was sent to them. */

import { webhookEvents } from '../../../domain/webhook.ts';
import { arrayOf, deleted, listOf, object, row, text, textOrNull, truth, whole, type Operations } from './operation.ts';

const event = { type: 'string', enum: webhookEvents };
const webhook = object({
  object: { const: 'webhook' },
  id: text,
  created_at: whole,
  url: text,
  events: arrayOf(event),
});
const delivery = object({
  object: { const: 'webhook.delivery' },
  id: text,
  type: text,
  created_at: whole,
  status: { enum: ['pending', 'delivered', 'given_up'] },
  attempts: whole,
  last_error: textOrNull,
});

export const webhookOperations: Operations = {
  'POST /v1/webhooks': row(
    'Webhooks',
    'Tell an address when jobs, batches and runs of evals end; its secret is shown this once.',
    {
      request: object({ url: text, events: arrayOf(event) }),
      response: object({ ...webhook.properties, secret: text }),
    },
  ),
  'GET /v1/webhooks': row('Webhooks', 'List webhooks, newest first.', { response: listOf(webhook) }),
  'GET /v1/webhooks/:id': row('Webhooks', 'Look at a webhook.', { response: webhook }),
  'GET /v1/webhooks/:id/deliveries': row('Webhooks', 'What was sent to a webhook lately, and how it went.', {
    response: listOf(delivery),
  }),
  'POST /v1/webhooks/:id/test': row('Webhooks', 'Send a webhook an event about nothing, now.', {
    request: object({ type: event }, []),
    response: object({ object: { const: 'webhook.test' }, delivered: truth, error: textOrNull }),
  }),
  'DELETE /v1/webhooks/:id': row('Webhooks', 'Delete a webhook.', {
    response: deleted('webhook.deleted'),
  }),
};
