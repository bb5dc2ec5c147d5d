/** `/v1/fine_tuning/jobs`: make, list and look at jobs; cancel, pause and resume them; their events and checkpoints. */

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Checkpoint } from '../../domain/checkpoint.ts';
import type { Job, JobEvent } from '../../domain/job.ts';
import type { House } from '../../house.ts';
import type { MetadataFilter } from '../../jobs/jobs.ts';
import { jobRequestSchema } from '../../jobs/request.ts';
import { type ListPage, listPage, type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { parseBody, parseQuery } from '../validation.ts';

/** People ask for all events of a long job at once. */
const limitMax = 10_000;
const jobsQuery = z.object(pageFields(20, limitMax));
const checkpointsQuery = z.object(pageFields(10, limitMax));

type ById = { Params: { id: string } };

export function fineTuningRoutes(app: FastifyInstance, { jobs }: House): void {
  app.post('/fine_tuning/jobs', async (request): Promise<Job> => {
    const key = request.headers['idempotency-key'];
    return jobs.create(parseBody(jobRequestSchema, request.body), typeof key === 'string' && key !== '' ? key : null);
  });

  app.get('/fine_tuning/jobs', async (request): Promise<ListPage<Job>> => {
    const page = parseQuery(jobsQuery, request.query);
    return listPage(await jobs.list(page, metadataFilter(request.query)), page.limit);
  });

  app.get<ById>('/fine_tuning/jobs/:id', async ({ params }): Promise<Job> => jobs.get(params.id));

  app.post<ById>('/fine_tuning/jobs/:id/cancel', async ({ params }): Promise<Job> => jobs.cancel(params.id));
  app.post<ById>('/fine_tuning/jobs/:id/pause', async ({ params }): Promise<Job> => jobs.pause(params.id));
  app.post<ById>('/fine_tuning/jobs/:id/resume', async ({ params }): Promise<Job> => jobs.resume(params.id));

  app.get<ById>('/fine_tuning/jobs/:id/events', async ({ params, query }): Promise<ListPage<JobEvent>> => {
    const page = parseQuery(jobsQuery, query);
    return listPage(await jobs.events(params.id, page), page.limit);
  });

  app.get<ById>(
    '/fine_tuning/jobs/:id/checkpoints',
    async ({ params, query }): Promise<ListPageWithEnds<Checkpoint>> => {
      const page = parseQuery(checkpointsQuery, query);
      return listPageWithEnds(await jobs.checkpoints(params.id, page), page.limit);
    },
  );
}

/** `metadata[team]=mail` wants that pair, `metadata=null` the jobs without any. */
function metadataFilter(query: unknown): MetadataFilter {
  const fields = query as Record<string, string | string[]>;
  if (fields['metadata'] === 'null' || fields['metadata'] === '') return null;
  const pairs = Object.entries(fields).map(([name, value]) => [/^metadata\[(.+)\]$/.exec(name)?.[1], value] as const);
  return Object.fromEntries(pairs.filter((pair): pair is [string, string] => pair[0] !== undefined));
}
