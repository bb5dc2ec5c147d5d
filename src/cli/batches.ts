/** `tunesmith batches …`: files of requests, answered in the background, through the API. */

import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import type OpenAI from 'openai';
import { batchEndpoints, type BatchEndpoint, isBatchOver } from '../domain/batch.ts';
import { wholeNumber, type Act, type Context } from './context.ts';
import { fileId } from './files.ts';
import { bar } from './job-view.ts';
import { Interrupted, JobFailed, UsageError, isInterruption } from './outcome.ts';
import { formatDuration, formatTime, record, table } from './terminal.ts';

type Batch = OpenAI.Batch;

interface CreateOptions {
  readonly endpoint: BatchEndpoint;
  readonly follow?: boolean;
}

interface OutputOptions {
  readonly output?: string;
  readonly errors?: boolean;
}

const pollMs = 500;

const createExamples = `
Each line of the file is a request:
  {"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"smollm2-135m-instruct","messages":[…]}}

Examples:
  $ tunesmith batches create requests.jsonl --follow
  $ tunesmith batches create file-abc123 --endpoint /v1/embeddings`;

export function batchesCommand(program: Command, act: Act): void {
  const batches = program.command('batches').description('answer files of requests in the background');

  batches
    .command('create <path|id>')
    .description('start a batch; a path given where a file id is expected is uploaded first')
    .addOption(
      new Option('--endpoint <path>', 'what all its requests are for')
        .choices(batchEndpoints)
        .default('/v1/chat/completions'),
    )
    .option('--follow', 'stay and show how far it is; without a server, one runs here meanwhile')
    .addHelpText('after', createExamples)
    .action(act<CreateOptions>(create));

  batches
    .command('list')
    .description('batches, newest first')
    .option('--limit <count>', 'at most so many', wholeNumber, 20)
    .action(
      act<{ limit: number }>(async (context, { limit }) => {
        await using connection = await context.connect();
        const page = await connection.openai.batches.list({ limit }, { signal: context.signal });
        context.terminal.result(page.data, () => batchesTable(page.data));
      }),
    );

  batches
    .command('show <id>')
    .description('one batch')
    .action(
      act(async (context, _, id = '') => {
        await using connection = await context.connect();
        const batch = await connection.openai.batches.retrieve(id, { signal: context.signal });
        context.terminal.result(batch, () => batchRecord(batch));
      }),
    );

  batches
    .command('follow <id>')
    .description('how far it is, until it ends; Ctrl-C leaves the batch alone')
    .action(
      act(async (context, _, id = '') => {
        await using connection = await context.connect({ training: true });
        await follow(context, connection.openai, id, connection.startedHere);
      }),
    );

  batches
    .command('cancel <id>')
    .description('stop a batch; what is answered stays')
    .action(
      act(async (context, _, id = '') => {
        await using connection = await context.connect();
        const batch = await connection.openai.batches.cancel(id, { signal: context.signal });
        context.terminal.result(batch, () => `${batch.id} is being cancelled; its status is ${batch.status}.`);
      }),
    );

  batches
    .command('output <id>')
    .description('the answers of a batch that has ended, on stdout or into --output')
    .option('-o, --output <path>', 'write here')
    .option('--errors', 'the requests that went wrong instead')
    .addHelpText('after', '\nExample:\n  $ tunesmith batches output batch_abc123 -o answers.jsonl')
    .action(act<OutputOptions>(output));
}

async function create(context: Context, { endpoint, follow: stays }: CreateOptions, input = ''): Promise<void> {
  await using connection = await context.connect({ training: stays === true });
  const { openai } = connection;
  const { signal, terminal } = context;
  const input_file_id = await fileId(context, openai, input, 'batch');
  const batch = await openai.batches.create({ input_file_id, endpoint, completion_window: '24h' }, { signal });
  if (stays === true) {
    terminal.note(`Created ${batch.id}.`);
    await follow(context, openai, batch.id, connection.startedHere);
    return;
  }
  terminal.result(batch, () => batch.id);
  if (connection.startedHere) terminal.note('No server runs: the batch waits until "tunesmith serve" does.');
  else terminal.note(`Watch it with: tunesmith batches follow ${batch.id}`);
}

