/** `/v1/fine_tuning/jobs`: make, list and look at jobs; cancel, pause and resume them; their events and checkpoints. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Checkpoint } from '../../domain/checkpoint.ts';
import type { JobEstimate } from '../../domain/estimate.ts';
import { metricColumns } from '../../domain/job-metrics.ts';
import type { Job, JobEvent } from '../../domain/job.ts';
import type { JobProvenance } from '../../domain/provenance.ts';
import type { House } from '../../house.ts';
import type { Jobs, MetadataFilter, StepFigures } from '../../jobs/jobs.ts';
import { estimateRequestSchema, jobRequestSchema } from '../../jobs/request.ts';
import { accessOf } from '../access.ts';
import { alongside } from '../idempotency.ts';
import { type ListPage, listPage, type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { optional, parseBody, parseQuery, queryInteger } from '../validation.ts';

/** People ask for all events of a long job at once. */
const limitMax = 10_000;
const jobsQuery = z.object(pageFields(20, limitMax));
/** `type` is ours: what was said among a hundred thousand steps. */
const eventsQuery = jobsQuery.extend({
  type: optional(z.enum(['message', 'metrics'])).transform((type) => type ?? null),
});
/** Curves are asked for whole. */
const stepsMax = 100_000;
const metricsQuery = z.object({
  limit: optional(queryInteger(1, stepsMax)).transform((limit) => limit ?? stepsMax),
  after: optional(queryInteger(0, Number.MAX_SAFE_INTEGER)).transform((step) => step ?? 0),
});
const checkpointsQuery = z.object(pageFields(10, limitMax));

/** OpenAI names this list in its guide and shows no example; these are the limits that there are here. */
interface ModelLimits {
  readonly object: 'fine_tuning.model_limits';
  readonly model: string;
  readonly max_tokens_per_example: number;
  readonly max_running_jobs: number;
}

type ById = { Params: { id: string } };

export function fineTuningRoutes(app: FastifyInstance, house: House): void {
  const jobsOf = (request: FastifyRequest): Jobs => house.of(accessOf(request).project).jobs;

  app.post('/fine_tuning/jobs', async (request): Promise<Job> => {
    return jobsOf(request).create(parseBody(jobRequestSchema, request.body), alongside(house, request));
  });

  app.post('/fine_tuning/estimates', async (request): Promise<JobEstimate> => {
    return house.estimates.estimate(jobsOf(request), parseBody(estimateRequestSchema, request.body));
  });

  app.get('/fine_tuning/model_limits', async (request): Promise<ListPage<ModelLimits>> => {
    const trainable = await jobsOf(request).trainable();
    const data = trainable.map(({ model, examplesTokensMax }) => ({
      object: 'fine_tuning.model_limits' as const,
      model,
      max_tokens_per_example: examplesTokensMax,
      max_running_jobs: house.settings.trainingJobs,
    }));
    return listPage(data, data.length);
  });

  app.get('/fine_tuning/jobs', async (request): Promise<ListPage<Job>> => {
    const page = parseQuery(jobsQuery, request.query);
    return listPage(await jobsOf(request).list(page, metadataFilter(request.query)), page.limit);
  });

  app.get<ById>('/fine_tuning/jobs/:id', async (request): Promise<Job> => jobsOf(request).get(request.params.id));

  for (const act of ['cancel', 'pause', 'resume'] as const)
    app.post<ById>(`/fine_tuning/jobs/:id/${act}`, async (request): Promise<Job> => {
      return jobsOf(request)[act](request.params.id);
    });

  app.get<ById>('/fine_tuning/jobs/:id/events', async (request): Promise<ListPage<JobEvent>> => {
    const { type, ...page } = parseQuery(eventsQuery, request.query);
    return listPage(await jobsOf(request).events(request.params.id, page, type), page.limit);
  });

  app.get<ById>('/fine_tuning/jobs/:id/metrics', async (request, reply): Promise<string> => {
    const { id } = request.params;
    const { after, limit } = parseQuery(metricsQuery, request.query);
    void reply.type('application/json; charset=utf-8');
    return metricsText(id, await jobsOf(request).figures(id, { after, limit }));
  });

  app.get<ById>('/fine_tuning/jobs/:id/provenance', async (request): Promise<JobProvenance> => {
    return jobsOf(request).provenance(request.params.id, house.home);
  });

  app.get<ById>('/fine_tuning/jobs/:id/checkpoints', async (request): Promise<ListPageWithEnds<Checkpoint>> => {
    const page = parseQuery(checkpointsQuery, request.query);
    return listPageWithEnds(await jobsOf(request).checkpoints(request.params.id, page), page.limit);
  });
}

/** JobMetrics, put together from texts that are JSON already. */
function metricsText(job: string, { totalSteps, text, hasMore }: StepFigures): string {
  const envelope = { object: 'fine_tuning.job.metrics', job, total_steps: totalSteps, columns: metricColumns };
  return `${JSON.stringify(envelope).slice(0, -1)},"data":[${text}],"has_more":${hasMore}}`;
}

/** `metadata[team]=mail` wants that pair, `metadata=null` the jobs without any. */
function metadataFilter(query: unknown): MetadataFilter {
  const fields = query as Record<string, string | string[]>;
  if (fields['metadata'] === 'null' || fields['metadata'] === '') return null;
  const pairs = Object.entries(fields).map(([name, value]) => [/^metadata\[(.+)\]$/.exec(name)?.[1], value] as const);
  return Object.fromEntries(pairs.filter((pair): pair is [string, string] => pair[0] !== undefined));
}
