/**
 * `/v1/organization/…`: projects and keys, at the addresses and in the shapes of OpenAI's administration API.
 *
 * Two things are ours. OpenAI makes a project's keys on its website, so here they are made by POST beside where they
 * are listed; and what a key may use per minute is the key's own, so it is changed there too.
 */

import type { FastifyInstance } from 'fastify';
import type OpenAI from 'openai';
import { z } from 'zod';
import { assertActive } from '../../access/projects.ts';
import type { AdminKey, ApiKey } from '../../domain/api-key.ts';
import { invalid } from '../../domain/errors.ts';
import type { Project } from '../../domain/project.ts';
import type { House } from '../../house.ts';
import { assertOperator } from '../operator.ts';
import { listPageWithEnds, type ListPageWithEnds, pageFields } from '../pages.ts';
import { optional, parseBody, parseQuery } from '../validation.ts';

const name = z.string().trim().min(1).max(200);
const perMinute = z.int().min(1).max(1e12).nullish();

const projectSchema = z.strictObject({ name });
const keySchema = z.strictObject({ name, requests_per_minute: perMinute, tokens_per_minute: perMinute });
const changeSchema = keySchema.partial();
const adminKeySchema = z.strictObject({
  name,
  expires_in_seconds: optional(z.int().min(1).max(1e9)),
  project_id: optional(z.string()),
});
const listQuery = z.object(pageFields(20, 100));
const projectsQuery = listQuery.extend({ include_archived: optional(z.enum(['true', 'false'])) });

type ByProject = { Params: { project: string } };
type ByKey = { Params: { project: string; key: string } };
type ByAdminKey = { Params: { key: string } };

export function organizationRoutes(app: FastifyInstance, { keyring, projects, log }: House): void {
  app.get('/organization/projects', async (request): Promise<ListPageWithEnds<Project>> => {
    assertOperator(request);
    const { include_archived: archived, ...page } = parseQuery(projectsQuery, request.query);
    return pageOf(await projects.list({ archived: archived === 'true' }), page);
  });

  app.post('/organization/projects', async (request): Promise<Project> => {
    assertOperator(request);
    const project = await projects.create(parseBody(projectSchema, request.body).name);
    log.info('project.created', { project: project.id });
    return project;
  });

  app.get<ByProject>('/organization/projects/:project', async (request): Promise<Project> => {
    assertOperator(request);
    return await projects.get(request.params.project);
  });

  app.post<ByProject>('/organization/projects/:project', async (request): Promise<Project> => {
    assertOperator(request);
    const { project } = request.params;
    return await projects.rename(project, parseBody(projectSchema, request.body).name);
  });

  app.post<ByProject>('/organization/projects/:project/archive', async (request): Promise<Project> => {
    assertOperator(request);
    const project = await projects.archive(request.params.project);
    log.info('project.archived', { project: project.id });
    return project;
  });

  app.get<ByProject>('/organization/projects/:project/api_keys', async (request): Promise<ListPageWithEnds<ApiKey>> => {
    assertOperator(request);
    const page = parseQuery(listQuery, request.query);
    const { id } = await projects.get(request.params.project);
    return pageOf(await keyring.list(id), page);
  });

  app.post<ByProject>('/organization/projects/:project/api_keys', async (request): Promise<ApiKey> => {
    assertOperator(request);
    const body = parseBody(keySchema, request.body);
    const project = await projects.get(request.params.project);
    assertActive(project);
    const limits = {
      requestsPerMinute: body.requests_per_minute ?? null,
      tokensPerMinute: body.tokens_per_minute ?? null,
    };
    const made = await keyring.create({ project: project.id, name: body.name, ...limits });
    log.info('key.created', { key: made.id, project: project.id });
    return made;
  });

  app.get<ByKey>('/organization/projects/:project/api_keys/:key', async (request): Promise<ApiKey> => {
    assertOperator(request);
    const { project, key } = request.params;
    return await keyring.get(key, project);
  });

  app.post<ByKey>('/organization/projects/:project/api_keys/:key', async (request): Promise<ApiKey> => {
    assertOperator(request);
    const { project, key } = request.params;
    return await keyring.change(key, project, parseBody(changeSchema, request.body));
  });

  app.delete<ByKey>(
    '/organization/projects/:project/api_keys/:key',
    async (request): Promise<OpenAI.Admin.Organization.Projects.APIKeyDeleteResponse> => {
      assertOperator(request);
      const { project, key } = request.params;
      const { id } = await keyring.get(key, project);
      await keyring.revoke(id);
      log.info('key.revoked', { key: id, project });
      return { object: 'organization.project.api_key.deleted', id, deleted: true };
    },
  );

  app.get('/organization/admin_api_keys', async (request): Promise<ListPageWithEnds<AdminKey>> => {
    assertOperator(request);
    const page = parseQuery(listQuery, request.query);
    return pageOf(await keyring.listAdmin(), page);
  });

  app.post('/organization/admin_api_keys', async (request): Promise<AdminKey> => {
    const { project: own } = assertOperator(request);
    const body = parseBody(adminKeySchema, request.body);
    const { id } = await projects.get(body.project_id ?? own);
    const made = await keyring.createAdmin({
      name: body.name,
      project: id,
      expiresInSeconds: body.expires_in_seconds ?? null,
    });
    log.info('key.created', { key: made.id, admin: true });
    return made;
  });

  app.get<ByAdminKey>('/organization/admin_api_keys/:key', async (request): Promise<AdminKey> => {
    assertOperator(request);
    return await keyring.getAdmin(request.params.key);
  });

  app.delete<ByAdminKey>(
    '/organization/admin_api_keys/:key',
    async (request): Promise<OpenAI.Admin.Organization.AdminAPIKeyDeleteResponse> => {
      assertOperator(request);
      const { id } = await keyring.getAdmin(request.params.key);
      await keyring.revoke(id);
      log.info('key.revoked', { key: id, admin: true });
      return { object: 'organization.admin_api_key.deleted', id, deleted: true };
    },
  );
}

/** Lists of an operator's are short enough to be read whole. */
function pageOf<Item extends { readonly id: string }>(
  all: readonly Item[],
  { after, limit }: { readonly after: string | null; readonly limit: number },
): ListPageWithEnds<Item> {
  const cursor = after === null ? -1 : all.findIndex(({ id }) => id === after);
  if (after !== null && cursor === -1)
    throw invalid('after', `Invalid 'after': there is nothing called '${after}' in this list.`, 'invalid_value');
  return listPageWithEnds(all.slice(cursor + 1, cursor + 2 + limit), limit);
}
