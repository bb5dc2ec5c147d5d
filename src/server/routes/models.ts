/** `/v1/models`: every name that answers, one of them, and goodbye to a fine-tuned one. */

import type { FastifyInstance } from 'fastify';
import type OpenAI from 'openai';
import type { Model } from '../../domain/model.ts';
import type { House } from '../../house.ts';

export function modelRoutes(app: FastifyInstance, { models }: House): void {
  app.get('/models', async (): Promise<{ object: 'list'; data: Model[] }> => {
    return { object: 'list', data: await models.list() };
  });

  app.get<{ Params: { model: string } }>('/models/:model', async ({ params }): Promise<Model> => {
    return models.retrieve(params.model);
  });

  app.delete<{ Params: { model: string } }>('/models/:model', async ({ params }): Promise<OpenAI.ModelDeleted> => {
    await models.delete(params.model);
    return { id: params.model, object: 'model', deleted: true };
  });
}
