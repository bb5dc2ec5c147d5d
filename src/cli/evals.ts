/** `tunesmith evals …`: evals and their runs, through the API. (`tunesmith eval` measures a model on a file of chats.) */

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import type OpenAI from 'openai';
import { isRunOver, type RunStatus } from '../domain/eval.ts';
import { decimalNumber, wholeNumber, type Act, type Context } from './context.ts';
import { fileId } from './files.ts';
import { bar } from './job-view.ts';
import { Interrupted, isInterruption, JobFailed, UsageError } from './outcome.ts';
import { formatDuration, formatTime, record, table } from './terminal.ts';

type Run = OpenAI.Evals.RunRetrieveResponse;
type Item = OpenAI.Evals.Runs.OutputItemListResponse;

interface RunOptions {
  readonly data?: string;
  readonly source?: string;
  readonly model?: string;
  readonly prompt?: string;
  readonly system?: string;
  readonly messages?: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
  readonly endpoint?: string;
  readonly endpointKeyEnv: string;
  readonly name?: string;
  readonly follow?: boolean;
}

interface ItemsOptions {
  readonly status?: 'pass' | 'fail' | 'error';
  readonly limit: number;
}

const pollMs = 500;

const createExamples = `
The file holds what POST /v1/evals takes:
  {"name":"capitals","data_source_config":{"type":"custom","item_schema":{"type":"object"}},
   "testing_criteria":[{"type":"string_check","name":"same","operation":"eq",
                        "input":"{{sample.output_text}}","reference":"{{item.answer}}"}]}

Example:
  $ tunesmith evals create capitals.json`;

const runExamples = `
Each line of the data is an item: {"item":{"question":"…","answer":"…"}}. With --model it is asked about each; without,
the answers are taken from the lines: {"item":{…},"sample":{"output_text":"…"}}.

Examples:
  $ tunesmith evals run eval_abc123 --data items.jsonl --model smollm2-135m-instruct --prompt "{{item.question}}" --follow
  $ tunesmith evals run eval_abc123 --data items.jsonl --model gpt-4o --messages item.messages --endpoint https://api.openai.com/v1
  $ tunesmith evals run eval_abc123 --source data-source.json`;

export function evalsCommand(program: Command, act: Act): void {
  const evals = program.command('evals').description("OpenAI's evals: graders on items, run by run");

  evals
    .command('create <path>')
    .description('make an eval of a JSON file')
    .addHelpText('after', createExamples)
    .action(
      act(async (context, _, path = '') => {
        const body = (await readJson(path)) as OpenAI.Evals.EvalCreateParams;
        await using connection = await context.connect();
        const made = await connection.openai.evals.create(body, { signal: context.signal });
        context.terminal.result(made, () => made.id);
      }),
    );

  evals
    .command('list')
    .description('evals, newest first')
    .option('--limit <count>', 'at most so many', wholeNumber, 20)
    .action(
      act<{ limit: number }>(async (context, { limit }) => {
        await using connection = await context.connect();
        const page = await connection.openai.evals.list({ limit, order: 'desc' }, { signal: context.signal });
        context.terminal.result(page.data, () => evalsTable(page.data));
      }),
    );

  evals.command('show <eval> [run]').description('an eval with its newest runs, or one run').action(act(show));

  evals
    .command('run <eval>')
    .description('run an eval on a file of items, or on any data source')
    .option('--data <path|id>', 'the items: a JSONL file, which is uploaded first, or the id of one that is there')
    .option('--model <name>', 'ask this model about each item')
    .option('--prompt <template>', 'what to ask, with {{item.…}} in it')
    .option('--system <template>', 'what the model is told before')
    .option('--messages <path>', 'where an item holds the messages to ask with, such as item.messages')
    .option('--temperature <number>', 'how freely to answer (default: 1)', decimalNumber)
    .option('--max-tokens <count>', 'tokens of an answer at most', wholeNumber)
    .option('--endpoint <url>', 'another OpenAI-compatible server that answers, ending in /v1')
    .addOption(
      new Option('--endpoint-key-env <variable>', 'the environment variable that holds its key').default(
        'EVALS_ENDPOINT_KEY',
      ),
    )
    .option('--source <path>', 'a JSON file with the whole data source instead')
    .option('--name <name>', 'a name for the run')
    .option('--follow', 'stay until it ends; without a server, one runs here meanwhile')
    .addHelpText('after', runExamples)
    .action(act<RunOptions>(run));

  evals
    .command('follow <eval> <run>')
    .description('how far a run is, until it ends; Ctrl-C leaves the run alone')
    .action(
      act(async (context, _, evalId = '', id = '') => {
        await using connection = await context.connect({ training: true });
        await follow(context, connection.openai, evalId, id, connection.startedHere);
      }),
    );

  evals
    .command('items <eval> <run>')
    .description('what came of the items of a run')
    .addOption(new Option('--status <status>', 'only these').choices(['pass', 'fail', 'error']))
    .option('--limit <count>', 'at most so many', wholeNumber, 20)
    .action(
      act<ItemsOptions>(async (context, { status, limit }, evalId = '', id = '') => {
        await using connection = await context.connect();
        const query = { eval_id: evalId, limit, ...(status !== undefined && { status: status as 'pass' }) };
        const { data } = await connection.openai.evals.runs.outputItems.list(id, query, { signal: context.signal });
        context.terminal.result(data, () => itemsTable(data));
      }),
    );

  evals
    .command('cancel <eval> <run>')
    .description('stop a run; what is judged stays')
    .action(
      act(async (context, _, evalId = '', id = '') => {
        await using connection = await context.connect();
        const { signal } = context;
        const canceled = await connection.openai.evals.runs.cancel(id, { eval_id: evalId }, { signal });
        context.terminal.result(canceled, () => `${id} is ${canceled.status}; ${countsOf(canceled)}.`);
      }),
    );

  evals
    .command('delete <eval> [run]')
    .description('delete a run, or an eval with all its runs')
    .action(
      act(async (context, _, evalId = '', id) => {
        await using connection = await context.connect();
        const { evals: all } = connection.openai;
        const { signal } = context;
        const deleted =
          id === undefined
            ? await all.delete(evalId, { signal })
            : await all.runs.delete(id, { eval_id: evalId }, { signal });
        context.terminal.result(deleted, () => `Deleted ${id ?? evalId}.`);
      }),
    );
}

