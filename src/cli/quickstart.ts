/**
 * `tunesmith quickstart`: the main job, end to end, on real mails or on the user's own files.
 *
 * Fetch a base model, prepare the data, start a server on a free port of loopback; from there on nothing but the
 * official SDK: upload, train, follow, ask, compare, chat. What was done before is found again: the job by a
 * fingerprint in its metadata, answers by the questions that were asked.
 */

import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type OpenAI from 'openai';
import { BaseModels, type BaseModel } from '../models/base-models.ts';
import { askAll, chooseShots } from '../quickstart/ask.ts';
import { fingerprint, prepareData, seed, type DataOptions, type QuickstartData } from '../quickstart/data.ts';
import { judged, majority, reportCaption, reportCells, reportHead, type ReportRow } from '../quickstart/report.ts';
import { decimalNumber, wholeNumber, type Act, type Context } from './context.ts';
import { eventLine, watchJob } from './job-view.ts';
import { Interrupted, JobFailed, UsageError, isInterruption } from './outcome.ts';
import { pullView } from './pull-view.ts';
import { formatDuration, table } from './terminal.ts';

interface QuickstartOptions extends DataOptions {
  readonly model: string;
  readonly shots: number;
  readonly epochs: number;
  readonly learningRate: number;
  readonly fresh?: boolean;
}

const examples = `
Examples:
  $ tunesmith quickstart
  $ tunesmith quickstart --train my-train.jsonl --test my-test.jsonl
  $ tunesmith quickstart --model smollm2-360m-instruct --epochs 2`;

export function quickstartCommand(program: Command, act: Act): void {
  program
    .command('quickstart')
    .description('fine-tune a small chat model on real mails, measure it against its base, and chat with it')
    .option('--model <name>', 'base model: a name from the catalogue or a GGUF file', 'smollm2-135m-instruct')
    .option('--train <path>', 'your own labelled chats (JSONL; the answer is the label); needs --test')
    .option('--test <path>', 'held-out chats of the same kind')
    .option('--positive <label>', 'the label that precision and recall are about (default: average over labels)')
    .option('--train-size <count>', 'mails to train on', wholeNumber, 400)
    .option('--test-size <count>', 'mails to measure on', wholeNumber, 200)
    .option('--shots <count>', 'examples shown to the base model in the few-shot row', wholeNumber, 8)
    .option('--epochs <count>', 'passes over the training set', wholeNumber, 3)
    .option('--learning-rate <number>', 'peak of the schedule', decimalNumber, 5e-4)
    .option('--fresh', 'train and measure again even if it was done before')
    .addHelpText('after', examples)
    .action(
      act((context, options: QuickstartOptions) =>
        quickstart(context, options).catch((error: unknown) => {
          if (!isInterruption(error)) throw error;
          throw new Interrupted('Stopped. The same command goes on where it stopped.');
        }),
      ),
    );
}

async function quickstart(context: Context, options: QuickstartOptions): Promise<void> {
  assertPossible(context, options);
  const { terminal } = context;
  const folder = join(context.home, 'quickstart');
  const startedMs = Date.now();

  heading(context, `Base model ${options.model}`);
  const bases = await BaseModels.open(context.home);
  const base = await bases.pull(options.model, { signal: context.signal, onProgress: pullView(terminal) });
  terminal.note(`${base.name}: ${(base.parameters / 1e6).toFixed(0)} million parameters, in ${base.path}`);

  const data = await prepareData(folder, options);
  heading(context, `Data: ${data.title}`);
  terminal.note(
    `${data.training.length} to train on, ${data.validation.length} to watch, ${data.test.length} held out`,
  );

  await using connection = await context.connect({ training: true, local: true });
  const { openai } = connection;
  heading(context, `Fine-tuning, through the API at ${connection.baseUrl}`);
  const job = await trainedJob(context, openai, base, data, options);
  const model = String(job.fine_tuned_model);

  heading(context, 'Measuring on the held-out examples');
  const rows = await compare(context, openai, { base: base.id, tuned: model, data, options, folder });

  heading(context, 'Chat with the fine-tuned model');
  await chat(context, openai, model, data);

  const result = { model, job: job.id, base: base.id, rows, seconds: Math.round((Date.now() - startedMs) / 1000) };
  terminal.note('');
  terminal.result(result, () => table(reportHead, rows.map(reportCells)));
  terminal.note(`(${reportCaption(data)})`);
  sayWhatNext(context, model, data, Date.now() - startedMs);
}

function assertPossible(context: Context, { train, test }: QuickstartOptions): void {
  context.refuseBaseUrl('The quickstart runs its own server');
  if ((train === undefined) !== (test === undefined)) {
    throw new UsageError('--train and --test go together: one to learn from, one to be measured on.');
  }
}

function heading({ terminal }: Context, text: string): void {
  terminal.note(`\n${terminal.paint.bold(text)}`);
}

