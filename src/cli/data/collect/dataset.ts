/** `tunesmith data collect dataset`: the rows of a Hugging Face data set, raw or as examples. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { datasetFiles, fetchDatasetFile, type DatasetRequest } from '../../../collect/hub-dataset.ts';
import { openConversion, leftOut } from '../../../dataset/convert/convert.ts';
import { openSource } from '../../../dataset/convert/open-source.ts';
import { slotNames, type SlotOptions } from '../../../dataset/convert/slots.ts';
import { invalid } from '../../../domain/errors.ts';
import type { ExampleFormat } from '../../../domain/example.ts';
import { hubSettings } from '../../../models/sources/hub.ts';
import { wholeNumber, type Act, type Context } from '../../context.ts';
import { formatBytes } from '../../terminal.ts';
import { checkOutput, forceOption, writeLines } from '../output.ts';

interface DatasetFlags extends SlotOptions {
  readonly output?: string;
  readonly force?: boolean;
  readonly split: string;
  readonly revision: string;
  readonly file?: readonly string[];
  readonly to?: ExampleFormat;
  readonly limit?: number;
}

const examples = `
Rows are written as they are; with --to, or with a part of the conversation, as examples, as "data convert" does it.
The hub is that of HF_ENDPOINT, with HF_TOKEN where it is set.

Examples:
  $ tunesmith data collect dataset owner/mails -o mails.jsonl
  $ tunesmith data collect dataset owner/mails --split test --user '{text}' --assistant '{label}' -o test.jsonl
  $ tunesmith data collect dataset owner/pairs --file data/train.parquet --to preference -o pairs.jsonl`;

export function datasetCommand(collect: Command, act: Act): void {
  collect
    .command('dataset <name>')
    .description('the rows of a Hugging Face data set')
    .option('-o, --output <path>', 'write here (default: stdout)')
    .option(...forceOption)
    .option('--split <name>', 'which part of it', 'train')
    .option('--revision <name>', 'branch, tag or commit', 'main')
    .option('--file <path...>', 'these files of it, whatever their names say')
    .addOption(
      new Option('--to <format>', 'make examples').choices(['chat', 'completion', 'preference', 'reinforcement']),
    )
    .option('--system <column|template|sentence>', 'the system message')
    .option('--user <column|template>', 'what the user says')
    .option('--assistant <column|template>', 'the answer; the better one of a preference')
    .option('--rejected <column|template>', 'the worse answer of a preference')
    .option('--limit <count>', 'only so many rows', wholeNumber)
    .addHelpText('after', examples)
    .action(act(async (context, flags: DatasetFlags, name = '') => collectRows(context, flags, name)));
}

async function collectRows(context: Context, flags: DatasetFlags, name: string): Promise<void> {
  const { terminal, signal } = context;
  await checkOutput(flags);
  const request: DatasetRequest = { name, revision: flags.revision, split: flags.split, files: flags.file };
  const settings = hubSettings(context.surroundings.env);
  const files = await datasetFiles(request, settings, signal);
  const folder = await mkdtemp(join(tmpdir(), 'tunesmith-dataset-'));
  let rows = 0;
  const lines = async function* (): AsyncGenerator<string, void> {
    for (const file of files) {
      const left = flags.limit === undefined ? undefined : flags.limit - rows;
      if (left === 0) return;
      terminal.note(`Fetching ${file.path} (${formatBytes(file.size)})`);
      const startedMs = Date.now();
      const onBytes = (received: number): void => {
        if (Date.now() - startedMs > 2000) terminal.live(`  ${formatBytes(received)} of ${formatBytes(file.size)}`);
      };
      const path = await fetchDatasetFile(file, request, settings, folder, { signal, onBytes });
      terminal.live('');
      for await (const line of linesOf(context, path, { ...flags, limit: left })) {
        rows++;
        yield line;
      }
      await rm(path);
    }
    if (rows === 0)
      throw invalid(null, `${name} has no rows in ${files.map(({ path }) => path).join(', ')}.`, 'nothing_found');
  };
  try {
    await writeLines(context, flags.output, lines());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  terminal.note(
    `${rows.toLocaleString('en')} ${rows === 1 ? 'row' : 'rows'}${flags.output === undefined ? '' : ` in ${flags.output}`}`,
  );
}

async function* linesOf(
  { terminal, signal }: Context,
  path: string,
  flags: DatasetFlags,
): AsyncGenerator<string, void> {
  const makesExamples = flags.to !== undefined || slotNames.some((slot) => flags[slot] !== undefined);
  if (makesExamples) {
    const conversion = await openConversion(path, { ...flags, to: flags.to ?? 'chat' });
    yield* conversion.lines(signal);
    if (conversion.counts.left.size > 0) terminal.note(`Left out ${leftOut(conversion.counts)}`);
    return;
  }
  let rows = 0;
  for await (const { fields, fault, place } of (await openSource(path, {})).rows(signal)) {
    if (rows++ === flags.limit) return;
    if (fields === null) throw invalid(null, `${path}, ${place}: ${fault}.`, 'row_unreadable');
    yield JSON.stringify(Object.fromEntries(fields));
  }
}
