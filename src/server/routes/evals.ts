/** `/v1/evals`: evals, their runs, and what came of each item; and the report of a run, for people. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type OpenAI from 'openai';
import { z } from 'zod';
import { invalid, TunesmithError } from '../../domain/errors.ts';
import type { Criterion, Eval, EvalRun, OutputItem } from '../../domain/eval.ts';
import type { EvalRunReport } from '../../domain/evaluation.ts';
import {
  type DataSource,
  evalRequestSchema,
  evalUpdateSchema,
  type RunRequest,
  runRequestSchema,
} from '../../evals/api/request.ts';
import type { RunWithReport } from '../../evals/api/runs.ts';
import { partsOf } from '../../graders/schema.ts';
import type { House, ProjectRooms } from '../../house.ts';
import { accessOf } from '../access.ts';
import { parseChatRequest } from '../chat-request.ts';
import { alongside } from '../idempotency.ts';
import { type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { parseResponseRequest } from '../response-request.ts';
import { optional, parseBody, parseQuery } from '../validation.ts';

const page = {
  ...pageFields(20, 1000),
  order: optional(z.enum(['asc', 'desc'])).transform((order) => order ?? 'asc'),
};
const evalsQuery = z.object({
  ...page,
  order_by: optional(z.enum(['created_at', 'updated_at'])).transform((by) => by ?? 'created_at'),
});
const runsQuery = z.object({
  ...page,
  status: optional(z.enum(['queued', 'in_progress', 'completed', 'canceled', 'failed'])).transform(orNull),
});
/**
 * All but `fail` and `pass` is ours: OpenAI counts items that could not be judged and has no filter for them, lists
 * items as they were judged and in no other order, and finds nothing in them.
 */
const itemsQuery = z
  .object({
    ...page,
    status: optional(z.enum(['fail', 'pass', 'error'])).transform(orNull),
    order_by: optional(z.enum(['created_at', 'score'])).transform((by) => by ?? 'created_at'),
    failed: optional(z.string()).transform(orNull),
    query: optional(z.string().max(1000)).transform(orNull),
  })
  .transform(({ order_by: orderBy, ...query }) => ({ ...query, orderBy }));

function orNull<Value>(value: Value | undefined): Value | null {
  return value ?? null;
}

type ById = { Params: { id: string } };
type ByRun = { Params: { id: string; run: string } };
type ByItem = { Params: { id: string; run: string; item: string } };

export function evalRoutes(app: FastifyInstance, house: House): void {
  const roomsOf = (request: FastifyRequest): ProjectRooms => house.of(accessOf(request).project);

  app.post('/evals', async (request, reply): Promise<Eval> => {
    const rooms = roomsOf(request);
    const asked = parseBody(evalRequestSchema, request.body);
    await assertJudges(asked.testing_criteria, rooms, (i) => `testing_criteria[${i}].model`);
    void reply.status(201);
    return rooms.evals.create(asked, alongside(house, request, 201));
  });

  app.get('/evals', async (request): Promise<ListPageWithEnds<Eval>> => {
    const query = parseQuery(evalsQuery, request.query);
    return listPageWithEnds(await roomsOf(request).evals.list(query), query.limit);
  });

  app.get<ById>('/evals/:id', async (request): Promise<Eval> => roomsOf(request).evals.get(request.params.id));

  app.post<ById>('/evals/:id', async (request): Promise<Eval> => {
    return roomsOf(request).evals.update(request.params.id, parseBody(evalUpdateSchema, request.body));
  });

  app.delete<ById>('/evals/:id', async (request): Promise<OpenAI.Evals.EvalDeleteResponse> => {
    const { id } = request.params;
    await roomsOf(request).evals.delete(id);
    return { object: 'eval.deleted', deleted: true, eval_id: id };
  });

  app.post<ById>('/evals/:id/runs', async (request, reply): Promise<EvalRun> => {
    const rooms = roomsOf(request);
    const asked = parseBody(runRequestSchema, request.body);
    const of = await rooms.evals.get(request.params.id);
    await assertRunnable(asked, of, rooms);
    void reply.status(201);
    const keep = alongside<EvalRun>(house, request, 201);
    const made = await rooms.evalRuns.create(of, asked, (rows, run) => keep(rows, shown(run, request)));
    return shown(made, request);
  });

  app.get<ById>('/evals/:id/runs', async (request): Promise<ListPageWithEnds<EvalRun>> => {
    const { evals, evalRuns } = roomsOf(request);
    const { id } = await evals.get(request.params.id);
    const query = parseQuery(runsQuery, request.query);
    const found = await evalRuns.list(id, query);
    return listPageWithEnds(
      found.map((run) => shown(run, request)),
      query.limit,
    );
  });

  app.get<ByRun>('/evals/:id/runs/:run', async (request): Promise<EvalRun> => {
    const { id, run } = request.params;
    return shown(await roomsOf(request).evalRuns.get(id, run), request);
  });

  // OpenAI's document and its Node SDK cancel at a run's own address; its Python SDK, since 3, at one below.
  for (const path of ['/evals/:id/runs/:run', '/evals/:id/runs/:run/cancel'])
    app.post<ByRun>(path, async (request): Promise<EvalRun> => {
      const { id, run } = request.params;
      return shown(await roomsOf(request).evalRuns.cancel(id, run), request);
    });

  app.delete<ByRun>('/evals/:id/runs/:run', async (request): Promise<OpenAI.Evals.RunDeleteResponse> => {
    const { id, run } = request.params;
    await roomsOf(request).evalRuns.delete(id, run);
    return { object: 'eval.run.deleted', deleted: true, run_id: run };
  });

  app.get<ByRun>('/evals/:id/runs/:run/report', async (request): Promise<EvalRunReport> => {
    const { id, run } = request.params;
    return roomsOf(request).evalRuns.report(id, run);
  });

  app.get<ByRun>('/evals/:id/runs/:run/output_items', async (request): Promise<ListPageWithEnds<OutputItem>> => {
    const { id, run } = request.params;
    const { evalRuns } = roomsOf(request);
    await evalRuns.get(id, run);
    const query = parseQuery(itemsQuery, request.query);
    return listPageWithEnds(await evalRuns.outputItems(id, run, query), query.limit);
  });

  app.get<ByItem>('/evals/:id/runs/:run/output_items/:item', async (request): Promise<OutputItem> => {
    const { id, run, item } = request.params;
    return roomsOf(request).evalRuns.outputItem(id, run, item);
  });
}

