/**
 * `tunesmith data check`: what is wrong with a training file, where, and how to mend it.
 *
 * The first problem of each sort is shown as it is found; how often it came again is said at the end.
 */

import { stat } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { checkFile, linesKept, type CheckOptions, type CheckReport, type ProblemGroup } from '../../dataset/check.ts';
import type { Problem } from '../../dataset/problem.ts';
import { repairNames } from '../../dataset/repair/changes.ts';
import { invalid } from '../../domain/errors.ts';
import type { ExampleFormat } from '../../domain/example.ts';
import { openCodec } from '../../text/open-codec.ts';
import type { Act, Context } from '../context.ts';
import type { Terminal } from '../terminal.ts';
import { chosenBase } from './base.ts';
import { fix, type FixFlags } from './fix.ts';
import { fileProgress } from './progress.ts';

const examples = `
Examples:
  $ tunesmith data check tickets.jsonl
  $ tunesmith data check tickets.jsonl --base smollm2-135m-instruct   what would be cut, too
  $ tunesmith data check tickets.jsonl --fix                          writes tickets_prepared.jsonl
  $ tunesmith data check held-out.jsonl --validation --json`;

export const formats: readonly ExampleFormat[] = ['chat', 'completion', 'preference', 'reinforcement'];

interface CheckFlags extends FixFlags {
  readonly format?: ExampleFormat;
  readonly validation?: boolean;
  readonly base?: string;
  readonly fix?: boolean;
}

export function checkCommand(data: Command, act: Act): void {
  data
    .command('check <file>')
    .description('find everything that is wrong with a training file')
    .addOption(
      new Option('--format <format>', 'the format of its rows (default: what they look like)').choices(formats),
    )
    .option('--validation', 'it is a validation file: fewer than ten examples will do')
    .option('--base <model>', 'also find what is too long for this base model')
    .option('--fix', 'write a repaired copy and check that; the file itself is never touched')
    .option('-o, --output <file>', 'the repaired copy (default: <file>_prepared.jsonl)')
    .option('--force', 'replace the copy if it is there already')
    .option('--drop', 'leave out of the copy what cannot be repaired')
    .addOption(new Option('--skip <repairs...>', 'repairs not to make').choices(repairNames))
    .addHelpText('after', examples)
    .action(act(async (context, flags: CheckFlags, path = '') => check(context, flags, path)));
}

async function check(context: Context, flags: CheckFlags, input: string): Promise<void> {
  const { terminal, signal } = context;
  const model = flags.base === undefined ? undefined : await modelOf(context, flags.base);
  const shared = {
    signal,
    ...(flags.format !== undefined && { format: flags.format }),
    ...(model !== undefined && { model }),
  };
  const repaired = flags.fix === true ? await fix(context, flags, input, shared) : null;
  const path = repaired?.output ?? input;
  const { size } = await stat(path);
  const report = await checkFile(path, {
    ...shared,
    role: flags.validation === true ? 'validation' : 'training',
    onProgress: fileProgress(terminal, 'checked', size),
    ...(!terminal.json && { onGroup: (first: Problem) => terminal.data(problemText(terminal, first)) }),
  }).finally(() => terminal.live(''));
  terminal.result({ file: path, ...report, ...(repaired !== null && { repaired }) }, () => summary(terminal, report));
  if (report.errors === 0) return;
  const where =
    report.faultyExamples === 0
      ? ''
      : ` in ${report.faultyExamples.toLocaleString('en')} of ${count(report.examples, 'example')}`;
  throw invalid(null, `${path} has ${count(report.errors, 'error')}${where}.`);
}

async function modelOf(context: Context, name: string): Promise<NonNullable<CheckOptions['model']>> {
  const base = (await chosenBase(context, name))!;
  return { codec: await openCodec(base.path), tokensMax: base.contextTokens };
}

function problemText(terminal: Terminal, { severity, line, path, message, suggestion }: Problem): string {
  const { paint } = terminal;
  const colour = severity === 'error' ? paint.red : paint.yellow;
  const where = [line === null ? 'the whole file' : `line ${line}`, ...(path === '$' ? [] : [path])].join(', ');
  return [
    `${colour(severity)} ${paint.bold(where)}`,
    `  ${message}`,
    ...(suggestion === null ? [] : [`  ${paint.cyan('→')} ${suggestion}`]),
    '',
  ].join('\n');
}

function summary({ paint }: Terminal, report: CheckReport): string {
  const again = report.groups.filter((group) => group.count > 1).map(groupText);
  const found =
    report.errors + report.warnings === 0
      ? paint.green('nothing is wrong with it')
      : `${count(report.errors, 'error')}, ${count(report.warnings, 'warning')}`;
  return [
    ...(again.length > 0 ? [...again, ''] : []),
    `${count(report.examples, 'example')}${report.format === null ? '' : ` (${report.format})`}: ${found}`,
  ].join('\n');
}

/** `unrecognized_role at $.messages[*].role, line 4: 412 more like this (lines 7, 9, 12 …)` */
function groupText({ code, path, count: times, lines, first }: ProblemGroup): string {
  const others = lines.filter((line) => line !== first.line);
  const more = others.length >= linesKept - 1 ? ' …' : '';
  const where = others.length === 0 ? '' : ` (line${others.length === 1 ? '' : 's'} ${others.join(', ')}${more})`;
  return `${code} at ${path}, line ${first.line}: ${(times - 1).toLocaleString('en')} more like this${where}`;
}

const count = (number: number, noun: string): string =>
  `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
