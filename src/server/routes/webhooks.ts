/**
 * `/v1/webhooks`: endpoints of the user's that are told when jobs and batches end.
 *
 * Tunesmith's own: OpenAI has a page of its website for this. What is delivered is OpenAI's to the byte.
 */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Webhook, type WebhookDelivery, webhookEvents } from '../../domain/webhook.ts';
import type { House } from '../../house.ts';
import type { Webhooks } from '../../webhooks/webhooks.ts';
import { accessOf } from '../access.ts';
import { type ListPage, listPage, type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { optional, parseBody, parseQuery } from '../validation.ts';

const listQuery = z.object(pageFields(20, 100));
const webhookSchema = z.strictObject({
  url: z.string().min(1).max(2000),
  events: z.array(z.enum(webhookEvents)).min(1),
});
const testSchema = z.strictObject({ type: optional(z.enum(webhookEvents)) });

type ById = { Params: { id: string } };

/** How an attempt went that was made while the caller waited. */
interface Tested {
  readonly object: 'webhook.test';
  readonly delivered: boolean;
  readonly error: string | null;
}

export function webhookRoutes(app: FastifyInstance, house: House): void {
  const webhooksOf = (request: FastifyRequest): Webhooks => house.of(accessOf(request).project).webhooks;

  app.post('/webhooks', async (request): Promise<Webhook> =>
    webhooksOf(request).create(parseBody(webhookSchema, request.body)),
  );

  app.get('/webhooks', async (request): Promise<ListPageWithEnds<Webhook>> => {
    const page = parseQuery(listQuery, request.query);
    return listPageWithEnds(await webhooksOf(request).list(page), page.limit);
  });

  app.get<ById>('/webhooks/:id', async (request): Promise<Webhook> => webhooksOf(request).get(request.params.id));

  app.get<ById>('/webhooks/:id/deliveries', async (request): Promise<ListPage<WebhookDelivery>> => {
    const deliveries = await webhooksOf(request).deliveries(request.params.id);
    return listPage(deliveries, deliveries.length);
  });

  app.post<ById>('/webhooks/:id/test', async (request): Promise<Tested> => {
    const { type } = parseBody(testSchema, request.body);
    const error = await webhooksOf(request).test(request.params.id, type ?? null);
    return { object: 'webhook.test', delivered: error === null, error };
  });

  app.delete<ById>('/webhooks/:id', async (request) => {
    await webhooksOf(request).delete(request.params.id);
    return { id: request.params.id, object: 'webhook.deleted', deleted: true };
  });
}
