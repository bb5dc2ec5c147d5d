/** `tunesmith openai import-promptfoo`: a Promptfoo configuration becomes evals here, and they run. */

import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { toFile, type OpenAI } from 'openai';
import { share, type Estimate } from '../../evals/metrics/estimate.ts';
import {
  importPromptfoo,
  usualSampling,
  type Imported,
  type ImportedEval,
  type ImportedProvider,
} from '../../leaving/promptfoo/import.ts';
import type { Act, Context } from '../context.ts';
import { Interrupted, UsageError, isInterruption } from '../outcome.ts';
import { table } from '../terminal.ts';
import { mapping, oneMore } from './restore.ts';

interface ImportCommandOptions {
  readonly model?: readonly string[];
  readonly map: ReadonlyMap<string, string>;
  readonly graderModel?: string;
  readonly run: boolean;
}

const help = `
Prompts, providers, tests with their variables, and assertions become evals of the Evals API; each prompt is run with
each model. Tests whose assertions are of the same kinds share an eval. What has no meaning here (JavaScript, web
hooks, other providers, costs) is left out and named with where it stands. Nothing of the configuration runs outside
the server's sandbox for Python, and no file outside its folder is read.

Examples:
  $ tunesmith openai import-promptfoo promptfooconfig.yaml --model smollm2-135m-instruct
  $ tunesmith openai import-promptfoo exported.json --map ft:gpt-4o-mini-2024-07-18:acme::1=ft:smollm2-135m-instruct:personal::AbC12345
  $ tunesmith openai import-promptfoo promptfooconfig.yaml --model my-model --grader-model my-judge --no-run`;

export function importPromptfooCommand(openai: Command, act: Act): void {
  openai
    .command('import-promptfoo <file>')
    .description('make evals of a Promptfoo configuration and run them')
    .option('-m, --model <name>', "ask this model instead of the configuration's providers; may be repeated", oneMore)
    .option('--map <old=new>', 'another model for one name of the configuration; may be repeated', mapping, new Map())
    .option('--grader-model <name>', 'judges where a model is to judge (default: the first model)')
    .option('--no-run', 'make the evals and leave running them to you')
    .addHelpText('after', help)
    .action(
      act<ImportCommandOptions>((context, options, file = '') =>
        run(context, options, file).catch((error: unknown) => {
          if (!isInterruption(error)) throw error;
          throw new Interrupted('Stopped. The runs go on when a server runs; see them through the Evals API.');
        }),
      ),
    );
}

interface RunShown {
  readonly eval_id: string;
  readonly run_id: string;
  readonly eval: string;
  readonly prompt: string;
  readonly model: string;
  readonly status: string;
  readonly counts: OpenAI.Evals.RunRetrieveResponse['result_counts'];
  readonly passed: Estimate | null;
  readonly criteria: readonly { readonly name: string; readonly passed: number; readonly failed: number }[];
  readonly error: string | null;
}

async function run(context: Context, options: ImportCommandOptions, file: string): Promise<void> {
  const { terminal, signal } = context;
  const imported = await importPromptfoo(file);
  for (const { where, what } of imported.unsupported) terminal.note(`Left out: ${where}: ${plain(what)}`);
  // A server that is started here runs evals only where it works on whatever waits.
  await using connection = await context.connect({ training: options.run });
  const { openai } = connection;
  const providers = await providersFor(openai, imported, options, signal);
  const graderModel = options.graderModel ?? providers[0]!.model;
  if (options.graderModel === undefined && imported.evals.some(({ judged }) => judged))
    terminal.note(`${graderModel} judges; --grader-model names another.`);
  const made: { readonly each: ImportedEval; readonly id: string }[] = [];
  for (const each of imported.evals) {
    const { id } = await openai.evals.create(
      {
        name: each.name.slice(0, 200),
        metadata: { promptfoo: basename(file).slice(0, 500) },
        data_source_config: { type: 'custom', item_schema: { type: 'object' }, include_sample_schema: true },
        testing_criteria: each.criteria(graderModel),
      },
      { signal },
    );
    made.push({ each, id });
  }
  const evals = made.map(({ each, id }) => ({ id, name: each.name, items: each.items[0]!.length }));
  const runs = options.run ? await runAll(context, openai, imported, providers, made) : [];
  terminal.result({ evals, runs, tests: imported.tests, unsupported: imported.unsupported }, () =>
    options.run ? shown(runs) : evals.map(({ id, name }) => `${id}  ${plain(name)}`).join('\n'),
  );
  const failed = runs.filter(({ status }) => status !== 'completed');
  if (failed.length > 0)
    throw new Error(
      `${failed.length} of ${runs.length} runs did not complete: ${failed[0]!.error ?? failed[0]!.status}`,
    );
}