/** Shows the batch until it ends; what comes last is the batch, and an error unless it was completed. */
async function follow(context: Context, openai: OpenAI, id: string, startedHere: boolean): Promise<void> {
  const { terminal } = context;
  let batch: Batch;
  try {
    batch = await watch(context, openai, id);
  } catch (error) {
    if (!isInterruption(error)) throw error;
    const goesOn = startedHere ? 'It continues when a server runs' : 'The batch goes on';
    throw new Interrupted(`${goesOn}; see it with: tunesmith batches follow ${id}`);
  } finally {
    terminal.live('');
  }
  terminal.result(batch, () => batchRecord(batch));
  if (batch.status !== 'completed') {
    const [first, ...more] = batch.errors?.data ?? [];
    const reason =
      first === undefined ? '' : `: ${inWords(first)}${more.length > 0 ? ` (and ${more.length} more)` : ''}`;
    throw new JobFailed(`${id} ${batch.status}${reason}`);
  }
  const ending = batch.output_file_id === null ? `output ${id} --errors` : `output ${id}`;
  terminal.note(`See the answers with: tunesmith batches ${ending}`);
}

async function watch({ terminal, signal }: Context, openai: OpenAI, id: string): Promise<Batch> {
  let status = '';
  for (;;) {
    const batch = await openai.batches.retrieve(id, { signal });
    if (isBatchOver(batch.status)) return batch;
    if (batch.status !== status && !terminal.isInteractive && !terminal.json) terminal.note(progress(batch));
    ({ status } = batch);
    terminal.live(progress(batch));
    await sleep(pollMs, undefined, { signal });
  }
}

function progress({ status, request_counts, in_progress_at }: Batch): string {
  const { total, completed, failed } = request_counts ?? { total: 0, completed: 0, failed: 0 };
  if (status !== 'in_progress' || total === 0) return status;
  const done = completed + failed;
  const seconds = Date.now() / 1000 - (in_progress_at ?? 0);
  const leftMs = done === 0 ? null : (seconds / done) * (total - done) * 1000;
  return [
    `${bar(done / total)} ${done}/${total} answered`,
    failed === 0 ? null : `${failed} failed`,
    leftMs === null ? null : `${formatDuration(leftMs)} left`,
  ]
    .filter((part) => part !== null)
    .join('  ');
}

async function output(context: Context, options: OutputOptions, id = ''): Promise<void> {
  await using connection = await context.connect();
  const { openai } = connection;
  const { signal, terminal } = context;
  const batch = await openai.batches.retrieve(id, { signal });
  const file = options.errors === true ? batch.error_file_id : batch.output_file_id;
  if (typeof file !== 'string') throw new UsageError(nothingThere(batch, options.errors === true));
  const response = await openai.files.content(file, { signal });
  const bytes = Readable.fromWeb(response.body as ReadableStream);
  if (options.output !== undefined) await pipeline(bytes, createWriteStream(options.output), { signal });
  else for await (const piece of bytes) terminal.raw(piece as Uint8Array);
}

function nothingThere({ id, status, output_file_id, error_file_id }: Batch, wantsErrors: boolean): string {
  if (!isBatchOver(status)) return `${id} is ${status}; its files are written when it ends.`;
  if (wantsErrors) return `${id} has no error file: nothing went wrong with a request.`;
  const hint = typeof error_file_id === 'string' && output_file_id === null ? ' See why with --errors.' : '';
  return `${id} has no output file: it is ${status}, and no request was answered.${hint}`;
}

function batchesTable(batches: readonly Batch[]): string {
  return table(
    ['ID', 'STATUS', 'ENDPOINT', 'DONE', 'FAILED', 'TOTAL', 'CREATED'],
    batches.map((batch) => {
      const { completed, failed, total } = batch.request_counts ?? { completed: 0, failed: 0, total: 0 };
      return [batch.id, batch.status, batch.endpoint, completed, failed, total, formatTime(batch.created_at)];
    }),
  );
}

function batchRecord(batch: Batch): string {
  const { total = 0, completed = 0, failed = 0 } = batch.request_counts ?? {};
  const ended = batch.completed_at ?? batch.failed_at ?? batch.expired_at ?? batch.cancelled_at ?? null;
  const errors = batch.errors?.data ?? [];
  const fields = record({
    id: batch.id,
    status: batch.status,
    endpoint: batch.endpoint,
    model: batch.model,
    requests: `${completed} answered, ${failed} failed, ${total} in all`,
    tokens: batch.usage?.total_tokens,
    input: batch.input_file_id,
    output: batch.output_file_id,
    'error file': batch.error_file_id,
    created: formatTime(batch.created_at),
    ended: ended === null ? null : `${formatTime(ended)} (after ${formatDuration((ended - batch.created_at) * 1000)})`,
    expires: ended === null ? formatTime(batch.expires_at) : null,
  });
  return [fields, ...errors.map((error) => `  ${inWords(error)}`)].join('\n');
}

const inWords = ({ line, message }: OpenAI.BatchError): string =>
  typeof line === 'number' ? `Line ${line}: ${message}` : (message ?? 'unknown error');
