/** `tunesmith data split`: one file into training, validation and test, or into folds, and the proof that nothing leaks. */

import { mkdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Command } from 'commander';
import { Duplicates } from '../../dataset/findings/duplicates.ts';
import type { NamedFile } from '../../dataset/findings/examine.ts';
import { countOf, type Finding } from '../../dataset/findings/finding.ts';
import { defaultSimilarity } from '../../dataset/findings/near-duplicates.ts';
import { parseGroupKey } from '../../dataset/split/group-key.ts';
import { linesOf, planSplit, type PlannedSplit } from '../../dataset/split/split.ts';
import { comparableParts } from '../../dataset/clean/example-texts.ts';
import { formatOfRow } from '../../dataset/format.ts';
import type { Fields } from '../../dataset/problem.ts';
import { readRows } from '../../dataset/rows.ts';
import { invalid } from '../../domain/errors.ts';
import { wholeNumber, type Act, type Context } from '../context.ts';
import { UsageError } from '../outcome.ts';
import { table, type Terminal } from '../terminal.ts';
import { findingText, similarity } from './findings.ts';
import { writeLines } from './output.ts';
import { fileProgress } from './progress.ts';

const help = `
Sizes are shares (0.1 or 10%) or counts (200). Training gets the rest; with --train alone, the others share the rest. Examples that are the same,
ask the same or are nearly the same stay together, as do those that share the value of --group-by:
  customer                        a key of the row or of its "metadata"
  '$.metadata.customer'           a JSON path
  '{region}-{customer}'           a template of both
Answers that are labels keep their shares in every part. Keys that a training file may not have are left out.

Examples:
  $ tunesmith data split tickets.jsonl                                    80 %, 10 %, 10 %
  $ tunesmith data split tickets.jsonl --validation 0 --test 200 -o parts
  $ tunesmith data split tickets.jsonl --group-by customer --seed 7
  $ tunesmith data split tickets.jsonl --folds 5`;

interface SplitFlags {
  readonly train?: Size;
  readonly validation?: Size;
  readonly test?: Size;
  readonly folds?: number;
  readonly groupBy?: string;
  readonly stratify: boolean;
  readonly stratifyBy?: string;
  readonly similarity: number;
  readonly seed: number;
  readonly output?: string;
  readonly force?: boolean;
}

export function splitCommand(data: Command, act: Act): void {
  data
    .command('split <file>')
    .description('split a file into training, validation and test, or into folds, so that nothing leaks')
    .option('--train <size>', 'share or count (default: the rest)', size)
    .option('--validation <size>', 'share or count (default: 0.1)', size)
    .option('--test <size>', 'share or count (default: 0.1)', size)
    .option('--folds <count>', 'instead: so many pairs of training and validation files', wholeNumber)
    .option('--group-by <key>', 'examples with the same value stay together')
    .option('--stratify-by <key>', 'keep the shares of the values of this key (default: of the labels)')
    .option('--no-stratify', 'do not look at labels')
    .option('--similarity <share>', 'from which on two examples stay together', similarity, defaultSimilarity)
    .option('--seed <number>', 'another lot', wholeNumber, 42)
    .option('-o, --output <folder>', 'where the files go (default: beside the file)')
    .option('--force', 'replace files that are there')
    .addHelpText('after', help)
    .action(act((context, flags: SplitFlags, path = '') => split(context, flags, path)));
}

type Size = { readonly share: number } | { readonly count: number };

function size(text: string): Size {
  const [, number, percent] = /^(\d+(?:\.\d+)?|\.\d+)(%?)$/.exec(text.trim()) ?? [];
  const value = Number(number);
  if (number !== undefined && percent === '%' && value <= 100) return { share: value / 100 };
  if (number !== undefined && percent === '' && value < 1) return { share: value };
  if (number !== undefined && percent === '' && Number.isInteger(value)) return { count: value };
  throw new UsageError(`"${text}" was given as a size; expected a share (0.1 or 10%) or a count (200).`);
}

interface Output {
  readonly name: string;
  readonly path: string;
  readonly wanted: (part: number) => boolean;
}

