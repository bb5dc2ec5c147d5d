/**
 * Every endpoint × every kind of mistake: the status, and all four keys of OpenAI's envelope.
 *
 * The table says for each route what only it can know: its required fields, its answer for an id that nobody has,
 * whether it is a list. The mistakes follow from that. A new route fails here until it has its row.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { routeTableOf } from '../../src/server/route-table.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { tinyHome } from '../jobs/tiny-house.ts';

interface Row {
  /** The error for an id that nobody has; 404 unless it says otherwise. */
  readonly missing?: {
    readonly status?: number;
    readonly code: string | null;
    readonly param: string | null;
    readonly message: RegExp;
  };
  /** A body that would do, of required fields only; absent where the route takes none. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** Fields that may be left out although the body above has them. */
  readonly optional?: readonly string[];
  /** Unknown fields are passed over, as tomorrow's SDK will send some. */
  readonly lenient?: boolean;
  /** A form, not JSON; `body` tells its fields. */
  readonly form?: boolean;
  readonly list?: boolean;
  /** A list that has no pages. */
  readonly unpaged?: boolean;
}

const noFile = { code: null, param: 'id', message: /^No such File object: nobody$/ };
const noUpload = { code: null, param: 'upload_id', message: /^No such Upload object: nobody$/ };
const noJob = { code: 'fine_tune_not_found', param: 'fine_tune_id', message: /^Could not find fine tune: nobody$/ };
const noModel = { code: 'model_not_found', param: 'model', message: /^The model 'nobody' does not exist$/ };
const noBase = { code: 'model_not_found', param: 'id', message: /^There is no base model 'nobody'/ };
const noCheckpoint = { ...noModel, param: 'fine_tuned_model_checkpoint' };
const answersNoModel = {
  code: 'model_not_found',
  param: null,
  message: /^The model `nobody` does not exist or you do not have access to it\.$/,
};
const without = (message: RegExp, param: string | null = 'id') => ({ code: null, param, message });
const messages = [{ role: 'user', content: 'Hi' }];
const same = { type: 'string_check', name: 'same', operation: 'eq', input: '{{item.a}}', reference: 'b' };

