/** `tunesmith data findings`: what is worth knowing about data that is correct and may still train badly. */

import { stat } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { listLines } from '../../dataset/faults.ts';
import { examineFiles, type FindingsReport, type NamedFile } from '../../dataset/findings/examine.ts';
import type { DataRole, Finding, FindingSeverity } from '../../dataset/findings/finding.ts';
import { severities } from '../../dataset/findings/findings.ts';
import { defaultSimilarity } from '../../dataset/findings/near-duplicates.ts';
import { invalid } from '../../domain/errors.ts';
import { decimalNumber, type Act, type Context } from '../context.ts';
import { UsageError } from '../outcome.ts';
import type { Terminal } from '../terminal.ts';
import { fileProgress } from './progress.ts';

const help = `
Looks for: exact and near duplicates (MinHash), one prompt with contradicting answers, examples that a held-out file
shares with another, answers that echo the prompt, are cut off, decline or say boiler-plate, classes of uneven size,
outliers in length and language, wrongly decoded text, invisible characters, personal data, and held-out files that
are of another kind than the training file.

Examples:
  $ tunesmith data findings train.jsonl
  $ tunesmith data findings train.jsonl --validation valid.jsonl --test test.jsonl
  $ tunesmith data findings train.jsonl --json | jq '.findings[] | {code, lines}'
  $ tunesmith data findings train.jsonl --fail-on warning             for a build: exit code 1`;

interface FindingsFlags {
  readonly validation?: string;
  readonly test?: string;
  readonly similarity: number;
  readonly failOn?: FindingSeverity;
}

export function findingsCommand(data: Command, act: Act): void {
  data
    .command('findings <file>')
    .description('find what makes correct data train badly: duplicates, leaks, contradictions, personal data and more')
    .option('--validation <file>', 'the validation file, to find what it shares with the training file')
    .option('--test <file>', 'the test file, likewise')
    .option(
      '--similarity <share>',
      'from which on two texts are nearly the same, up to 1',
      similarity,
      defaultSimilarity,
    )
    .addOption(new Option('--fail-on <severity>', 'exit with 1 on findings this bad or worse').choices(severities))
    .addHelpText('after', help)
    .action(act((context, flags: FindingsFlags, path = '') => findings(context, flags, path)));
}

export function similarity(text: string): number {
  const value = decimalNumber(text);
  if (value > 0 && value <= 1) return value;
  throw new UsageError(`--similarity ${text}: expected a share above 0 and up to 1, such as ${defaultSimilarity}.`);
}

async function findings(context: Context, flags: FindingsFlags, path: string): Promise<void> {
  const { terminal } = context;
  const files: readonly (readonly [DataRole, string | undefined])[] = [
    ['training', path],
    ['validation', flags.validation],
    ['test', flags.test],
  ];
  const named = files.flatMap(([role, file]) => (file === undefined ? [] : [{ role, file }]));
  const report = await examine(context, named, flags.similarity);
  terminal.result(report, () => page(terminal, report));
  const bad = report.findings.filter(
    ({ severity }) => flags.failOn !== undefined && severities.indexOf(severity) <= severities.indexOf(flags.failOn),
  );
  if (bad.length > 0)
    throw invalid(null, `${bad.length} of the findings count as failures (--fail-on ${flags.failOn}).`);
}

async function examine(context: Context, files: readonly NamedFile[], similarity: number): Promise<FindingsReport> {
  const { terminal, signal } = context;
  const sizes = new Map(await Promise.all(files.map(async ({ file }) => [file, (await stat(file)).size] as const)));
  let draw: ((bytes: number) => void) | null = null;
  let drawn: NamedFile | null = null;
  const onProgress = (named: NamedFile, bytes: number): void => {
    if (draw === null || named !== drawn)
      draw = fileProgress(terminal, `${named.role} examined`, sizes.get(named.file)!);
    drawn = named;
    draw(bytes);
  };
  const onCompare = (): void => terminal.live('comparing …');
  return await examineFiles(files, { similarity, signal, onProgress, onCompare }).finally(() => terminal.live(''));
}

function page(terminal: Terminal, { files, findings }: FindingsReport): string {
  const { paint } = terminal;
  const seen = files.map(({ file, examples }) => `${file}: ${examples.toLocaleString('en')} examples`);
  const skipped = files.flatMap(({ file, faulty, withImages }) => [
    ...(faulty > 0 ? [`${faulty} with errors were passed over; "tunesmith data check ${file}" says which.`] : []),
    ...(withImages > 0 ? [`${withImages} with images were passed over.`] : []),
  ]);
  const found =
    findings.length === 0
      ? paint.green('Nothing to find.')
      : `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`;
  return [...findings.map((each) => findingText(terminal, each)), ...seen, ...skipped, found].join('\n');
}

/** Several lines about one finding, and an empty one. */
export function findingText({ paint }: Terminal, finding: Finding): string {
  const { severity, code, file, message, lines, groups, counterparts, samples, advice } = finding;
  const colour = { error: paint.red, warning: paint.yellow, note: paint.cyan }[severity];
  const head = `${colour(severity)} ${paint.bold(code.replaceAll('_', ' '))}${file === 'training' ? '' : ` (${file})`}`;
  const where = groups.length > 0 ? groupList(groups) : lines.length > 0 ? listLines(lines) : '';
  const there = counterparts === null ? '' : `; in the ${counterparts.file} file ${listLines(counterparts.lines)}`;
  return [
    head,
    `  ${message}`,
    ...(where === '' ? [] : [`  ${paint.dim(where + there)}`]),
    ...samples.map(({ line, text }) => `    ${line}: ${printable(text)}`),
    `  ${paint.cyan('→')} ${advice}`,
    '',
  ].join('\n');
}

const groupsNamed = 6;

/** `lines 4 and 18; 7, 9 and 33; 12 more groups` */
function groupList(groups: readonly (readonly number[])[]): string {
  const named = groups.slice(0, groupsNamed).map((lines) => listLines(lines).replace(/^lines /, ''));
  const more = groups.length > groupsNamed ? [`${groups.length - groupsNamed} more groups`] : [];
  return `lines ${[...named, ...more].join('; ')}`;
}

/** Data must not speak to the terminal. */
export const printable = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '·');
