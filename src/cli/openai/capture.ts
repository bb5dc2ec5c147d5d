/** `tunesmith openai capture`: jobs, models, files, evals and stored completions into a folder, while they are there. */

import { mkdir } from 'node:fs/promises';
import type { Command } from 'commander';
import {
  capture,
  keyRefusal,
  takenKinds,
  type Captured,
  type CapturedModel,
  type TakenKind,
} from '../../leaving/capture.ts';
import { lockCapture } from '../../leaving/lock.ts';
import { Capture, type Problem } from '../../leaving/manifest.ts';
import { shutdownSource, windDown } from '../../leaving/shutdown.ts';
import { wholeNumber, type Act, type Context } from '../context.ts';
import { Interrupted, UsageError } from '../outcome.ts';
import { formatBytes, table } from '../terminal.ts';
import { openSource, sourceOptions, type SourceOptions } from './source.ts';

interface CaptureCommandOptions extends SourceOptions {
  readonly folder: string;
  readonly only?: string;
  readonly concurrency: number;
  readonly verify?: boolean;
}

const help = `
Takes fine-tuning jobs with events, checkpoints, training, validation and result files, the list of ft: models
with their shutdown dates, evals with runs and output items, and stored completions. The folder has a manifest
with the SHA-256 of everything. Run it again at any time: it goes on where it stopped and takes only what is new.
Nothing over there is changed. What a key may not see is told, and the rest goes on; the exit code is 1 then.

OpenAI's evals are gone from ${windDown.evalsOff}; no job can be created there from ${windDown.noNewJobs}.

Examples:
  $ export OPENAI_API_KEY=...        the key is read from the environment, never from the command line
  $ tunesmith openai capture --folder openai-capture
  $ tunesmith openai capture --folder work --key-env WORK_KEY --only evals,fine_tuning_jobs
  $ tunesmith openai capture --folder azure --base-url https://gateway.example.com/v1
  $ tunesmith openai capture --folder openai-capture --verify`;

export function captureCommand(openai: Command, act: Act): void {
  sourceOptions(openai.command('capture'))
    .description('take jobs, models, files, evals and stored completions into a folder')
    .option('--folder <folder>', 'where to', 'openai-capture')
    .option('--only <kinds>', `only some, comma between: ${takenKinds.join(', ')}`)
    .option('--concurrency <count>', 'objects under way at a time', wholeNumber, 4)
    .option('--verify', 'ask nobody; read everything again and compare with the manifest')
    .addHelpText('after', help)
    .action(act<CaptureCommandOptions>(run));
}

async function run(context: Context, options: CaptureCommandOptions): Promise<void> {
  if (options.verify === true) return verify(context, options.folder);
  if (options.concurrency === 0) throw new UsageError('--concurrency was 0; at least 1 was expected.');
  const { terminal, signal } = context;
  const only = options.only === undefined ? takenKinds : chosenKinds(options.only);
  const { openai, baseUrl, redact } = openSource(context, options);
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  await using _ = await lockCapture(options.folder);
  const into = await Capture.open(options.folder, baseUrl);
  terminal.note(`From ${baseUrl} into ${options.folder}.`);
  let bytesLine = '';
  const show = (counts: Captured['counts']): void =>
    terminal.live(`  ${only.map((kind) => `${kind} ${counts[kind].seen}`).join(', ')}${bytesLine}`);
  const captured = await capture(openai, into, {
    only,
    concurrency: options.concurrency,
    signal,
    redact,
    waitMs: options.retryWait,
    onProgress: show,
    onBytes: (file, bytes) => (bytesLine = `, ${file} ${formatBytes(bytes)}`),
  })
    .catch((error: unknown) => {
      if (signal.aborted) throw new Interrupted('Stopped. The same command goes on where it stopped.');
      throw error;
    })
    .finally(() => terminal.live(''));
  terminal.result({ folder: options.folder, base_url: baseUrl, ...captured }, () => shown(captured, only));
  const { problems } = captured;
  const refusal = keyRefusal(captured, only);
  if (refusal !== null) throw new Error(`${baseUrl} does not accept the key in ${options.keyEnv}: ${refusal.message}`);
  const missing = problems.filter(({ reason }) => reason !== 'not_there');
  if (missing.length > 0)
    throw new Error(
      `Not everything could be taken (${missing.length} ${missing.length === 1 ? 'problem' : 'problems'}, in manifest.json); the rest was.`,
    );
}

function chosenKinds(text: string): TakenKind[] {
  const named = text.split(',').map((each) => each.trim());
  const unknown = named.find((each) => !takenKinds.includes(each as TakenKind));
  if (unknown !== undefined)
    throw new UsageError(`--only: "${unknown}" is not known; ${takenKinds.join(', ')} were expected.`);
  return takenKinds.filter((kind) => named.includes(kind));
}

function shown({ counts, problems, models }: Captured, only: readonly TakenKind[]): string {
  const rows = only.map((kind) => [kind, counts[kind].seen, counts[kind].taken]);
  return [
    table(['KIND', 'SEEN', 'NEW OR CHANGED'], rows),
    ...(models.length === 0 ? [] : [modelsShown(models)]),
    ...(problems.length === 0 ? [] : [problems.map(problemShown).join('\n')]),
  ].join('\n\n');
}

function modelsShown(models: readonly CapturedModel[]): string {
  const shutdown = ({ date, source }: CapturedModel): string =>
    date === null ? 'unknown' : source === 'server' ? `${date} (the server says so)` : date;
  const rows = models.map((each) => [each.model, each.listed ? 'yes' : 'no longer', shutdown(each)]);
  return `${table(['FINE-TUNED MODEL', 'LISTED', 'SHUTDOWN'], rows)}\nDates: ${shutdownSource.text}.`;
}

const reasons: Record<Problem['reason'], string> = {
  no_rights: 'the key has no right to it',
  not_there: 'it is not there',
  failed: 'it failed',
};

const problemShown = ({ kind, id, status, reason, message }: Problem): string =>
  `${kind}${id === null ? '' : ` ${id}`}: ${reasons[reason]} (${status ?? 'no status'}: ${message})`;

async function verify({ terminal }: Context, folder: string): Promise<void> {
  const taken = await Capture.read(folder);
  const amiss = await taken.verify();
  const count = taken.entries().length;
  terminal.result({ folder, objects: count, amiss }, () =>
    amiss.length === 0 ? `All ${count} objects of ${folder} are as they were taken.` : amiss.join('\n'),
  );
  if (amiss.length > 0) throw new Error(`${amiss.length} of ${count} objects are not as they were taken.`);
}