/** `POST` bodies name a model `nobody` where they can, so that a right body is answered with that mistake. */
const rows: Readonly<Record<string, Row>> = {
  'GET /v1/files': { list: true },
  'POST /v1/files': { form: true, body: { purpose: 'evals' } },
  'GET /v1/files/:id': { missing: noFile },
  'GET /v1/files/:id/content': { missing: noFile },
  'DELETE /v1/files/:id': { missing: noFile },
  'GET /v1/files/:id/examples': { missing: noFile },
  'POST /v1/files/:id/edits': {
    missing: noFile,
    body: { edits: [{ line: 1, value: null }] },
    optional: ['edits'],
  },

  'POST /v1/uploads': { body: { filename: 'a.jsonl', purpose: 'fine-tune', bytes: 3, mime_type: 'text/jsonl' } },
  'POST /v1/uploads/:id/parts': { missing: noUpload, form: true },
  'POST /v1/uploads/:id/complete': { missing: noUpload, body: { part_ids: ['part_x'] } },
  'POST /v1/uploads/:id/cancel': { missing: noUpload },

  'GET /v1/models': { list: true, unpaged: true },
  'GET /v1/models/:model': { missing: noModel },
  'DELETE /v1/models/:model': { missing: noModel },

  'GET /v1/base_models': { list: true, unpaged: true },
  'GET /v1/base_models/:id': { missing: noBase },
  'DELETE /v1/base_models/:id': { missing: noBase },
  'GET /v1/fine_tuned_models': { list: true },
  'GET /v1/fine_tuned_models/:model': { missing: noModel },

  'GET /v1/fine_tuning/model_limits': { list: true, unpaged: true },
  'GET /v1/fine_tuning/jobs': { list: true },
  'POST /v1/fine_tuning/jobs': {
    missing: {
      status: 400,
      code: 'model_not_available',
      param: 'model',
      message: /^Model nobody is not available for fine-tuning or does not exist\.$/,
    },
    body: { model: 'nobody', training_file: 'file-x' },
    lenient: true,
  },
  'POST /v1/fine_tuning/estimates': { body: { model: 'nobody', training_file: 'file-x' }, optional: ['model'], lenient: true }, // prettier-ignore
  'GET /v1/fine_tuning/jobs/:id': { missing: noJob },
  'POST /v1/fine_tuning/jobs/:id/cancel': { missing: noJob },
  'POST /v1/fine_tuning/jobs/:id/pause': { missing: noJob },
  'POST /v1/fine_tuning/jobs/:id/resume': { missing: noJob },
  'GET /v1/fine_tuning/jobs/:id/events': { missing: noJob },
  'GET /v1/fine_tuning/jobs/:id/checkpoints': { missing: noJob },
  'GET /v1/fine_tuning/jobs/:id/metrics': { missing: noJob },
  'GET /v1/fine_tuning/jobs/:id/provenance': { missing: noJob },
  'GET /v1/fine_tuning/checkpoints/:model/permissions': { missing: noCheckpoint },
  'POST /v1/fine_tuning/checkpoints/:model/permissions': {
    missing: noCheckpoint,
    body: { project_ids: ['default'] },
  },
  'DELETE /v1/fine_tuning/checkpoints/:model/permissions/:id': { missing: noCheckpoint },
  'POST /v1/fine_tuning/alpha/graders/validate': {
    body: { grader: { type: 'string_check', name: 'g', operation: 'eq', input: 'a', reference: 'a' } },
  },
  'POST /v1/fine_tuning/alpha/graders/run': {
    body: {
      grader: { type: 'string_check', name: 'g', operation: 'eq', input: 'a', reference: 'a' },
      model_sample: 'a',
    },
  },

  'POST /v1/chat/completions': { missing: answersNoModel, body: { model: 'nobody', messages } },
  'GET /v1/chat/completions': { list: true },
  'GET /v1/chat/completions/:id': { missing: without(/nobody/, 'completion_id') },
  'GET /v1/chat/completions/:id/messages': { missing: without(/nobody/, 'completion_id') },
  'POST /v1/chat/completions/:id': { missing: without(/nobody/, 'completion_id'), body: { metadata: {} } },
  'DELETE /v1/chat/completions/:id': { missing: without(/nobody/, 'completion_id') },
  'POST /v1/completions': { missing: answersNoModel, body: { model: 'nobody', prompt: 'Hi' }, optional: ['prompt'] },
  'POST /v1/embeddings': { missing: answersNoModel, body: { model: 'nobody', input: 'Hi' } },

  'POST /v1/responses': { missing: answersNoModel, body: { model: 'nobody', input: 'Hi' } },
  'POST /v1/responses/input_tokens': { missing: answersNoModel, body: { model: 'nobody', input: 'Hi' } },
  'GET /v1/responses/:id': { missing: without(/nobody/, 'response_id') },
  'GET /v1/responses/:id/input_items': { missing: without(/nobody/, 'response_id') },
  'POST /v1/responses/:id/cancel': { missing: without(/nobody/, 'response_id') },
  'DELETE /v1/responses/:id': { missing: without(/nobody/, 'response_id') },

  'GET /v1/batches': { list: true },
  'POST /v1/batches': {
    body: { input_file_id: 'file-x', endpoint: '/v1/chat/completions', completion_window: '24h' },
  },
  'GET /v1/batches/:id': { missing: without(/nobody/) },
  'POST /v1/batches/:id/cancel': { missing: without(/nobody/) },

  'GET /v1/evals': { list: true },
  'POST /v1/evals': { body: { data_source_config: { type: 'logs' }, testing_criteria: [same] } },
  'GET /v1/evals/:id': { missing: without(/nobody/, 'eval_id') },
  'POST /v1/evals/:id': {
    missing: without(/nobody/, 'eval_id'),
    body: { name: 'n', metadata: {} },
    optional: ['name', 'metadata'],
  },
  'DELETE /v1/evals/:id': { missing: without(/nobody/, 'eval_id') },
  'GET /v1/evals/:id/runs': { missing: without(/nobody/, 'eval_id') },
  'POST /v1/evals/:id/runs': {
    missing: without(/nobody/, 'eval_id'),
    body: { data_source: { type: 'jsonl', source: { type: 'file_content', content: [{ item: {} }] } } },
  },
  'GET /v1/evals/:id/runs/:run': { missing: without(/nobody/, 'run_id') },
  'POST /v1/evals/:id/runs/:run': { missing: without(/nobody/, 'run_id') },
  'POST /v1/evals/:id/runs/:run/cancel': { missing: without(/nobody/, 'run_id') },
  'DELETE /v1/evals/:id/runs/:run': { missing: without(/nobody/, 'run_id') },
  'GET /v1/evals/:id/runs/:run/report': { missing: without(/nobody/, 'run_id') },
  'GET /v1/evals/:id/runs/:run/output_items': { missing: without(/nobody/, 'run_id') },
  'GET /v1/evals/:id/runs/:run/output_items/:item': { missing: without(/nobody/, 'run_id') },

  'GET /v1/openai_captures': { list: true, unpaged: true },
  'GET /v1/openai_captures/:id': { missing: without(/nobody/, 'capture') },
  'GET /v1/openai_captures/:id/objects': { missing: without(/nobody/, 'capture') },
  'DELETE /v1/openai_captures/:id': { missing: without(/nobody/, 'capture') },

  'GET /v1/tasks': { list: true },
  'POST /v1/tasks': {
    missing: { status: 404, code: 'model_not_found', param: 'source', message: /^"nobody" is not a model we know/ },
    body: { type: 'pull', source: 'nobody' },
  },
  'GET /v1/tasks/:id': { missing: without(/nobody/) },
  'POST /v1/tasks/:id/cancel': { missing: without(/nobody/) },
  'DELETE /v1/tasks/:id': { missing: without(/nobody/) },
  'GET /v1/tasks/:id/files': { missing: without(/nobody/) },
  'GET /v1/tasks/:id/archive': { missing: without(/nobody/) },
  'GET /v1/tasks/:id/files/:name': { missing: without(/nobody/) },

  'GET /v1/system': {},
  'POST /v1/sample_files': { body: { name: 'spam' } },
  'GET /v1/model_aliases': { list: true, unpaged: true },
  'POST /v1/model_aliases': { body: { alias: 'gpt-4o', model: 'nobody' } },
  'DELETE /v1/model_aliases/:alias': { missing: without(/nobody/, 'alias') },
  'GET /v1/organization/projects': { list: true },
  'POST /v1/organization/projects': { body: { name: 'research' } },
  'GET /v1/organization/projects/:project': { missing: without(/nobody/, 'project_id') },
  'POST /v1/organization/projects/:project': {
    missing: without(/nobody/, 'project_id'),
    body: { name: 'research' },
  },
  'POST /v1/organization/projects/:project/archive': { missing: without(/nobody/, 'project_id') },
  'GET /v1/organization/projects/:project/api_keys': { missing: without(/nobody/, 'project_id') },
  'POST /v1/organization/projects/:project/api_keys': {
    missing: without(/nobody/, 'project_id'),
    body: { name: 'ci', requests_per_minute: 60, tokens_per_minute: null },
    optional: ['requests_per_minute', 'tokens_per_minute'],
  },
  'GET /v1/organization/projects/:project/api_keys/:key': { missing: without(/nobody/, 'key_id') },
  'POST /v1/organization/projects/:project/api_keys/:key': {
    missing: without(/nobody/, 'key_id'),
    body: { name: 'ci', requests_per_minute: 60 },
    optional: ['name', 'requests_per_minute'],
  },
  'DELETE /v1/organization/projects/:project/api_keys/:key': { missing: without(/nobody/, 'key_id') },
  'GET /v1/organization/admin_api_keys': { list: true },
  'POST /v1/organization/admin_api_keys': {
    missing: without(/nobody/, 'project_id'),
    body: { name: 'me', project_id: 'nobody' },
    optional: ['project_id'],
  },
  'GET /v1/organization/admin_api_keys/:key': { missing: without(/nobody/, 'key_id') },
  'DELETE /v1/organization/admin_api_keys/:key': { missing: without(/nobody/, 'key_id') },

  'GET /v1/webhooks': { list: true },
  'POST /v1/webhooks': { body: { url: 'https://hooks.example/x', events: ['batch.completed'] } },
  'GET /v1/webhooks/:id': { missing: without(/nobody/) },
  'GET /v1/webhooks/:id/deliveries': { missing: without(/nobody/) },
  'POST /v1/webhooks/:id/test': { missing: without(/nobody/) },
  'DELETE /v1/webhooks/:id': { missing: without(/nobody/) },
};

