/** `tunesmith openai restore`: captured files, jobs and evals made again here, on a base model of one's choice. */

import type { Command } from 'commander';
import type OpenAI from 'openai';
import { isFinal, type JobStatus } from '../../domain/job.ts';
import { IdMap, mappedKinds, type MappedKind } from '../../leaving/id-map.ts';
import { lockCapture } from '../../leaving/lock.ts';
import { Capture } from '../../leaving/manifest.ts';
import { politeFetch } from '../../leaving/polite.ts';
import { restore, restoredKinds, type Restored, type RestoredKind } from '../../leaving/restore.ts';
import type { Act, Context } from '../context.ts';
import { eventLine, watchJob } from '../job-view.ts';
import { Interrupted, JobFailed, UsageError, isInterruption } from '../outcome.ts';

interface RestoreCommandOptions {
  readonly model: string;
  readonly map: ReadonlyMap<string, string>;
  readonly graderModel?: string;
  readonly only?: string;
  readonly job?: readonly string[];
  readonly withRuns?: boolean;
  readonly follow?: boolean;
}

const help = `
Uploads the captured files of fine-tuning and evals, creates the jobs that succeeded over there on the base model
you choose, with their hyper-parameters, seed, suffix and metadata, and creates the evals. What is not as it was is
told. Which old id has become which new one is kept beside the capture: run it again at any time, nothing is made
twice, and what had to wait (a fine-tune of a fine-tune, a run of a model that trains) is made then.

Examples:
  $ tunesmith openai restore openai-capture --model smollm2-135m-instruct --follow
  $ tunesmith openai restore openai-capture --model smollm2-135m-instruct --job ftjob-abc123
  $ tunesmith openai restore openai-capture --model qwen2.5-0.5b-instruct --only files,evals --with-runs
  $ tunesmith openai restore openai-capture --model smollm2-135m-instruct --map gpt-4o-2024-08-06=smollm2-360m-instruct`;

export function restoreCommand(openai: Command, act: Act): void {
  openai
    .command('restore <folder>')
    .description('make captured files, jobs and evals again here; running it again makes nothing twice')
    .requiredOption('-m, --model <name>', "base model in the place of OpenAI's")
    .option('--map <old=new>', 'another model for one old name; may be repeated', mapping, new Map())
    .option('--grader-model <name>', 'judges in model graders (default: the base model)')
    .option('--only <kinds>', `only some, comma between: ${restoredKinds.join(', ')}`)
    .option('--job <id>', 'this job, also one that did not succeed; may be repeated', oneMore)
    .option('--with-runs', 'also run the newest completed run of each eval again')
    .option('--follow', 'stay until the jobs have trained, then map their models; without a server, one runs here')
    .addHelpText('after', help)
    .action(act<RestoreCommandOptions>(run));
}

async function run(context: Context, options: RestoreCommandOptions, folder = ''): Promise<void> {
  const { terminal, signal } = context;
  const only = options.only === undefined ? restoredKinds : chosenKinds(options.only);
  const from = await Capture.read(folder);
  if (context.namedServer !== null && context.namedServer.replace(/\/+$/, '') === from.baseUrl)
    throw new UsageError(`${from.baseUrl} is where this was captured; name another server with --base-url, or unset OPENAI_BASE_URL.`); // prettier-ignore
  await using _ = await lockCapture(folder);
  const ids = await IdMap.open(folder, context.namedServer ?? context.home);
  await using connection = await context.connect({ training: options.follow === true });
  // Every request that makes something has a key of its own, so asking again after a lost answer makes nothing twice.
  const polite = politeFetch({ signal });
  const openai = connection.openai.withOptions({ fetch: polite.fetch, maxRetries: 0, timeout: 3_600_000 });
  await openai.models.retrieve(options.model, { signal });
  const pass = (): Promise<Restored[]> =>
    restore(openai, from, ids, {
      model: options.model,
      models: options.map,
      graderModel: options.graderModel,
      only,
      jobs: options.job,
      withRuns: options.withRuns === true,
      signal,
      onProgress: (restored) => terminal.live(`  ${restored.kind} ${restored.old}`),
    })
      .catch((error: unknown) => {
        if (!signal.aborted && !isInterruption(error)) throw error;
        throw new Interrupted('Stopped. The same command goes on where it stopped.');
      })
      .finally(() => terminal.live(''));
  let restored = await pass();
  const failed: string[] = [];
  if (options.follow === true) {
    // What waits for a model can be made once that has been trained, so as long as passes make something they go on.
    for (let more = true; more;) {
      failed.push(...(await trainAll(context, openai, ids)));
      const next = await pass();
      more = next.some(({ kind, state }) => kind === 'jobs' && state === 'made');
      restored = merged(restored, next);
    }
  }
  const map = Object.fromEntries(mappedKinds.map((kind) => [kind, ids.all(kind)]));
  terminal.result({ map_file: ids.path, map, restored }, () => shown(restored, ids));
  if (
    options.follow !== true &&
    connection.startedHere &&
    restored.some(({ kind, state }) => kind === 'jobs' && state === 'made')
  )
    // prettier-ignore
    terminal.note('No server runs: the jobs wait until "tunesmith serve" does.');
  if (connection.startedHere && restored.some(({ kind, state }) => kind === 'runs' && state === 'made'))
    terminal.note('The runs of evals go on whenever "tunesmith serve" runs.');
  if (failed.length > 0) throw new JobFailed(`These jobs ended without a model: ${[...new Set(failed)].join(', ')}.`);
}

