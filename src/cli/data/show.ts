/**
 * `tunesmith data show`: the mask viewer. An example with the template applied, special tokens visible, and every
 * token that carries loss highlighted: in colour on a terminal, between ⟦ and ⟧ anywhere else.
 */

import { stat } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { isError } from '../../dataset/problem.ts';
import { readRows, type Row } from '../../dataset/rows.ts';
import { seenSequences, textOfTokens, type SeenSequence, type SeenToken } from '../../dataset/view.ts';
import { invalid, notFound } from '../../domain/errors.ts';
import type { ExampleFormat } from '../../domain/example.ts';
import type { TextCodec } from '../../text/codec.ts';
import { openCodec } from '../../text/open-codec.ts';
import { wholeNumber, type Act, type Context } from '../context.ts';
import { UsageError } from '../outcome.ts';
import { table, type Terminal } from '../terminal.ts';
import { chosenBase, pullCommand } from './base.ts';
import { formats } from './check.ts';
import { fileProgress } from './progress.ts';

const examples = `
Examples:
  $ tunesmith data show tickets.jsonl
  $ tunesmith data show tickets.jsonl 17 --base smollm2-135m-instruct
  $ tunesmith data show tickets.jsonl 17 --tokens
  $ tunesmith data show tickets.jsonl 17 --json | jq '.sequences[0].supervised'`;

interface ShowFlags {
  readonly base?: string;
  readonly format?: ExampleFormat;
  readonly maxLength?: number;
  readonly tokens?: boolean;
}

export function showCommand(data: Command, act: Act): void {
  data
    .command('show <file> [line]')
    .description('one example as the model will see it, with what it learns highlighted')
    .option('--base <model>', 'the base model that sees it (default: the newest of this machine)')
    .addOption(
      new Option('--format <format>', 'the format of its rows (default: what they look like)').choices(formats),
    )
    .option('--max-length <tokens>', 'where sequences are cut (default: what the model can take)', wholeNumber)
    .option('--tokens', 'every token on a line of its own')
    .addHelpText('after', examples)
    .action(act(async (context, flags: ShowFlags, path = '', line?: string) => show(context, flags, path, line)));
}

async function show(context: Context, flags: ShowFlags, path: string, line: string | undefined): Promise<void> {
  const { terminal } = context;
  const row = await findRow(context, flags, path, line === undefined ? null : wholeNumber(line));
  if (row.checked === null) {
    const problem = row.problems.find(isError) ?? row.problems[0]!;
    throw invalid(null, `Line ${row.line} cannot be shown. ${problem.message}`);
  }
  const base = await chosenBase(context, flags.base);
  if (base === null) throw new UsageError(`There is no base model here to see it. Fetch one: ${pullCommand}.`);
  const codec = await openCodec(base.path);
  const tokensMax = flags.maxLength ?? base.contextTokens;
  const sequences = seenSequences(row.checked, codec, row.line, tokensMax);
  const { format } = row.checked;
  terminal.result({ file: path, line: row.line, format, base: base.id, tokensMax, sequences }, () =>
    sequences
      .map((each, i) => sequenceText(terminal, each, i, sequences.length, codec, flags.tokens === true))
      .join('\n'),
  );
  if (!terminal.json) terminal.note(noteOn(sequences, `${base.id}, line ${row.line} (${format})`, tokensMax, format));
}

/** The row of that line, or the first one. */
async function findRow(
  { terminal, signal }: Context,
  flags: ShowFlags,
  path: string,
  line: number | null,
): Promise<Row> {
  const { size } = await stat(path);
  const format = flags.format === undefined ? {} : { format: flags.format };
  let last = 0;
  try {
    for await (const row of readRows(path, { ...format, signal, onProgress: fileProgress(terminal, 'read', size) })) {
      if (row.line === (line ?? row.line)) return row;
      last = row.line;
      if (last > (line ?? 0)) break;
    }
  } finally {
    terminal.live('');
  }
  if (last === 0) throw notFound(null, `${path} has no examples.`);
  const why = last > (line ?? 0) ? `Line ${line} of ${path} is blank` : `${path} ends with line ${last}`;
  throw notFound(null, `${why}; line ${line} was asked for.`);
}