interface Mistake {
  readonly what: string;
  readonly query?: string;
  readonly init?: RequestInit;
  readonly status: number;
  readonly code: string | null;
  readonly param: string | null;
  readonly message: RegExp;
}

const json = { 'content-type': 'application/json' };
const body = (value: unknown): RequestInit => ({ headers: json, body: JSON.stringify(value) });

/** All the mistakes that one can make at a route. */
function mistakesAt(row: Row): Mistake[] {
  const mistakes: Mistake[] = [
    {
      what: 'another verb',
      init: { method: 'PUT' },
      status: 405,
      code: 'method_not_supported',
      param: null,
      message: /Allowed here/,
    },
  ];
  if (row.missing !== undefined) {
    const init = row.form === true || row.body === undefined ? {} : body(row.body);
    mistakes.push({ what: 'what nobody has', init, status: 404, ...row.missing });
  }
  if (row.list === true && row.unpaged !== true) mistakes.push(...pageMistakes);
  if (row.body !== undefined && row.form !== true) mistakes.push(...bodyMistakes(row.body, row));
  if (row.body !== undefined && row.form === true)
    mistakes.push({
      what: 'JSON where a form is expected',
      init: body(row.body),
      status: 400,
      code: 'unsupported_content_type',
      param: null,
      message: /multipart\/form-data/,
    });
  return mistakes;
}

