/** What a run about tokens is fed: B rows of T tokens, M judged positions, P positions of the rotary tables. */

import assert from 'node:assert/strict';
import type { MicroBatch } from '../../dataset/batch.ts';
import { named, product, type Sizes } from '../graph/dims.ts';
import type { Feeds } from '../graph/session.ts';
import { input, type Tensor } from '../graph/tensor.ts';
import { judgesRows } from './heads/label-head.ts';
import type { HeadPlan } from '../protocol.ts';
import type { RotaryTables } from './rotary.ts';
import type { TokenInputs } from './transformer.ts';

export const tokenCount = product(named('B'), named('T'));

/** Which positions are judged. */
export const rowsInput = (): Tensor => input('rows', [named('M')], 'int64');

export function tokenInputs(tables: RotaryTables): TokenInputs {
  const [rows, tokens] = [named('B'), named('T')];
  return {
    ids: input('ids', [tokenCount], 'int64'),
    positions: input('positions', [rows, tokens], 'int64'),
    segments: input('segments', [rows, tokens], 'int64'),
    order: input('order', [tokens], 'int64'),
    rotations: tables.inputs(named('P')),
  };
}

export type TokenRows = Pick<MicroBatch, 'rowTokens' | 'ids' | 'positions' | 'segments' | 'rows'>;

/** One sequence whose last token is judged. */
export const oneRow = (ids: Int32Array): TokenRows => ({
  rowTokens: ids.length,
  ids,
  positions: Int32Array.from(ids.keys()),
  segments: new Int32Array(ids.length).fill(1),
  rows: Int32Array.of(ids.length - 1),
});

/** Rows of `from` tokens, laid out as rows of `rowTokens`, a multiple of the graph's unit. */
export interface Layout {
  readonly rowCount: number;
  readonly from: number;
  readonly rowTokens: number;
}

export function layoutOf({ rowTokens: from, ids }: TokenRows, unit: number): Layout {
  const rowCount = ids.length / from;
  assert(Number.isInteger(rowCount), `run: ${ids.length} tokens are not whole rows of ${from}`);
  return { rowCount, from, rowTokens: Math.ceil(from / unit) * unit };
}

/** `head` is what an encoder tells apart: texts are judged by their rows, words and tokens by their places. */
export function tokenFeeds(
  batch: TokenRows,
  { rowCount, from, rowTokens }: Layout,
  tables: RotaryTables,
  head: HeadPlan | null,
): { readonly feeds: Feeds; readonly sizes: Sizes } {
  const widened = (values: Int32Array): BigInt64Array => {
    const wide = new BigInt64Array(rowCount * rowTokens);
    for (const [i, value] of values.entries()) wide[Math.floor(i / from) * rowTokens + (i % from)] = BigInt(value);
    return wide;
  };
  const byRow = head !== null && judgesRows(head);
  const rows = batch.rows.map((row) =>
    byRow ? Math.floor(row / from) : Math.floor(row / from) * rowTokens + (row % from),
  );
  const positions = tables.upTo(batch.positions.reduce((a, b) => Math.max(a, b), 0) + 1);
  const feeds = {
    ids: widened(batch.ids),
    positions: widened(batch.positions),
    segments: widened(batch.segments),
    order: BigInt64Array.from({ length: rowTokens }, (_, i) => BigInt(i)),
    rows: int64(rows),
    ...positions.feeds,
  };
  return { feeds, sizes: { B: rowCount, T: rowTokens, M: rows.length, P: positions.count } };
}

export const int64 = (values: Int32Array): BigInt64Array => BigInt64Array.from(values, BigInt);
