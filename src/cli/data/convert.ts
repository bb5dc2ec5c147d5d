/**
 * `tunesmith data convert`: tables, other people's formats and annotated text to training examples, and back to CSV.
 *
 * What was guessed, and what became of the first row, is said on stderr before all rows follow.
 */

import { Option, type Command } from 'commander';
import { leftOut, openConversion, type Conversion } from '../../dataset/convert/convert.ts';
import { slotNames, type SlotOptions } from '../../dataset/convert/slots.ts';
import { sourceFormats, type SourceFormat } from '../../dataset/convert/source.ts';
import { openCsvExport } from '../../dataset/convert/to-csv.ts';
import type { ExampleFormat } from '../../domain/example.ts';
import { wholeNumber, type Act, type Context } from '../context.ts';
import { record } from '../terminal.ts';
import { UsageError } from '../outcome.ts';
import { checkOutput, forceOption, rowProgress, writeLines } from './output.ts';

const examples = `
A part of the conversation is a column, or a text with columns in braces: --user 'Subject: {subject}\\n\\n{body}'.
Without any, known shapes (OpenAI, ShareGPT, Alpaca, Promptfoo, CoNLL) and usual column names are recognised.

Examples:
  $ tunesmith data convert tickets.csv -o tickets.jsonl
  $ tunesmith data convert faq.xlsx --user '{question}' --assistant '{answer}' --system 'You help customers.' -o faq.jsonl
  $ tunesmith data convert pairs.parquet --to preference -o pairs.jsonl
  $ tunesmith data convert ner.conll --spans -o ner.jsonl
  $ tunesmith data convert faq.jsonl --to csv > faq.csv`;

interface ConvertFlags {
  readonly output?: string;
  readonly force?: boolean;
  readonly to: ExampleFormat | 'csv';
  readonly from?: SourceFormat;
  readonly system?: string;
  readonly user?: string;
  readonly prompt?: string;
  readonly assistant?: string;
  readonly answer?: string;
  readonly rejected?: string;
  readonly keep?: readonly string[];
  readonly delimiter?: string;
  readonly encoding?: string;
  readonly header: boolean;
  readonly sheet?: string;
  readonly tagColumn?: number;
  readonly spans?: boolean;
  readonly limit?: number;
  readonly skipBad?: boolean;
}

export function convertCommand(data: Command, act: Act): void {
  data
    .command('convert <file>')
    .description('make training examples of a table, of other formats, of annotated text; or CSV of examples')
    .option('-o, --output <path>', 'write here (default: stdout)')
    .option(...forceOption)
    .addOption(
      new Option('--to <format>', 'what to write')
        .choices(['chat', 'completion', 'preference', 'reinforcement', 'csv'])
        .default('chat'),
    )
    .addOption(new Option('--from <format>', 'what the file is (default: by its name)').choices(sourceFormats))
    .option('--system <column|template|sentence>', 'the system message')
    .option('--user <column|template>', 'what the user says')
    .option('--prompt <column|template>', 'the same as --user')
    .option('--assistant <column|template>', 'the answer; the better one of a preference')
    .option('--answer <column|template>', 'the same as --assistant')
    .option('--rejected <column|template>', 'the worse answer of a preference')
    .option(
      '--keep <columns>',
      "reinforcement: the grader's columns, with commas between (default: all others)",
      commas,
    )
    .option('--delimiter <letter>', 'between columns (default: guessed)')
    .option('--encoding <name>', 'of the text (default: utf-8, or utf-16 by its mark)')
    .option('--no-header', 'the first row is data; columns are column1, column2, …')
    .option('--sheet <name>', 'of a spreadsheet (default: the first)')
    .option('--tag-column <number>', 'CoNLL: where the tags are, from 1 (default: guessed)', wholeNumber)
    .option('--spans', 'CoNLL: entities with their places in the text, instead of a list per type')
    .option('--limit <count>', 'only so many rows', wholeNumber)
    .option('--skip-bad', 'leave out rows that cannot be read, instead of ending there')
    .addHelpText('after', examples)
    .action(act(async (context, flags: ConvertFlags, path = '') => convert(context, flags, path)));
}

const commas = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

async function convert(context: Context, flags: ConvertFlags, path: string): Promise<void> {
  const { terminal, signal } = context;
  await checkOutput(flags, path);
  const said = {
    system: flags.system,
    user: flags.user ?? flags.prompt,
    assistant: flags.assistant ?? flags.answer,
    rejected: flags.rejected,
  };
  if (flags.keep !== undefined && flags.to !== 'reinforcement')
    throw new UsageError('--keep is for --to reinforcement.');
  if (flags.to === 'csv') {
    const needless = slotNames.find((name) => said[name] !== undefined);
    if (needless !== undefined)
      throw new UsageError(`--${needless} is for making examples; --to csv takes them as they are.`);
    const table = await openCsvExport(path, { ...flags, signal, onRow: rowProgress(terminal) });
    terminal.live('');
    terminal.note(`${path}: ${table.kind}; columns ${table.columns.join(', ')}`);
    return await writeLines(context, flags.output, table.lines());
  }
  const conversion = await openConversion(path, { ...flags, ...said, to: flags.to });
  terminal.note(`${path}\n${readingText(conversion, said)}`);
  await writeLines(context, flags.output, conversion.lines(signal));
  const { rows, written, left } = conversion.counts;
  if (terminal.json && flags.output !== undefined) {
    const reasons = Array.from(left, ([reason, entry]) => ({ reason, ...entry }));
    const report = { file: path, output: flags.output, rows, written, leftOut: reasons };
    return terminal.data(JSON.stringify(report, null, 2));
  }
  terminal.note(
    `${written.toLocaleString('en')} ${written === 1 ? 'example' : 'examples'}${flags.output === undefined ? '' : ` in ${flags.output}`}`,
  );
  if (left.size > 0) terminal.note(`Left out ${leftOut(conversion.counts)}`);
}

/** How the file is read, and what becomes of its first row. */
function readingText({ source, shape, slots, unused, first }: Conversion, said: SlotOptions): string {
  const parts = slotNames.map((name): [string, string | null] => {
    const template = slots?.[name] ?? null;
    if (template === null) return [name, null];
    return [name, `${template.source.replaceAll('\n', '\\n')}${said[name] === undefined ? '  (guessed)' : ''}`];
  });
  return record({
    'read as': shape === null ? source.kind : `${source.kind}; ${shape}`,
    ...Object.fromEntries(parts),
    'not used': unused.length === 0 ? null : shortened(unused.join(', '), 200),
    'first row':
      first === null ? 'none of the first rows makes an example' : `${first.place} → ${shortened(first.line, 400)}`,
  });
}

const shortened = (text: string, lettersMax: number): string =>
  text.length > lettersMax ? `${text.slice(0, lettersMax - 1)}…` : text;
