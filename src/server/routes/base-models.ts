/** `/v1/base_models`: what can be fine-tuned here, and what could be fetched for it. Tunesmith's own. */

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { BaseModelObject } from '../../domain/base-model.ts';
import type { House } from '../../house.ts';
import { findBase, listBases, removeBase } from '../../models/shelf.ts';
import { accessOf } from '../access.ts';
import { assertOperator } from '../operator.ts';
import { type ListPage, listPage } from '../pages.ts';
import { optional, parseQuery } from '../validation.ts';

const deleteQuery = z.object({ force: optional(z.enum(['true', 'false'])).transform((force) => force === 'true') });

type ById = { Params: { id: string } };

export function baseModelRoutes(app: FastifyInstance, { bases, database }: House): void {
  app.get('/base_models', async (request): Promise<ListPage<BaseModelObject>> => {
    const found = await listBases(bases, database, accessOf(request).project);
    return listPage(found, found.length);
  });

  app.get<ById>('/base_models/:id', async (request): Promise<BaseModelObject> =>
    findBase(bases, database, accessOf(request).project, request.params.id),
  );

  app.delete<ById>('/base_models/:id', async (request) => {
    const { id } = request.params;
    const { force } = parseQuery(deleteQuery, request.query);
    assertOperator(request);
    await removeBase(bases, database, id, { force });
    return { id, object: 'base_model.deleted', deleted: true };
  });
}
