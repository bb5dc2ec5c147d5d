/**
 * `tunesmith sweep`: which hyper-parameters suit a data set, by successive halving through the server's queue.
 *
 * Ctrl-C loses nothing: jobs that wait or train stay where they are, and the same command goes on.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { examplesMin } from '../sweep/parts.ts';
import { conclusions, sweepHtml, sweepTable } from '../sweep/report.ts';
import { gridOf, isRange, parseDimension, type Dimension } from '../sweep/space.ts';
import { runSweep, type SweepPlan } from '../sweep/sweep.ts';
import { statePath, type SweepState } from '../sweep/trials.ts';
import { wholeNumber, type Act, type Context } from './context.ts';
import { UsageError } from './outcome.ts';
import { table } from './terminal.ts';
import {
  readSetting,
  readTask,
  trainingsOptions,
  type TrainingsFlags,
  undertake,
  usualFolder,
} from './trainings-options.ts';

interface SweepFlags extends TrainingsFlags {
  readonly model: string;
  readonly test?: string;
  readonly learningRate?: string;
  readonly epochs?: string;
  readonly rank?: string;
  readonly train?: string;
  readonly set: readonly Dimension[];
  readonly trials?: number;
  readonly halving: number;
  readonly smallest: number;
  readonly finalists: number;
  readonly keepModels?: boolean;
}

const help = `
Each option takes values with commas between, or a range, from which --trials draws: 1e-5..1e-3. Without --trials every
combination is tried. All trials begin on a part of the training set; one in three (--halving) goes on to three times
as much, and only the last few (--finalists) train on all of it. The validation set ranks: without --validation a fifth
of the training set is cut off for that. The test set is asked once, of the best one, at the very end.

Figures to rank by (--metric) are those of "tunesmith eval" (f1_macro, accuracy, rouge_l, field_f1, call_f1, ...),
valid_loss and valid_token_accuracy; the usual one is the main figure of the kind of task.

Examples:
  $ tunesmith sweep train.jsonl --model smollm2-135m-instruct --learning-rate 1e-4,5e-4,2e-3 --rank 8,32
  $ tunesmith sweep train.jsonl --model smollm2-135m-instruct --learning-rate 1e-5..1e-2 --epochs 1..5 --trials 18
  $ tunesmith sweep train.jsonl --validation valid.jsonl --test test.jsonl --model smollm2-135m-instruct,smollm2-360m-instruct
  $ tunesmith sweep train.jsonl --model smollm2-135m-instruct --set weight_decay=0,0.01,0.1 --metric valid_loss`;

export function sweepCommand(program: Command, act: Act): void {
  const command = program
    .command('sweep <file>')
    .description('find good hyper-parameters for a training file: many short trainings, few long ones')
    .requiredOption('-m, --model <names>', 'base models')
    .option('--validation <file>', 'chats to rank by (default: a fifth of the training file)')
    .option('--test <file>', 'chats for the last word on the best one')
    .option('--learning-rate <values>', 'peaks of the schedule (learning_rate)')
    .option('--epochs <values>', 'passes over the training file (n_epochs)')
    .option('--rank <values>', 'of LoRA (lora_rank)')
    .option('--train <modes>', 'what is trained: lora, full, ..., as the server knows them')
    .option('--set <name=values>', 'any other hyper-parameter; may be repeated', setting, [])
    .option('--trials <count>', 'draw so many by lot in place of all combinations', wholeNumber)
    .option('--halving <factor>', 'one trial in so many goes on, to so much more data; 1 stops none', wholeNumber, 3)
    .option('--smallest <count>', 'no trial sees fewer examples', wholeNumber, 50)
    .option('--finalists <count>', 'trials that train on everything, at least', wholeNumber, 2)
    .option('--keep-models', 'leave the models of stopped trials on the server');
  trainingsOptions(command, 'sweep').addHelpText('after', help).action(act(sweep));
}

function setting(text: string, earlier: readonly Dimension[]): readonly Dimension[] {
  return [...earlier, readSetting(text, 'name=values', 'weight_decay=0,0.01')];
}

async function sweep(context: Context, flags: SweepFlags, file = ''): Promise<void> {
  const plan = planOf(flags, file);
  const folder = flags.output ?? usualFolder('sweep', file);
  await undertake(context, flags, folder, async (common) => {
    const state = await runSweep({ ...common, plan, keepModels: flags.keepModels === true });
    await tell(context, folder, state);
  });
}

async function tell({ terminal }: Context, folder: string, state: SweepState): Promise<void> {
  const report = join(folder, 'report.html');
  await writeFile(report, sweepHtml(state, new Date()));
  const { head, rows } = sweepTable(state);
  const said = conclusions(state);
  terminal.result({ ...state, conclusions: said, report }, () => [table(head, rows), ...said].join('\n\n'));
  terminal.note(`State: ${statePath(folder)}. Report: ${report}`);
  const best = state.trials.find(({ id }) => id === state.winner)?.results.at(-1)?.job;
  if (best != null) terminal.note(`What might make the best one better: tunesmith advise ${best}`);
}

function planOf(flags: SweepFlags, file: string): SweepPlan {
  const named = [
    ['model', flags.model, '--model'],
    ['learning_rate', flags.learningRate, '--learning-rate'],
    ['n_epochs', flags.epochs, '--epochs'],
    ['lora_rank', flags.rank, '--rank'],
    ['train', flags.train, '--train'],
  ] as const;
  const dimensions = [
    ...named.flatMap(([name, text, option]) => (text === undefined ? [] : [parseDimension(name, text, option)])),
    ...flags.set,
  ];
  const twice = dimensions.find(({ name }, i) => dimensions.findIndex((other) => other.name === name) !== i);
  if (twice !== undefined) throw new UsageError(`${twice.name} is given twice.`);
  if (dimensions.every(({ values }) => !isRange(values) && values.length === 1))
    throw new UsageError('There is nothing to choose between: give some option several values, or a range.');
  const task = readTask(flags);
  for (const [option, value, least] of [
    ['--trials', flags.trials ?? 1, 1],
    ['--halving', flags.halving, 1],
    ['--smallest', flags.smallest, examplesMin],
    ['--finalists', flags.finalists, 1],
  ] as const)
    if (value < least) throw new UsageError(`${option} was ${value}; at least ${least} was expected.`);
  // A range without --trials is refused here, before anything is read.
  if (flags.trials === undefined) gridOf(dimensions);
  return {
    training: file,
    validation: flags.validation ?? null,
    test: flags.test ?? null,
    dimensions,
    draws: flags.trials ?? null,
    factor: flags.halving,
    smallest: flags.smallest,
    finalists: flags.finalists,
    metric: flags.metric,
    task,
    seed: flags.seed,
  };
}
