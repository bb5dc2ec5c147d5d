/** `tunesmith data clean`: a file through named steps into another file, each telling what it changed. */

import { stat } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { Cleaning, type CleanReport, type StepReport } from '../../dataset/clean/pipeline.ts';
import {
  defaultSteps,
  parseRecipe,
  readRecipe,
  stepNames,
  writeRecipe,
  type Recipe,
  type StepName,
} from '../../dataset/clean/recipe.ts';
import { personalKinds } from '../../dataset/findings/personal-data.ts';
import { decimalNumber, wholeNumber, type Act, type Context } from '../context.ts';
import { UsageError } from '../outcome.ts';
import type { Terminal } from '../terminal.ts';
import { printable, similarity } from './findings.ts';
import { checkOutput, forceOption, writeLines } from './output.ts';
import { fileProgress } from './progress.ts';

const help = `
Steps, in their order:
  unicode           one way to write each character (NFC), wrongly decoded text mended, invisible characters gone
  html              tags and entities to what a reader saw; code between backticks stays
  white_space       single spaces, no spaces at ends, at most one empty line; code keeps its own
  boiler_plate      openings and closings that many answers share
  personal_data     e-mail addresses, phones, cards, IBANs, social security numbers and keys to [EMAIL], [PHONE] …
  refusals          leaves out answers that decline
  language          keeps the languages that are named; texts too short to tell stay
  length            leaves out empty answers and very long examples
  exact_duplicates  keeps the first of examples that are the same
  near_duplicates   keeps the first of examples that are nearly the same (MinHash)
  balance           leaves out examples of frequent labels, by lot
Without --steps and --recipe: ${defaultSteps.join(', ')}. A setting adds its step.

Examples:
  $ tunesmith data clean raw.jsonl -o clean.jsonl
  $ tunesmith data clean raw.jsonl --dry-run --steps unicode,html,white_space,personal_data
  $ tunesmith data clean raw.jsonl -o clean.jsonl --languages en,de --min-answer 2 --save-recipe recipe.yaml
  $ tunesmith data clean more.jsonl -o more-clean.jsonl --recipe recipe.yaml`;

interface CleanFlags {
  readonly output?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly steps?: readonly string[];
  readonly recipe?: string;
  readonly saveRecipe?: string;
  readonly seed?: number;
  readonly form?: string;
  readonly kinds?: readonly string[];
  readonly languages?: readonly string[];
  readonly minAnswer?: number;
  readonly maxExample?: number;
  readonly similarity?: number;
  readonly share?: number;
  readonly ratio?: number;
}

export function cleanCommand(data: Command, act: Act): void {
  data
    .command('clean <file>')
    .description('clean a training file by named steps into a new file, and show what each step changed')
    .option('-o, --output <file>', 'where the clean file goes')
    .option(...forceOption)
    .option('--dry-run', 'show what would change and write nothing')
    .option('--steps <names>', 'these steps, with commas between', list)
    .option('--recipe <file>', 'the steps and settings of a recipe file (YAML or JSON)')
    .option('--save-recipe <file>', 'write the steps and settings of this run as a recipe')
    .option('--seed <number>', 'for what is done by lot (default: 42)', wholeNumber)
    .addOption(new Option('--form <form>', 'unicode: the form of characters').choices(['NFC', 'NFKC', 'none']))
    .option('--kinds <kinds>', `personal_data: which (${personalKinds.join(', ')})`, list)
    .option('--languages <codes>', 'language: those to keep, such as en,de', list)
    .option('--min-answer <characters>', 'length: of an answer, at least (default: 1)', wholeNumber)
    .option('--max-example <characters>', 'length: of an example, at most (default: 10000)', wholeNumber)
    .option('--similarity <share>', 'near_duplicates: from which on (default: 0.8)', similarity)
    .option('--share <share>', 'boiler_plate: in how large a part of the answers (default: 0.03)', decimalNumber)
    .option('--ratio <number>', 'balance: so many times the rarest label at most (default: 1)', decimalNumber)
    .addHelpText('after', help)
    .action(act((context, flags: CleanFlags, path = '') => clean(context, flags, path)));
}

const list = (text: string): string[] => text.split(',').map((name) => name.trim());

async function clean(context: Context, flags: CleanFlags, path: string): Promise<void> {
  const { terminal, signal } = context;
  const { output, dryRun = false } = flags;
  if (output === undefined && !dryRun) throw new UsageError('Name the clean file with -o, or add --dry-run.');
  if (!dryRun) await checkOutput(flags, path);
  const recipe = await recipeOf(flags);
  const { size } = await stat(path);
  const report = await cleaned(context, path, recipe, size, dryRun ? null : output!);
  if (flags.saveRecipe !== undefined) await writeRecipe(flags.saveRecipe, recipe);
  signal.throwIfAborted();
  terminal.result({ file: path, output: dryRun ? null : output, ...report, recipe }, () =>
    page(terminal, report, dryRun ? null : output!),
  );
}

