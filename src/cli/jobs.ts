/** `tunesmith jobs …`: fine-tuning jobs, through the API. */

import { Option, type Command } from 'commander';
import type OpenAI from 'openai';
import { decimalNumber, wholeNumber, type Act, type Context } from './context.ts';
import { fileId } from './files.ts';
import { eventLine, watchJob } from './job-view.ts';
import { Interrupted, JobFailed, UsageError, isInterruption } from './outcome.ts';
import { formatDuration, formatTime, record, table } from './terminal.ts';

type Job = OpenAI.FineTuning.FineTuningJob;

interface CreateOptions {
  readonly model: string;
  readonly file: string;
  readonly validationFile?: string;
  readonly suffix?: string;
  readonly seed?: number;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly learningRateMultiplier?: number;
  readonly set: Record<string, unknown>;
  readonly follow?: boolean;
}

const createExamples = `
Examples:
  $ tunesmith jobs create --model smollm2-135m-instruct --file train.jsonl --follow
  $ tunesmith jobs create --model gpt-4o-mini --file file-abc123 --validation-file valid.jsonl --epochs 2
  $ tunesmith jobs create --model smollm2-135m-instruct --file train.jsonl --set lora_rank=8 --set learning_rate=2e-4`;

export function jobsCommand(program: Command, act: Act): void {
  const jobs = program.command('jobs').description('fine-tune: create jobs and look after them');

  jobs
    .command('create')
    .description('start a job; a path given where a file id is expected is uploaded first')
    .requiredOption('-m, --model <name>', 'base model, or an own fine-tuned model to continue from')
    .requiredOption('-f, --file <path|id>', 'training file: chat JSONL')
    .option('--validation-file <path|id>', 'file to measure on while training')
    .option('--suffix <text>', "becomes part of the new model's name")
    .option('--seed <number>', 'two jobs with one seed train alike', wholeNumber)
    .option('--epochs <count>', 'passes over the training file (n_epochs)', wholeNumber)
    .option('--batch-size <count>', 'examples per step', wholeNumber)
    .option('--learning-rate-multiplier <number>', "times the model's usual rate", decimalNumber)
    .addOption(
      new Option('--set <name=value>', "any other hyper-parameter of Tunesmith's; may be repeated")
        .argParser(hyperparameter)
        .default({}, 'none'),
    )
    .option('--follow', 'stay and show its events; without a server, one runs here meanwhile')
    .addHelpText('after', createExamples)
    .action(act<CreateOptions>(create));

  jobs
    .command('list')
    .description('jobs, newest first')
    .option('--limit <count>', 'at most so many', wholeNumber, 20)
    .action(
      act<{ limit: number }>(async (context, { limit }) => {
        await using connection = await context.connect();
        const page = await connection.openai.fineTuning.jobs.list({ limit }, { signal: context.signal });
        context.terminal.result(page.data, () => jobsTable(page.data));
      }),
    );

  jobs
    .command('show <id>')
    .description('one job')
    .action(
      act(async (context, _, id = '') => {
        await using connection = await context.connect();
        const job = await connection.openai.fineTuning.jobs.retrieve(id, { signal: context.signal });
        context.terminal.result(job, () => jobRecord(job));
      }),
    );

  jobs
    .command('follow <id>')
    .description('events as they come, until the job ends; Ctrl-C leaves the job alone')
    .action(
      act(async (context, _, id = '') => {
        await using connection = await context.connect({ training: true });
        await follow(context, connection.openai, id, connection.startedHere);
      }),
    );

  jobs
    .command('events <id>')
    .description('what has happened so far, oldest first')
    .option('--limit <count>', 'only the newest so many', wholeNumber)
    .action(
      act<{ limit?: number }>(async (context, { limit = Infinity }, id = '') => {
        await using connection = await context.connect();
        const query = { limit: Math.min(limit, 100) };
        const events: OpenAI.FineTuning.FineTuningJobEvent[] = [];
        for await (const event of connection.openai.fineTuning.jobs.listEvents(id, query, { signal: context.signal })) {
          if (events.push(event) >= limit) break;
        }
        context.terminal.result(events.reverse(), () => events.map(eventLine).join('\n'));
      }),
    );

  for (const [name, past] of [
    ['cancel', 'cancelled'],
    ['pause', 'paused'],
    ['resume', 'resumed'],
  ] as const) {
    jobs
      .command(`${name} <id>`)
      .description(`${name} a job`)
      .action(
        act(async (context, _, id = '') => {
          await using connection = await context.connect();
          const job = await connection.openai.fineTuning.jobs[name](id, { signal: context.signal });
          context.terminal.result(job, () => `${job.id} is being ${past}; its status is ${job.status}.`);
        }),
      );
  }
}

