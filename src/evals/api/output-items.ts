/**
 * What came of a run's items, page by page: as they were judged, or the worst first, and of these those that fit.
 *
 * Filters that the rows' columns do not tell (a text in the item or its answer, a criterion that was not met) are
 * looked for page after page, with a turn for everybody else in between.
 */

import { type RawBuilder, sql } from 'kysely';
import { setImmediate } from 'node:timers/promises';
import { invalid } from '../../domain/errors.ts';
import type { OutputItem, OutputItemStatus } from '../../domain/eval.ts';
import type { Page } from './evals.ts';
import type { Rows } from './records.ts';

export interface OutputItemPage extends Page {
  readonly status: OutputItemStatus | null;
  /** `score` has the worst first; `order` turns it round. */
  readonly orderBy: 'created_at' | 'score';
  /** The id of a criterion that the item did not meet. */
  readonly failed: string | null;
  /** What stands in the item or in its answer, in any case of letters. */
  readonly query: string | null;
}

interface Found {
  readonly id: string;
  readonly object: string;
  readonly score: number;
  readonly doubt: number;
  readonly seq: number;
}

const rowsAtOnce = 500;

/** One more than asked for tells the pager that there is another page. */
export async function outputItemsOf(database: Rows, run: string, page: OutputItemPage): Promise<OutputItem[]> {
  const { after, limit, failed, query } = page;
  const filtered = failed !== null || query !== null;
  const wanted = query === null ? null : query.toLowerCase();
  const fits = (item: OutputItem): boolean =>
    (failed === null || item.results.some(({ name, passed }) => name === failed && !passed)) &&
    (wanted === null || textsOf(item).toLowerCase().includes(wanted));
  const found: OutputItem[] = [];
  let cursor = after === null ? null : await cursorOf(database, run, after);
  for (;;) {
    const count = filtered ? rowsAtOnce : limit + 1;
    const rows = await rowsAfter(database, run, page, cursor, count);
    for (const { object } of rows) {
      const item = JSON.parse(object) as OutputItem;
      if (fits(item)) found.push(item);
      if (found.length > limit) return found;
    }
    if (rows.length < count) return found;
    cursor = rows.at(-1)!;
    await setImmediate();
  }
}

const textsOf = ({ datasource_item, sample }: OutputItem): string =>
  `${JSON.stringify(Object.values(datasource_item))}\n${sample.output.map(({ content }) => content ?? '').join('\n')}`;

async function cursorOf(database: Rows, run: string, id: string): Promise<Found> {
  const cursor = await database
    .selectFrom('eval_output_items')
    .where('run_id', '=', run)
    .where('id', '=', id)
    .select(['id', 'object', 'score', 'doubt', 'seq'])
    .executeTakeFirst();
  if (cursor === undefined)
    throw invalid('after', `Invalid 'after': there is no output item '${id}'.`, 'invalid_value');
  return cursor;
}

async function rowsAfter(
  database: Rows,
  run: string,
  { order, orderBy, status }: OutputItemPage,
  cursor: Found | null,
  count: number,
): Promise<Found[]> {
  let query = database
    .selectFrom('eval_output_items')
    .select(['id', 'object', 'score', 'doubt', 'seq'])
    .where('run_id', '=', run)
    .limit(count);
  if (status !== null) query = query.where('status', '=', status);
  if (orderBy === 'score') query = query.orderBy('score', order).orderBy('doubt', order);
  query = query.orderBy('seq', order);
  if (cursor !== null) query = query.where(beyond(cursor, orderBy, order));
  return await query.execute();
}

function beyond(
  { score, doubt, seq }: Found,
  by: OutputItemPage['orderBy'],
  order: 'asc' | 'desc',
): RawBuilder<boolean> {
  const sign = sql.raw(order === 'asc' ? '>' : '<');
  if (by === 'created_at') return sql<boolean>`seq ${sign} ${seq}`;
  return sql<boolean>`(score, doubt, seq) ${sign} (${score}, ${doubt}, ${seq})`;
}
