/** What the settings page asks for, and under which keys it is remembered. */

import type { AdminKey, ApiKey } from '../../../../src/domain/api-key.ts';
import type { ModelAlias } from '../../../../src/domain/model-alias.ts';
import type { Project } from '../../../../src/domain/project.ts';
import type { Webhook } from '../../../../src/domain/webhook.ts';
import { type ListOf, openai } from '../../api.ts';
import { useLive } from '../../live.ts';

export const projectsKey = ['projects'] as const;
export const keysKey = ['keys'] as const;
export const aliasesKey = ['model-aliases'] as const;
export const webhooksKey = ['webhooks'] as const;

const { projects, adminAPIKeys } = openai.admin.organization;

/** The archived ones too. */
export const useProjects = (enabled = true) => useLive(projectsKey, allProjects, { enabled });

async function allProjects(signal: AbortSignal): Promise<Project[]> {
  const all: Project[] = [];
  for await (const project of projects.list({ limit: 100, include_archived: true }, { signal }))
    all.push(project as Project);
  return all;
}

export type AnyKey = ApiKey | AdminKey;
export const isAdmin = (key: AnyKey): key is AdminKey => key.object === 'organization.admin_api_key';

/** Of all projects, admin keys first. */
export const useKeys = (enabled: boolean) => useLive(keysKey, allKeys, { enabled });

async function allKeys(signal: AbortSignal): Promise<AnyKey[]> {
  const all: AnyKey[] = [];
  for await (const key of adminAPIKeys.list({ limit: 100 }, { signal })) all.push(key as AdminKey);
  for (const { id } of await allProjects(signal))
    for await (const key of projects.apiKeys.list(id, { limit: 100 }, { signal })) all.push(key as ApiKey);
  return all;
}

export const useAliases = () =>
  useLive(aliasesKey, async (signal) => (await openai.get<ListOf<ModelAlias>>('/model_aliases', { signal })).data);

export const useWebhooks = () =>
  useLive(
    webhooksKey,
    async (signal) => (await openai.get<ListOf<Webhook>>('/webhooks', { query: { limit: 100 }, signal })).data,
  );
