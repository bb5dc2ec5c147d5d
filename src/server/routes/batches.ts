/** `/v1/batches`: make, list and look at batches; cancel them. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Batches } from '../../batches/batches.ts';
import { batchRequestSchema } from '../../batches/request.ts';
import type { Batch } from '../../domain/batch.ts';
import type { House } from '../../house.ts';
import { accessOf } from '../access.ts';
import { alongside } from '../idempotency.ts';
import { type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { parseBody, parseQuery } from '../validation.ts';

const listQuery = z.object(pageFields(20, 100));

type ById = { Params: { id: string } };

export function batchRoutes(app: FastifyInstance, house: House): void {
  const batchesOf = (request: FastifyRequest): Batches => house.of(accessOf(request).project).batches;

  app.post('/batches', async (request): Promise<Batch> =>
    batchesOf(request).create(parseBody(batchRequestSchema, request.body), alongside(house, request)),
  );

  app.get('/batches', async (request): Promise<ListPageWithEnds<Batch>> => {
    const page = parseQuery(listQuery, request.query);
    return listPageWithEnds(await batchesOf(request).list(page), page.limit);
  });

  app.get<ById>('/batches/:id', async (request): Promise<Batch> => batchesOf(request).get(request.params.id));

  app.post<ById>('/batches/:id/cancel', async (request): Promise<Batch> =>
    batchesOf(request).cancel(request.params.id),
  );
}
