/** `tunesmith data collect stored`: chat completions that were made with `store: true` become examples. */

import type { Command } from 'commander';
import { collectStored } from '../../../collect/stored.ts';
import { invalid } from '../../../domain/errors.ts';
import { wholeNumber, type Act, type Context } from '../../context.ts';
import { UsageError } from '../../outcome.ts';
import { checkOutput, forceOption, writeLines } from '../output.ts';
import { Tally } from './texts.ts';

interface StoredFlags {
  readonly output?: string;
  readonly force?: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly model?: string;
  readonly limit?: number;
}

const examples = `
Answers that were cut at a limit or by a filter are left out. Any server with OpenAI's API will do (--base-url).

Examples:
  $ tunesmith data collect stored -o good.jsonl --metadata rating=good
  $ tunesmith data collect stored --model ft:smollm2-135m-instruct:personal::abc123 --limit 500 > recent.jsonl`;

export function storedCommand(collect: Command, act: Act): void {
  collect
    .command('stored')
    .description('chat completions that were stored (store: true), with their answers')
    .option('-o, --output <path>', 'write here (default: stdout)')
    .option(...forceOption)
    .option('--metadata <key=value>', 'only those with this in their metadata; may be repeated', addPair, {})
    .option('--model <name>', 'only answers of this model')
    .option('--limit <count>', 'at most so many examples', wholeNumber)
    .addHelpText('after', examples)
    .action(act(async (context, flags: StoredFlags) => collectExamples(context, flags)));
}

function addPair(text: string, pairs: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`"${text}" was given where key=value was expected.`);
  return { ...pairs, [text.slice(0, at)]: text.slice(at + 1) };
}

async function collectExamples(context: Context, flags: StoredFlags): Promise<void> {
  await checkOutput(flags);
  await using connection = await context.connect();
  const tally = new Tally(context.terminal);
  const lines = async function* (): AsyncGenerator<string, void> {
    for await (const stored of collectStored(connection.openai, { ...flags, signal: context.signal })) {
      if ('skipped' in stored) tally.skip({ source: stored.skipped.id, reason: stored.skipped.reason });
      else {
        tally.collected++;
        yield JSON.stringify(stored.example);
      }
    }
    if (tally.collected > 0) return;
    const nothing =
      tally.skipped === 0
        ? 'No stored completion fits. Requests are kept when they say "store": true.'
        : `None of ${tally.skipped} stored completions makes an example.`;
    throw invalid(null, nothing, 'nothing_found');
  };
  await writeLines(context, flags.output, lines());
  tally.say('example', flags.output);
}