/** The settings that were given, by the step they belong to and their name in a recipe. */
function settingsOf(flags: CleanFlags): Partial<Record<StepName, Record<string, unknown>>> {
  const given: readonly (readonly [StepName, string, unknown])[] = [
    ['unicode', 'form', flags.form],
    ['boiler_plate', 'share', flags.share],
    ['personal_data', 'kinds', flags.kinds],
    ['language', 'keep', flags.languages],
    ['length', 'min_answer', flags.minAnswer],
    ['length', 'max_example', flags.maxExample],
    ['near_duplicates', 'similarity', flags.similarity],
    ['balance', 'ratio', flags.ratio],
  ];
  const settings: Partial<Record<StepName, Record<string, unknown>>> = {};
  for (const [step, name, value] of given)
    if (value !== undefined) settings[step] = { ...settings[step], [name]: value };
  return settings;
}

async function recipeOf(flags: CleanFlags): Promise<Recipe> {
  const settings = settingsOf(flags);
  if (flags.recipe !== undefined) {
    if (flags.steps !== undefined || Object.keys(settings).length > 0) {
      throw new UsageError('--recipe says it all; leave the steps and their settings away, or change the recipe.');
    }
    const recipe = await readRecipe(flags.recipe);
    return flags.seed === undefined ? recipe : { ...recipe, seed: flags.seed };
  }
  const named = flags.steps ?? defaultSteps;
  const unknown = named.find((name) => !stepNames.some((step) => step === name));
  if (unknown !== undefined) throw new UsageError(`--steps ${unknown}: expected some of ${stepNames.join(', ')}.`);
  if (named.includes('language') && flags.languages === undefined) {
    throw new UsageError('The step "language" needs to know which to keep: --languages en');
  }
  const chosen = stepNames.filter((step) => named.includes(step) || settings[step] !== undefined);
  const steps = chosen.map((step) => ({ step, ...settings[step] }));
  return parseRecipe({ steps, ...(flags.seed !== undefined && { seed: flags.seed }) }, 'The command line');
}

async function cleaned(
  context: Context,
  path: string,
  recipe: Recipe,
  size: number,
  output: string | null,
): Promise<CleanReport> {
  const { terminal, signal } = context;
  let pass = 0;
  let show = fileProgress(terminal, 'cleaned', size);
  const onProgress = (bytes: number, current: number, passes: number): void => {
    if (current !== pass)
      show = fileProgress(terminal, passes === 1 ? 'cleaned' : `pass ${current} of ${passes}:`, size);
    pass = current;
    show(bytes);
  };
  try {
    const cleaning = await Cleaning.prepare(path, recipe, { signal, onProgress });
    if (output !== null) await writeLines(context, output, cleaning.lines());
    else for await (const _ of cleaning.lines()) signal.throwIfAborted();
    return cleaning.report();
  } finally {
    terminal.live('');
  }
}

function page(terminal: Terminal, { rowsIn, rowsOut, steps }: CleanReport, output: string | null): string {
  const where = output === null ? 'nothing was written (--dry-run)' : `written to ${output}`;
  const total = `${figure(rowsIn)} examples in, ${figure(rowsOut)} out; ${where}`;
  return [...steps.map((step) => stepText(terminal, step)), total].join('\n');
}

function stepText({ paint }: Terminal, { step, changed, removed, samples }: StepReport): string {
  const done = [
    ...(changed > 0 ? [`${figure(changed)} changed`] : []),
    ...(removed > 0 ? [`${figure(removed)} left out`] : []),
  ];
  const head = `${paint.bold(step)}: ${done.length === 0 ? 'nothing to do' : done.join(', ')}`;
  const shown = samples.map(({ line, before, after }) =>
    [
      `  line ${line}`,
      `    ${paint.red('-')} ${visible(before)}`,
      `    ${paint.green(removed > 0 ? '×' : '+')} ${visible(after)}`,
    ].join('\n'),
  );
  return [head, ...shown, ''].join('\n');
}

const figure = (count: number): string => count.toLocaleString('en');

/** White space and unseen characters as signs: a difference between them must show. */
const visible = (text: string): string =>
  printable(text.replaceAll('\r', '␍').replaceAll('\n', '⏎').replaceAll('\t', '⇥').replaceAll('\u00a0', '⍽'));
