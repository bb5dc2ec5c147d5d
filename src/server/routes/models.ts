/** `/v1/models`: every name that answers, one of them, and goodbye to a fine-tuned one. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type OpenAI from 'openai';
import type { Model } from '../../domain/model.ts';
import type { House } from '../../house.ts';
import type { ModelRegistry } from '../../models/registry.ts';
import { accessOf } from '../access.ts';

export function modelRoutes(app: FastifyInstance, house: House): void {
  const modelsOf = (request: FastifyRequest): ModelRegistry => house.of(accessOf(request).project).models;

  app.get('/models', async (request): Promise<{ object: 'list'; data: Model[] }> => {
    return { object: 'list', data: await modelsOf(request).list() };
  });

  app.get<{ Params: { model: string } }>('/models/:model', async (request): Promise<Model> => {
    return modelsOf(request).retrieve(request.params.model);
  });

  app.delete<{ Params: { model: string } }>('/models/:model', async (request): Promise<OpenAI.ModelDeleted> => {
    const { model: id } = request.params;
    await modelsOf(request).delete(id);
    return { id, object: 'model', deleted: true };
  });
}
