/** `/v1/fine_tuning/checkpoints/{name}/permissions`: which other projects may use a fine-tuned model. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type OpenAI from 'openai';
import { z } from 'zod';
import type { CheckpointPermission } from '../../domain/checkpoint.ts';
import type { House } from '../../house.ts';
import type { Lending } from '../../models/lending.ts';
import { accessOf } from '../access.ts';
import { type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { optional, parseBody, parseQuery } from '../validation.ts';

const path = '/fine_tuning/checkpoints/:model/permissions';

const grantSchema = z.strictObject({ project_ids: z.array(z.string().min(1)).min(1).max(1000) });

const listQuery = z.object({
  ...pageFields(10, 10_000),
  order: optional(z.enum(['ascending', 'descending'])).transform((order) => (order === 'ascending' ? 'asc' : 'desc')),
  project_id: optional(z.string()).transform((project) => project ?? null),
});

type ByModel = { Params: { model: string } };
type ById = { Params: { model: string; id: string } };
type Deleted = OpenAI.FineTuning.Checkpoints.PermissionDeleteResponse;

export function checkpointPermissionRoutes(app: FastifyInstance, house: House): void {
  const lendingOf = (request: FastifyRequest): Lending => house.of(accessOf(request).project).lending;

  app.post<ByModel>(path, async (request): Promise<ListPageWithEnds<CheckpointPermission>> => {
    const { project_ids } = parseBody(grantSchema, request.body);
    return listPageWithEnds(await lendingOf(request).lend(request.params.model, project_ids), Infinity);
  });

  app.get<ByModel>(path, async (request): Promise<ListPageWithEnds<CheckpointPermission>> => {
    const { project_id: project, ...page } = parseQuery(listQuery, request.query);
    return listPageWithEnds(await lendingOf(request).list(request.params.model, { ...page, project }), page.limit);
  });

  app.delete<ById>(`${path}/:id`, async (request): Promise<Deleted> => {
    const { model, id } = request.params;
    await lendingOf(request).endLoan(model, id);
    return { id, object: 'checkpoint.permission', deleted: true };
  });
}
