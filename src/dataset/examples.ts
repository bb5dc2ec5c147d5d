/**
 * A page of a training file: rows from a line on, those of certain lines, with certain words, or with errors.
 *
 * Lines before the page are counted and not parsed, so that a page far down a large file comes quickly.
 */

import { setImmediate } from 'node:timers/promises';
import type { ExampleFormat } from '../domain/example.ts';
import { readLineBatches } from '../formats/jsonl.ts';
import { formatOf } from './format.ts';
import { isError } from './problem.ts';
import { checkRow, foreignRow, isBlank, type Row } from './rows.ts';

export interface ExampleQuery {
  /** Rows behind this line; 0 for the first page. */
  readonly after: number;
  readonly limit: number;
  /** Words that the line holds, in whatever case. */
  readonly query: string | null;
  /** Only these lines. */
  readonly lines: ReadonlySet<number> | null;
  /** Only rows with errors. */
  readonly faulty: boolean;
}

export interface ExamplePage {
  readonly format: ExampleFormat;
  readonly rows: readonly Row[];
  readonly more: boolean;
}

/** Of a page; what is behind them comes with the next one. */
const bytesMax = 4 * 2 ** 20;
const turnMs = 5;

export async function readExamples(path: string, query: ExampleQuery, signal?: AbortSignal): Promise<ExamplePage> {
  const foreign = await foreignRow(path);
  if (foreign !== null) return { format: 'chat', rows: query.after === 0 ? [foreign] : [], more: false };
  const { after, limit, lines: wanted, faulty } = query;
  const words = query.query?.toLowerCase() ?? '';
  const lastLine = wanted === null ? Infinity : Math.max(0, ...wanted);
  const rows: Row[] = [];
  let format: ExampleFormat | null = null;
  let [number, bytes] = [0, 0];
  let turnStart = performance.now();
  for await (const { lines } of readLineBatches(path, signal === undefined ? {} : { signal })) {
    format ??= formatOf(lines.map(({ text }) => text));
    for (const line of lines) {
      if (line.fault === null && isBlank(line.text)) continue;
      number += 1;
      if (line.line <= after || wanted?.has(line.line) === false) continue;
      if (line.line > lastLine) return { format: format ?? 'chat', rows, more: false };
      if (words !== '' && !line.text.toLowerCase().includes(words)) continue;
      if (performance.now() - turnStart > turnMs) {
        await setImmediate();
        turnStart = performance.now();
      }
      const row = checkRow(line, number, { format: format ?? 'chat', images: true });
      if (faulty && !row.problems.some(isError)) continue;
      if (rows.length === limit || (rows.length > 0 && bytes > bytesMax))
        return { format: format ?? 'chat', rows, more: true };
      rows.push(row);
      bytes += line.text.length;
    }
  }
  return { format: format ?? 'chat', rows, more: false };
}
