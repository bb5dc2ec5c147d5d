/**
 * CSV and its relatives: a row per line, quotes around what holds a delimiter, a quote or a line break.
 *
 * The delimiter is the one that parts the first lines most evenly. Every row must have as many fields as the head.
 */

import { Readable, pipeline } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { checkedColumns, unreadable, type ReadingOptions, type Source, type SourceRow } from '../source.ts';
import { readStart, readText } from './text.ts';

const delimiters = [',', ';', '\t', '|'] as const;
/** Letters of one row. What is longer is a quote that never closes. */
const rowLettersMax = 16 << 20;

export async function openDelimited(path: string, options: ReadingOptions): Promise<Source> {
  const start = await readStart(path, options.encoding);
  const delimiter = unescaped(options.delimiter) ?? (options.from === 'tsv' ? '\t' : guessDelimiter(start));
  return {
    kind: delimiter === '\t' ? 'TSV' : `CSV with ${JSON.stringify(delimiter)} between columns`,
    rows: (signal) => readRows(path, delimiter, options, signal),
  };
}

const unescaped = (delimiter: string | undefined): string | undefined => (delimiter === '\\t' ? '\t' : delimiter);

/** Counts delimiters outside of quotes, line by line; the most frequent one of the first line that the others repeat. */
function guessDelimiter(start: string): string {
  const lines = start
    .replaceAll(/"(?:[^"]|"")*"/g, '')
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .slice(0, 20);
  const score = (delimiter: string): number => {
    const counts = lines.map((line) => line.split(delimiter).length - 1);
    const [first = 0] = counts;
    const alike = counts.filter((count) => count === first).length / Math.max(1, counts.length);
    return first === 0 ? 0 : first * alike ** 4;
  };
  return [...delimiters].sort((a, b) => score(b) - score(a))[0] ?? ',';
}

async function* readRows(
  path: string,
  delimiter: string,
  { encoding, header = true }: ReadingOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceRow, void> {
  let linesParsed = 0;
  const parser = parse({
    on_record: (record: string[], { lines }) => {
      linesParsed = lines;
      return record;
    },
    delimiter,
    info: true,
    relax_column_count: true, // checked below, with words of our own
    relax_quotes: delimiter === '\t',
    skip_empty_lines: true,
    max_record_size: rowLettersMax,
  });
  pipeline(Readable.from(readText(path, { encoding, signal })), parser, () => undefined);
  let columns: string[] | null = null;
  let row = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (columns === null) {
        columns = checkedColumns(path, header ? record : record.map((_, i) => `column${i + 1}`));
        if (header) continue;
      }
      row++;
      const place = `row ${row} (line ${info.lines - lineBreaks(record)})`;
      yield record.length === columns.length
        ? { place, fields: new Map(columns.map((name, i) => [name, record[i]])), fault: null }
        : { place, fields: null, fault: raggedness(record, columns, header) };
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof CsvError ? unreadable(path, explain(error, linesParsed + 1)) : error;
  }
}

const lineBreaks = (record: readonly string[]): number =>
  record.reduce((sum, field) => sum + (field.match(/\n/g)?.length ?? 0), 0);

function raggedness(record: readonly string[], columns: readonly string[], header: boolean): string {
  const expected = `${columns.length} (${columns.slice(0, 6).join(', ')}${columns.length > 6 ? ', …' : ''})`;
  const hint = record.length > columns.length ? '; is a field with a delimiter in it lacking its quotes?' : '';
  return `it has ${fieldCount(record.length)}, and ${header ? 'the head' : 'the first row'} has ${expected}${hint}`;
}

const fieldCount = (count: number): string => (count === 1 ? '1 field' : `${count} fields`);

/** `begins` is the line on which the row begins that could not be read. */
function explain(error: CsvError, begins: number): string {
  switch (error.code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return `a quote is opened in the row that begins on line ${begins}, and never closed.`;
    case 'CSV_MAX_RECORD_SIZE':
      return `the row that begins on line ${begins} is longer than ${rowLettersMax >> 20} MB; is a quote never closed?`;
    case 'INVALID_OPENING_QUOTE':
      return `line ${begins}: a quote stands in the middle of a field; such a field needs quotes around it, with its own doubled.`;
    case 'CSV_INVALID_CLOSING_QUOTE':
      return `line ${begins}: letters follow a closing quote; a quote inside a field is written twice.`;
    default:
      return `line ${begins}: ${error.message}`;
  }
}
