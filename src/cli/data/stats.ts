/** `tunesmith data stats FILE`: what is in a training file, in numbers. */

import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import {
  statisticsOf,
  type LimitStatistics,
  type Statistics,
  type TokenStatistics,
} from '../../dataset/statistics/statistics.ts';
import type { Repeated } from '../../dataset/statistics/repeats.ts';
import { invalid } from '../../domain/errors.ts';
import type { BaseModel } from '../../models/base-models.ts';
import { openAIEncodings, type OpenAIEncodingName } from '../../text/openai-encoding.ts';
import type { Act, Context } from '../context.ts';
import { UsageError } from '../outcome.ts';
import { formatBytes, record, type Cell } from '../terminal.ts';
import { chosenBase, pullCommand } from './base.ts';
import { bar, distributionCells, distributionHead, figure, figures, histogram, percent } from './figures.ts';
import { fileProgress } from './progress.ts';

const help = `
Tokens are counted by OpenAI's encodings, with the rules of its cookbook, and by the tokenizer and chat template of a
base model of this machine. All of one epoch; quantiles are what they say.

Examples:
  $ tunesmith data stats train.jsonl
  $ tunesmith data stats train.jsonl --base smollm2-135m-instruct --encoding cl100k_base
  $ tunesmith data stats train.jsonl --json | jq '.tokens[0].perExample.p95'`;

export function statsCommand(data: Command, act: Act): void {
  data
    .command('stats <file>')
    .description(
      'count a training file: roles, tokens, labels, languages, repeats, and what is too long for which model',
    )
    .option('--base <model>', 'count with this base model too (default: the newest of this machine)')
    .option(
      '--encoding <name>',
      `show this one of OpenAI's encodings: ${openAIEncodings.join(', ')}`,
      encodingName,
      openAIEncodings[0],
    )
    .addHelpText('after', help)
    .action(
      act<{ base?: string; encoding: OpenAIEncodingName }>(async (context, options, file = '') => {
        const base = await chosenBase(context, options.base);
        const { size } = await stat(file);
        const statistics = await surveyed(context, file, size, base);
        const { tokens, ...rest } = statistics;
        const plain = { file, bytes: size, ...rest, tokens: tokens.map(({ lengths: _lengths, ...each }) => each) };
        context.terminal.result(plain, () => page(file, size, statistics, options.encoding, context.terminal.columns));
        if (base === null) {
          context.terminal.note(`No base model is here to count with; one is fetched by: ${pullCommand}`);
        }
      }),
    );
}

/** The statistics of a file that has at least one example, with progress for whoever waits. */
export async function surveyed(
  { terminal, signal }: Context,
  file: string,
  sizeBytes: number,
  base: BaseModel | null,
): Promise<Statistics> {
  const onProgress = fileProgress(terminal, 'counting', sizeBytes);
  try {
    const statistics = await statisticsOf(file, { base, sizeBytes, signal, onProgress });
    if (statistics.examples === 0) throw nothingToCount(file, statistics);
    return statistics;
  } finally {
    terminal.live('');
  }
}

function nothingToCount(file: string, { faulty, withImages }: Statistics): Error {
  const other = withImages > 0 ? 'every row shows images' : 'it is empty';
  const why = faulty.first === null ? other : `every row has errors; the first: ${faulty.first.message}`;
  return invalid('file', `${basename(file)} has no example to count: ${why}`, 'no_examples');
}

function encodingName(text: string): OpenAIEncodingName {
  const found = openAIEncodings.find((name) => name === text);
  if (found !== undefined) return found;
  throw new UsageError(`--encoding ${text}: expected one of ${openAIEncodings.join(', ')}.`);
}

function page(file: string, size: number, statistics: Statistics, encoding: string, columns: number): string {
  const shown = statistics.tokens.filter(
    ({ counter }) => counter === encoding || !openAIEncodings.some((name) => name === counter),
  );
  const sections = [
    summary(file, size, statistics),
    ...messagesSection(statistics),
    ...shown.flatMap((tokens) => tokensSection(tokens)),
    ...limitsSection(statistics.limits),
    ...labelsSection(statistics),
    ...languagesSection(statistics),
    ...repeatsSection('MOST REPEATED PROMPTS', statistics.repeatedPrompts, columns),
    ...repeatsSection('MOST REPEATED ANSWERS', statistics.repeatedAnswers, columns),
  ];
  return sections.join('\n\n');
}

