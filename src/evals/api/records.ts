/**
 * The rows of evals, runs and their items: read and written here and nowhere else.
 *
 * An item waits in `eval_items` until it is judged; in one transaction it leaves there, its outcome is written and
 * the run's counts change. So a run that was interrupted has exactly those items left that were not judged, and none
 * is counted twice. Endings are announced as they are saved.
 */

import type { Kysely, Selectable, Transaction } from 'kysely';
import {
  type EvalRun,
  isRunOver,
  type ModelUsage,
  type OutputItem,
  runMoves,
  type RunStatus,
} from '../../domain/eval.ts';
import type { GraderTokens } from '../../domain/grader.ts';
import type { WebhookEventType } from '../../domain/webhook.ts';
import type { EvalRunsTable, Schema } from '../../store/schema.ts';
import { announce } from '../../webhooks/outbox.ts';
import type { SourceItem } from './data-source.ts';
import type { Place } from './place.ts';

export type Rows = Kysely<Schema>;
export type RunRow = Selectable<EvalRunsTable>;

/** A run without its data source, which may be large and never changes; and without its address, which is the server's. */
export type KeptRun = Omit<EvalRun, 'data_source' | 'report_url'>;

export const keptRunOf = (row: Pick<RunRow, 'object'>): KeptRun => JSON.parse(row.object) as KeptRun;

export async function findRun(rows: Rows, id: string): Promise<RunRow | undefined> {
  return await rows.selectFrom('eval_runs').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Ids of those with work left to do, oldest first. */
export async function unfinishedRuns(rows: Rows): Promise<string[]> {
  const open: RunStatus[] = ['queued', 'in_progress'];
  const found = await rows.selectFrom('eval_runs').select('id').where('status', 'in', open).orderBy('seq').execute();
  return found.map(({ id }) => id);
}

const endings: Partial<Record<RunStatus, WebhookEventType>> = {
  completed: 'eval.run.succeeded',
  failed: 'eval.run.failed',
  canceled: 'eval.run.canceled',
};

/** Changes a run in one transaction, as it is by then; null from `change` leaves it alone. */
export async function changeRun(
  rows: Rows,
  id: string,
  change: (run: KeptRun, rows: Transaction<Schema>) => Promise<KeptRun | null> | KeptRun | null,
): Promise<void> {
  await rows.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('eval_runs')
      .select(['object', 'project'])
      .where('id', '=', id)
      .executeTakeFirst();
    if (row === undefined) return;
    const before = keptRunOf(row);
    const run = await change(before, transaction);
    if (run === null) return;
    const over = isRunOver(run.status);
    await transaction
      .updateTable('eval_runs')
      .set({ status: run.status, object: JSON.stringify(run), ...(over && { endpoint_key: null }) })
      .where('id', '=', id)
      .execute();
    if (!over) return;
    await transaction.deleteFrom('eval_items').where('run_id', '=', id).execute();
    if (before.status !== run.status)
      await announce(transaction, { project: row.project, type: endings[run.status]!, about: id });
  });
}

export function runMoved(run: KeptRun, status: RunStatus, changes: Partial<KeptRun> = {}): KeptRun {
  if (!runMoves[run.status].includes(status)) throw new Error(`${run.id} cannot go from ${run.status} to ${status}`);
  return { ...run, ...changes, status };
}

const rowsAtOnce = 200;

/** Those numbered from `first` on. */
export async function insertItems(rows: Rows, run: string, first: number, items: readonly SourceItem[]): Promise<void> {
  for (let i = 0; i < items.length; i += rowsAtOnce) {
    const some = items.slice(i, i + rowsAtOnce);
    await rows
      .insertInto('eval_items')
      .values(some.map((item, k) => ({ run_id: run, n: first + i + k, source: JSON.stringify(item) })))
      .execute();
  }
}

/** The same for a run that is being read; one that was canceled or deleted meanwhile gets no more items. */
export async function insertWaiting(
  rows: Rows,
  run: string,
  first: number,
  items: readonly SourceItem[],
): Promise<void> {
  await rows.transaction().execute(async (transaction) => {
    const row = await transaction.selectFrom('eval_runs').select('status').where('id', '=', run).executeTakeFirst();
    if (row?.status === 'queued') await insertItems(transaction, run, first, items);
  });
}

