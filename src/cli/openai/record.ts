/** `tunesmith openai record`: what a model answers to a test, kept while it still answers. */

import { mkdir } from 'node:fs/promises';
import type { Command } from 'commander';
import { lockCapture } from '../../leaving/lock.ts';
import { Capture } from '../../leaving/manifest.ts';
import { record, type Recorded } from '../../leaving/recording.ts';
import { shutdownOf } from '../../leaving/shutdown.ts';
import { wholeNumber, type Act, type Context } from '../context.ts';
import { Interrupted, UsageError } from '../outcome.ts';
import { openSource, sourceOptions, type SourceOptions } from './source.ts';

interface RecordCommandOptions extends SourceOptions {
  readonly folder: string;
  readonly concurrency: number;
  readonly maxTokens?: number;
}

const help = `
The test is a JSONL file of chats; what stands before the last assistant message is asked, greedily, and the answer
is kept whole: text, tool calls, log-probabilities where the server gives them, usage and latency. Stop it whenever
you like: the same command goes on with the questions that have no answer yet. "tunesmith openai parity" compares.

Examples:
  $ tunesmith openai record ft:gpt-4o-mini-2024-07-18:acme:mail:AbC12345 test.jsonl
  $ tunesmith openai record ft:gpt-4.1-2025-04-14:acme::XyZ98765 test.jsonl --folder work --concurrency 4`;

export function recordCommand(openai: Command, act: Act): void {
  sourceOptions(openai.command('record <model> <file>'))
    .description('keep the answers of a model to a test, with log-probabilities, usage and latency')
    .option('--folder <folder>', 'folder of a capture, or a new one', 'openai-capture')
    .option('--concurrency <count>', 'questions at a time; more may look slower', wholeNumber, 1)
    .option('--max-tokens <count>', 'longest answer (default: after the longest reference)', wholeNumber)
    .addHelpText('after', help)
    .action(act<RecordCommandOptions>(run));
}

async function run(context: Context, options: RecordCommandOptions, model = '', file = ''): Promise<void> {
  const { terminal, signal } = context;
  for (const [name, value] of [
    ['--concurrency', options.concurrency],
    ['--max-tokens', options.maxTokens],
  ] as const)
    if (value === 0) throw new UsageError(`${name} was 0; at least 1 was expected.`);
  const { openai, baseUrl, polite, redact } = openSource(context, options);
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  await using _ = await lockCapture(options.folder);
  const into = await Capture.open(options.folder, baseUrl);
  const { date } = shutdownOf(model, null);
  if (date !== null) terminal.note(`${model} is to be turned off on ${date}.`);
  const startedMs = Date.now();
  let told = false;
  const recorded = await record(openai, model, file, into, {
    signal,
    concurrency: options.concurrency,
    elapsedMs: polite.elapsedMs,
    redact,
    ...(options.maxTokens !== undefined && { answerTokensMax: options.maxTokens }),
    onProgress: (done, total) => {
      if (!told && done > 0 && Date.now() - startedMs < 1000)
        terminal.note(`${done} of ${total} are recorded already.`);
      told = true;
      terminal.live(`  ${done}/${total}`);
    },
  })
    .catch((error: unknown) => {
      if (signal.aborted) throw new Interrupted('Stopped. The same command goes on where it stopped.');
      throw error;
    })
    .finally(() => terminal.live(''));
  terminal.result({ model, base_url: baseUrl, ...recorded }, () => shown(recorded));
  if (recorded.failures.length > 0)
    throw new Error(`${recorded.failures.length} questions have no answer; the same command asks them again.`);
}

const failuresShown = 10;

const shown = ({ folder, questions, recorded, known, withLogprobs, failures }: Recorded): string =>
  [
    `${recorded} answers recorded${known > 0 ? `, ${known} were there already` : ''}, of ${questions} questions; ${withLogprobs} with log-probabilities.`,
    ...failures.slice(0, failuresShown).map(({ line, message }) => `line ${line}: ${message}`),
    ...(failures.length > failuresShown ? [`and ${failures.length - failuresShown} more`] : []),
    folder,
  ].join('\n');
