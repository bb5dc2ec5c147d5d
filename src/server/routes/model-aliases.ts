/** `/v1/model_aliases`: other names for base models. Tunesmith's own. Everybody may see them; the operator makes them. */

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ModelAlias } from '../../domain/model-alias.ts';
import type { House } from '../../house.ts';
import { assertOperator } from '../operator.ts';
import { type ListPage, listPage } from '../pages.ts';
import { parseBody } from '../validation.ts';

const aliasSchema = z.strictObject({ alias: z.string().min(1), model: z.string().min(1) });

export function modelAliasRoutes(app: FastifyInstance, { aliases, log }: House): void {
  app.get('/model_aliases', async (): Promise<ListPage<ModelAlias>> => listPage(await aliases.list(), Infinity));

  app.post('/model_aliases', async (request): Promise<ModelAlias> => {
    assertOperator(request);
    const { alias, model } = parseBody(aliasSchema, request.body);
    const made = await aliases.set(alias, model);
    log.info('alias.set', { alias, model });
    return made;
  });

  app.delete<{ Params: { alias: string } }>('/model_aliases/:alias', async (request) => {
    assertOperator(request);
    const { alias } = request.params;
    await aliases.remove(alias);
    log.info('alias.removed', { alias });
    return { object: 'model_alias.deleted', id: alias, deleted: true };
  });
}