/** Models that this server has; the configuration's own names may be others. */
async function providersFor(
  openai: OpenAI,
  { providers }: Imported,
  { model, map }: ImportCommandOptions,
  signal: AbortSignal,
): Promise<ImportedProvider[]> {
  const first = providers[0]?.sampling ?? usualSampling;
  const asked =
    model?.map((name) => ({ model: name, label: name, sampling: first })) ??
    providers.map((each) => ({ ...each, model: map.get(each.model) ?? each.model }));
  if (asked.length === 0)
    throw new UsageError('The configuration names no model that has a meaning here; name one with --model.');
  const known = new Set<string>();
  for await (const { id } of openai.models.list({ signal })) known.add(id);
  for (const each of asked)
    if (!known.has(each.model))
      throw new UsageError(`There is no model ${each.model} here; name one that there is with --model, or say --map ${each.model}=NAME.`); // prettier-ignore
  return asked;
}

async function runAll(
  { terminal, signal }: Context,
  openai: OpenAI,
  { prompts }: Imported,
  providers: readonly ImportedProvider[],
  made: readonly { readonly each: ImportedEval; readonly id: string }[],
): Promise<RunShown[]> {
  const started: { evalId: string; runId: string; evalName: string; prompt: string; model: string }[] = [];
  for (const { each, id } of made)
    for (const [i, items] of each.items.entries()) {
      const lines = items.map((item) => `${JSON.stringify({ item })}\n`).join('');
      const file = await openai.files.create(
        { file: await toFile(Buffer.from(lines), 'promptfoo.jsonl'), purpose: 'evals' },
        { signal },
      );
      for (const { model, label, sampling } of providers) {
        const prompt = prompts[i]!.label;
        const { id: runId } = await openai.evals.runs.create(
          id,
          {
            name: `${label}, ${prompt}`.slice(0, 200),
            metadata: { promptfoo_prompt: prompt.slice(0, 500) },
            data_source: {
              type: 'completions',
              model,
              source: { type: 'file_id', id: file.id },
              input_messages: { type: 'item_reference', item_reference: 'item.messages' },
              ...(Object.keys(sampling).length > 0 && { sampling_params: sampling }),
            },
          },
          { signal },
        );
        started.push({ evalId: id, runId, evalName: each.name, prompt, model });
      }
    }
  terminal.note(`${started.length === 1 ? 'One run is' : `${started.length} runs are`} under way.`);
  const shownRuns: RunShown[] = [];
  try {
    for (const [i, each] of started.entries()) {
      const ended = await ending(openai, each, signal, (counts) =>
        terminal.live(
          `  run ${i + 1}/${started.length}: ${counts.passed + counts.failed + counts.errored}/${counts.total}`,
        ),
      );
      shownRuns.push(ended);
    }
  } finally {
    terminal.live('');
  }
  return shownRuns;
}

const pollMs = 300;

async function ending(
  openai: OpenAI,
  { evalId, runId, evalName, prompt, model }: { evalId: string; runId: string; evalName: string; prompt: string; model: string }, // prettier-ignore
  signal: AbortSignal,
  onCounts: (counts: RunShown['counts']) => void,
): Promise<RunShown> {
  for (;;) {
    const found = await openai.evals.runs.retrieve(runId, { eval_id: evalId });
    signal.throwIfAborted();
    const { status, result_counts: counts } = found;
    onCounts(counts);
    if (['completed', 'failed', 'canceled'].includes(status)) {
      const { passed, failed, errored } = counts;
      const judged = passed + failed + errored;
      const error = found.error as { message?: string } | null;
      return {
        eval_id: evalId,
        run_id: runId,
        eval: evalName,
        prompt,
        model,
        status,
        counts,
        passed: judged === 0 ? null : share(Array.from({ length: judged }, (_, i) => i < passed)),
        criteria: (found.per_testing_criteria_results ?? []).map((each) => ({
          name: each.testing_criteria,
          passed: each.passed,
          failed: each.failed,
        })),
        error: error?.message ?? null,
      };
    }
    await sleep(pollMs, undefined, { signal });
  }
}

function shown(runs: readonly RunShown[]): string {
  const percent = (value: number): string => (100 * value).toFixed(1);
  const rows = runs.map(({ eval: name, prompt, model, counts, passed, status }) => [
    plain(name),
    plain(prompt),
    model,
    status === 'completed' ? `${counts.passed}/${counts.total}` : status,
    passed === null ? '-' : `${percent(passed.value)} (${percent(passed.low)} - ${percent(passed.high)})`,
    counts.errored,
  ]);
  const criteria = runs.flatMap(({ model, prompt, criteria: each }) =>
    each.map(({ name, passed, failed }) => [plain(name), plain(prompt), model, passed, failed]),
  );
  return [
    table(['EVAL', 'PROMPT', 'MODEL', 'PASSED', '% (95 % INTERVAL)', 'ERRORS'], rows),
    ...(criteria.length === 0 ? [] : [table(['ASSERTION', 'PROMPT', 'MODEL', 'PASSED', 'FAILED'], criteria)]),
  ].join('\n\n');
}

/** What a configuration says must not steer the terminal. */
const plain = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ');
