/**
 * `tunesmith advise`: what to try next, from a finished job's curves, its model's errors and its training file.
 *
 * Whatever is needed comes through the API: events, the files the job was made of, and the model's answers, which are
 * remembered. What cannot be looked at is said, and the rest is looked at all the same.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import type OpenAI from 'openai';
import { APIError } from 'openai';
import { invalid, TunesmithError } from '../domain/errors.ts';
import { isFinal, type StepMetrics } from '../domain/job.ts';
import type { Advice } from '../evals/advice/advice.ts';
import { adviceOfClasses } from '../evals/advice/classes.ts';
import { adviceOfCurves, type Run } from '../evals/advice/curves.ts';
import { adviceOfLabels } from '../evals/advice/labels.ts';
import { smallSampleNote } from '../evals/metrics/estimate.ts';
import { readTest, recogniseTask, type TestItem } from '../evals/task.ts';
import { evaluated, metricOf, Unmeasured } from '../sweep/measure.ts';
import { hasModel, type Job } from '../sweep/trainings.ts';
import type { Act, Context } from './context.ts';
import { jobsOf } from '../evals/jobs-of-models.ts';

interface AdviseFlags {
  readonly test?: string;
  readonly train?: string;
}

const help = `
It looks at three things: the curves (epochs, learning rate, rank, amount of data), the errors of the model on its
validation file or on --test (classes that are weak beyond chance), and the labels of the training file (those that a
model of words, cross-validated, finds wrong). Each piece of advice stands with what it was seen from.

Examples:
  $ tunesmith advise ftjob-AbC123
  $ tunesmith advise ft:smollm2-135m-instruct:personal:spam:AbC12345 --test test.jsonl`;

export function adviseCommand(program: Command, act: Act): void {
  program
    .command('advise <job|model>')
    .description('what to try after a training, with the evidence')
    .option('--test <file>', "chats to look for errors in (default: the job's validation file)")
    .option('--train <file>', "the training file, where the server's copy is gone")
    .addHelpText('after', help)
    .action(act(advise));
}

interface Looked {
  readonly advice: Advice[];
  /** What was looked at, and what could not be, a sentence each. */
  readonly notes: string[];
}

async function advise(context: Context, flags: AdviseFlags, name = ''): Promise<void> {
  const { terminal, signal } = context;
  await using connection = await context.connect();
  const { openai } = connection;
  const job = await jobNamed(openai, name, signal);
  if (!isFinal(job.status)) throw invalid(null, `${job.id} is ${job.status}; there is advice when it has ended.`);
  const folder = await mkdtemp(join(tmpdir(), 'tunesmith-advise-'));
  try {
    const training = await itemsOf(openai, flags.train ?? null, job.training_file, join(folder, 'train.jsonl'), signal);
    const held = await itemsOf(openai, flags.test ?? null, job.validation_file, join(folder, 'test.jsonl'), signal);
    const looked = [
      await lookAtCurves(openai, job, signal),
      await lookAtErrors(context, openai, job, held, training),
      await lookAtLabels(context, training),
    ];
    const advice = looked.flatMap((each) => each.advice);
    const notes = looked.flatMap((each) => each.notes);
    terminal.result({ job: job.id, model: job.fine_tuned_model, advice, notes }, () => shown(advice));
    for (const note of notes) terminal.note(note);
  } finally {
    terminal.live('');
    await rm(folder, { recursive: true, force: true });
  }
}

async function jobNamed(openai: OpenAI, name: string, signal: AbortSignal): Promise<Job> {
  if (name.startsWith('ftjob-')) return await openai.fineTuning.jobs.retrieve(name, { signal });
  const [made] = await jobsOf(openai, [name], signal);
  if (made !== undefined) return made.job;
  throw invalid(null, `No job made a model "${name}"; a job (ftjob-…) or its model (ft:…) was expected.`);
}

type Items = { readonly items: readonly TestItem[] } | { readonly missing: string };

/** The chats of a local file, or of one on the server. */
async function itemsOf(
  openai: OpenAI,
  path: string | null,
  fileId: string | null,
  copy: string,
  signal: AbortSignal,
): Promise<Items> {
  if (path !== null) return { items: await readTest(path, { signal }) };
  if (fileId === null) return { missing: 'the job has none' };
  try {
    const content = await openai.files.content(fileId, { signal });
    await writeFile(copy, Buffer.from(await content.arrayBuffer()));
    return { items: await readTest(copy, { signal }) };
  } catch (error) {
    if (error instanceof APIError && error.status === 404) return { missing: `${fileId} is no longer on the server` };
    if (error instanceof TunesmithError) return { missing: error.message.replace(copy, fileId) };
    throw error;
  }
}

