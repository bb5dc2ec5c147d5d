/** `/v1/tasks`: what takes longer than a request is begun, watched, cancelled and deleted. Tunesmith's own. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Task, type TaskFile, taskStatuses, taskTypes } from '../../domain/task.ts';
import type { House } from '../../house.ts';
import type { Tasks } from '../../tasks/tasks.ts';
import { accessOf } from '../access.ts';
import { attachment } from '../attachment.ts';
import { alongside } from '../idempotency.ts';
import { assertOperator } from '../operator.ts';
import { type ListPage, listPage, type ListPageWithEnds, listPageWithEnds, pageFields } from '../pages.ts';
import { taskRoomsOf } from '../task-rooms.ts';
import { optional, parseBody, parseQuery } from '../validation.ts';

const listQuery = z.object({
  ...pageFields(20, 100),
  type: optional(z.enum(taskTypes)).transform((type) => type ?? null),
  status: optional(z.enum(taskStatuses)).transform((status) => status ?? null),
});

const typeSchema = z.object({ type: z.enum(taskTypes) });
const commonFields = { type: z.enum(taskTypes), continue_from: z.string().nullish() };

/** What the archive and the folder in it are called. */
const archiveQuery = z.object({ name: optional(z.string().regex(/^\w[\w.-]{0,99}$/)) });

type ById = { Params: { id: string } };
type ByName = { Params: { id: string; name: string } };

export function taskRoutes(app: FastifyInstance, house: House): void {
  const tasksOf = (request: FastifyRequest): Tasks => house.of(accessOf(request).project).tasks;

  app.post('/tasks', async (request): Promise<Task> => {
    const { project } = accessOf(request);
    const { tasks } = house.of(project);
    const { type } = parseBody(typeSchema, request.body);
    const kind = house.taskRunner.kinds[type];
    const given = request.body as Record<string, unknown>;
    const continueFrom = typeof given['continue_from'] === 'string' ? given['continue_from'] : null;
    const earlier = continueFrom === null ? {} : await tasks.requestOf(continueFrom);
    const asked = { ...earlier, ...given };
    const { type: _type, continue_from: _from, ...parsed } = parseBody(kind.schema.extend(commonFields), asked);
    if (kind.operatorOnly) assertOperator(request);
    await kind.check?.(parsed, taskRoomsOf(house, project));
    const { type: _, continue_from: __, ...fields } = asked as Record<string, unknown>;
    return await tasks.create({ type, request: fields, continueFrom }, alongside(house, request));
  });

  app.get('/tasks', async (request): Promise<ListPageWithEnds<Task>> => {
    const query = parseQuery(listQuery, request.query);
    return listPageWithEnds(await tasksOf(request).list(query), query.limit);
  });

  app.get<ById>('/tasks/:id', async (request): Promise<Task> => tasksOf(request).get(request.params.id));

  app.post<ById>('/tasks/:id/cancel', async (request): Promise<Task> => tasksOf(request).cancel(request.params.id));

  app.delete<ById>('/tasks/:id', async (request) => {
    await tasksOf(request).delete(request.params.id);
    return { id: request.params.id, object: 'task.deleted', deleted: true };
  });

  app.get<ById>('/tasks/:id/files', async (request): Promise<ListPage<TaskFile>> => {
    const files = await tasksOf(request).files(request.params.id);
    return listPage(files, files.length);
  });

  app.get<ById>('/tasks/:id/archive', async (request, reply) => {
    const { id } = request.params;
    const { name } = parseQuery(archiveQuery, request.query);
    const { type } = await tasksOf(request).get(id);
    const stem = name ?? `${type}-${id}`;
    const { sizeBytes, bytes } = await tasksOf(request).archive(id, stem);
    return reply
      .type('application/x-tar')
      .header('content-length', sizeBytes)
      .header('content-disposition', attachment(`${stem}.tar`))
      .send(bytes);
  });

  app.get<ByName>('/tasks/:id/files/:name', async (request, reply) => {
    const { file, bytes } = await tasksOf(request).file(request.params.id, request.params.name);
    return reply
      .type('application/octet-stream')
      .header('content-length', file.bytes)
      .header('content-disposition', attachment(file.name.split('/').at(-1)!))
      .send(bytes);
  });
}
