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
import { compare, type Compared } from '../../evals/compare/compare.ts';
import { priceByName, usualPrice } from '../../evals/compare/costs.ts';
import { comparisonHtml } from '../../evals/compare/report.ts';
import { shotChoices, type ShotChoice } from '../../evals/compare/shots.ts';
import { smallSampleNote } from '../../evals/metrics/estimate.ts';
import { readTest, tasks, type TestItem } from '../../evals/task.ts';
import { modelPrices } from '../../dataset/price.ts';
import { decimalNumber, wholeNumber, type Act, type Context } from '../context.ts';
import { findingText } from '../data/findings.ts';
import { assertMeasurable, chosenTask } from '../eval.ts';
import { Interrupted, UsageError, isInterruption } from '../outcome.ts';
import { askContenders } from './ask.ts';
import { gather } from './gather.ts';
import { readEndpoint, type Endpoint } from './endpoint.ts';
import { leaksBetween } from './leaks.ts';
import { caption, comparedTable } from './view.ts';

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
  const all = await readTest(file, { signal });
  await using connection = await context.connect();
  const gathered = await gather(context, connection.openai, flags, models);
  await using _training = gathered;

  const leaks = await leaksBetween(gathered.trainingFiles, file, signal);
  for (const { training, findings } of leaks)
    for (const finding of findings) terminal.note(`${training}:\n${findingText(terminal, finding)}`);
  const leaked = new Set(leaks.flatMap(({ findings }) => findings.flatMap(({ lines }) => lines)));
  const kept = flags.dropLeaks === true ? all.filter(({ line }) => !leaked.has(line)) : all;
  const items = kept.slice(0, flags.limit);
  if (items.length === 0) throw new UsageError(`Every question of ${file} stands in the training file too.`);
  if (leaked.size > 0) terminal.note(leakNote(leaked.size, all, flags));

  const { task, labels, reason } = chosenTask(flags, items);
  terminal.note(`${items.length} questions, ${task.replace('_', ' ')}: ${reason}.`);
  const asked = await askContenders(context, flags, { connection, gathered, task, labels, items });
  const reference = referenceOf(asked.contestants, flags.reference);
  const priceOf = priceByName(flags.there);
  const { watts, kwhPrice: kilowattHourPrice } = flags;
  const compared = compare(task, asked.contestants, {
    labels: labels.length > 0 ? asked.labels : undefined,
    reference,
    priceOf,
    watts,
    kilowattHourPrice,
  });

  const train = gathered.training?.name ?? null;
  const facts = { test: file, train, reason, leaks, there: priceOf!.model, watts: watts ?? null };
  terminal.result({ ...facts, ...compared }, () => shown(compared, flags));
  const small = smallSampleNote(compared.rows[0]!.evaluation.figures[0]!.estimate);
  if (small !== null) terminal.note(`(${small})`);
  if (flags.report !== undefined) {
    const answersOf = new Map(asked.contestants.map(({ name, answers }) => [name, answers]));
    const page = comparisonHtml({
      compared,
      answersOf,
      test: basename(file),
      train,
      createdAt: new Date(),
      leaked: leaked.size,
      caption: caption(compared, flags),
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

/** By its name, or the model it asks. */
function referenceOf(
  contestants: readonly { readonly name: string; readonly model: string | null; readonly kind: string }[],
  wanted: string | undefined,
): string {
  const found =
    wanted === undefined
      ? (contestants.find(({ kind }) => kind === 'base') ?? contestants[0])
      : (contestants.find(({ name }) => name === wanted) ?? contestants.find(({ model }) => model === wanted));
  if (found !== undefined) return found.name;
  const names = contestants.map(({ name }) => name).join('; ');
  throw new UsageError(`--reference ${wanted}: no such contender; there are: ${names}.`);
}

const leakNote = (count: number, all: readonly TestItem[], { dropLeaks }: CompareFlags): string =>
  dropLeaks === true
    ? `${count} of ${all.length} questions are left out: the training file has them.`
    : `${count} of ${all.length} questions are in the training file, which flatters whoever learnt from it; --drop-leaks leaves them out.`;

function shown(compared: Compared, flags: CompareFlags): string {
  return [comparedTable(compared), `(${caption(compared, flags)})`, compared.verdict.sentence].join('\n\n');
}
