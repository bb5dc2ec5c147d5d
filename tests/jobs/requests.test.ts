/** What the job endpoints accept, refuse and list, through the official SDK. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestHouse, type TestHouse } from '../house.ts';
import { asJob, examples, tinyHome, upload, waitFor } from './tiny-house.ts';

let home: Awaited<ReturnType<typeof tinyHome>>;
let house: TestHouse;
let openai: TestHouse['openai'];
let training_file: string;

beforeAll(async () => {
  home = await tinyHome();
  house = await openTestHouse({ home: home.home });
  openai = house.openai;
  training_file = await upload(openai, examples());
  await house.house.worker.close(); // here jobs are only made and looked at
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const post = async (body: unknown, headers: Record<string, string> = {}) => {
  const answer = await fetch(`${house.url}/fine_tuning/jobs`, {
    method: 'POST',
    headers: { authorization: 'Bearer any', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as { id: string; error: Record<string, string | null> } };
};

const supervised = (hyperparameters: unknown) => ({ method: { type: 'supervised', supervised: { hyperparameters } } });
const at = (name: string) => `method.supervised.hyperparameters.${name}`;
const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));

test.each<[string, object, { code: string | null; param: string | null; message: RegExp }]>([
  ['no model', { model: undefined }, { code: 'missing_required_parameter', param: 'model', message: /'model'/ }],
  ['no file', { training_file: null }, { code: null, param: 'training_file', message: /training_file/ }],
  [
    'a model that is not there',
    { model: 'gpt-9' },
    {
      code: 'model_not_available',
      param: 'model',
      message: /^Model gpt-9 is not available for fine-tuning or does not exist\.$/,
    },
  ],
  [
    'a file that is not there',
    { training_file: 'file-x' },
    { code: null, param: 'training_file', message: /invalid training_file: .*file-x/ },
  ],
  [
    'a validation file that is not there',
    { validation_file: 'file-x' },
    { code: null, param: 'validation_file', message: /file-x/ },
  ],
  ['a suffix with a colon', { suffix: 'a:b' }, { code: 'invalid_value', param: 'suffix', message: /pattern/ }],
  ['an empty suffix', { suffix: '' }, { code: 'string_below_min_length', param: 'suffix', message: /suffix/ }],
  ['a long suffix', { suffix: 'x'.repeat(65) }, { code: 'string_above_max_length', param: 'suffix', message: /64/ }],
  ['a negative seed', { seed: -1 }, { code: 'integer_below_min_value', param: 'seed', message: />= 0.*-1/ }],
  ['a large seed', { seed: 2 ** 31 }, { code: 'integer_above_max_value', param: 'seed', message: /<= 2147483647/ }],
  [
    'too many epochs',
    supervised({ n_epochs: 51 }),
    { code: 'integer_above_max_value', param: at('n_epochs'), message: /<= 50, but got 51/ },
  ],
  [
    'no epochs',
    { hyperparameters: { n_epochs: 0 } },
    { code: 'integer_below_min_value', param: 'hyperparameters.n_epochs', message: />= 1, but got 0/ },
  ],
  [
    'half an epoch',
    supervised({ n_epochs: 1.5 }),
    { code: 'invalid_type', param: at('n_epochs'), message: /'auto' or an integer/ },
  ],
  [
    'a number in quotes',
    supervised({ n_epochs: '3' }),
    { code: 'invalid_type', param: at('n_epochs'), message: /'auto' or an integer/ },
  ],
  [
    'a large batch',
    supervised({ batch_size: 257 }),
    { code: 'integer_above_max_value', param: at('batch_size'), message: /<= 256/ },
  ],
  [
    'a multiplier of zero',
    supervised({ learning_rate_multiplier: 0 }),
    { code: 'decimal_below_min_value', param: at('learning_rate_multiplier'), message: /> 0, but got 0/ },
  ],
  [
    'an unknown hyper-parameter',
    supervised({ epochs: 3 }),
    { code: 'unknown_parameter', param: at('epochs'), message: /'epochs'.*n_epochs, batch_size.*lora_rank/ },
  ],
  [
    'an unknown one at the top',
    { hyperparameters: { lr: 3 } },
    { code: 'unknown_parameter', param: 'hyperparameters.lr', message: /'lr'.*learning_rate_multiplier/ },
  ],
  [
    'an unknown target',
    supervised({ lora_targets: ['q_proj', 'lm_head'] }),
    { code: 'invalid_value', param: `${at('lora_targets')}[1]`, message: /'lm_head'.*q_proj/ },
  ],
  [
    'an unknown schedule',
    supervised({ lr_schedule: 'step' }),
    { code: 'invalid_value', param: at('lr_schedule'), message: /'step'.*cosine/ },
  ],
  [
    'sequences longer than the context',
    supervised({ max_length: 513 }),
    { code: 'integer_above_max_value', param: at('max_length'), message: /<= 512, the context of tiny, but got 513/ },
  ],
  [
    'another method',
    { method: { type: 'reinforcement' } },
    { code: 'unsupported_value', param: 'method.type', message: /'reinforcement'.*'supervised' and 'dpo'/ },
  ],
  [
    'reinforcement',
    { method: { type: 'reinforcement', reinforcement: { grader: {} } } },
    { code: 'unsupported_value', param: 'method.type', message: /'reinforcement'.*'supervised'/ },
  ],
  [
    'an unknown method',
    { method: { type: 'osmosis' } },
    { code: 'invalid_value', param: 'method.type', message: /'osmosis'.*supervised/ },
  ],
  [
    'a method without a type',
    { method: {} },
    { code: 'missing_required_parameter', param: 'method.type', message: /method\.type/ },
  ],
  [
    'an unknown field of a method',
    { method: { type: 'supervised', epochs: 3 } },
    { code: 'unknown_parameter', param: 'method.epochs', message: /epochs/ },
  ],
  [
    'Weights & Biases without a key',
    { integrations: [{ type: 'wandb', wandb: { project: 'p' } }] },
    { code: 'integration_not_configured', param: 'integrations', message: /key/i },
  ],
  ['much metadata', { metadata: pairs(17) }, { code: 'object_above_max_properties', param: 'metadata', message: /16/ }],
  [
    'a long metadata value',
    { metadata: { k: 'v'.repeat(513) } },
    { code: 'string_above_max_length', param: 'metadata.k', message: /512/ },
  ],
])('%s is refused by name', async (_, change, { code, param, message }) => {
  const { status, body } = await post({ model: 'tiny', training_file, ...change });
  expect(status).toBe(400);
  expect(body.error).toMatchObject({ type: 'invalid_request_error', param });
  if (code !== null) expect(body.error['code']).toBe(code);
  expect(body.error['message']).toMatch(message);
});

test('a file of another purpose and the training file itself are no validation files', async () => {
  const file = new File(['x'], 'notes.txt');
  const { id } = await openai.files.create({ file, purpose: 'assistants' });
  const create = (validation_file: string) =>
    openai.fineTuning.jobs.create({ model: 'tiny', training_file, validation_file });
  const error = { status: 400, param: 'validation_file' };
  await expect(create(id)).rejects.toMatchObject({
    ...error,
    message: expect.stringContaining(`'assistants'`) as string,
  });
  await expect(create(training_file)).rejects.toMatchObject(error);
});

test('nulls and unknown fields at the top are as good as absent', async () => {
  const absent = ['validation_file', 'suffix', 'seed', 'method', 'hyperparameters', 'integrations', 'metadata'];
  const nulls = Object.fromEntries(absent.map((name) => [name, null]));
  const { status, body } = await post({ model: 'tiny', training_file, ...nulls, tomorrow: 1 });
  expect(status).toBe(200);
  expect(body).toMatchObject({ validation_file: null, user_provided_suffix: null, metadata: null, integrations: [] });
  expect(asJob(body as never).seed).toBeTypeOf('number');
});

test('extra hyper-parameters are echoed as they were asked for', async () => {
  const asked = {
    n_epochs: 2,
    lora_rank: 8,
    lora_targets: ['q_proj'],
    lr_schedule: 'linear',
    base_precision: 'f32',
    max_length: 512,
  };
  const { body } = await post({ model: 'tiny', training_file, ...supervised(asked) });
  expect(asJob(body as never).hyperparameters).toEqual({
    batch_size: 'auto',
    learning_rate_multiplier: 'auto',
    ...asked,
  });
});

test('the deprecated place of hyper-parameters still works, and the new one wins', async () => {
  const { body } = await post({
    model: 'tiny',
    training_file,
    hyperparameters: { n_epochs: 2, batch_size: 4 },
    ...supervised({ n_epochs: 5 }),
  });
  expect(asJob(body as never).hyperparameters).toEqual({
    n_epochs: 5,
    batch_size: 4,
    learning_rate_multiplier: 'auto',
  });
});

test('one idempotency key makes one job', async () => {
  const headers = { 'idempotency-key': 'once-please' };
  const request = { model: 'tiny', training_file, suffix: 'twice' };
  const made = await Promise.all([1, 2, 3].map(() => post(request, headers)));
  expect(new Set(made.map(({ body }) => body.id)).size).toBe(1);
  const other = await post({ ...request, suffix: 'other' }, headers);
  expect(other).toMatchObject({ status: 400, body: { error: { code: 'idempotency_key_reused' } } });
});

test('a job that nobody made is answered the way OpenAI answers it', async () => {
  const { jobs } = openai.fineTuning;
  const id = 'ftjob-nobody';
  const answers = [
    () => jobs.retrieve(id),
    () => jobs.cancel(id),
    () => jobs.pause(id),
    () => jobs.resume(id),
    () => jobs.listEvents(id),
    () => jobs.checkpoints.list(id),
  ];
  for (const ask of answers)
    await expect(ask()).rejects.toMatchObject({
      status: 404,
      type: 'invalid_request_error',
      code: 'fine_tune_not_found',
      param: 'fine_tune_id',
      message: expect.stringContaining('Could not find fine tune: ftjob-nobody') as string,
    });
});

test('jobs are listed newest first, page by page, and by metadata', async () => {
  const made: string[] = [];
  for (const team of ['red', 'blue', 'red'])
    made.unshift(
      (await openai.fineTuning.jobs.create({ model: 'tiny', training_file, metadata: { team, run: 'list' } })).id,
    );
  const first = await openai.fineTuning.jobs.list({ limit: 2 });
  expect(first.data.map(({ id }) => id)).toEqual(made.slice(0, 2));
  expect(first.has_more).toBe(true);
  expect(Object.keys((await (await openai.fineTuning.jobs.list({ limit: 2 }).asResponse()).json()) as object)).toEqual([
    'object',
    'data',
    'has_more',
  ]);
  const next = await openai.fineTuning.jobs.list({ limit: 1, after: made[1]! });
  expect(next.data.map(({ id }) => id)).toEqual([made[2]]);

  const of = async (metadata: Record<string, string> | null) =>
    (await openai.fineTuning.jobs.list({ metadata, limit: 100 })).data.map(({ id }) => id);
  expect(await of({ team: 'red' })).toEqual([made[0], made[2]]);
  expect(await of({ team: 'blue', run: 'list' })).toEqual([made[1]]);
  expect(await of({ team: 'blue', run: 'other' })).toEqual([]);
  const without = await fetch(`${house.url}/fine_tuning/jobs?metadata=null&limit=100`, {
    headers: { authorization: 'Bearer any' },
  });
  const { data } = (await without.json()) as { data: { id: string; metadata: null }[] };
  expect(data.length).toBeGreaterThan(0);
  for (const job of data) expect(job.metadata).toBeNull();

  let all = 0;
  for await (const _ of openai.fineTuning.jobs.list({ limit: 2 })) all++;
  expect(all).toBeGreaterThanOrEqual(made.length + data.length);
  await expect(openai.fineTuning.jobs.list({ after: 'ftjob-x' })).rejects.toMatchObject({
    status: 400,
    param: 'after',
    code: 'invalid_value',
  });
});

test('events are listed newest first, and a cursor stays true while new ones arrive', async () => {
  const { id } = await openai.fineTuning.jobs.create({ model: 'tiny', training_file });
  const first = await openai.fineTuning.jobs.listEvents(id, { limit: 1 });
  expect(first.data.map(({ message }) => message)).toEqual([`Validating training file: ${training_file}`]);
  expect(first.has_more).toBe(true);
  await openai.fineTuning.jobs.cancel(id);
  const next = await openai.fineTuning.jobs.listEvents(id, { limit: 5, after: first.data[0]!.id });
  expect(next.data.map(({ message }) => message)).toEqual([`Created fine-tuning job: ${id}`]);
  expect(next.has_more).toBe(false);
  expect(next.data[0]).toMatchObject({ object: 'fine_tuning.job.event', level: 'info', type: 'message', data: {} });
  await expect(openai.fineTuning.jobs.listEvents(id, { after: 'ftevent-x' })).rejects.toMatchObject({
    status: 400,
    param: 'after',
  });
});

test('a waiting job is cancelled at once, and cannot be paused or resumed', async () => {
  const { id } = await openai.fineTuning.jobs.create({ model: 'tiny', training_file });
  for (const act of ['pause', 'resume'] as const)
    await expect(openai.fineTuning.jobs[act](id)).rejects.toMatchObject({ status: 400, code: 'invalid_job_state' });
  const { job } = { job: asJob(await openai.fineTuning.jobs.cancel(id)) };
  expect(job).toMatchObject({ id, status: 'cancelled', fine_tuned_model: null });
  expect(job.finished_at).toBeTypeOf('number');
  expect((await waitFor(openai, id)).job).toEqual(job);
  await expect(openai.fineTuning.jobs.cancel(id)).rejects.toMatchObject({ status: 400, code: 'invalid_job_state' });
});
