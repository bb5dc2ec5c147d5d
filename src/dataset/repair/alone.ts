/** One row mended without a look at its neighbours: its JSON, then what `row.ts` can do, then the rules again. */

import type { AnyExample, ExampleFormat } from '../../domain/example.ts';
import { Report } from '../problem.ts';
import { checkValue, type Row } from '../rows.ts';
import type { Ask, Change, RepairName } from './changes.ts';
import { repairJson } from './json.ts';
import { repairRow } from './row.ts';

export interface MendedRow {
  /** Undefined where not even its JSON could be read. */
  readonly value: unknown;
  /** Null for rows with errors, and for those with images. */
  readonly checked: AnyExample | null;
  /** Whether errors stay. */
  readonly broken: boolean;
}

/** Null when the row is left out. Its value may be the row's own, changed in place. */
export function repairAlone(row: Row, format: ExampleFormat, ask: Ask): MendedRow | null {
  const { line, number, text, problems } = row;
  const unread: MendedRow = { value: undefined, checked: null, broken: true };
  if (isHopeless(row)) return unread;
  const value = row.value === undefined ? repairJson(text, ask) : row.value;
  if (value === undefined) return unread;
  for (const { code, path } of problems) {
    if (code === 'duplicate_key' && !ask('json', path, 'there twice', 'the last one kept')) return unread;
  }
  if (!repairRow(value, format, ask)) return null;
  const report = new Report(line);
  const checked = checkValue(value, { path: '$', name: `Example ${number}` }, format, true, report);
  return { value, checked, broken: report.hasErrors };
}

const isHopeless = ({ problems }: Row): boolean => problems.some(({ code }) => hopeless.has(code));
const hopeless: ReadonlySet<string> = new Set(['not_text', 'too_deep', 'not_utf8', 'line_too_long']);

export interface SuggestedRow {
  /** Null when the row would be left out. */
  readonly mended: MendedRow | null;
  readonly changes: readonly (Change & { readonly name: RepairName })[];
}

/** What every repair together would make of the row, which stays as it is; null where there is nothing to repair. */
export function suggestRepair(row: Row, format: ExampleFormat): SuggestedRow | null {
  if (isHopeless(row)) return null;
  const changes: (Change & { readonly name: RepairName })[] = [];
  const mended = repairAlone({ ...row, value: structuredClone(row.value) }, format, (name, path, before, after) => {
    changes.push({ name, line: row.line, path, before, after });
    return true;
  });
  return changes.length === 0 ? null : { mended, changes };
}
