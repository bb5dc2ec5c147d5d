/** What the operator does by the API, and what whoever begins asks for. */

import type OpenAI from 'openai';

export async function administration(openai: OpenAI): Promise<void> {
  const { organization } = openai.withOptions({ adminAPIKey: 'any-key' }).admin;
  const { projects, adminAPIKeys } = organization;
  const { id: project_id } = await projects.create({ name: 'Customer Support' });
  await projects.retrieve(project_id);
  await projects.update(project_id, { name: 'Support' });
  await projects.list({ limit: 1 });

  const path = `/organization/projects/${project_id}/api_keys`;
  const key: { id: string } = await openai.post(path, { body: { name: 'ci', requests_per_minute: 60 } });
  await openai.post(`${path}/${key.id}`, { body: { tokens_per_minute: 1000 } });
  await projects.apiKeys.list(project_id, { limit: 1 });
  await projects.apiKeys.retrieve(key.id, { project_id });
  await projects.apiKeys.delete(key.id, { project_id });
  await projects.archive(project_id);

  const admin = await adminAPIKeys.create({ name: 'me', expires_in_seconds: 3600 });
  await adminAPIKeys.list({ limit: 1 });
  await adminAPIKeys.retrieve(admin.id);
  await adminAPIKeys.delete(admin.id);

  await openai.post('/model_aliases', { body: { alias: 'gpt-4o-mini', model: 'tiny' } });
  await openai.get('/model_aliases');
  await openai.delete('/model_aliases/gpt-4o-mini');
}

export async function system(openai: OpenAI): Promise<void> {
  await openai.get('/system');
  await openai.post('/sample_files', { body: { name: 'spam' } });
}
