/**
 * One run over everything that we serve: the unmodified `openai` package drives every endpoint, every answer and every
 * event of a stream is held against OpenAI's own schemas, and docs/api-coverage.md is what came of it.
 *
 * A new route, and a new parameter in OpenAI's document, fails here until it is driven. `-u` writes the page anew.
 */

import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Closing } from '../../src/closing.ts';
import { ggufValue } from '../../src/formats/gguf-metadata.ts';
import { fieldsOf, ourParameters } from '../../src/server/openapi/differences.ts';
import { officialOperation, type OpenApiDocument, type ServedRoute } from '../../src/server/openapi/document.ts';
import { operations } from '../../src/server/openapi/operations.ts';
import { routeTableOf } from '../../src/server/route-table.ts';
import { addDocument, nonconformities, problemsAt } from '../conformance.ts';
import { openTestHouse, type TestHouse } from '../house.ts';
import { addTinyModel } from '../serving/tiny-serving.ts';
import * as administration from './administration.ts';
import * as answers from './answers.ts';
import { endpointsOf, routeOf } from './coverage.ts';
import * as dashboard from './dashboard.ts';
import { coveragePage, type Difference } from './page.ts';
import * as platform from './platform.ts';
import { eventsIn, type Exchange, Recorder } from './record.ts';

const nullable = 'null where OpenAI’s document lets a field be left out, as the live service sends it';

/**
 * Where the live service sends what its own document does not allow, and we do as the service does; `path` and
 * `problem` are what a validator says of it.
 */
const differences: readonly Difference[] = [
  { where: '/files', path: /\/(status_details|expires_at)$/, problem: /found null/, why: nullable },
  {
    where: '/files',
    path: /\/purpose$/,
    problem: /allowed values/,
    why: 'files for evals are shown with their purpose',
  },
  { where: '/uploads', path: /^\/file\/status_details$/, problem: /found null/, why: nullable },
  { where: '/batches', path: /\/(errors|\w+_file_id|\w+_at)$/, problem: /found null/, why: nullable },
  { where: '', path: /^\/(first_id|last_id)$/, problem: /found null/, why: 'null in a page of nothing' },
  {
    where: '/fine_tuning/jobs',
    path: /(^|^\/data\/\d+)\/error(\/code|\/message)?$/,
    problem: /found null|must be null|must match/,
    why: 'a job without an error has one whose fields are null',
  },
  {
    where: '/fine_tuning/jobs',
    path: /\/hyperparameters$/,
    problem: /found null/,
    why: 'jobs that prefer answers have theirs under `method` alone',
  },
  {
    where: '/fine_tuning/jobs/:id/pause',
    path: /^\/status$/,
    problem: /allowed values/,
    why: 'a paused job is `paused`',
  },
  { where: '/fine_tuning/jobs/:id/events', path: /\/data$/, problem: /found null/, why: 'some events have no data' },
  {
    where: '/fine_tuning/alpha/graders/validate',
    path: /^\/grader(\/type|\/graders)?$/,
    problem: /required|allowed values|must match/,
    why: 'the graders of a `multi` grader have names of their own; the document has one grader without a name',
  },
  {
    where: '/chat/completions/:id/messages',
    path: /\/role$/,
    problem: /allowed values/,
    why: 'the messages that were replied to have the roles that they were sent with',
  },
  {
    where: '/completions',
    path: /\/(token_logprobs|top_logprobs)\/0$|\/logprobs$/,
    problem: /found null|must be null|must match/,
    why: 'the first token of an echoed prompt has no log-probability',
  },
  {
    where: '/completions',
    path: /\/finish_reason$|^\/usage$/,
    problem: /found null|allowed values/,
    why: 'pieces of a stream have null until the end is known',
  },
  {
    where: '/evals',
    path: /(^|^\/data\/\d+)\/error$/,
    problem: /found null/,
    why: 'a run in which nothing went wrong',
  },
  {
    where: '/evals/:id/runs/:run/output_items',
    path: /\/sample\/(error|temperature|max_completion_tokens|top_p|seed)$/,
    problem: /found null/,
    why: 'what was not wished for, and an answer in which nothing went wrong',
  },
  { where: '/embeddings', path: /\/embedding$/, problem: /must be array/, why: 'a string where base64 is asked for' },
];

const recorder = new Recorder();
let house: TestHouse;
let openai: OpenAI;
let routes: ServedRoute[];
let ours: OpenApiDocument;
const closing = new Closing();
beforeAll(async () => {
  const settings = {
    threads: 1,
    webhookHosts: ['*'],
    evalHosts: ['*'],
    wandbKey: 'key',
    wandbMode: 'offline',
  } as const;
  house = closing.use(await openTestHouse({ ...settings, apiKeys: ['any-key'] }));
  const shape = { contextTokens: 1024, width: 64, heads: 4, kvHeads: 4, headSize: 16 };
  await addTinyModel(house.house.bases, house.home, 'tiny', shape);
  const gap = {
    'tokenizer.ggml.fim_pre_token_id': ggufValue.u32(3),
    'tokenizer.ggml.fim_suf_token_id': ggufValue.u32(4),
    'tokenizer.ggml.fim_mid_token_id': ggufValue.u32(5),
  };
  await addTinyModel(house.house.bases, house.home, 'filler', { ...shape, metadata: gap });
  const created_at = 1_700_000_000;
  await house.house.database.insertInto('projects').values({ id: 'other', created_at }).execute();
  openai = new OpenAI({ baseURL: house.url, apiKey: 'any-key', maxRetries: 0, fetch: recorder.fetch });
  routes = routeTableOf(house.app)!
    .all()
    .filter(({ method, url }) => url.startsWith('/v1/') && method !== 'HEAD');
  ours = (await (await fetch(house.url.replace('/v1', '/openapi.json'))).json()) as OpenApiDocument;
  addDocument('ours', ours);
});
afterAll(() => closing[Symbol.asyncDispose]());

