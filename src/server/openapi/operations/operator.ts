/** The machine and its limits, samples to begin with, projects and keys. */

import { sampleNames } from '../../../domain/sample-files.ts';
import { diskKinds } from '../../../domain/system.ts';
import {
  anyObject,
  arrayOf,
  deleted,
  listOf,
  number,
  object,
  orNull,
  row,
  schema,
  text,
  textOrNull,
  whole,
  wholeOrNull,
  type Operations,
} from './operation.ts';

const project = object({
  object: { const: 'organization.project' },
  id: text,
  name: text,
  created_at: whole,
  archived_at: wholeOrNull,
  status: { enum: ['active', 'archived'] },
});
const key = object({
  object: { const: 'organization.project.api_key' },
  id: text,
  project_id: text,
  name: text,
  redacted_value: text,
  created_at: whole,
  last_used_at: wholeOrNull,
  owner: anyObject,
  owner_project_access: { const: 'active' },
  requests_per_minute: wholeOrNull,
  tokens_per_minute: wholeOrNull,
});
const adminKey = object({
  object: { const: 'organization.admin_api_key' },
  id: text,
  project_id: text,
  name: text,
  redacted_value: text,
  created_at: whole,
  last_used_at: wholeOrNull,
  expires_at: wholeOrNull,
  owner: anyObject,
});
const withSecret = (made: { required: readonly string[]; properties: object }) =>
  object({ ...made.properties, value: text });
const keyLimits = { requests_per_minute: wholeOrNull, tokens_per_minute: wholeOrNull };
const work = object({ running: whole, queued: whole });
const system = object({
  object: { const: 'system' },
  version: text,
  started_at: whole,
  uptime_seconds: whole,
  platform: text,
  processor: object({ model: text, cores: whole, busy_cores: number, load: number }),
  memory: object({ total_bytes: whole, available_bytes: whole, server_bytes: whole, children_bytes: whole }),
  disk: object({
    total_bytes: whole,
    free_bytes: whole,
    folder: textOrNull,
    used: orNull(arrayOf(object({ kind: { enum: diskKinds }, bytes: whole }))),
  }),
  settings: object({
    threads: whole,
    device: text,
    training_jobs: whole,
    model_memory_bytes: whole,
    requests_per_model: whole,
    organization: text,
  }),
  work: object({ jobs: work, eval_runs: work, batches: work, tasks: work }),
  outbound: arrayOf(object({ kind: { enum: ['mlflow', 'wandb', 'opentelemetry', 'webhook'] }, to: text, what: text })),
  limits: object(keyLimits),
});
const file = schema('OpenAIFile');

export const operatorOperations: Operations = {
  'GET /v1/system': row('System', 'The machine and the server: how busy, how full, and what leaves it.', {
    response: system,
  }),

  'POST /v1/sample_files': row('System', 'Make files to begin with, for whoever has no data yet.', {
    request: object({ name: { enum: sampleNames } }),
    response: object({
      object: { const: 'sample_files' },
      name: { enum: sampleNames },
      description: text,
      training_file: file,
      validation_file: file,
      test_file: file,
    }),
  }),

  'GET /v1/organization/projects': row('Administration', 'List projects, oldest first.', {
    isOpenAIs: true,
    response: listOf(project),
  }),
  'POST /v1/organization/projects': row('Administration', 'Make a project.', {
    request: object({ name: text }),
    isOpenAIs: true,
    response: project,
  }),
  'GET /v1/organization/projects/:project': row('Administration', 'Look at a project.', {
    isOpenAIs: true,
    response: project,
  }),
  'POST /v1/organization/projects/:project': row('Administration', 'Rename a project.', {
    request: object({ name: text }),
    isOpenAIs: true,
    response: project,
  }),
  'POST /v1/organization/projects/:project/archive': row(
    'Administration',
    'Close a project to its keys; what it has stays.',
    { isOpenAIs: true, response: project },
  ),
  'GET /v1/organization/projects/:project/api_keys': row('Administration', "List a project's keys, newest first.", {
    isOpenAIs: true,
    response: listOf(key),
  }),
  'POST /v1/organization/projects/:project/api_keys': row(
    'Administration',
    'Make a key of a project; its secret is shown this once.',
    { request: object({ name: text, ...keyLimits }, ['name']), response: withSecret(key) },
  ),
  'GET /v1/organization/projects/:project/api_keys/:key': row('Administration', 'Look at a key.', {
    isOpenAIs: true,
    response: key,
  }),
  'POST /v1/organization/projects/:project/api_keys/:key': row(
    'Administration',
    "Change a key's name, or what it may use per minute.",
    { request: object({ name: text, ...keyLimits }, []), response: key },
  ),
  'DELETE /v1/organization/projects/:project/api_keys/:key': row('Administration', 'Make a key useless, at once.', {
    isOpenAIs: true,
    response: deleted('organization.project.api_key.deleted'),
  }),

  'GET /v1/organization/admin_api_keys': row('Administration', 'List admin keys, newest first.', {
    isOpenAIs: true,
    response: listOf(adminKey),
  }),
  'POST /v1/organization/admin_api_keys': row(
    'Administration',
    'Make a key whose holder may do what the operator may; its secret is shown this once.',
    {
      request: object({ name: text, expires_in_seconds: wholeOrNull, project_id: textOrNull }, ['name']),
      isOpenAIs: true,
      response: withSecret(adminKey),
    },
  ),
  'GET /v1/organization/admin_api_keys/:key': row('Administration', 'Look at an admin key.', {
    isOpenAIs: true,
    response: adminKey,
  }),
  'DELETE /v1/organization/admin_api_keys/:key': row('Administration', 'Make an admin key useless, at once.', {
    isOpenAIs: true,
    response: deleted('organization.admin_api_key.deleted'),
  }),
};
