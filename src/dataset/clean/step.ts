/** What every cleaning step is to the pipeline: a row goes in, and a row, a changed row or none comes out. */

import type { ExampleFormat } from '../../domain/example.ts';
import type { Fields } from '../problem.ts';
import { mapTexts, type TextChange } from './example-texts.ts';

export interface CleanRow {
  readonly line: number;
  readonly format: ExampleFormat;
  readonly value: Fields;
}

export interface Outcome {
  /** Null when the row is left out; the very row when nothing changed. */
  readonly row: CleanRow | null;
  readonly change: Change | null;
}

export interface Change {
  readonly before: string;
  /** Of a row that is left out: why. */
  readonly after: string;
}

export interface Step {
  /**
   * Looks at all rows that the steps before it let through, in a pass of its own, before anything is decided.
   * Absent where a row can be judged by itself and those before it.
   */
  readonly survey?: { see(row: CleanRow): void; settle(): Promise<void> };
  /** Begins a pass over the rows, from the first. */
  begin(): (row: CleanRow) => Outcome;
}

export const kept = (row: CleanRow): Outcome => ({ row, change: null });

export const leftOut = (before: string, reason: string): Outcome => ({ row: null, change: { before, after: reason } });

/** A step that changes texts one by one. */
export function textStep(change: TextChange): Step {
  return {
    begin: () => (row) => {
      let first: Change | null = null;
      const value = mapTexts(row.value, row.format, (text, place) => {
        const after = change(text, place);
        if (after !== text) first ??= difference(text, after);
        return after;
      });
      return first === null ? kept(row) : { row: { ...row, value }, change: first };
    },
  };
}

const around = 30;
const shownMax = 80;

/** Two texts where they begin to differ, with a little of what is before. */
function difference(before: string, after: string): Change {
  let same = 0;
  while (same < before.length && before[same] === after[same]) same += 1;
  const start = Math.max(0, same - around);
  const cut = (text: string): string =>
    `${start > 0 ? '…' : ''}${text.slice(start, start + shownMax)}${start + shownMax < text.length ? '…' : ''}`;
  return { before: cut(before), after: cut(after) };
}