async function split(context: Context, flags: SplitFlags, path: string): Promise<void> {
  const { terminal, signal } = context;
  const { size: sizeBytes } = await stat(path);
  const folds = foldsOf(flags);
  const plan = await planSplit(path, {
    sizes: (rows) => (folds === null ? sizesOf(flags, rows) : foldSizes(folds, rows)),
    seed: flags.seed,
    similarity: flags.similarity,
    stratify: stratifyOf(flags),
    ...(flags.groupBy !== undefined && { groupBy: parseGroupKey(flags.groupBy) }),
    signal,
    onProgress: fileProgress(terminal, 'grouped', sizeBytes),
  }).finally(() => terminal.live(''));
  const outputs = outputsOf(path, flags, folds, plan);
  await write(context, path, plan, outputs, flags.force === true);
  const leaks = await leaksBetween(context, outputs, folds, plan, flags.similarity).finally(() => terminal.live(''));
  const files = outputs.map(({ name, path: file, wanted }) => ({ name, file, ...contents(plan, wanted) }));
  const { groups, largestGroup, keys, keysParted, keyless, leftOutKeys } = plan;
  const report = {
    file: path,
    seed: flags.seed,
    rows: plan.rows,
    files,
    groups,
    largestGroup,
    keys,
    keysParted,
    keyless,
    leftOutKeys,
    leaks,
  };
  terminal.result(report, () => page(terminal, flags, files, plan, leaks));
  if (leaks.length > 0 || keysParted > 0) throw invalid(null, 'The parts leak; please report this.');
}

function foldsOf({ folds, train, validation, test }: SplitFlags): number | null {
  if (folds === undefined) return null;
  if (train !== undefined || validation !== undefined || test !== undefined) {
    throw new UsageError('--folds gives every example one turn in validation; leave the sizes away.');
  }
  if (folds < 2 || folds > 50) throw new UsageError(`--folds ${folds}: expected a number from 2 to 50.`);
  return folds;
}

function stratifyOf({ stratify, stratifyBy }: SplitFlags) {
  if (stratifyBy !== undefined) return parseGroupKey(stratifyBy);
  return stratify ? 'answers' : 'none';
}

const partNames = ['train', 'validation', 'test'] as const;
const usual = { share: 0.1 };

/** Rows of training, validation and test; what is not named is the rest, or nothing, or as usual. */
function sizesOf({ train, validation, test }: SplitFlags, rows: number): number[] {
  const count = (size: Size): number => ('count' in size ? size.count : Math.round(size.share * rows));
  const unnamed = train === undefined ? count(usual) : 0;
  const held = [validation, test].map((size) => (size === undefined ? unnamed : count(size)));
  if (train !== undefined && validation === undefined && test === undefined) {
    const rest = rows - count(train);
    held.splice(0, 2, Math.floor(rest / 2), Math.ceil(rest / 2));
  }
  const left = rows - held[0]! - held[1]!;
  const wanted = train === undefined ? left : count(train);
  // Shares that add up to one may round to a row more or less than there are.
  const rounded = train !== undefined && 'share' in train && Math.abs(wanted - left) <= 2;
  if (wanted <= 0 || left <= 0 || (wanted !== left && !rounded)) {
    throw new UsageError(
      `The sizes ask for ${wanted}, ${held[0]} and ${held[1]} of ${rows} examples; expected them to add up, with some to train on.`,
    );
  }
  return [left, ...held];
}

const foldSizes = (folds: number, rows: number): number[] => {
  if (rows < folds) throw new UsageError(`${rows} examples do not make ${folds} folds.`);
  return Array.from({ length: folds }, (_, fold) => Math.floor((rows + fold) / folds));
};

function outputsOf(
  path: string,
  { output = dirname(path) }: SplitFlags,
  folds: number | null,
  plan: PlannedSplit,
): Output[] {
  const stem = basename(path, extname(path));
  const file = (name: string): string => join(output, `${stem}_${name}.jsonl`);
  if (folds === null) {
    const named = partNames.map((name, part) => ({ name, path: file(name), wanted: (each: number) => each === part }));
    return named.filter((_, part) => plan.parts[part]!.rows > 0);
  }
  return plan.parts.flatMap((_, fold) => [
    { name: `fold ${fold + 1} train`, path: file(`fold${fold + 1}_train`), wanted: (each: number) => each !== fold },
    {
      name: `fold ${fold + 1} validation`,
      path: file(`fold${fold + 1}_validation`),
      wanted: (each: number) => each === fold,
    },
  ]);
}