function summary(file: string, size: number, { format, examples, faulty, withImages, missing }: Statistics): string {
  const { rows, first } = faulty;
  return record({
    file: `${basename(file)}, ${formatBytes(size)}`,
    format,
    examples: figure(examples),
    'with errors': rows === 0 ? null : `${figure(rows)}, left out; the first: line ${first!.line}, ${first!.message}`,
    'with images': withImages === 0 ? null : `${figure(withImages)}, left out`,
    'no system message': format === 'completion' ? null : share(missing.system, examples),
    'no user message': format === 'completion' || missing.user === 0 ? null : share(missing.user, examples),
  });
}

function messagesSection({ format, messages, turns, roles, examples }: Statistics): string[] {
  if (messages === null || turns === null || format === 'completion') return [];
  const rows = [
    ['messages', ...distributionCells(messages)],
    ["of the assistant's", ...distributionCells(turns)],
  ];
  const speakers = roles.map(({ role, examples: speaks, messages: said }) => [role, said, share(speaks, examples)]);
  return [figures(['PER EXAMPLE', ...distributionHead], rows), figures(['ROLE', 'MESSAGES', 'IN EXAMPLES'], speakers)];
}

function tokensSection({ counter, refused, supervised, context, ...tokens }: TokenStatistics): string[] {
  const { perExample, perAnswer, perPart } = tokens;
  if (perExample === null) return [`TOKENS (${counter})\n  None: its chat template refuses every example.`];
  const rows: Cell[][] = [
    ['example', ...distributionCells(perExample)],
    ...(perAnswer === null ? [] : [['answer that is learnt', ...distributionCells(perAnswer)]]),
    ...Object.entries(perPart).map(([part, distribution]) => [part, ...distributionCells(distribution)]),
  ];
  const all = supervised + context;
  const facts = [
    `${figure(supervised)} are learnt (${percent(supervised / all)}), ${figure(context)} are context.`,
    ...(refused === 0 ? [] : [`${figure(refused)} examples are refused by the chat template and not counted.`]),
  ];
  return [
    `${figures([`TOKENS (${counter})`, ...distributionHead], rows)}\n${facts.join('\n')}`,
    `EXAMPLES BY TOKENS (${counter})\n${histogram(perExample.histogram)}`,
  ];
}

function limitsSection(limits: readonly LimitStatistics[]): string[] {
  const rows = limits.map(({ models, counter, tokensMax, over, lines, remark }) => [
    models.join(', '),
    counter,
    tokensMax,
    over,
    [lineList(lines, over), remark === null ? '' : `(${remark})`].filter((text) => text !== '').join(' '),
  ]);
  return [figures(['LIMIT OF', 'COUNTED BY', 'TOKENS', 'LONGER', 'LINES'], rows)];
}

function labelsSection({ labels }: Statistics): string[] {
  if (labels === null) return [];
  const most = labels.labels[0]!.share;
  const rows = labels.labels.map(({ label, count, share: part }) => [
    oneLine(label, 40),
    count,
    percent(part),
    bar(part / most),
  ]);
  const remarks = [
    ...(labels.single > 0 ? [`${figure(labels.single)} more with a single example each.`] : []),
    labels.different === 1
      ? 'Every answer is the same: there is nothing to tell apart.'
      : `The most frequent occurs ${figure(labels.imbalance)} times as often as the rarest; always saying it would be right ${percent(most)} of the time.`,
  ];
  return [`${figures(['LABEL', 'EXAMPLES', 'SHARE', ''], rows)}\n${remarks.join('\n')}`];
}

function languagesSection({ languages, examples }: Statistics): string[] {
  if (languages.sampled === 0) return [];
  const names = new Intl.DisplayNames('en', { type: 'language' });
  const rows = languages.shares.map(({ code, share: part }) => [
    code === null ? 'cannot tell' : names.of(code),
    percent(part),
    bar(part),
  ]);
  const sample =
    languages.sampled < examples ? `\nTold from ${figure(languages.sampled)} examples, evenly spread.` : '';
  return [`${figures(['LANGUAGE', 'SHARE', ''], rows)}${sample}`];
}

function repeatsSection(title: string, repeated: readonly Repeated[], columns: number): string[] {
  if (repeated.length === 0) return [];
  const rows = repeated.map(({ text, count, lines }) => [
    count,
    lineList(lines, count),
    oneLine(text, Math.max(30, columns - 50)),
  ]);
  return [figures(['TIMES', 'LINES', title], rows)];
}

const share = (count: number, of: number): string => `${figure(count)} (${percent(of === 0 ? 0 : count / of)})`;

function lineList(lines: readonly number[], count: number): string {
  if (count === 0) return '';
  return `${lines.join(', ')}${count > lines.length ? ', …' : ''}`;
}

/** Line breaks and other controls as a space each, cut to a width. */
function oneLine(text: string, width: number): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}
