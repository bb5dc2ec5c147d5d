/**
 * Every route with another project's key: what is Alice's is for Bob as if it were not there.
 *
 * The routes come from the app itself, so a new one fails here until it says below how it is tried. A route that
 * takes an id, in its path or its body, must answer Bob about Alice's thing word for word as about a thing that
 * nobody has made; a route that lists must show him nothing of hers. In the end all of Alice's is as it was.
 */

import { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { routeTableOf } from '../../src/server/route-table.ts';
import { examples, upload } from '../jobs/tiny-house.ts';
import { answeredItems, itemsOf, makeEval, runEval } from '../evals/api/eval-journey.ts';
import { openTwoProjects, registerModel, type TwoProjects } from './projects.ts';

/** What Alice has, by kind. */
type Things = Record<
  | 'file'
  | 'batchFile'
  | 'upload'
  | 'part'
  | 'job'
  | 'model'
  | 'permission'
  | 'batch'
  | 'completion'
  | 'response'
  | 'webhook'
  | 'eval'
  | 'run'
  | 'capture'
  | 'outputItem'
  | 'task',
  string
>;

interface Try {
  /** By the parameters' names in the route. */
  readonly path?: Readonly<Record<string, keyof Things>>;
  readonly body?: (things: Things) => object;
  /** A multipart form instead. */
  readonly form?: boolean;
}

/** `list` shows what the project has; `open` has nothing of anybody's; `operator` is for no project's key. */
const tries: Readonly<Record<string, readonly Try[] | 'list' | 'open' | 'operator'>> = {
  'GET /v1/files': 'list',
  'POST /v1/files': 'open',
  'GET /v1/files/:id': [{ path: { id: 'file' } }],
  'GET /v1/files/:id/content': [{ path: { id: 'file' } }],
  'DELETE /v1/files/:id': [{ path: { id: 'file' } }],
  'GET /v1/files/:id/examples': [{ path: { id: 'file' } }],
  'POST /v1/files/:id/edits': [{ path: { id: 'file' }, body: () => ({ edits: [{ line: 1, value: null }] }) }],

  'POST /v1/uploads': 'open',
  'POST /v1/uploads/:id/parts': [{ path: { id: 'upload' }, form: true }],
  'POST /v1/uploads/:id/complete': [{ path: { id: 'upload' }, body: ({ part }) => ({ part_ids: [part] }) }],
  'POST /v1/uploads/:id/cancel': [{ path: { id: 'upload' } }],

  'GET /v1/models': 'list',
  'GET /v1/models/:model': [{ path: { model: 'model' } }],
  'DELETE /v1/models/:model': [{ path: { model: 'model' } }],

  'GET /v1/base_models': 'open',
  'GET /v1/base_models/:id': 'open',
  'DELETE /v1/base_models/:id': 'open',
  'GET /v1/fine_tuned_models': 'list',
  'GET /v1/fine_tuned_models/:model': [{ path: { model: 'model' } }],

  'GET /v1/fine_tuning/model_limits': 'list',
  'GET /v1/fine_tuning/jobs': 'list',
  'POST /v1/fine_tuning/jobs': [
    { body: ({ file }) => ({ model: 'tiny', training_file: file }) },
    { body: ({ model, file }) => ({ model, training_file: file }) },
  ],
  'POST /v1/fine_tuning/estimates': [
    { body: ({ file }) => ({ model: 'tiny', training_file: file }) },
    { body: ({ model, file }) => ({ model, training_file: file }) },
  ],
  'GET /v1/fine_tuning/jobs/:id': [{ path: { id: 'job' } }],
  'POST /v1/fine_tuning/jobs/:id/cancel': [{ path: { id: 'job' } }],
  'POST /v1/fine_tuning/jobs/:id/pause': [{ path: { id: 'job' } }],
  'POST /v1/fine_tuning/jobs/:id/resume': [{ path: { id: 'job' } }],
  'GET /v1/fine_tuning/jobs/:id/events': [{ path: { id: 'job' } }],
  'GET /v1/fine_tuning/jobs/:id/checkpoints': [{ path: { id: 'job' } }],
  'GET /v1/fine_tuning/jobs/:id/metrics': [{ path: { id: 'job' } }],
  'GET /v1/fine_tuning/jobs/:id/provenance': [{ path: { id: 'job' } }],
  'GET /v1/fine_tuning/checkpoints/:model/permissions': [{ path: { model: 'model' } }],
  'POST /v1/fine_tuning/checkpoints/:model/permissions': [
    { path: { model: 'model' }, body: () => ({ project_ids: ['bob'] }) },
  ],
  'DELETE /v1/fine_tuning/checkpoints/:model/permissions/:id': [{ path: { model: 'model', id: 'permission' } }],

  'POST /v1/chat/completions': [{ body: ({ model }) => ({ model, messages: [{ role: 'user', content: 'Hi' }] }) }],
  'GET /v1/chat/completions': 'list',
  'GET /v1/chat/completions/:id': [{ path: { id: 'completion' } }],
  'GET /v1/chat/completions/:id/messages': [{ path: { id: 'completion' } }],
  'POST /v1/chat/completions/:id': [{ path: { id: 'completion' }, body: () => ({ metadata: { mine: 'now' } }) }],
  'DELETE /v1/chat/completions/:id': [{ path: { id: 'completion' } }],

  'POST /v1/completions': [{ body: ({ model }) => ({ model, prompt: 'Hi' }) }],
  'POST /v1/embeddings': [{ body: ({ model }) => ({ model, input: 'Hi' }) }],

  'POST /v1/responses': [
    { body: ({ model }) => ({ model, input: 'Hi' }) },
    { body: ({ response }) => ({ model: 'tiny', input: 'Hi', previous_response_id: response }) },
  ],
  'POST /v1/responses/input_tokens': [
    { body: ({ model }) => ({ model, input: 'Hi' }) },
    { body: ({ response }) => ({ model: 'tiny', input: 'Hi', previous_response_id: response }) },
  ],
  'GET /v1/responses/:id': [{ path: { id: 'response' } }],
  'GET /v1/responses/:id/input_items': [{ path: { id: 'response' } }],
  'POST /v1/responses/:id/cancel': [{ path: { id: 'response' } }],
  'DELETE /v1/responses/:id': [{ path: { id: 'response' } }],

  'POST /v1/fine_tuning/alpha/graders/validate': 'open',
  'POST /v1/fine_tuning/alpha/graders/run': [
    {
      body: ({ model }) => ({
        grader: {
          type: 'score_model',
          name: 'g',
          model,
          input: [{ role: 'user', content: 'Score: {{sample.output_text}}' }],
        },
        model_sample: 'an answer',
      }),
    },
  ],

  'GET /v1/batches': 'list',
  'POST /v1/batches': [
    {
      body: ({ batchFile }) => ({
        input_file_id: batchFile,
        endpoint: '/v1/chat/completions',
        completion_window: '24h',
      }),
    },
  ],
  'GET /v1/batches/:id': [{ path: { id: 'batch' } }],
  'POST /v1/batches/:id/cancel': [{ path: { id: 'batch' } }],

  'GET /v1/evals': 'list',
  'POST /v1/evals': [
    {
      body: ({ model }) => ({
        data_source_config: { type: 'logs' },
        testing_criteria: [
          {
            type: 'label_model',
            name: 'g',
            model,
            labels: ['a', 'b'],
            passing_labels: ['a'],
            input: [{ role: 'user', content: 'Which? {{sample.output_text}}' }],
          },
        ],
      }),
    },
  ],
  'GET /v1/evals/:id': [{ path: { id: 'eval' } }],
  'POST /v1/evals/:id': [{ path: { id: 'eval' }, body: () => ({ name: 'mine now' }) }],
  'DELETE /v1/evals/:id': [{ path: { id: 'eval' } }],
  'GET /v1/evals/:id/runs': [{ path: { id: 'eval' } }],
  'POST /v1/evals/:id/runs': [
    {
      path: { id: 'eval' },
      body: ({ file }) => ({ data_source: { type: 'jsonl', source: { type: 'file_id', id: file } } }),
    },
  ],
  'GET /v1/evals/:id/runs/:run': [{ path: { id: 'eval', run: 'run' } }],
  'POST /v1/evals/:id/runs/:run': [{ path: { id: 'eval', run: 'run' } }],
  'POST /v1/evals/:id/runs/:run/cancel': [{ path: { id: 'eval', run: 'run' } }],
  'DELETE /v1/evals/:id/runs/:run': [{ path: { id: 'eval', run: 'run' } }],
  'GET /v1/evals/:id/runs/:run/report': [{ path: { id: 'eval', run: 'run' } }],
  'GET /v1/evals/:id/runs/:run/output_items': [{ path: { id: 'eval', run: 'run' } }],
  'GET /v1/evals/:id/runs/:run/output_items/:item': [{ path: { id: 'eval', run: 'run', item: 'outputItem' } }],

  'GET /v1/openai_captures': 'list',
  'GET /v1/openai_captures/:id': [{ path: { id: 'capture' } }],
  'GET /v1/openai_captures/:id/objects': [{ path: { id: 'capture' } }],
  'DELETE /v1/openai_captures/:id': [{ path: { id: 'capture' } }],

  'POST /v1/tasks': [{ body: ({ task }) => ({ type: 'pull', source: 'smollm2-135m-instruct', continue_from: task }) }],
  'GET /v1/tasks': 'list',
  'GET /v1/tasks/:id': [{ path: { id: 'task' } }],
  'POST /v1/tasks/:id/cancel': [{ path: { id: 'task' } }],
  'DELETE /v1/tasks/:id': [{ path: { id: 'task' } }],
  'GET /v1/tasks/:id/files': [{ path: { id: 'task' } }],
  'GET /v1/tasks/:id/archive': [{ path: { id: 'task' } }],
  'GET /v1/tasks/:id/files/:name': [{ path: { id: 'task', name: 'model' } }],

  'GET /v1/system': 'open',
  'POST /v1/sample_files': 'open',
  'GET /v1/model_aliases': 'open',
  'POST /v1/model_aliases': 'operator',
  'DELETE /v1/model_aliases/:alias': 'operator',
  'GET /v1/organization/projects': 'operator',
  'POST /v1/organization/projects': 'operator',
  'GET /v1/organization/projects/:project': 'operator',
  'POST /v1/organization/projects/:project': 'operator',
  'POST /v1/organization/projects/:project/archive': 'operator',
  'GET /v1/organization/projects/:project/api_keys': 'operator',
  'POST /v1/organization/projects/:project/api_keys': 'operator',
  'GET /v1/organization/projects/:project/api_keys/:key': 'operator',
  'POST /v1/organization/projects/:project/api_keys/:key': 'operator',
  'DELETE /v1/organization/projects/:project/api_keys/:key': 'operator',
  'GET /v1/organization/admin_api_keys': 'operator',
  'POST /v1/organization/admin_api_keys': 'operator',
  'GET /v1/organization/admin_api_keys/:key': 'operator',
  'DELETE /v1/organization/admin_api_keys/:key': 'operator',

  'GET /v1/webhooks': 'list',
  'POST /v1/webhooks': 'open',
  'GET /v1/webhooks/:id': [{ path: { id: 'webhook' } }],
  'GET /v1/webhooks/:id/deliveries': [{ path: { id: 'webhook' } }],
  'POST /v1/webhooks/:id/test': [{ path: { id: 'webhook' } }],
  'DELETE /v1/webhooks/:id': [{ path: { id: 'webhook' } }],
};

let house: TwoProjects;
let things: Things;
let routes: readonly string[];
beforeAll(async () => {
  house = await openTwoProjects();
  things = await makeThings(house);
  routes = routeTableOf(house.app)!
    .all()
    .map(({ method, url }) => `${method} ${url}`)
    .filter((route) => /^(GET|POST|DELETE|PUT|PATCH) \/v1\//.test(route));
});
afterAll(() => house[Symbol.asyncDispose]());

async function makeThings({ alice, house, url, aliceKey }: TwoProjects): Promise<Things> {
  const file = await upload(alice, examples());
  const line = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: { model: 'tiny', messages: [] } };
  const batchFile = await alice.files.create({
    file: await toFile(Buffer.from(JSON.stringify(line)), 'batch.jsonl'),
    purpose: 'batch',
  });
  const uploading = await alice.uploads.create({
    filename: 'a.jsonl',
    purpose: 'fine-tune',
    bytes: 3,
    mime_type: 'text/jsonl',
  });
  const part = await alice.uploads.parts.create(uploading.id, { data: await toFile(Buffer.from('abc'), 'part') });
  const job = await alice.fineTuning.jobs.create({ model: 'tiny', training_file: file });
  await alice.fineTuning.jobs.cancel(job.id);
  const model = await registerModel(house, 'alice', 'ft:tiny:acme::Alices00', job.id);
  const lent = await alice.fineTuning.checkpoints.permissions.create(model, { project_ids: ['default'] });
  const batch = await alice.batches.create({
    input_file_id: batchFile.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  const completion = await alice.chat.completions.create({
    model: 'tiny',
    messages: [{ role: 'user', content: 'Hello' }],
    max_tokens: 2,
    store: true,
  });
  const response = await alice.responses.create({ model: 'tiny', input: 'Hello', max_output_tokens: 16 });
  const webhook = await fetch(`${url}/webhooks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${aliceKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ url: 'https://hooks.example/tunesmith', events: ['batch.completed'] }),
  });
  const made = await makeEval(alice);
  const run = await runEval(alice, made.id, answeredItems(['Paris', 'Paris']));
  const [outputItem] = await itemsOf(alice, made.id, run.id);
  // The operator's doing: base models are everybody's.
  const { id: task } = await house.of('alice').tasks.create({
    type: 'pull',
    request: { source: 'tiny' },
    continueFrom: null,
  });
  await using _ = await house.of('alice').captures.lock('aliceopenai');
  await house.of('alice').captures.begin('aliceopenai', 'https://api.openai.com/v1');
  return {
    capture: 'aliceopenai',
    file,
    batchFile: batchFile.id,
    upload: uploading.id,
    part: part.id,
    job: job.id,
    model,
    permission: lent.data[0]!.id,
    batch: batch.id,
    completion: completion.id,
    response: response.id,
    webhook: ((await webhook.json()) as { id: string }).id,
    eval: made.id,
    run: run.id,
    outputItem: outputItem!.id,
    task,
  };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function ask(key: string, route: string, { path, body, form }: Try, ids: Things): Promise<Answer> {
  const [method, pattern] = route.split(' ') as [string, string];
  const address = pattern.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(ids[path![name]!]));
  const headers: Record<string, string> = { authorization: `Bearer ${key}` };
  const init: RequestInit = { method, headers };
  if (form === true) {
    init.body = new FormData();
    init.body.append('data', new Blob(['xyz']), 'part');
  } else if (body !== undefined) {
    headers['content-type'] = 'application/json';
    init.body = JSON.stringify(body(ids));
  }
  const answer = await fetch(new URL(address, house.url), init);
  return { status: answer.status, text: await answer.text() };
}

/** Ids of the same look that nobody has. */
const nobodys = (of: Things): Things =>
  Object.fromEntries(Object.entries(of).map(([kind, id]) => [kind, `${id.slice(0, -3)}xxx`])) as Things;

/** With the ids taken out, which are all that may differ. */
function withoutIds({ status, text }: Answer, ids: Things): Answer {
  const plain = Object.entries(ids).reduce((rest, [kind, id]) => rest.replaceAll(id, `<${kind}>`), text);
  return { status, text: plain };
}

test('every route says how it is tried', () => {
  expect(routes.filter((route) => tries[route] === undefined)).toEqual([]);
});

test('what has an id is for another project as if it were not there', async () => {
  for (const route of routes) {
    const how = tries[route];
    if (!Array.isArray(how)) continue;
    for (const each of how as readonly Try[]) {
      const nobodysIds = nobodys(things);
      const hers = withoutIds(await ask(house.bobKey, route, each, things), things);
      const noOnes = withoutIds(await ask(house.bobKey, route, each, nobodysIds), nobodysIds);
      expect(hers, route).toEqual(noOnes);
      expect(hers.status, route).toBeOneOf([400, 404]);
    }
  }
});

test('what is listed for another project has nothing of it, and for its own has', async () => {
  for (const route of routes.filter((route) => tries[route] === 'list')) {
    const { status, text } = await ask(house.bobKey, route, {}, things);
    expect(status, route).toBe(200);
    expect(
      Object.values(things).filter((id) => text.includes(id)),
      route,
    ).toEqual([]);
    const own = await ask(house.aliceKey, route, {}, things);
    expect(
      Object.values(things).some((id) => own.text.includes(id)),
      route,
    ).toBe(true);
  }
});

test('a cursor into another project’s list is no cursor', async () => {
  for (const route of routes.filter((route) => tries[route] === 'list')) {
    for (const id of Object.values(things)) {
      const [, path] = route.split(' ');
      const answer = await fetch(`${new URL(path!, house.url).href}?after=${encodeURIComponent(id)}`, {
        headers: { authorization: `Bearer ${house.bobKey}` },
      });
      expect(await answer.text(), `${route} after ${id}`).not.toContain('"data":[{"id":"' + id);
      const paged = !['GET /v1/models', 'GET /v1/fine_tuning/model_limits', 'GET /v1/openai_captures'].includes(route);
      if (paged) expect(answer.status, `${route} after ${id}`).toBeOneOf([400, 404]);
    }
  }
});

test('what is the operator’s is refused to every project, before anything is looked at', async () => {
  for (const route of routes.filter((route) => tries[route] === 'operator')) {
    const [method, pattern] = route.split(' ') as [string, string];
    const answer = await fetch(new URL(pattern.replace(':project', 'bob').replaceAll(':', ''), house.url), {
      method,
      headers: { authorization: `Bearer ${house.bobKey}` },
    });
    expect(answer.status, route).toBe(403);
    expect(await answer.text(), route).toContain('admin_key_required');
  }
});

test('after all that Alice still has everything, as it was', async () => {
  const { alice } = house;
  await alice.files.retrieve(things.file);
  await alice.batches.retrieve(things.batch);
  expect((await alice.evals.retrieve(things.eval)).name).toBe('capitals');
  expect(await itemsOf(alice, things.eval, things.run)).toHaveLength(1);
  await alice.chat.completions.retrieve(things.completion);
  await alice.responses.retrieve(things.response);
  expect(((await alice.get(`/tasks/${things.task}`)) as { status: string }).status).toBe('succeeded');
  expect((await alice.fineTuning.jobs.retrieve(things.job)).status).toBe('cancelled');
  expect((await alice.models.retrieve(things.model)).id).toBe(things.model);
  expect((await alice.fineTuning.checkpoints.permissions.list(things.model)).data.map(({ id }) => id)).toEqual([
    things.permission,
  ]);
  const { file } = await alice.uploads.complete(things.upload, { part_ids: [things.part] });
  expect(await (await alice.files.content(file!.id)).text()).toBe('abc');
  await expect(
    ask(house.aliceKey, 'DELETE /v1/webhooks/:id', { path: { id: 'webhook' } }, things),
  ).resolves.toMatchObject({
    status: 200,
  });
});

test('a door without a key opens nothing at all', async () => {
  for (const route of routes) {
    const [method, pattern] = route.split(' ') as [string, string];
    const answer = await fetch(new URL(pattern.replaceAll(':', ''), house.url), { method });
    expect(answer.status, route).toBe(401);
  }
});
