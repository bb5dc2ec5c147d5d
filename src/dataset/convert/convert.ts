/**
 * Raw material → training examples, a row at a time.
 *
 * `openConversion` looks at the first rows and decides how to read all of them; what it decided can be shown before
 * anything is written. A row that cannot be read ends the conversion with its place, unless the caller skips such
 * rows; rows that lack a prompt or an answer are left out and counted.
 */

import { invalid } from '../../domain/errors.ts';
import type { ExampleFormat } from '../../domain/example.ts';
import { toExample, type Draft } from './draft.ts';
import { openSource } from './open-source.ts';
import { columnsShape, shapes, type Shape } from './shapes.ts';
import { chooseSlots, slotNames, type SlotOptions, type Slots } from './slots.ts';
import type { Fields, ReadingOptions, Source, SourceRow } from './source.ts';
import { columnsOf } from './template.ts';

export interface ConvertOptions extends ReadingOptions, SlotOptions {
  readonly to: ExampleFormat;
  /** Reinforcement: columns that the grader needs; without it, all that stand nowhere else. */
  readonly keep?: readonly string[] | undefined;
  /** Leave rows out that cannot be read, instead of ending there. */
  readonly skipBad?: boolean | undefined;
  readonly limit?: number | undefined;
}

/** How the rows of a file are read. */
interface Reading {
  readonly source: Source;
  readonly columns: readonly string[];
  /** A known shape's name, or null for columns. */
  readonly shape: string | null;
  readonly slots: Slots | null;
  /** Columns that no part of the conversation takes. */
  readonly unused: readonly string[];
  /** Throws an Error that says what is wrong with a row. */
  readonly draft: (fields: Fields) => Draft;
}

export interface Conversion extends Omit<Reading, 'draft'> {
  /** The first row that makes an example, and the example as a line. */
  readonly first: { readonly place: string; readonly line: string } | null;
  readonly counts: Counts;
  /** JSONL, without line ends. */
  lines(signal?: AbortSignal): AsyncGenerator<string, void>;
}

export interface Counts {
  rows: number;
  written: number;
  /** Reason → how many rows were left out for it, and the first of them. */
  readonly left: Map<string, { count: number; readonly places: string[] }>;
}

/** Rows looked at before the columns are known: in JSON not every row has all of them. */
const peekRows = 100;
const placesShown = 3;

/** The rows of a file, their columns, and the shape they have by themselves. */
export async function openRows(
  path: string,
  options: ReadingOptions,
): Promise<{ source: Source; columns: readonly string[]; shape: Shape | null }> {
  const source = await openSource(path, options);
  const seen: Fields[] = [];
  let fault: string | null = null;
  for await (const row of source.rows()) {
    if (row.fields === null) fault ??= `${row.place}: ${row.fault}`;
    else seen.push(row.fields);
    if (seen.length === peekRows) break;
  }
  const [first] = seen;
  if (first === undefined)
    throw invalid(null, fault === null ? `${path} has no rows.` : `${path}, ${fault}.`, 'source_empty');
  const columns = [...new Set(seen.flatMap((fields) => [...fields.keys()]))];
  return { source, columns, shape: shapes.find((each) => each.matches(first)) ?? null };
}

async function openReading(path: string, options: ConvertOptions): Promise<Reading> {
  const { source, columns, shape } = await openRows(path, options);
  const isSaid = slotNames.some((name) => options[name] !== undefined);
  if (shape !== null && !isSaid) {
    const unused = columns.filter((name) => !shape.fields.includes(name));
    return { source, columns, shape: shape.name, slots: null, unused, draft: (fields) => shape.read(fields) };
  }
  const slots = chooseSlots(columns, options, {
    ...(source.slots !== undefined && { ofSource: source.slots }),
    needsAnswer: options.to !== 'reinforcement',
  });
  const used = new Set(slotNames.flatMap((name) => (slots[name] === null ? [] : columnsOf(slots[name]))));
  for (const path of used) if (!columns.includes(path)) used.add(path.split('.')[0] ?? '');
  const unused = columns.filter((name) => !used.has(name));
  const { read } = columnsShape(slots);
  return { source, columns, shape: null, slots, unused, draft: read };
}

export async function openConversion(path: string, options: ConvertOptions): Promise<Conversion> {
  const { draft, ...reading } = await openReading(path, options);
  const unknown = options.keep?.find((name) => !reading.columns.includes(name));
  if (unknown !== undefined)
    throw invalid(
      null,
      `--keep names the column "${unknown}"; there are ${reading.columns.join(', ')}.`,
      'unknown_column',
    );
  // A column of that name must not become the conversation.
  const kept = (options.keep ?? reading.unused).filter((name) => name !== 'messages' && name !== 'tools');
  /** A line, or why there is none. */
  const convert = (row: SourceRow): { line: string } | { lack: string } | { fault: string } => {
    if (row.fields === null) return { fault: row.fault };
    try {
      const read = draft(row.fields);
      const item = Object.fromEntries(Object.entries(read.item).filter(([name]) => kept.includes(name)));
      const example = toExample({ ...read, item }, options.to);
      return typeof example === 'string' ? { lack: example } : { line: JSON.stringify(example) };
    } catch (error) {
      const deep = error instanceof RangeError;
      return { fault: deep ? 'it is nested too deeply' : (error as Error).message };
    }
  };
  const counts: Counts = { rows: 0, written: 0, left: new Map() };
  return {
    ...reading,
    counts,
    first: await firstOf(reading.source, convert),
    async *lines(signal) {
      for await (const row of reading.source.rows(signal)) {
        if (options.limit !== undefined && counts.rows >= options.limit) return;
        counts.rows++;
        const made = convert(row);
        if ('line' in made) {
          counts.written++;
          yield made.line;
        } else if ('lack' in made) leaveOut(counts, made.lack, row.place);
        else if (options.skipBad === true) leaveOut(counts, made.fault, row.place);
        else throw invalid(null, `${path}, ${row.place}: ${made.fault}.`, 'row_unreadable');
      }
      if (counts.written === 0)
        throw invalid(
          null,
          `${path}: none of ${counts.rows} rows makes an example: ${leftOut(counts)}.`,
          'no_examples',
        );
    },
  };
}

async function firstOf(
  source: Source,
  convert: (row: SourceRow) => { line: string } | object,
): Promise<{ place: string; line: string } | null> {
  let rows = 0;
  for await (const row of source.rows()) {
    const made = convert(row);
    if ('line' in made) return { place: row.place, line: made.line };
    if (++rows === peekRows) break;
  }
  return null;
}

function leaveOut({ left }: Counts, reason: string, place: string): void {
  const entry = left.get(reason) ?? { count: 0, places: [] };
  entry.count++;
  if (entry.places.length < placesShown) entry.places.push(place);
  left.set(reason, entry);
}

/** `12 with no answer (row 3, row 9, row 14, …)` */
export const leftOut = ({ left }: Counts): string =>
  [...left]
    .map(
      ([reason, { count, places }]) =>
        `${count}: ${reason} (${places.join(', ')}${count > places.length ? ', …' : ''})`,
    )
    .join('; ');