async function create(context: Context, options: CreateOptions): Promise<void> {
  await using connection = await context.connect({ training: options.follow === true });
  const { openai } = connection;
  const { signal, terminal } = context;
  const hyperparameters = {
    ...(options.epochs === undefined ? {} : { n_epochs: options.epochs }),
    ...(options.batchSize === undefined ? {} : { batch_size: options.batchSize }),
    ...(options.learningRateMultiplier === undefined
      ? {}
      : { learning_rate_multiplier: options.learningRateMultiplier }),
    ...options.set,
  };
  const job = await openai.fineTuning.jobs.create(
    {
      model: options.model,
      training_file: await fileId(context, openai, options.file, 'fine-tune'),
      ...(options.validationFile === undefined
        ? {}
        : { validation_file: await fileId(context, openai, options.validationFile, 'fine-tune') }),
      ...(options.suffix === undefined ? {} : { suffix: options.suffix }),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(Object.keys(hyperparameters).length === 0
        ? {}
        : { method: { type: 'supervised', supervised: { hyperparameters } } }),
    },
    { signal },
  );
  if (options.follow === true) {
    terminal.note(`Created ${job.id}.`);
    await follow(context, openai, job.id, connection.startedHere);
    return;
  }
  terminal.result(job, () => job.id);
  if (connection.startedHere) terminal.note('No server runs: the job waits until "tunesmith serve" does.');
  else terminal.note(`Watch it with: tunesmith jobs follow ${job.id}`);
}

/** Shows the job until it ends; what comes last is the job, and an error unless it succeeded. */
async function follow(context: Context, openai: OpenAI, id: string, startedHere: boolean): Promise<void> {
  const { terminal, signal } = context;
  let job: Job;
  try {
    job = await watchJob(openai, id, terminal, signal, (event) =>
      terminal.data(terminal.json ? JSON.stringify(event) : eventLine(event)),
    );
  } catch (error) {
    if (!isInterruption(error)) throw error;
    const goesOn = startedHere ? 'It continues from its last checkpoint when a server runs' : 'The job goes on';
    throw new Interrupted(`${goesOn}; see it with: tunesmith jobs follow ${id}`);
  }
  terminal.result(job, () => jobRecord(job));
  if (job.status === 'failed' || job.status === 'cancelled') {
    const reason = job.error?.message ?? '';
    throw new JobFailed(`${job.id} ${job.status}${reason === '' ? '.' : `: ${reason}`}`);
  }
  if (job.status === 'succeeded') terminal.note(`What might make it better: tunesmith advise ${job.id}`);
}

/** `lora_rank=8` → a number, `lora_targets=q_proj,v_proj` → a list, `early_stopping=true` or `{…}` → JSON, anything else a word. */
function hyperparameter(text: string, earlier: Record<string, unknown>): Record<string, unknown> {
  const [, name, value] = /^(\w+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError(`--set ${text}: name=value was expected, such as lora_rank=8.`);
  }
  return { ...earlier, [name]: meantBy(name, value) };
}

function meantBy(name: string, value: string): unknown {
  if (Number.isFinite(Number(value))) return Number(value);
  if (name === 'lora_targets') return value.split(',');
  if (!/^(true|false|\{.*\})$/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    throw new UsageError(`--set ${name}=${value}: that is not JSON.`);
  }
}

function jobsTable(jobs: readonly Job[]): string {
  return table(
    ['ID', 'STATUS', 'MODEL', 'FINE-TUNED MODEL', 'CREATED'],
    jobs.map((job) => [job.id, job.status, job.model, job.fine_tuned_model, formatTime(job.created_at)]),
  );
}

function settingText(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function jobRecord(job: Job): string {
  const settings = Object.entries(job.hyperparameters ?? job.method?.dpo?.hyperparameters ?? {}).map(
    ([name, value]) => `${name} ${settingText(value)}`,
  );
  const tookMs = job.finished_at === null ? null : (job.finished_at - job.created_at) * 1000;
  return record({
    id: job.id,
    status: job.status,
    error: job.error?.message,
    model: job.model,
    'fine-tuned model': job.fine_tuned_model,
    'training file': job.training_file,
    'validation file': job.validation_file,
    'hyper-parameters': settings.join(', '),
    seed: job.seed,
    'trained tokens': job.trained_tokens,
    created: formatTime(job.created_at),
    finished: tookMs === null ? null : `${formatTime(job.finished_at)} (after ${formatDuration(tookMs)})`,
    results: job.result_files.join(', '),
  });
}
