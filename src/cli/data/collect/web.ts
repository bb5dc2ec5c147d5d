/**
 * `tunesmith data collect web`: the main texts of pages.
 *
 * With an output, each page is kept in `<output>.part` as soon as it is there; what is kept, or in the output from
 * an earlier time, is not fetched again.
 */

import type { Command } from 'commander';
import type { CollectedText, Found } from '../../../collect/document.ts';
import { exists, KeptTexts, readTexts } from '../../../collect/kept.ts';
import { listedUrls } from '../../../collect/sitemap.ts';
import { collectWeb, type WebOptions } from '../../../collect/web.ts';
import { invalid, TunesmithError } from '../../../domain/errors.ts';
import { decimalNumber, wholeNumber, type Act, type Context } from '../../context.ts';
import { Interrupted, isInterruption } from '../../outcome.ts';
import { checkOutput, forceOption, writeLines } from '../output.ts';
import { addTextOptions, lineOf, Tally, textsHelp, type TextFlags } from './texts.ts';

interface WebFlags extends TextFlags {
  readonly delay: number;
  readonly timeout: number;
  readonly maxSize: number;
  readonly userAgent: string;
  readonly allowInternal?: boolean;
  readonly limit?: number;
}

const examples = `${textsHelp}

The list is a sitemap, or a text with a URL per line: a file, or a URL itself. robots.txt is kept, and a host is
asked one thing at a time with a pause between. Internal addresses (this machine, private networks, metadata
services) are refused, also behind a name or a redirect. The same command goes on where it stopped.

Examples:
  $ tunesmith data collect web urls.txt -o pages.jsonl
  $ tunesmith data collect web https://example.com/sitemap.xml --delay 2 -o pages.jsonl`;

const refusedCode = 'address_refused';
const howToAllow = ' If they are yours, add --allow-internal.';
const defaultAgent = 'Tunesmith/1 (collects training data for its user)';

export function webCommand(collect: Command, act: Act): void {
  addTextOptions(collect.command('web <list>'))
    .description('the main text of the pages in a list or a sitemap')
    .option('--delay <seconds>', 'pause between requests to a host, unless it wants a longer one', decimalNumber, 1)
    .option('--timeout <seconds>', 'how long a page may take', decimalNumber, 30)
    .option('--max-size <megabytes>', 'how large a page may be', decimalNumber, 10)
    .option('--user-agent <name>', 'what the hosts are told', defaultAgent)
    .option('--limit <count>', 'only the first pages of the list', wholeNumber)
    .option('--allow-internal', 'also fetch from internal addresses')
    .option(...forceOption)
    .addHelpText('after', examples)
    .action(act(async (context, flags: WebFlags, list = '') => collectPages(context, flags, list)));
}

async function collectPages(context: Context, flags: WebFlags, list: string): Promise<void> {
  const { signal } = context;
  const options: WebOptions = {
    userAgent: flags.userAgent,
    delayMs: flags.delay * 1000,
    timeoutMs: flags.timeout * 1000,
    bytesMax: flags.maxSize * 1e6,
    allowInternal: flags.allowInternal === true,
    signal,
  };
  const { userAgent, timeoutMs, allowInternal } = options;
  // Raw texts say which page they are from, so an output of them is added to.
  if (flags.assistant !== undefined) await checkOutput(flags);
  context.terminal.live('  Reading the list');
  const all = await listedUrls(list, { headers: { 'user-agent': userAgent }, timeoutMs, allowInternal, signal }).catch(
    (error: unknown) => {
      if (!(error instanceof TunesmithError && error.code === refusedCode)) throw error;
      throw new TunesmithError(error.kind, `${error.message}${howToAllow}`, { code: refusedCode, cause: error });
    },
  );
  const urls = all.slice(0, flags.limit);
  if (flags.output === undefined) return await toStdout(context, flags, urls, options);
  await toFile(context, flags, flags.output, urls, options);
}

async function toStdout(
  context: Context,
  flags: WebFlags,
  urls: readonly string[],
  options: WebOptions,
): Promise<void> {
  const tally = new Tally(context.terminal);
  await writeLines(context, undefined, asLines(fetched(context, urls, options, tally), flags, tally));
  finish(tally, urls, undefined);
}

async function toFile(
  context: Context,
  flags: WebFlags,
  output: string,
  urls: readonly string[],
  options: WebOptions,
): Promise<void> {
  const earlier = flags.assistant === undefined && (await exists(output)) ? output : null;
  await using kept = await KeptTexts.open(`${output}.part`, earlier);
  const missing = urls.filter((url) => !kept.sources.has(url));
  if (missing.length < urls.length)
    context.terminal.note(`${urls.length - missing.length} of ${urls.length} pages are there already`);
  const tally = new Tally(context.terminal);
  try {
    for await (const text of fetched(context, missing, options, tally)) await kept.add(text);
  } catch (error) {
    if (!isInterruption(error) && !context.signal.aborted) throw error;
    throw new Interrupted(`Stopped. What is there is in ${kept.path}; the same command goes on from there.`);
  } finally {
    context.terminal.live('');
  }
  const both = async function* (): AsyncGenerator<CollectedText, void> {
    if (earlier !== null) yield* readTexts(earlier);
    yield* kept.texts();
  };
  if (kept.sources.size > 0) await writeLines(context, output, asLines(both(), flags, tally));
  await kept.remove();
  if (missing.length === urls.length) finish(tally, missing, output);
  else tally.say('page', output);
}

async function* fetched(
  { terminal }: Context,
  urls: readonly string[],
  options: WebOptions,
  tally: Tally,
): AsyncGenerator<CollectedText, void> {
  for await (const found of collectWeb(urls, options)) {
    const text = tally.take(withAdvice(found));
    terminal.live(`  ${tally.collected + tally.skipped} of ${urls.length} pages`);
    if (text !== null) yield text;
  }
}

/** A page that was refused says by which option it would not be. */
function withAdvice(found: Found): Found {
  if (!('skipped' in found) || found.skipped.code !== refusedCode) return found;
  return { skipped: { ...found.skipped, reason: `${found.skipped.reason}${howToAllow}` } };
}

async function* asLines(
  texts: AsyncIterable<CollectedText>,
  flags: WebFlags,
  tally: Tally,
): AsyncGenerator<string, void> {
  const toLine = lineOf(flags);
  for await (const text of texts) {
    const line = toLine(text);
    if (line === null) tally.skip({ source: text.source, reason: 'the answer is empty' });
    else yield line;
  }
}

function finish(tally: Tally, asked: readonly string[], output: string | undefined): void {
  if (asked.length > 0 && tally.collected === 0)
    throw invalid(null, `None of ${asked.length} pages gave a text.`, 'nothing_found');
  tally.say('page', output);
}
