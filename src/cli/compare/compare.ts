/**
 * `tunesmith compare`: any number of contenders on one test set, one table, and one sentence about which to use.
 *
 * The models of the server are asked one question at a time, since two would share its cores and each would look
 * slow. Answers and embeddings are remembered as those of `tunesmith eval` are, and are the same ones.
 */

import { setMaxListeners } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Option, type Command } from 'commander';
import OpenAI from 'openai';
import type { Compared } from '../../evals/compare/compare.ts';
import { priceByName, usualPrice } from '../../evals/compare/costs.ts';
import { caption, comparisonHtml } from '../../evals/compare/report.ts';
import type { Leaks } from '../../evals/compare/leaks.ts';
import { runComparison } from '../../evals/compare/run.ts';
import { shotChoices, type ShotChoice } from '../../evals/compare/shots.ts';
import { smallSampleNote } from '../../evals/metrics/estimate.ts';
import { tasks, type Task } from '../../evals/task.ts';
import { modelPrices } from '../../dataset/price.ts';
import { TunesmithError } from '../../domain/errors.ts';
import { isLoopback } from '../connection.ts';
import { decimalNumber, wholeNumber, type Act, type Context } from '../context.ts';
import { findingText } from '../data/findings.ts';
import { askingDesk, assertMeasurable } from '../eval.ts';
import { Interrupted, UsageError, isInterruption } from '../outcome.ts';
import { readEndpoint, type Endpoint } from './endpoint.ts';
import { comparedTable } from './view.ts';

export interface CompareFlags {
  readonly train?: string;
  readonly shots: readonly number[];
  readonly choose: ShotChoice;
  readonly seed: number;
  readonly checkpoints?: boolean;
  readonly endpoint: readonly Endpoint[];
  readonly baselines: boolean;
  readonly embeddings?: string;
  readonly reference?: string;
  readonly task?: string;
  readonly labels?: string;
  readonly limit?: number;
  readonly concurrency: number;
  readonly maxTokens?: number;
  readonly dropLeaks?: boolean;
  readonly there: string;
  readonly watts?: number;
  readonly kwhPrice?: number;
  readonly report?: string;
  readonly fresh?: boolean;
}

const help = `
Contenders are the models named, the base of every fine-tune among them, each base also with examples of the training
file in its prompt (--shots), endpoints elsewhere (--endpoint), and what needs no language model: the most common
answer, a logistic regression on words, the nearest neighbour's answer by embeddings. Without --train, the training
file is that of the first fine-tune's job.

The one to use is, of those that are not significantly worse than the best, the one that takes least. Fine-tuning was
not worth it when that is none of the fine-tunes. docs/evaluation.md tells the rule in full.

Examples:
  $ tunesmith compare test.jsonl ft:smollm2-135m-instruct:personal:spam:AbC12345
  $ tunesmith compare test.jsonl smollm2-135m-instruct --train train.jsonl --shots 4,8,16 --choose nearest
  $ tunesmith compare test.jsonl ft:smollm2-135m-instruct:personal:spam:AbC12345 --checkpoints --report report.html
  $ tunesmith compare test.jsonl my-model --watts 65 --kwh-price 0.30 \\
      --endpoint model=gpt-4.1-mini,url=https://api.openai.com/v1,key=OPENAI_API_KEY`;

export function compareCommand(program: Command, act: Act): void {
  program
    .command('compare <file> [models...]')
    .description('put base, few-shot prompts, fine-tunes, other endpoints and cheap baselines on one test set')
    .option('--train <file>', 'training file: examples are chosen from it, baselines learn from it')
    .option('--shots <counts>', 'examples in the prompts of base models, comma between; 0 for none', counts, [8])
    .addOption(new Option('--choose <way>', 'how they are chosen').choices(shotChoices).default('diverse'))
    .option('--seed <number>', 'the same seed chooses the same examples', wholeNumber, 1)
    .option('--checkpoints', "the fine-tunes' checkpoints as well")
    .addOption(
      new Option(
        '--endpoint <what>',
        'model=NAME,url=URL[,key=VARIABLE][,shots=COUNT], the key being read from that environment variable; may be repeated',
      )
        .argParser((text: string, before: readonly Endpoint[]) => [...before, readEndpoint(text)])
        .default([], 'none'),
    )
    .option('--no-baselines', 'only models')
    .option('--embeddings <model>', 'whose embeddings find neighbours (default: the first base model)')
    .option('--reference <name>', 'the contender that others are held against (default: the base as it is)')
    .option('--task <kind>', `${tasks.join(', ')} (default: as the references look)`)
    .option('--labels <list>', 'all labels of a classification, comma between, where the file does not show all')
    .option('--limit <count>', 'only the first so many questions', wholeNumber)
    .option('--concurrency <count>', 'questions at a time to endpoints elsewhere', wholeNumber, 4)
    .option('--max-tokens <count>', 'longest answer (default: after the longest reference)', wholeNumber)
    .option('--drop-leaks', 'leave out questions that the training file has as well')
    .option('--there <model>', 'whose price list "there" is', usualPrice)
    .option('--watts <power>', 'what this machine draws while it answers', decimalNumber)
    .option('--kwh-price <price>', 'of a kilowatt-hour, in any currency', decimalNumber)
    .option('--report <file>', 'also write a report: one HTML file that needs nothing else')
    .option('--fresh', 'ask everything again, even what was answered before')
    .addHelpText('after', help)
    .action(
      act((context, flags: CompareFlags, file = '', ...models) =>
        compareOn(context, flags, file, models).catch((error: unknown) => {
          if (!isInterruption(error)) throw error;
          throw new Interrupted('Stopped. The same command goes on where it stopped.');
        }),
      ),
    );
}

