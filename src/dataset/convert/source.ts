/**
 * Raw material as rows of named fields, whatever file it came in.
 *
 * A source is read from the start each time its rows are asked for. A row that cannot be read comes with a fault
 * in its place, so that the caller may go on; what makes the rest of the file unreadable is thrown. Fields are a
 * map: a column may be called anything.
 */

import { invalid, type TunesmithError } from '../../domain/errors.ts';
import type { Slots } from './slots.ts';
import { asText } from './template.ts';

export type Fields = ReadonlyMap<string, unknown>;

export type SourceRow =
  | { readonly place: string; readonly fields: Fields; readonly fault: null }
  | { readonly place: string; readonly fields: null; readonly fault: string };

export interface Source {
  /** What the file was taken for: `CSV with ";" between columns`. */
  readonly kind: string;
  rows(signal?: AbortSignal): AsyncGenerator<SourceRow, void>;
  /** What the file itself says about where prompt and answer are. */
  readonly slots?: Partial<Slots>;
}

/** How a file is to be read, where it does not say so itself. */
export interface ReadingOptions {
  readonly from?: SourceFormat | undefined;
  readonly delimiter?: string | undefined;
  readonly encoding?: string | undefined;
  /** False when the first row is a row like the others. */
  readonly header?: boolean | undefined;
  readonly sheet?: string | undefined;
  /** CoNLL: the column of the tags, from 1, and how entities are written. */
  readonly tagColumn?: number | undefined;
  readonly spans?: boolean | undefined;
}

export const sourceFormats = ['csv', 'tsv', 'json', 'jsonl', 'parquet', 'xlsx', 'conll', 'promptfoo'] as const;
export type SourceFormat = (typeof sourceFormats)[number];

export const unreadable = (path: string, what: string): TunesmithError =>
  invalid(null, `${path}: ${what}`, 'source_unreadable');

/** Column names as the file has them; refuses those that would be lost or could do harm. */
export function checkedColumns(path: string, names: readonly unknown[]): string[] {
  const columns = names.map((name, i) => asText(name).trim() || `column${i + 1}`);
  columns.forEach((name, i) => {
    const first = columns.indexOf(name);
    if (first !== i)
      throw unreadable(
        path,
        `columns ${first + 1} and ${i + 1} are both called "${name}"; every column needs a name of its own.`,
      );
    if (isForbiddenName(name)) throw unreadable(path, `column ${i + 1} is called "${name}", which is refused.`);
  });
  return columns;
}

/** Names that would change what an object is rather than what it holds, once a row becomes one. */
export const isForbiddenName = (name: string): boolean => name === '__proto__';