async function show(context: Context, _: unknown, evalId = '', id?: string): Promise<void> {
  await using connection = await context.connect();
  const { openai } = connection;
  const { terminal, signal } = context;
  if (id !== undefined) {
    const found = await openai.evals.runs.retrieve(id, { eval_id: evalId }, { signal });
    terminal.result(found, () => runRecord(found));
    return;
  }
  const found = await openai.evals.retrieve(evalId, { signal });
  const { data: runs } = await openai.evals.runs.list(evalId, { order: 'desc' }, { signal });
  terminal.result({ ...found, runs }, () =>
    [evalRecord(found), ...(runs.length === 0 ? [] : ['', runsTable(runs)])].join('\n'),
  );
}

async function run(context: Context, options: RunOptions, evalId = ''): Promise<void> {
  assertOneSource(options);
  const written = options.source === undefined ? null : ((await readJson(options.source)) as object);
  await using connection = await context.connect({ training: options.follow === true });
  const { openai } = connection;
  const { signal, terminal } = context;
  const data_source = written ?? (await dataSource(context, openai, options));
  const { name } = options;
  const body = { data_source, ...(name !== undefined && { name }) } as OpenAI.Evals.RunCreateParams;
  const made = await openai.evals.runs.create(evalId, body, { signal });
  if (options.follow === true) {
    terminal.note(`Created ${made.id}.`);
    await follow(context, openai, evalId, made.id, connection.startedHere);
    return;
  }
  terminal.result(made, () => made.id);
  if (connection.startedHere) terminal.note('No server runs: the run waits until "tunesmith serve" does.');
  else terminal.note(`Watch it with: tunesmith evals follow ${evalId} ${made.id}`);
}

function assertOneSource({ data, source, model, prompt, system, messages, ...wishes }: RunOptions): void {
  const { endpoint, temperature, maxTokens } = wishes;
  if ((data === undefined) === (source === undefined))
    throw new UsageError('Say where the items are: --data with a file of them, or --source with a whole data source.');
  const asking = Object.entries({ model, prompt, system, messages, endpoint, temperature, 'max-tokens': maxTokens })
    .filter(([, value]) => value !== undefined)
    .map(([option]) => option);
  if (source !== undefined && asking.length > 0)
    throw new UsageError(`--${asking[0]} goes with --data; with --source the file says it.`);
  if (model === undefined && asking.length > 0) throw new UsageError(`--${asking[0]} is for a model: add --model.`);
  if (model !== undefined && (prompt === undefined) === (messages === undefined))
    throw new UsageError(
      'Say what the model is asked: --prompt with a template, or --messages with a path in the items.',
    );
  if (messages !== undefined && system !== undefined)
    throw new UsageError('--system goes with --prompt; with --messages the items say it.');
}

async function dataSource(context: Context, openai: OpenAI, options: RunOptions): Promise<object> {
  const { data = '', model, prompt, system, messages, temperature, maxTokens, endpoint, endpointKeyEnv } = options;
  const source = { type: 'file_id', id: await fileId(context, openai, data, 'evals') };
  if (model === undefined) return { type: 'jsonl', source };
  const key = context.surroundings.env[endpointKeyEnv];
  const template = [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: prompt },
  ];
  return {
    type: 'completions',
    source,
    model,
    input_messages:
      messages === undefined ? { type: 'template', template } : { type: 'item_reference', item_reference: messages },
    sampling_params: {
      ...(temperature !== undefined && { temperature }),
      ...(maxTokens !== undefined && { max_completion_tokens: maxTokens }),
    },
    ...(endpoint !== undefined && { endpoint: { base_url: endpoint, ...(key && { api_key: key }) } }),
  };
}

