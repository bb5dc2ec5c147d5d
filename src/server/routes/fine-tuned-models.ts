/** `/v1/fine_tuned_models`: what training has made, with where each comes from. Tunesmith's own. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { FineTunedModelObject, Lineage } from '../../domain/lineage.ts';
import type { House } from '../../house.ts';
import { LineageRoom } from '../../models/lineage.ts';
import { accessOf } from '../access.ts';
import { type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { optional, parseQuery } from '../validation.ts';

const listQuery = z.object({
  ...pageFields(20, 100),
  base_model: optional(z.string()).transform((base) => base ?? null),
  checkpoints: optional(z.enum(['true', 'false'])).transform((wanted) => wanted === 'true'),
});

export function fineTunedModelRoutes(app: FastifyInstance, { database, bases }: House): void {
  const lineageOf = (request: FastifyRequest): LineageRoom =>
    new LineageRoom(database, bases, accessOf(request).project);

  app.get('/fine_tuned_models', async (request): Promise<ListPageWithEnds<FineTunedModelObject>> => {
    const { base_model: base, ...query } = parseQuery(listQuery, request.query);
    return listPageWithEnds(await lineageOf(request).list({ ...query, base }), query.limit);
  });

  app.get<{ Params: { model: string } }>('/fine_tuned_models/:model', async (request): Promise<Lineage> =>
    lineageOf(request).of(request.params.model),
  );
}