const pageMistakes: readonly Mistake[] = [
  {
    what: 'a page of none',
    query: '?limit=0',
    status: 400,
    code: 'integer_below_min_value',
    param: 'limit',
    message: /^Invalid 'limit'/,
  },
  {
    what: 'a huge page',
    query: '?limit=1000000',
    status: 400,
    code: 'integer_above_max_value',
    param: 'limit',
    message: /^Invalid 'limit'/,
  },
  {
    what: 'a page of words',
    query: '?limit=ten',
    status: 400,
    code: 'invalid_type',
    param: 'limit',
    message: /^Invalid type for 'limit'/,
  },
  {
    what: 'an unknown cursor',
    query: '?after=nobody',
    status: 400,
    code: 'invalid_value',
    param: 'after',
    message: /'after'/,
  },
];

function bodyMistakes(good: Readonly<Record<string, unknown>>, { optional = [], lenient = false }: Row): Mistake[] {
  const mistakes: Mistake[] = [
    {
      what: 'a body that is no JSON',
      init: { headers: json, body: '{"model": ' },
      status: 400,
      code: null,
      param: null,
      message: /^We could not parse the JSON body of your request\./,
    },
    {
      what: 'a list for a body',
      init: body([]),
      status: 400,
      code: 'invalid_type',
      param: null,
      message: /expected an object/,
    },
    {
      what: 'a body of another type',
      init: { headers: { 'content-type': 'text/plain' }, body: 'hello' },
      status: 400,
      code: 'unsupported_content_type',
      param: null,
      message: /^Unsupported content type/,
    },
  ];
  if (!lenient)
    mistakes.push({
      what: 'an unknown field',
      init: body({ ...good, nonsense: 1 }),
      status: 400,
      code: 'unknown_parameter',
      param: 'nonsense',
      message: /^Unknown parameter: 'nonsense'\.$/,
    });
  for (const field of Object.keys(good)) {
    if (!optional.includes(field))
      mistakes.push({
        what: `no ${field}`,
        init: body({ ...good, [field]: undefined }),
        status: 400,
        code: 'missing_required_parameter',
        param: field,
        message: new RegExp(`^Missing required parameter: '${field}'\\.$`),
      });
    mistakes.push({
      what: `true for ${field}`,
      init: body({ ...good, [field]: true }),
      status: 400,
      code: expect.stringMatching(/^(invalid_type|invalid_value)$/) as string,
      param: field,
      message: /^Invalid (type for|value)/,
    });
  }
  return mistakes;
}

let folder: Awaited<ReturnType<typeof tinyHome>>;
let house: TestHouse;
let locked: TestHouse;
beforeAll(async () => {
  folder = await tinyHome();
  house = await openTestHouse({ home: folder.home });
  locked = await openTestHouse({ apiKeys: ['sk-the-right-secret-key'] });
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await locked[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function answerTo(to: TestHouse, route: string, { query = '', init = {} }: Partial<Mistake>) {
  const [method, pattern] = route.split(' ') as [string, string];
  const url = new URL(pattern.replace(/:\w+/g, 'nobody') + query, to.url);
  const answer = await fetch(url, { method, ...init });
  return { status: answer.status, body: (await answer.json()) as object, headers: answer.headers };
}

test('every route has its row', () => {
  const routes = routeTableOf(house.app)!
    .all()
    .map(({ method, url }) => `${method} ${url}`)
    .filter((route) => /^(GET|POST|DELETE|PUT|PATCH) \/v1\//.test(route));
  expect(routes.filter((route) => !Object.hasOwn(rows, route))).toEqual([]);
});

describe.each(Object.entries(rows))('%s', (route, row) => {
  test.each(mistakesAt(row))('$what', async ({ status, code, param, message, ...mistake }) => {
    const answer = await answerTo(house, route, mistake);
    expect(answer.body).toEqual({
      error: { message: expect.stringMatching(message), type: 'invalid_request_error', param, code },
    });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-request-id')).toMatch(/^req_/);
  });

  test('no key, and a wrong one', async () => {
    const none = await answerTo(locked, route, {});
    const message = expect.stringMatching(/^You didn't provide an API key\./);
    expect(none.body).toEqual({ error: { message, type: 'invalid_request_error', param: null, code: null } });
    const wrong = await answerTo(locked, route, { init: { headers: { authorization: 'Bearer sk-a-wrong-key' } } });
    expect(wrong.body).toEqual({
      error: {
        message: expect.stringMatching(/^Incorrect API key provided: sk-a-\*\*\*ey\./),
        type: 'invalid_request_error',
        param: null,
        code: 'invalid_api_key',
      },
    });
    expect([none.status, wrong.status]).toEqual([401, 401]);
  });
});