/** Waits for every mapped job; gives those that ended without a model. */
async function trainAll({ terminal, signal }: Context, openai: OpenAI, ids: IdMap): Promise<string[]> {
  const failed: string[] = [];
  for (const [old, here] of Object.entries(ids.all('jobs'))) {
    let job = await openai.fineTuning.jobs.retrieve(here, { signal });
    if (!isFinal(job.status)) {
      terminal.note(`${here} (${old}) trains.`);
      job = await watchJob(openai, here, terminal, signal, (event) => terminal.note(eventLine(event))).catch(
        (error: unknown) => {
          if (!isInterruption(error)) throw error;
          throw new Interrupted('Stopped. The jobs go on when a server runs; the same command waits for them again.');
        },
      );
    }
    if ((job.status as JobStatus) !== 'succeeded') failed.push(here);
  }
  return failed;
}

/** What was made in an earlier pass was made in this command; what has changed since is told as it is now. */
function merged(earlier: readonly Restored[], later: readonly Restored[]): Restored[] {
  const keyOf = ({ kind, old }: Restored): string => `${kind} ${old}`;
  const all = new Map(earlier.map((each) => [keyOf(each), each]));
  for (const each of later) if (each.state !== 'there' || !all.has(keyOf(each))) all.set(keyOf(each), each);
  return [...all.values()];
}

function shown(restored: readonly Restored[], ids: IdMap): string {
  const states: Record<Restored['state'], string> = {
    made: 'made',
    there: 'there already',
    waiting: 'waits',
    left_out: 'left out',
  };
  const titles: Record<MappedKind, string> = {
    files: 'file',
    jobs: 'job',
    models: 'model',
    evals: 'eval',
    runs: 'run',
  };
  const lines = restored.flatMap(({ kind, old, here, state, reason, differences }) => [
    `${titles[kind]} ${old} ${here === null ? '' : `is ${here}, `}${states[state]}${reason === null ? '' : `: ${reason}`}`,
    ...differences.map((each) => `    ${each}`),
  ]);
  return [...lines, `Old and new ids: ${ids.path}`].join('\n');
}

function chosenKinds(text: string): RestoredKind[] {
  const named = text.split(',').map((each) => each.trim());
  const unknown = named.find((each) => !restoredKinds.includes(each as RestoredKind));
  if (unknown !== undefined)
    throw new UsageError(`--only: "${unknown}" is not known; ${restoredKinds.join(', ')} were expected.`);
  return restoredKinds.filter((kind) => named.includes(kind));
}

export const oneMore = (id: string, all: readonly string[] | undefined): string[] => [...(all ?? []), id];

/** `old=new`; an old name may hold anything but an equals sign. */
export function mapping(text: string, earlier: ReadonlyMap<string, string>): Map<string, string> {
  const [, old, model] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (old === undefined || model === undefined)
    throw new UsageError(`--map ${text}: old=new was expected, such as gpt-4o-2024-08-06=smollm2-360m-instruct.`);
  return new Map([...earlier, [old, model]]);
}