test.each(Object.entries({ ...answers, ...platform, ...administration, ...dashboard }))(
  'the unmodified package drives %s',
  async (_, journey) => {
    await journey(openai);
  },
);

const named = ({ method, url }: ServedRoute): string => `${method} ${url}`;

test('every route was answered', async () => {
  const good = (await recorder.exchanges()).filter(({ status }) => status < 300);
  const driven = new Set(good.map((exchange) => routeOf(routes, exchange)));
  expect(routes.filter((route) => !driven.has(route)).map(named)).toEqual([]);
});

test('every answer and every event of a stream has the shape that OpenAI gives it', async () => {
  const problems = new Set<string>();
  const met = new Set<Difference>();
  for (const exchange of await recorder.exchanges()) {
    const { url } = routeOf(routes, exchange)!;
    for (const problem of problemsOf(exchange, 'openai')) {
      const known = differences.find(
        ({ where, path, problem: known }) =>
          url.startsWith(`/v1${where}`) && path.test(problem.split(': ')[0]!) && known.test(problem),
      );
      if (known === undefined) problems.add(`${exchange.method} ${url} ${problem}`);
      else met.add(known);
    }
  }
  expect([...problems]).toEqual([]);
  expect(differences.filter((known) => !met.has(known))).toEqual([]); // those that are no longer there
});

test('our own document describes every answer as it is', async () => {
  const problems = new Set<string>();
  for (const exchange of await recorder.exchanges())
    for (const problem of problemsOf(exchange, 'ours'))
      problems.add(`${exchange.method} ${routeOf(routes, exchange)!.url} ${problem}`);
  expect([...problems]).toEqual([]);
});

/** Kinds of answers that no schema has a say in. */
const bytes: readonly string[] = ['application/octet-stream', 'application/x-tar'];

/** What in this answer is not as a document says; what OpenAI's document has no schema for is left to ours. */
function problemsOf(exchange: Exchange, document: 'openai' | 'ours'): string[] {
  const { status, contentType, answer } = exchange;
  if (status >= 400) return nonconformities('ErrorResponse', JSON.parse(answer));
  const { method, url } = routeOf(routes, exchange)!;
  const official = officialOperation(method, url);
  if (document === 'openai' && official === undefined) return [];
  const path = official?.path ?? url.replace('/v1', '').replaceAll(/:(\w+)/g, '{$1}');
  const verb = method.toLowerCase();
  const kind = contentType.split(';', 1)[0]!;
  const { responses } = document === 'ours' ? ours.paths[path]![verb]! : official!.operation;
  const code = Object.keys(responses).find((each) => each.startsWith('2'))!;
  const { content = {} } = (responses as Record<string, { content?: object }>)[code]!;
  if (bytes.includes(kind)) return document === 'ours' && !Object.hasOwn(content, kind) ? [`/: is ${kind}`] : [];
  const streaming = kind === 'text/event-stream';
  const values = streaming ? eventsIn(answer).filter((event) => event !== '[DONE]') : [JSON.parse(answer)];
  const place = ['paths', path, verb, 'responses', code, 'content', kind, 'schema'];
  if (Object.hasOwn(content, kind)) return values.flatMap((value) => problemsAt(place, value, document));
  if (document === 'ours') return [`${path}: has no schema for ${kind}`];
  // Streams that OpenAI has and its document does not show are made of the same events or objects as its others.
  const { $ref } = (operations[`${method} ${url}`]!.stream ?? {}) as { $ref?: string };
  return streaming && $ref !== undefined
    ? values.flatMap((value) => nonconformities($ref.split('/').at(-1)!, value))
    : [];
}

test('every parameter in OpenAI’s document was said, and became what our table of parameters says', async () => {
  const endpoints = endpointsOf(routes, await recorder.exchanges());
  const missed = endpoints
    .filter(({ served }) => served)
    .flatMap(({ method, path, parameters }) =>
      parameters.filter(({ fate }) => fate === 'not driven').map(({ name }) => `${method} ${path} ${name}`),
    );
  expect(missed).toEqual([]);
});

test('our own document has the parameters that are accepted, and not those that are refused', async () => {
  for (const { method, path, own, served, parameters } of endpointsOf(routes, await recorder.exchanges())) {
    if (own || !served) continue;
    const { requestBody } = ours.paths[path]![method.toLowerCase()]!;
    const schema: { readonly $ref?: string } = Object.values(requestBody?.content ?? {})[0]?.schema ?? {};
    const shown = Object.keys(fieldsOf(schema, ours.components.schemas).properties);
    const inBody = parameters.filter(({ place }) => place === 'body');
    const accepted = inBody.filter(({ fate }) => fate !== 'refused').map(({ name }) => name);
    const added = Object.keys(ourParameters[schema.$ref?.split('/').at(-1) ?? ''] ?? {});
    expect([...shown].sort(), `${method} ${path}`).toEqual([...accepted, ...added].sort());
  }
});

test('docs/api-coverage.md says what this run has shown', async () => {
  const page = coveragePage(endpointsOf(routes, await recorder.exchanges()), differences);
  await expect(page).toMatchFileSnapshot('../../docs/api-coverage.md');
});
