/** `tunesmith openai parity`: the local fine-tune beside the answers that were recorded. */

import type { Command } from 'commander';
import { holdAgainst, roomIn, writeParityReport } from '../../leaving/held-against.ts';
import type { Parity } from '../../leaving/parity.ts';
import { costOf, probability } from '../../leaving/parity-report.ts';
import { readRecording } from '../../leaving/recording.ts';
import { decimalNumber, wholeNumber, type Act, type Context } from '../context.ts';
import { ask, assertMeasurable, taskOf } from '../eval.ts';
import { Interrupted, UsageError, isInterruption } from '../outcome.ts';
import { table } from '../terminal.ts';

interface ParityCommandOptions {
  readonly task?: string;
  readonly labels?: string;
  readonly concurrency: number;
  readonly maxTokens?: number;
  readonly differences: number;
  readonly watts?: number;
  readonly kwhPrice?: number;
  readonly report?: string;
  readonly fresh?: boolean;
}

const help = `
Asks the local model the recorded questions and tells: how often both give the same answer, the task's figures of
both with 95 % intervals and a paired test, latency and cost of both. OpenAI's prices are those of its last complete
list; here it is the machine's time, and with --watts its energy.

Examples:
  $ tunesmith openai parity openai-capture ft:smollm2-135m-instruct:personal:mail:AbC12345
  $ tunesmith openai parity openai-capture my-model --report parity.html --watts 65 --kwh-price 0.3`;

export function parityCommand(openai: Command, act: Act): void {
  openai
    .command('parity <recording> <model>')
    .description('compare a local model with recorded answers: agreement, quality, cost, latency')
    .option('--task <kind>', 'classification, extraction, tool_calls, text (default: as the references look)')
    .option('--labels <list>', 'all labels of a classification, comma between')
    .option('--concurrency <count>', 'questions at a time', wholeNumber, 1)
    .option('--max-tokens <count>', 'longest answer (default: as recorded)', wholeNumber)
    .option('--differences <count>', 'how many of the differing answers to show', wholeNumber, 5)
    .option('--watts <number>', 'what this machine draws while it answers', decimalNumber)
    .option('--kwh-price <number>', 'price of a kilowatt-hour, in your currency', decimalNumber)
    .option('--report <file>', 'also write a report: one HTML file that needs nothing else')
    .option('--fresh', 'ask everything again, even what was answered before')
    .addHelpText('after', help)
    .action(
      act<ParityCommandOptions>((context, options, folder = '', model = '') =>
        run(context, options, folder, model).catch((error: unknown) => {
          if (!isInterruption(error)) throw error;
          throw new Interrupted('Stopped. The same command goes on where it stopped.');
        }),
      ),
    );
}

async function run(context: Context, options: ParityCommandOptions, folder: string, model: string): Promise<void> {
  assertMeasurable(options);
  if (options.kwhPrice !== undefined && options.watts === undefined)
    throw new UsageError('--kwh-price needs --watts, what this machine draws.');
  const { terminal } = context;
  const recording = await readRecording(folder);
  const { items } = recording;
  const chosen = taskOf(options, items);
  const { task, labels, reason } = chosen;
  terminal.note(`${items.length} questions recorded of ${recording.model}, ${task.replace('_', ' ')}: ${reason}.`);
  await using connection = await context.connect();
  const { openai } = connection;
  const server = context.namedServer ?? 'this machine';
  const room = options.maxTokens ?? roomIn(recording);
  const asking = { ...options, ...(room !== undefined && { maxTokens: room }) };
  const local = await ask(context, asking, { openai, model, items, labels, server });
  if (local.every(({ answer }) => answer === null))
    throw new Error(`Not one question was answered: ${local[0]?.error ?? 'the server gave no reason'}`);
  const compared = holdAgainst(recording, {
    chosen,
    model,
    local,
    watts: options.watts,
    kilowattHourPrice: options.kwhPrice,
  });
  terminal.result({ recorded: recording.model, local: model, ...compared }, () => shown(compared, options.differences));
  if (options.report !== undefined) {
    await writeParityReport(options.report, compared, recording);
    terminal.note(`Report: ${options.report}`);
  }
}

function shown(parity: Parity, differencesMax: number): string {
  const { agreement, comparison, right, differences, verdict, unrecorded } = parity;
  const rows = comparison.rows;
  const percent = (value: number): string => (100 * value).toFixed(1);
  const estimate = ({ value, low, high }: { value: number; low: number; high: number }): string =>
    `${percent(value)} (${percent(low)} - ${percent(high)})`;
  const ms = (value: number): string => `${value.toFixed(0)} ms`;
  const quality = rows[0]!.evaluation.figures.map(({ name, title }) => [
    title,
    ...rows.map(({ evaluation }) => {
      const found = evaluation.figures.find((each) => each.name === name);
      return found === undefined ? '-' : estimate(found.estimate);
    }),
  ]);
  const costs = [
    ['Latency p50', ...rows.map(({ evaluation }) => ms(evaluation.costs.latencyMs.p50))],
    ['Latency p95', ...rows.map(({ evaluation }) => ms(evaluation.costs.latencyMs.p95))],
    ['Prompt tokens', ...rows.map(({ evaluation }) => evaluation.costs.promptTokens.toFixed(1))],
    ['Answer tokens', ...rows.map(({ evaluation }) => evaluation.costs.completionTokens.toFixed(1))],
    ['A thousand requests', ...rows.map(costOf)],
  ];
  const { difference, pValue, test } = rows[1]!.difference!.comparison;
  return [
    table(['%', 'RECORDED', 'LOCAL'], [...quality, ...costs]),
    [
      `Same answer: ${estimate(agreement.exact)} %; both right ${agreement.bothRight}, only the recorded ${agreement.onlyRecorded}, only the local ${agreement.onlyLocal}, both wrong ${agreement.bothWrong}`,
      ...agreement.figures.slice(0, 1).map((each) => `Agreement, ${each.title}: ${estimate(each.estimate)} %`),
      `Local less recorded: ${estimate(difference)} points, ${probability(pValue)} (${test.replace('_', ' ')}); right or wrong: ${probability(right.pValue)} (McNemar)`,
      ...(unrecorded > 0 ? [`${unrecorded} questions were never recorded and are in no figure`] : []),
    ].join('\n'),
    ...differences.slice(0, differencesMax).map((each) => {
      const mark = (isRight: boolean): string => (isRight ? 'right' : 'wrong');
      return [
        `Line ${each.line}`,
        `  ${line(each.question)}`,
        `  recorded (${mark(each.recordedRight)}): ${line(each.recorded)}`,
        `  local (${mark(each.localRight)}): ${each.local === null ? 'nothing' : line(each.local)}`,
      ].join('\n');
    }),
    verdict,
  ].join('\n\n');
}

/** What a model wrote must not steer the terminal. */
function line(text: string): string {
  const plain = text.replaceAll(/\p{Cc}+/gu, ' ').replaceAll(/\s+/g, ' ');
  return plain.length > 200 ? `${plain.slice(0, 199)}…` : plain;
}