function sequenceText(
  terminal: Terminal,
  { title, tokens }: SeenSequence,
  index: number,
  count: number,
  codec: TextCodec,
  asTable: boolean,
): string {
  const { paint } = terminal;
  const name = [...(count > 1 ? [`sequence ${index + 1} of ${count}`] : []), ...(title === null ? [] : [title])];
  const head = name.length === 0 ? [] : [paint.bold(`── ${name.join(', ')} ──`)];
  if (asTable) return [...head, tokenTable(tokens), ''].join('\n');
  const runs = runsOf(tokens).map((run) => ({
    ...run[0]!,
    text: visible(
      textOfTokens(
        run.map(({ id }) => id),
        codec,
      ),
    ),
  }));
  return [...head, terminal.isInteractive ? paintedText(terminal, runs) : markedText(runs), ''].join('\n');
}

/** What a terminal would obey is shown as its picture instead: `␛` for an escape. */
const visible = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (character) => {
    const code = character.charCodeAt(0);
    if (character === '\n' || character === '\t') return character;
    return code < 32 ? String.fromCharCode(0x2400 + code) : '\u2421';
  });

/** A run of tokens that look alike, with what they spell together. */
type TokenRun = Pick<SeenToken, 'text' | 'special' | 'loss' | 'cut'>;

const scissors = '✂';

/** Neighbours that look alike. */
function runsOf(tokens: readonly SeenToken[]): readonly (readonly SeenToken[])[] {
  const runs: SeenToken[][] = [];
  for (const token of tokens) {
    const last = runs.at(-1)?.[0];
    const alike = last?.loss === token.loss && last.special === token.special && last.cut === token.cut;
    if (alike) runs.at(-1)!.push(token);
    else runs.push([token]);
  }
  return runs;
}

function paintedText({ paint }: Terminal, runs: readonly TokenRun[]): string {
  const painted = ({ text, special, loss, cut }: TokenRun): string => {
    if (cut) return paint.dim(paint.strikethrough(text));
    if (loss) return paint.bgGreen(paint.black(special ? paint.bold(text) : text));
    return special ? paint.magenta(text) : text;
  };
  const firstCut = runs.findIndex(({ cut }) => cut);
  return runs.map((run, i) => (i === firstCut ? paint.red(scissors) : '') + painted(run)).join('');
}

/** The same without colours: `⟦what is learnt⟧`, and a pair of scissors where it is cut. */
function markedText(runs: readonly TokenRun[]): string {
  let text = '';
  let [open, cut] = [false, false];
  for (const run of runs) {
    if (open && !run.loss) text += '⟧';
    if (run.cut && !cut) text += scissors;
    if (!open && run.loss) text += '⟦';
    text += run.text;
    [open, cut] = [run.loss, run.cut];
  }
  return open ? `${text}⟧` : text;
}

function tokenTable(tokens: readonly SeenToken[]): string {
  const rows = tokens.map(({ id, text, special, loss, cut }, i) => [
    i,
    id,
    JSON.stringify(text),
    [...(special ? ['special'] : []), ...(loss ? ['loss'] : []), ...(cut ? ['cut'] : [])].join(', '),
  ]);
  return table(['POSITION', 'ID', 'TEXT', ''], rows);
}

function noteOn(sequences: readonly SeenSequence[], what: string, tokensMax: number, format: ExampleFormat): string {
  const total = (numberOf: (sequence: SeenSequence) => number): number =>
    sequences.reduce((sum, sequence) => sum + numberOf(sequence), 0);
  const tokens = total((sequence) => sequence.tokens.length);
  const supervised = total((sequence) => sequence.supervised);
  const cut = total((sequence) => sequence.cut);
  const share = tokens === 0 ? 0 : Math.round((100 * supervised) / tokens);
  const cutText = cut === 0 ? '' : `, ${cut} behind the cut at ${tokensMax}`;
  const graded = format === 'reinforcement' ? ' A grader judges the answer; no token carries loss.' : '';
  return `${what}: ${tokens} tokens, ${supervised} carry loss (${share}%)${cutText}.${graded}`;
}
