/**
 * `/v1/openai_captures`: what was taken from OpenAI, to be looked at and deleted. Tunesmith's own.
 *
 * Tasks fill them and read them: `openai_capture`, `openai_record`, `openai_restore`, `openai_parity`.
 */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  captureKinds,
  type CapturedObject,
  type OpenAICaptures,
  type OpenAICaptureDetails,
} from '../../domain/openai-capture.ts';
import type { House } from '../../house.ts';
import { type Captures, endings } from '../../leaving/captures.ts';
import { accessOf } from '../access.ts';
import { type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { optional, parseQuery } from '../validation.ts';

const objectsQuery = z.object({
  ...pageFields(100, 1000),
  kind: optional(z.enum(captureKinds)).transform((kind) => kind ?? null),
});

type ById = { Params: { id: string } };

export function openaiCaptureRoutes(app: FastifyInstance, house: House): void {
  const capturesOf = (request: FastifyRequest): Captures => house.of(accessOf(request).project).captures;

  app.get('/openai_captures', async (request): Promise<OpenAICaptures> => {
    const data = await capturesOf(request).list();
    return { object: 'list', data, has_more: false, wind_down: endings };
  });

  app.get<ById>('/openai_captures/:id', async (request): Promise<OpenAICaptureDetails> =>
    capturesOf(request).get(request.params.id),
  );

  app.get<ById>('/openai_captures/:id/objects', async (request): Promise<ListPageWithEnds<CapturedObject>> => {
    const query = parseQuery(objectsQuery, request.query);
    return listPageWithEnds(await capturesOf(request).objects(request.params.id, query), query.limit);
  });

  app.delete<ById>('/openai_captures/:id', async (request) => {
    await capturesOf(request).delete(request.params.id);
    return { id: request.params.id, object: 'openai.capture.deleted', deleted: true };
  });
}