/** The address of the report is that under which the server was asked, so that it works from there. */
function shown({ run, reportKey }: RunWithReport, { protocol, host }: FastifyRequest): EvalRun {
  return { ...run, report_url: `${protocol}://${host}/reports/${run.id}?key=${reportKey}` };
}

async function assertJudges(
  criteria: readonly Omit<Criterion, 'id'>[],
  { models }: ProjectRooms,
  param: (i: number) => string,
): Promise<void> {
  for (const [i, criterion] of criteria.entries())
    for (const part of partsOf(criterion as Criterion)) {
      if (!('model' in part) || (await models.resolve(part.model)) !== null) continue;
      throw noModel(param(i), `The model \`${part.model}\` of the grader '${part.name}'`);
    }
}

const noModel = (param: string, which: string): TunesmithError =>
  invalid(param, `${which} does not exist or you do not have access to it.`, 'model_not_found');

/** Everything that would go wrong with every item is refused before there are any. */
async function assertRunnable({ data_source: asked }: RunRequest, of: Eval, rooms: ProjectRooms): Promise<void> {
  const { source } = asked;
  if (source.type === 'file_id' && (await rooms.files.find(source.id)) === null)
    throw invalid(
      'data_source.source.id',
      `Invalid 'data_source.source.id': no file has the id ${source.id}.`,
      'invalid_value',
    );
  await assertJudges(of.testing_criteria, rooms, () => 'eval_id');
  if (asked.type === 'jsonl') return;
  const { model, endpoint, input_messages: input } = asked;
  const stored = source.type === 'stored_completions' || source.type === 'responses';
  if (model === undefined) {
    for (const field of ['input_messages', 'sampling_params', 'endpoint'] as const)
      if (asked[field] !== undefined)
        throw invalid(
          'data_source.model',
          `Missing required parameter: 'data_source.model', the model that 'data_source.${field}' is for.`,
          'missing_required_parameter',
        );
    return;
  }
  if (input === undefined && !stored)
    throw invalid(
      'data_source.input_messages',
      "Missing required parameter: 'data_source.input_messages', which say what the model is asked about an item.",
      'missing_required_parameter',
    );
  if (endpoint !== undefined) return;
  if ((await rooms.models.resolve(model)) === null) throw noModel('data_source.model', `The model \`${model}\``);
  checkSampling(asked, model);
}

/** The wishes as the endpoints for answers would take them. */
function checkSampling(asked: Exclude<DataSource, { type: 'jsonl' }>, model: string): void {
  const ask = 'Answer in json.';
  try {
    if (asked.type === 'completions')
      parseChatRequest({ model, messages: [{ role: 'user', content: ask }], ...asked.sampling_params });
    else {
      const { seed: _, max_completion_tokens: max, reasoning_effort: effort, ...rest } = asked.sampling_params ?? {};
      parseResponseRequest({
        model,
        input: ask,
        ...rest,
        max_output_tokens: max,
        ...(effort !== undefined && { reasoning: { effort } }),
      });
    }
  } catch (error) {
    if (!(error instanceof TunesmithError) || error.param === null) throw error;
    const param = error.param.replace(/^max_output_tokens$/, 'max_completion_tokens');
    const place = `data_source.sampling_params.${param}`;
    throw invalid(place, error.message.replace(`'${error.param}'`, `'${place}'`), error.code);
  }
}