/** A job that succeeded: the one that already trained this, the one still at it, or a new one. */
async function trainedJob(
  context: Context,
  openai: OpenAI,
  base: BaseModel,
  data: QuickstartData,
  options: QuickstartOptions,
): Promise<OpenAI.FineTuning.FineTuningJob> {
  const { signal, terminal } = context;
  const hyperparameters = { n_epochs: options.epochs, batch_size: 8, learning_rate: options.learningRate };
  const what = fingerprint([base.sha256, data.training, data.validation, hyperparameters]);
  const earlier = options.fresh === true ? null : await findJob(openai, what, signal);
  if (earlier?.status === 'succeeded') {
    terminal.note(`Already done by ${earlier.id}; --fresh trains again.`);
    return earlier;
  }
  let id = earlier?.id;
  if (id === undefined) {
    const request: OpenAI.FineTuning.JobCreateParams = {
      model: base.id,
      training_file: await upload(openai, data.trainingPath, signal),
      validation_file: data.validationPath === null ? null : await upload(openai, data.validationPath, signal),
      suffix: 'quickstart',
      seed,
      method: { type: 'supervised', supervised: { hyperparameters } },
      metadata: { quickstart: what },
    };
    ({ id } = await openai.fineTuning.jobs.create(request, { signal }));
  } else {
    terminal.note(`Going on with ${id}.`);
  }
  const job = await watchJob(openai, id, terminal, signal, (event) => terminal.note(`  ${eventLine(event)}`));
  if (job.status !== 'succeeded') throw new JobFailed(`${job.id} ${job.status}: ${job.error?.message ?? ''}`);
  return job;
}

/** The newest job of that fingerprint that has a model or may still get one. */
async function findJob(
  openai: OpenAI,
  what: string,
  signal: AbortSignal,
): Promise<OpenAI.FineTuning.FineTuningJob | null> {
  for await (const job of openai.fineTuning.jobs.list({ metadata: { quickstart: what } }, { signal })) {
    if (['validating_files', 'queued', 'running'].includes(job.status)) return job;
    if (job.status !== 'succeeded' || job.fine_tuned_model === null) continue;
    for await (const model of openai.models.list({ signal })) if (model.id === job.fine_tuned_model) return job;
  }
  return null;
}

async function upload(openai: OpenAI, path: string, signal: AbortSignal): Promise<string> {
  const file = await openai.files.create({ file: createReadStream(path), purpose: 'fine-tune' }, { signal });
  return file.id;
}

interface Contest {
  readonly base: string;
  readonly tuned: string;
  readonly data: QuickstartData;
  readonly options: QuickstartOptions;
  readonly folder: string;
}

async function compare(context: Context, openai: OpenAI, contest: Contest): Promise<ReportRow[]> {
  const { data, options } = contest;
  const shots = chooseShots(data.training, data.labels, options.shots);
  const contenders = [
    { name: 'base, zero-shot', model: contest.base, shots: [] },
    { name: `base, ${shots.length}-shot`, model: contest.base, shots },
    { name: 'fine-tuned', model: contest.tuned, shots: [] },
  ];
  const rows = [majority(data)];
  for (const { name, model, shots } of contenders) {
    const startedMs = Date.now();
    const onAnswer = (done: number, known: number): void => {
      const leftMs = ((Date.now() - startedMs) / Math.max(1, done - known)) * (data.test.length - done);
      context.terminal.live(`  ${name}: ${done}/${data.test.length}  ${formatDuration(leftMs)} left`);
    };
    const asking = { openai, model, shots, labels: data.labels, signal: context.signal, onAnswer };
    const memory = { folder: join(contest.folder, 'answers'), fresh: options.fresh === true };
    const { answers, known } = await askAll({ ...asking, ...memory }, data.test);
    const row = judged(data, name, answers);
    const when = known === data.test.length ? 'asked in an earlier run' : formatDuration(Date.now() - startedMs);
    context.terminal.live('');
    context.terminal.note(`  ${name}: accuracy ${row.scores.accuracy.value.toFixed(3)} (${when})`);
    rows.push(row);
  }
  return rows;
}

/** Shows the model answering, as it comes, what is in no file. */
async function chat(context: Context, openai: OpenAI, model: string, data: QuickstartData): Promise<void> {
  for (const { prompt } of data.samples) {
    const stream = await openai.chat.completions.create(
      { model, messages: [...prompt], temperature: 0, max_completion_tokens: 16, stream: true },
      { signal: context.signal },
    );
    let answer = '';
    for await (const chunk of stream) answer += chunk.choices[0]?.delta.content ?? '';
    const asked = prompt.at(-1)?.content;
    const shown = typeof asked === 'string' ? asked.replaceAll(/\s+/g, ' ').slice(0, 90) : '';
    context.terminal.note(`  ${shown}\n    → ${context.terminal.paint.bold(answer)}`);
  }
}

/** From a checkout there is no `tunesmith` on the path. */
const command = import.meta.url.endsWith('.ts') ? 'npm run tunesmith --' : 'tunesmith';

function sayWhatNext(context: Context, model: string, data: QuickstartData, tookMs: number): void {
  const serve = context.homeWasNamed ? `serve --home ${context.home}` : 'serve';
  const question = data.samples[0]?.prompt ?? [];
  const body = JSON.stringify({ model, messages: question, temperature: 0 }).replaceAll("'", String.raw`'\''`);
  context.terminal.note(`
Done in ${formatDuration(tookMs)}. The model stays: start the server with

  ${command} ${serve}

and call it with

  curl http://127.0.0.1:8080/v1/chat/completions -H 'Content-Type: application/json' -H 'Authorization: Bearer tunesmith' \\
    -d '${body}'

or from any program that speaks to OpenAI:

  import OpenAI from 'openai';
  const openai = new OpenAI({ baseURL: 'http://127.0.0.1:8080/v1', apiKey: 'tunesmith' });
  const messages = ${JSON.stringify(question)};
  const answer = await openai.chat.completions.create({ model: '${model}', messages, temperature: 0 });
  console.log(answer.choices[0].message.content);`);
}
