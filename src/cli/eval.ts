/**
 * `tunesmith eval`: a model's quality on conversations whose last message is the right answer.
 *
 * Asks through the API like anybody else, so any OpenAI-compatible server can be measured. Answers are remembered
 * in the data folder: what was stopped goes on, and a second look at the same answers asks nothing.
 */

import { basename, join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type OpenAI from 'openai';
import type { StepMetrics } from '../domain/job.ts';
import type { Answered } from '../evals/ask.ts';
import { askWithProgress, type AskingDesk, type AskingWishes, type Question } from '../evals/ask-with-progress.ts';
import { evaluate, type Evaluation, type PartScores } from '../evals/evaluate.ts';
import { smallBelow, smallSampleNote, type Estimate } from '../evals/metrics/estimate.ts';
import { jobsOf } from '../evals/jobs-of-models.ts';
import { worstMistakes, type Mistake } from '../evals/mistakes.ts';
import type { LossPoint } from '../evals/report/charts.ts';
import { reportHtml } from '../evals/report/report.ts';
import { chosenTask, readTest, tasks, type Recognised, type Task, type TestItem } from '../evals/task.ts';
import type { View } from '../evals/view.ts';
import { decimalNumber, wholeNumber, type Act, type Context } from './context.ts';
import { Interrupted, UsageError, isInterruption } from './outcome.ts';
import { formatDuration, table } from './terminal.ts';

interface EvalOptions {
  readonly task?: string;
  readonly labels?: string;
  readonly limit?: number;
  readonly concurrency: number;
  readonly maxTokens?: number;
  readonly worst: number;
  readonly beta?: number;
  readonly report?: string;
  readonly fresh?: boolean;
}

const help = `
The kind of task is read from the references: short ones that come back are a classification, JSON is an
extraction, tool calls are tool calls, everything else is text. A classification asks for log-probabilities
with each answer and reads the labels' probabilities from its own tokens, so it works with any server that
gives them; without, areas and calibration are left out. The same answers give the same figures.

Examples:
  $ tunesmith eval ft:smollm2-135m-instruct:personal:spam:AbC12345 test.jsonl
  $ tunesmith eval smollm2-135m-instruct test.jsonl --report report.html
  $ tunesmith eval gpt-4.1-mini test.jsonl --base-url https://api.openai.com/v1 --concurrency 8
  $ tunesmith eval my-model test.jsonl --task extraction --limit 100 --json`;

export function evalCommand(program: Command, act: Act): void {
  program
    .command('eval <model> <file>')
    .description('measure a model on a file of chats whose last message is the right answer')
    .option('--task <kind>', `${tasks.join(', ')} (default: as the references look)`)
    .option('--labels <list>', 'all labels of a classification, comma between, where the file does not show all')
    .option('--limit <count>', 'only the first so many questions', wholeNumber)
    .option('--concurrency <count>', 'questions at a time; more are quicker, and each looks slower', wholeNumber, 1)
    .option('--max-tokens <count>', 'longest answer (default: after the longest reference)', wholeNumber)
    .option('--worst <count>', 'how many of the worst mistakes to show', wholeNumber, 5)
    .option('--beta <number>', 'also F-beta: above 1 what is missed weighs more, below 1 what is wrong', decimalNumber)
    .option('--report <file>', 'also write a report: one HTML file that needs nothing else')
    .option('--fresh', 'ask everything again, even what was answered before')
    .addHelpText('after', help)
    .action(
      act((context, options: EvalOptions, model = '', file = '') =>
        evaluateModel(context, options, model, file).catch((error: unknown) => {
          if (!isInterruption(error)) throw error;
          throw new Interrupted('Stopped. The same command goes on where it stopped.');
        }),
      ),
    );
}

async function evaluateModel(context: Context, options: EvalOptions, model: string, file: string): Promise<void> {
  const { terminal, signal } = context;
  assertMeasurable(options);
  if (options.beta !== undefined && options.beta <= 0)
    throw new UsageError(`--beta was ${options.beta}; a number above 0 was expected.`);
  const all = await readTest(file, { signal });
  const items = all.slice(0, options.limit);
  const { task, labels, reason } = taskOf(options, items);
  terminal.note(`${items.length} questions, ${task.replace('_', ' ')}: ${reason}.`);

  await using connection = await context.connect();
  const { openai } = connection;
  const server = context.namedServer ?? 'this machine';
  const answers = await ask(context, options, { openai, model, items, labels, server });
  const evaluation = evaluate(task, answers, { labels: labels.length > 0 ? labels : undefined, beta: options.beta });
  const mistakes = worstMistakes(evaluation, answers, options.worst);
  if (evaluation.failed === items.length)
    throw new Error(`Not one question was answered: ${answers[0]?.error ?? 'the server gave no reason'}`);

  terminal.result({ model, file, reason, ...evaluation, mistakes }, () => shown(evaluation, mistakes));
  const small = smallSampleNote(evaluation.figures[0]!.estimate);
  if (small !== null) terminal.note(`(${small})`);
  if (options.report !== undefined) {
    const losses = await lossesOf(openai, model, signal);
    const facts = { model, test: basename(file), server, createdAt: new Date(), reason, evaluation, mistakes, losses };
    await writeFile(options.report, reportHtml(facts));
    terminal.note(`Report: ${options.report}`);
  }
}

type Asked = Pick<EvalOptions, 'task' | 'labels' | 'concurrency' | 'limit' | 'maxTokens'>;

export function assertMeasurable({ task, labels, concurrency, limit, maxTokens }: Asked): void {
  if (task !== undefined && !tasks.includes(task as Task))
    throw new UsageError(`The task "${task}" is not known; one of ${tasks.join(', ')} was expected.`);
  if (labels !== undefined && task !== undefined && task !== 'classification')
    throw new UsageError(`--labels are of a classification, not of the task "${task}".`);
  for (const [name, value] of Object.entries({
    '--concurrency': concurrency,
    '--limit': limit,
    '--max-tokens': maxTokens,
  }))
    if (value === 0) throw new UsageError(`${name} was 0; at least 1 was expected.`);
}

/** The kind of task as the options say, or else as the references look. */
export const taskOf = (
  { task, labels }: Pick<EvalOptions, 'task' | 'labels'>,
  items: readonly TestItem[],
): Recognised =>
  chosenTask({ task: task as Task | undefined, labels: labels?.split(',').map((label) => label.trim()) }, items);

/** Every question, with progress, those of earlier runs not again. */
export const ask = (context: Context, options: AskingWishes, question: Question): Promise<Answered[]> =>
  askWithProgress(askingDesk(context), options, question);

/** The terminal as those who ask see it. */
export function askingDesk({ home, signal, terminal }: Context): AskingDesk {
  const asked: View['asked'] = (who, done, total, leftMs) =>
    terminal.live(`  ${who === null ? '' : `${who}: `}${done}/${total}  ${formatDuration(leftMs)} left`);
  const view = { note: (text: string) => terminal.note(text), live: (text: string) => terminal.live(text), asked };
  return { answersFolder: join(home, 'evals', 'answers'), signal, view };
}

function shown(evaluation: Evaluation, mistakes: readonly Mistake[]): string {
  const { figures, confusion, parts, costs, failed, unparsed, count } = evaluation;
  const { p50, p95 } = costs.latencyMs;
  const tokens = `${costs.promptTokens.toFixed(0)} prompt tokens (${costs.cachedTokens.toFixed(0)} cached), ${costs.completionTokens.toFixed(0)} answer tokens`;
  return [
    table(
      ['%', 'VALUE', '95 % INTERVAL'],
      figures.map(({ title, estimate }) => [title, percent(estimate.value), interval(estimate)]),
    ),
    ...(parts.length === 0 ? [] : [partsTable(parts)]),
    ...(confusion === null || confusion.labels.length > 12
      ? []
      : [
          table(
            ['TRUE \\ ANSWERED', ...confusion.labels.map(short), 'NO LABEL'],
            confusion.labels.map((label, i) => [short(label), ...confusion.rows[i]!]),
          ),
        ]),
    `${count} questions, ${failed} without an answer, ${unparsed} unreadable; per question ${p50.toFixed(0)} ms (p95 ${p95.toFixed(0)} ms), ${tokens}`,
    ...mistakes.map(mistakeShown),
  ].join('\n\n');
}

const partFigures = {
  precision: 'PRECISION',
  recall: 'RECALL',
  f1: 'F1',
  fBeta: 'F-BETA',
  accuracy: 'ACCURACY',
} as const;

const partsNamed = 5;

/** Only figures that some part has; of the areas the report tells. */
function partsTable(parts: readonly PartScores[]): string {
  const cell = (estimate: Estimate | null): string =>
    estimate === null ? '-' : `${percent(estimate.value)} (${interval(estimate)})`;
  const names = (Object.keys(partFigures) as (keyof typeof partFigures)[]).filter((name) =>
    parts.some((each) => each[name] !== null),
  );
  const answers = parts.some(({ answered }) => answered !== null);
  const small = parts.filter(({ support }) => support < smallBelow);
  const named = small.slice(0, partsNamed).map(({ name }) => short(name));
  const others = small.length > partsNamed ? ` and ${small.length - partsNamed} more` : '';
  const whose = small.length === parts.length ? '' : ` of ${named.join(', ')}${others}`;
  const shown = table(
    ['PART', 'TRUE', ...(answers ? ['ANSWERED'] : []), ...names.map((name) => partFigures[name])],
    parts.map((each) => [
      short(each.name),
      each.support,
      ...(answers ? [each.answered ?? '-'] : []),
      ...names.map((name) => cell(each[name])),
    ]),
  );
  if (small.length === 0) return shown;
  return `${shown}\n(below ${smallBelow} cases take the intervals${whose} as hints)`;
}

function mistakeShown({ line, input, expected, answered, error, confidence }: Mistake): string {
  const sure = confidence === null ? '' : `, ${percent(confidence)} % sure`;
  return [
    `Line ${line}${sure}`,
    ...shortened(input)
      .split('\n')
      .map((each) => `  ${each}`),
    `  expected: ${oneLine(expected)}`,
    `  answered: ${answered === null ? `nothing (${error ?? 'unknown'})` : oneLine(answered)}`,
  ].join('\n');
}

export const percent = (share: number): string => (100 * share).toFixed(1);
const interval = ({ low, high }: Estimate): string => `${percent(low)} - ${percent(high)}`;
const short = (text: string): string => (text.length > 24 ? `${text.slice(0, 23)}…` : text);
/** What a model wrote must not steer the terminal. */
const plain = (text: string): string => text.replaceAll(/[^\P{Cc}\n]/gu, ' ');
const shortened = (text: string): string => plain(text.length > 600 ? `…${text.slice(-599)}` : text);
const oneLine = (text: string): string => {
  const line = plain(text).replaceAll(/\s+/g, ' ');
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
};

/** The loss curve of the job that made the model, where the server knows it; a picture more or less fails nothing. */
async function lossesOf(openai: OpenAI, model: string, signal: AbortSignal): Promise<LossPoint[]> {
  if (!model.startsWith('ft:')) return [];
  try {
    const [made] = await jobsOf(openai, [model], signal);
    if (made === undefined) return [];
    const points: LossPoint[] = [];
    for await (const { type, data } of openai.fineTuning.jobs.listEvents(made.job.id, { limit: 100 }, { signal })) {
      if (type !== 'metrics') continue;
      const { step, train_loss, valid_loss, full_valid_loss } = data as StepMetrics;
      points.push({ step, train: train_loss, valid: full_valid_loss ?? valid_loss ?? null });
    }
    return points.sort((a, b) => a.step - b.step);
  } catch (error) {
    if (isInterruption(error)) throw error;
    return [];
  }
}