/** All of the files or none: what was written goes again when one fails. */
async function write(
  context: Context,
  path: string,
  plan: PlannedSplit,
  outputs: readonly Output[],
  force: boolean,
): Promise<void> {
  const there = [];
  for (const output of outputs) if (await exists(output.path)) there.push(output.path);
  if (there.length > 0 && !force)
    throw new UsageError(
      `${there.join(', ')} ${there.length === 1 ? 'is' : 'are'} there already; --force replaces them.`,
    );
  const written: string[] = [];
  try {
    for (const { path: file, wanted } of outputs) {
      await mkdir(dirname(file), { recursive: true });
      await writeLines(context, file, linesOf(path, plan, wanted, context.signal));
      written.push(file);
    }
  } catch (error) {
    for (const file of written) await rm(file, { force: true });
    throw error;
  }
}

const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false); // prettier-ignore

/** What the files just written share, found by reading them again: of three parts all at once, of folds pair by pair. */
async function leaksBetween(
  context: Context,
  outputs: readonly Output[],
  folds: number | null,
  plan: PlannedSplit,
  similarity: number,
): Promise<Finding[]> {
  const roles = ['training', 'validation', 'test'] as const;
  const named = outputs.map(({ name, path }) => ({
    role: roles[partNames.findIndex((part) => name.endsWith(part))]!,
    file: path,
  }));
  const sets: NamedFile[][] =
    folds === null ? [named] : Array.from({ length: folds }, (_, fold) => named.slice(2 * fold, 2 * fold + 2));
  const findings: Finding[] = [];
  for (const files of sets) {
    context.terminal.live(
      `reading ${files[0]!.file} and its held-out ${files.length === 2 ? 'file' : 'files'} again …`,
    );
    const duplicates = new Duplicates({ similarity, frames: plan.frames, across: true, signal: context.signal });
    for (const { role, file } of files) {
      for await (const { line, value, checked } of readRows(file, { signal: context.signal })) {
        const format = checked?.format ?? formatOfRow(value) ?? 'chat';
        duplicates.see({ file: role, line, format, parts: comparableParts(value as Fields, format) });
      }
    }
    findings.push(...(await duplicates.findings()).filter(({ counterparts }) => counterparts !== null));
  }
  return findings;
}

interface PartContents {
  readonly rows: number;
  readonly labels: Readonly<Record<string, number>> | null;
}

/** A fold's training file is several parts together. */
function contents({ parts }: PlannedSplit, wanted: (part: number) => boolean): PartContents {
  const mine = parts.filter((_, part) => wanted(part));
  const names = mine[0]?.labels;
  return {
    rows: mine.reduce((sum, { rows }) => sum + rows, 0),
    labels: names
      ? Object.fromEntries(
          Object.keys(names).map((name) => [name, mine.reduce((sum, { labels }) => sum + labels![name]!, 0)]),
        )
      : null,
  };
}

const labelsShown = 6;

function page(
  terminal: Terminal,
  flags: SplitFlags,
  files: readonly (PartContents & { readonly name: string; readonly file: string })[],
  plan: PlannedSplit,
  leaks: readonly Finding[],
): string {
  const { paint } = terminal;
  const counted = Object.entries(files[0]?.labels ?? {}).sort(([, a], [, b]) => b - a);
  const labels = counted.slice(0, labelsShown).map(([label]) => label);
  const share = (count: number, rows: number): string => `${count} (${((100 * count) / rows).toFixed(1)} %)`;
  const rows = files.map(({ name, file, rows, labels: counts }) => [
    name,
    rows,
    ...labels.map((label) => share(counts![label]!, rows)),
    file,
  ]);
  const together = flags.groupBy === undefined ? '' : ` or share ${flags.groupBy}`;
  const remarks = [
    `${countOf(plan.groups, 'group')} of examples that are alike${together} kept together, the largest of ${plan.largestGroup}; seed ${flags.seed}.`,
    ...(plan.keys > 0
      ? [`${plan.keys.toLocaleString('en')} values of ${flags.groupBy}, ${plan.keysParted} of them in two parts.`]
      : []),
    ...(plan.keyless > 0 ? [`${plan.keyless} examples have no ${flags.groupBy} and stand for themselves.`] : []),
    ...(plan.leftOutKeys.length > 0
      ? [`Left out, as a training file may not have it: ${plan.leftOutKeys.join(', ')}.`]
      : []),
  ];
  const proof =
    leaks.length === 0
      ? paint.green(
          `Nothing leaks: read again, no two files share an example, a question, or examples of similarity ${flags.similarity} or more.`,
        )
      : leaks.map((leak) => findingText(terminal, leak)).join('\n');
  return [
    table(['PART', 'EXAMPLES', ...labels.map((label) => label.slice(0, 24)), 'FILE'], rows),
    '',
    ...remarks,
    proof,
  ].join('\n');
}
