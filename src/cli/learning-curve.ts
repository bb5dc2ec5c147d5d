/** `tunesmith learning-curve`: whether more data would help, from trainings on parts of what there is. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { curveHtml, curveSentences, curveTable } from '../sweep/curve-report.ts';
import { curveStatePath, runLearningCurve, type LearningCurve } from '../sweep/learning-curve.ts';
import { isRange, type Values } from '../sweep/space.ts';
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

interface CurveFlags extends TrainingsFlags {
  readonly model: string;
  readonly parts: readonly number[];
  readonly repeats: number;
  readonly set: Values;
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
  const command = program
    .command('learning-curve <file>')
    .description('the figure at 10, 25, 50 and 100 % of the data, and what more would bring')
    .requiredOption('-m, --model <name>', 'base model')
    .option('--validation <file>', 'chats to measure on (default: a fifth of the file)')
    .option('--parts <list>', 'percent of the training set, growing to 100', percents, [0.1, 0.25, 0.5, 1])
    .option('--repeats <count>', 'trainings per part, each with a cut and a seed of its own', wholeNumber, 1)
    .option('--set <name=value>', 'a hyper-parameter; may be repeated', setting, {});
  trainingsOptions(command, 'curve').addHelpText('after', help).action(act(learningCurve));
}

function percents(text: string): readonly number[] {
  const shares = text.split(',').map((each) => Number(each.trim().replace(/%$/, '')) / 100);
  const grows = shares.every((share, i) => share > (shares[i - 1] ?? 0));
  if (!grows || shares.at(-1) !== 1 || shares.length < 2)
    throw new UsageError(`--parts ${text}: growing percentages that end with 100 were expected, such as 10,25,50,100.`);
  return shares;
}

function setting(text: string, earlier: Values): Values {
  const { name, values } = readSetting(text, 'name=value', 'learning_rate=5e-4');
  if (isRange(values) || values.length !== 1)
    throw new UsageError(`--set ${text}: one value was expected; several are tried by tunesmith sweep.`);
  return { ...earlier, [name]: values[0]! };
}

async function learningCurve(context: Context, flags: CurveFlags, file = ''): Promise<void> {
  if (flags.repeats < 1) throw new UsageError('--repeats was 0; at least 1 was expected.');
  const asked = {
    training: file,
    validation: flags.validation ?? null,
    values: { ...flags.set, model: flags.model },
    shares: flags.parts,
    repeats: flags.repeats,
    metric: flags.metric,
    task: readTask(flags),
    seed: flags.seed,
  };
  const folder = flags.output ?? usualFolder('curve', file);
  await undertake(context, flags, folder, async (common) => {
    await tell(context, folder, await runLearningCurve({ ...common, ...asked }));
  });
}

async function tell({ terminal }: Context, folder: string, curve: LearningCurve): Promise<void> {
  const report = join(folder, 'report.html');
  await writeFile(report, curveHtml(curve, new Date()));
  const { head, rows } = curveTable(curve);
  const said = curveSentences(curve);
  terminal.result({ ...curve, sentences: said, report }, () => [table(head, rows), ...said].join('\n\n'));
  terminal.note(`State: ${curveStatePath(folder)}. Report: ${report}`);
}
