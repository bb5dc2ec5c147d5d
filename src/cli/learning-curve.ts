/** `tunesmith learning-curve`: whether more data would help, from trainings on parts of what there is. */

import { mkdir, writeFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { Command } from 'commander';
import { tasks, type Task } from '../evals/task.ts';
import { curveHtml, curveSentences, curveTable } from '../sweep/curve-report.ts';
import { curveStatePath, runLearningCurve } from '../sweep/learning-curve.ts';
import { isRange, parseDimension, type Values } from '../sweep/space.ts';
import { wholeNumber, type Act, type Context } from './context.ts';
import { Interrupted, UsageError, isInterruption } from './outcome.ts';
import { automaticAt } from './sweep.ts';
import { table } from './terminal.ts';

interface CurveFlags {
  readonly model: string;
  readonly validation?: string;
  readonly parts: readonly number[];
  readonly repeats: number;
  readonly set: Values;
  readonly metric?: string;
  readonly task?: string;
  readonly seed: number;
  readonly output?: string;
  readonly retry?: boolean;
  readonly fresh?: boolean;
}

const help = `
Each part is trained on from the base model, with the same hyper-parameters, and measured on the same validation set
(without --validation, a fifth of the file). A power law through the points tells what twice and four times the data
would bring, with a 95 % interval, and says so where the points do not tell.

Examples:
  $ tunesmith learning-curve train.jsonl --model smollm2-135m-instruct
  $ tunesmith learning-curve train.jsonl --model smollm2-135m-instruct --repeats 3 --set learning_rate=5e-4
  $ tunesmith learning-curve train.jsonl --validation valid.jsonl --model smollm2-135m-instruct --parts 25,50,100`;

export function learningCurveCommand(program: Command, act: Act): void {
  program
    .command('learning-curve <file>')
    .description('the figure at 10, 25, 50 and 100 % of the data, and what more would bring')
    .requiredOption('-m, --model <name>', 'base model')
    .option('--validation <file>', 'chats to measure on (default: a fifth of the file)')
    .option('--parts <list>', 'percent of the training set, growing to 100', percents, [0.1, 0.25, 0.5, 1])
    .option('--repeats <count>', 'trainings per part, each with a cut and a seed of its own', wholeNumber, 1)
    .option('--set <name=value>', 'a hyper-parameter; may be repeated', setting, {})
    .option('--metric <name>', 'the figure (default: the main one of the kind of task)')
    .option('--task <kind>', `${tasks.join(', ')} (default: as the references look)`)
    .option('--seed <number>', 'of cuts and trainings', wholeNumber, 42)
    .option('-o, --output <folder>', 'where state, data and report go (default: curve-<file>)')
    .option('--retry', 'try again what failed')
    .option('--fresh', 'begin anew, whatever is there')
    .addHelpText('after', help)
    .action(
      act((context, flags: CurveFlags, file = '') =>
        learningCurve(context, flags, file).catch((error: unknown) => {
          if (!isInterruption(error)) throw error;
          throw new Interrupted('Stopped. Jobs that wait or train stay in the queue; the same command goes on.');
        }),
      ),
    );
}

function percents(text: string): readonly number[] {
  const shares = text.split(',').map((each) => Number(each.trim().replace(/%$/, '')) / 100);
  const grows = shares.every((share, i) => share > (shares[i - 1] ?? 0));
  if (!grows || shares.at(-1) !== 1 || shares.length < 2)
    throw new UsageError(`--parts ${text}: growing percentages that end with 100 were expected, such as 10,25,50,100.`);
  return shares;
}

function setting(text: string, earlier: Values): Values {
  const [, name, value] = /^(\w+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new UsageError(`--set ${text}: name=value was expected, such as learning_rate=5e-4.`);
  const { values } = parseDimension(name, value, `--set ${name}=`);
  if (isRange(values) || values.length !== 1)
    throw new UsageError(`--set ${text}: one value was expected; several are tried by tunesmith sweep.`);
  return { ...earlier, [name]: values[0]! };
}

async function learningCurve(context: Context, flags: CurveFlags, file: string): Promise<void> {
  const { terminal, signal, home } = context;
  if (flags.repeats < 1) throw new UsageError('--repeats was 0; at least 1 was expected.');
  if (flags.task !== undefined && !tasks.includes(flags.task as Task))
    throw new UsageError(`The task "${flags.task}" is not known; one of ${tasks.join(', ')} was expected.`);
  const folder = flags.output ?? `curve-${basename(file, extname(file))}`;
  await mkdir(folder, { recursive: true });
  await using connection = await context.connect({ training: true });
  const curve = await runLearningCurve({
    training: file,
    validation: flags.validation ?? null,
    values: { ...flags.set, model: flags.model },
    shares: flags.parts,
    repeats: flags.repeats,
    metric: flags.metric,
    task: flags.task as Task | undefined,
    seed: flags.seed,
    folder,
    fresh: flags.fresh === true,
    retry: flags.retry === true,
    automatic: automaticAt,
    openai: connection.openai,
    server: `sweep ${context.namedServer ?? 'this machine'}`,
    answersFolder: join(home, 'evals', 'answers'),
    signal,
    view: terminal,
  });
  const report = join(folder, 'report.html');
  await writeFile(report, curveHtml(curve, new Date()));
  const { head, rows } = curveTable(curve);
  const said = curveSentences(curve);
  terminal.result({ ...curve, sentences: said, report }, () => [table(head, rows), ...said].join('\n\n'));
  terminal.note(`State: ${curveStatePath(folder)}. Report: ${report}`);
}