export interface WaitingItem extends SourceItem {
  readonly n: number;
}

/** Items that were not judged yet, in their order. */
export async function* waitingItems(rows: Rows, run: string): AsyncGenerator<WaitingItem, void> {
  const pageRows = 50;
  for (let after = -1; ;) {
    const page = await rows
      .selectFrom('eval_items')
      .select(['n', 'source'])
      .where('run_id', '=', run)
      .where('n', '>', after)
      .orderBy('n')
      .limit(pageRows)
      .execute();
    for (const { n, source } of page) yield { n, ...(JSON.parse(source) as SourceItem) };
    if (page.length < pageRows) return;
    after = page.at(-1)!.n;
  }
}

/** A judged item, where it stands among the others, and what judging it has cost, by model. */
export interface Judged {
  readonly output: OutputItem;
  readonly place: Place;
  readonly usage: readonly { readonly model: string; readonly tokens: GraderTokens }[];
}

/** What waits for its judges goes on waiting with its answer, so that nobody is asked twice. */
export async function keepAnswers(rows: Rows, run: string, all: readonly WaitingItem[]): Promise<void> {
  await rows.transaction().execute(async (transaction) => {
    for (const { n, ...source } of all)
      await transaction
        .updateTable('eval_items')
        .set({ source: JSON.stringify(source satisfies SourceItem) })
        .where('run_id', '=', run)
        .where('n', '=', n)
        .execute();
  });
}

/** Nothing is added to a run that is over by now. */
export async function recordJudged(rows: Rows, run: string, all: readonly Judged[]): Promise<void> {
  await changeRun(rows, run, async (before, transaction) => {
    if (before.status !== 'in_progress') return null;
    let changed = before;
    for (const judged of all) {
      const { id, datasource_item_id: n, status } = judged.output;
      const { numDeletedRows } = await transaction
        .deleteFrom('eval_items')
        .where('run_id', '=', run)
        .where('n', '=', n)
        .executeTakeFirst();
      if (numDeletedRows === 0n) continue;
      await transaction
        .insertInto('eval_output_items')
        .values({ id, run_id: run, n, status, object: JSON.stringify(judged.output), ...judged.place })
        .execute();
      changed = counted(changed, judged);
    }
    return changed;
  });
}

function counted(run: KeptRun, { output, usage }: Judged): KeptRun {
  const { total, errored, failed, passed } = run.result_counts;
  const one = (status: OutputItem['status']): number => (output.status === status ? 1 : 0);
  const outcomes = new Map(output.results.map(({ name, passed }) => [name, passed]));
  return {
    ...run,
    result_counts: {
      total,
      errored: errored + one('error'),
      failed: failed + one('fail'),
      passed: passed + one('pass'),
    },
    per_testing_criteria_results: run.per_testing_criteria_results.map((each) => {
      const outcome = outcomes.get(each.testing_criteria);
      if (outcome === undefined) return each;
      return outcome ? { ...each, passed: each.passed + 1 } : { ...each, failed: each.failed + 1 };
    }),
    per_model_usage: usage.reduce(withUsage, run.per_model_usage),
  };
}

function withUsage(all: ModelUsage[], { model, tokens }: Judged['usage'][number]): ModelUsage[] {
  const before = all.find(({ model_name }) => model_name === model);
  const after: ModelUsage = {
    model_name: model,
    invocation_count: (before?.invocation_count ?? 0) + 1,
    prompt_tokens: (before?.prompt_tokens ?? 0) + tokens.prompt_tokens,
    completion_tokens: (before?.completion_tokens ?? 0) + tokens.completion_tokens,
    total_tokens: (before?.total_tokens ?? 0) + tokens.total_tokens,
    cached_tokens: (before?.cached_tokens ?? 0) + tokens.cached_tokens,
  };
  return before === undefined ? [...all, after] : all.map((each) => (each === before ? after : each));
}