/** Shows the run until it ends; what comes last is the run, and an error unless it was completed. */
async function follow(
  context: Context,
  openai: OpenAI,
  evalId: string,
  id: string,
  startedHere: boolean,
): Promise<void> {
  const { terminal } = context;
  let ended: Run;
  try {
    ended = await watch(context, openai, evalId, id);
  } catch (error) {
    if (!isInterruption(error)) throw error;
    const goesOn = startedHere ? 'It continues when a server runs' : 'The run goes on';
    throw new Interrupted(`${goesOn}; see it with: tunesmith evals follow ${evalId} ${id}`);
  } finally {
    terminal.live('');
  }
  terminal.result(ended, () => runRecord(ended));
  const error = ended.error as Run['error'] | null;
  if (ended.status !== 'completed')
    throw new JobFailed(`${id} is ${ended.status}${error === null ? '' : `: ${error.message}`}`);
  const { failed, errored } = ended.result_counts;
  const worst = errored > 0 ? 'error' : 'fail';
  if (failed + errored > 0)
    terminal.note(`See what went wrong with: tunesmith evals items ${evalId} ${id} --status ${worst}`);
}

async function watch({ terminal, signal }: Context, openai: OpenAI, evalId: string, id: string): Promise<Run> {
  let status = '';
  const startedMs = Date.now();
  for (;;) {
    const found = await openai.evals.runs.retrieve(id, { eval_id: evalId }, { signal });
    if (isRunOver(found.status as RunStatus)) return found;
    const progress = progressOf(found, Date.now() - startedMs);
    if (found.status !== status && !terminal.isInteractive && !terminal.json) terminal.note(progress);
    ({ status } = found);
    terminal.live(progress);
    await sleep(pollMs, undefined, { signal });
  }
}

function progressOf(found: Run, sinceMs: number): string {
  const { total, passed, failed, errored } = found.result_counts;
  if (found.status !== 'in_progress' || total === 0) return found.status.replace('_', ' ');
  const done = passed + failed + errored;
  return `${bar(done / total)} ${done}/${total} judged  ${countsOf(found)}  ${formatDuration(sinceMs)}`;
}

function countsOf({ result_counts: { total, passed, failed, errored } }: Run): string {
  return `${passed} passed, ${failed} failed, ${errored} errors, ${total} in all`;
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new UsageError(`${path} is not JSON: ${(error as Error).message}`);
  }
}

function evalsTable(evals: readonly OpenAI.Evals.EvalListResponse[]): string {
  return table(
    ['ID', 'NAME', 'CRITERIA', 'CREATED'],
    evals.map((each) => [each.id, each.name || null, each.testing_criteria.length, formatTime(each.created_at)]),
  );
}

function evalRecord(found: OpenAI.Evals.EvalRetrieveResponse): string {
  const fields = record({
    id: found.id,
    name: found.name,
    items: found.data_source_config.type,
    created: formatTime(found.created_at),
    metadata: Object.entries(found.metadata ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(', '),
  });
  const criteria = table(
    ['CRITERION', 'KIND', 'PASSES FROM'],
    found.testing_criteria.map((each) => [
      each.name ?? null,
      each.type,
      'pass_threshold' in each ? (each.pass_threshold ?? null) : null,
    ]),
  );
  return `${fields}\n\n${criteria}`;
}

function runsTable(runs: readonly Run[]): string {
  return table(
    ['RUN', 'STATUS', 'MODEL', 'PASSED', 'FAILED', 'ERRORS', 'TOTAL', 'CREATED'],
    runs.map((each) => {
      const { passed, failed, errored, total } = each.result_counts;
      return [each.id, each.status, each.model || null, passed, failed, errored, total, formatTime(each.created_at)];
    }),
  );
}

function runRecord(found: Run): string {
  const error = found.error as Run['error'] | null;
  const fields = record({
    id: found.id,
    eval: found.eval_id,
    name: found.name,
    status: found.status,
    model: found.model,
    items: countsOf(found),
    tokens: found.per_model_usage.reduce((sum, { total_tokens }) => sum + total_tokens, 0) || null,
    created: formatTime(found.created_at),
    report: found.report_url,
    error: error === null ? null : error.message,
  });
  const criteria = table(
    ['CRITERION', 'PASSED', 'FAILED'],
    found.per_testing_criteria_results.map((each) => [each.testing_criteria, each.passed, each.failed]),
  );
  return `${fields}\n\n${criteria}`;
}

function itemsTable(items: readonly Item[]): string {
  return table(
    ['ITEM', 'STATUS', 'SCORES', 'ANSWER'],
    items.map(({ datasource_item_id, status, results, sample }) => [
      datasource_item_id,
      status,
      results.map(({ score }) => Number(score.toFixed(3))).join(' '),
      shortened(sample.output[0]?.content ?? (sample.error as { message: string } | null)?.message ?? ''),
    ]),
  );
}

/** On one line, and without what would move a terminal's cursor. */
function shortened(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').replaceAll(/\p{Cc}/gu, '\uFFFD');
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}