function counts(text: string): number[] {
  return [...new Set(text.split(',').map((each) => wholeNumber(each.trim())))].filter((count) => count > 0);
}

async function compareOn(
  context: Context,
  flags: CompareFlags,
  file: string,
  models: readonly string[],
): Promise<void> {
  const { terminal, signal } = context;
  assertPossible(flags, models);
  setMaxListeners(0, signal); // requests of the SDK leave one each
  const elsewhere = flags.endpoint.map((endpoint) => ({ ...endpoint, client: clientFor(context, endpoint) }));
  await using connection = await context.connect();
  const { namedServer } = context;
  const desk = {
    ...askingDesk(context),
    openai: connection.openai,
    server: namedServer ?? 'this machine',
    isHere: namedServer === null || isLoopback(namedServer),
    isOurs: namedServer === null,
  };
  const request = {
    ...flags,
    test: file,
    testName: file,
    models,
    elsewhere,
    task: flags.task as Task | undefined,
    labels: flags.labels?.split(',').map((label) => label.trim()),
    kilowattHourPrice: flags.kwhPrice,
  };
  const tellLeaks = (leaks: readonly Leaks[]): void => {
    for (const { training, findings } of leaks)
      for (const finding of findings) terminal.note(`${training}:\n${findingText(terminal, finding)}`);
  };
  const { compared, answersOf, reason, train, leaks, leaked } = await runComparison(desk, request, tellLeaks).catch(
    asUsage,
  );

  const { watts } = flags;
  const there = priceByName(flags.there)!.model;
  const facts = { test: file, train, reason, leaks, there, watts: watts ?? null };
  terminal.result({ ...facts, ...compared }, () => shown(compared, flags));
  const small = smallSampleNote(compared.rows[0]!.evaluation.figures[0]!.estimate);
  if (small !== null) terminal.note(`(${small})`);
  if (flags.report !== undefined) {
    const page = comparisonHtml({
      compared,
      answersOf,
      test: basename(file),
      train,
      createdAt: new Date(),
      leaked: leaked.size,
      caption: caption(compared, { ...flags, kilowattHourPrice: flags.kwhPrice }),
    });
    await writeFile(flags.report, page);
    terminal.note(`Report: ${flags.report}`);
  }
}

function assertPossible(flags: CompareFlags, models: readonly string[]): void {
  assertMeasurable(flags);
  if (models.length === 0 && flags.endpoint.length === 0)
    throw new UsageError('Nobody to compare: name models, or endpoints with --endpoint.');
  if (flags.kwhPrice !== undefined && flags.watts === undefined)
    throw new UsageError('--kwh-price needs --watts: what the machine draws is not known to it.');
  if (flags.watts !== undefined && flags.watts <= 0)
    throw new UsageError(`--watts ${flags.watts}: expected more than 0.`);
  if (priceByName(flags.there) === undefined) {
    const known = modelPrices.filter(({ formats }) => formats.includes('chat')).map(({ model }) => model);
    throw new UsageError(`--there ${flags.there} has no known price; one of ${known.join(', ')} was expected.`);
  }
}

/** Which contender others are held against, and what the training file leaves of the test, the command line said. */
function asUsage(error: unknown): never {
  const isUsage = error instanceof TunesmithError && ['reference', 'train', 'test'].includes(error.param ?? '');
  throw isUsage ? new UsageError(error.message) : error;
}

function clientFor({ surroundings }: Context, { model, url, key }: Endpoint): OpenAI {
  const apiKey = key === null ? 'none' : surroundings.env[key];
  if (!apiKey)
    throw new UsageError(`The key of ${model} is to be in ${key}, but that environment variable is not set.`);
  return new OpenAI({ baseURL: url, apiKey });
}

function shown(compared: Compared, flags: CompareFlags): string {
  return [
    comparedTable(compared),
    `(${caption(compared, { ...flags, kilowattHourPrice: flags.kwhPrice })})`,
    compared.verdict.sentence,
  ].join('\n\n');
}