async function lookAtCurves(openai: OpenAI, job: Job, signal: AbortSignal): Promise<Looked> {
  const steps: StepMetrics[] = [];
  for await (const { type, data } of openai.fineTuning.jobs.listEvents(job.id, { limit: 100 }, { signal }))
    if (type === 'metrics') steps.push(data as StepMetrics);
  steps.sort((a, b) => a.step - b.step);
  const used = (job.hyperparameters ?? {}) as Readonly<Record<string, unknown>>;
  const number = (name: string): number | null => (typeof used[name] === 'number' ? used[name] : null);
  const trainsLora = used['train'] === undefined || used['train'] === 'lora';
  const epochs = number('n_epochs') ?? 1;
  const checkpoints = new Map<number, string>();
  for await (const each of openai.fineTuning.jobs.checkpoints.list(job.id, {}, { signal }))
    checkpoints.set(each.step_number, each.fine_tuned_model_checkpoint);
  const run: Run = {
    steps,
    epochs,
    rank: trainsLora ? number('lora_rank') : null,
    learningRate: number('learning_rate'),
    checkpoints,
  };
  const validated = steps.some((step) => step.full_valid_loss !== undefined);
  const without = validated ? '' : ' There is no validation loss, so little can be said of epochs: give jobs a validation file.'; // prettier-ignore
  return { advice: adviceOfCurves(run), notes: [`Curves: ${steps.length} steps.${without}`] };
}

async function lookAtErrors(
  { home, namedServer, signal, terminal }: Context,
  openai: OpenAI,
  { fine_tuned_model: model }: Job,
  held: Items,
  training: Items,
): Promise<Looked> {
  if ('missing' in held) return { advice: [], notes: [`Errors: not looked at, no validation file: ${held.missing}. --test names one.`] }; // prettier-ignore
  if (model === null || !(await hasModel(openai, model, signal)))
    return { advice: [], notes: ['Errors: not looked at, there is no model.'] };
  const { items } = held;
  const recognised = recogniseTask(items.map(({ reference }) => reference));
  const judge = {
    openai,
    items,
    recognised,
    metric: metricOf(undefined, recognised.task),
    folder: join(home, 'evals', 'answers'),
    server: `advise ${namedServer ?? 'this machine'}`,
    signal,
    onProgress: (text: string) => terminal.live(`  ${text}`),
  };
  try {
    const evaluation = await evaluated(judge, model);
    const main = evaluation.figures[0]!;
    const { value, low, high } = main.estimate;
    const small = smallSampleNote(main.estimate);
    const note = `Errors: ${main.title} ${(100 * value).toFixed(1)} % (${(100 * low).toFixed(1)} - ${(100 * high).toFixed(1)}) on ${items.length} questions${small === null ? '' : `; ${small}`}.`;
    return { advice: adviceOfClasses(evaluation, 'items' in training ? training.items : null), notes: [note] };
  } catch (error) {
    if (!(error instanceof Unmeasured)) throw error;
    return { advice: [], notes: [`Errors: not looked at: ${error.message}`] };
  } finally {
    terminal.live('');
  }
}

async function lookAtLabels({ terminal, signal }: Context, training: Items): Promise<Looked> {
  if ('missing' in training) return { advice: [], notes: [`Labels: not looked at, no training file: ${training.missing}. --train names one.`] }; // prettier-ignore
  const { items } = training;
  const { task } = recogniseTask(items.map(({ reference }) => reference));
  if (task !== 'classification') return { advice: [], notes: [`Labels: there are none, the answers are ${task === 'text' ? 'free text' : task.replace('_', ' ')}.`] }; // prettier-ignore
  const onProgress = (done: number, folds: number): void => terminal.live(`  checking labels: ${done} of ${folds}`);
  const { advice, check } = await adviceOfLabels(items, { signal, onProgress });
  terminal.live('');
  if (check.reason !== null) return { advice, notes: [`Labels: nothing can be said: ${check.reason}.`] };
  return { advice, notes: [`Labels: ${check.suspected.length} of ${items.length} look wrong.`] };
}

function shown(advice: readonly Advice[]): string {
  if (advice.length === 0) return 'Nothing stands out.';
  return advice
    .map(({ text, evidence }, i) =>
      [`${i + 1}. ${plain(text)}`, ...evidence.map((fact) => `   - ${plain(fact)}`)].join('\n'),
    )
    .join('\n\n');
}

/** What data says must not steer the terminal. */
const plain = (text: string): string => text.replaceAll(/\p{Cc}/gu, ' ');
