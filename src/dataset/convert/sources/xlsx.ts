/**
 * Spreadsheets: zipped XML, so the size before unpacking says nothing.
 *
 * The archive is unpacked here, counting, and handed to the reader again unpacked; a sheet that claims a cell in a
 * far corner would make the reader fill all cells before it, so the corner is looked for first.
 */

import { Readable } from 'node:stream';
import readExcelFile from 'read-excel-file/node';
import { readZipEntries, readZipEntry, storedZip } from '../../../formats/zip.ts';
import { checkedColumns, unreadable, type ReadingOptions, type Source, type SourceRow } from '../source.ts';

const unpackedBytesMax = 128 << 20;
const cellsMax = 5_000_000;

export async function openXlsx(path: string, { sheet, header = true }: ReadingOptions): Promise<Source> {
  const files = await unpack(path);
  for (const { name, data } of files) if (/^xl\/worksheets\/[^/]+\.xml$/.test(name)) checkCorner(path, name, data);
  const sheets = await readExcelFile(Readable.from([storedZip(files)]), { trim: false }).catch((error: unknown) => {
    throw unreadable(path, `cannot be read as a spreadsheet (${(error as Error).message}).`);
  });
  const found = sheet === undefined ? sheets[0] : sheets.find((each) => each.sheet === sheet);
  if (found === undefined) {
    const names = sheets.map((each) => `"${each.sheet}"`).join(', ');
    throw unreadable(path, `has no sheet "${sheet ?? 1}"; it has ${names}.`);
  }
  return {
    kind: `XLSX, sheet "${found.sheet}"${sheets.length > 1 ? ` of ${sheets.length}` : ''}`,
    async *rows() {
      yield* toRows(path, found.data, header);
    },
  };
}

/** What the reader needs; pictures and the like stay packed. */
async function unpack(path: string): Promise<{ name: string; data: Buffer }[]> {
  const entries = (await readZipEntries(path)).filter(({ name }) => /\.(xml|rels)$/i.test(name));
  const unpackedBytes = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (unpackedBytes > unpackedBytesMax)
    throw unreadable(
      path,
      `unpacks to ${unpackedBytes >> 20} MB, more than ${unpackedBytesMax >> 20} MB; save it as CSV.`,
    );
  if (!entries.some(({ name }) => name === 'xl/workbook.xml'))
    throw unreadable(path, 'is a ZIP archive, but no spreadsheet.');
  const files: { name: string; data: Buffer }[] = [];
  for (const entry of entries) {
    const chunks: Buffer[] = [];
    for await (const chunk of readZipEntry(path, entry)) chunks.push(chunk);
    files.push({ name: entry.name, data: Buffer.concat(chunks) });
  }
  return files;
}

function checkCorner(path: string, name: string, data: Buffer): void {
  let rows = 0;
  let columns = 0;
  for (const [, letters = '', digits = ''] of data.toString('latin1').matchAll(/\br\s*=\s*["']([A-Z]*)(\d+)["']/g)) {
    rows = Math.max(rows, Number(digits));
    columns = Math.max(
      columns,
      letters.split('').reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0),
    );
  }
  if (rows * Math.max(1, columns) > cellsMax)
    throw unreadable(
      path,
      `${name} claims ${rows} rows of ${columns} columns; at most ${cellsMax / 1e6} million cells are read.`,
    );
}

function* toRows(path: string, cells: readonly (readonly unknown[])[], header: boolean): Generator<SourceRow, void> {
  const filled = cells.map((row, i) => ({ row, number: i + 1 })).filter(({ row }) => row.some((cell) => cell !== null));
  const [first] = filled;
  if (first === undefined) return;
  const columns = checkedColumns(path, header ? first.row : first.row.map((_, i) => `column${i + 1}`));
  for (const { row, number } of header ? filled.slice(1) : filled) {
    const fields = new Map(columns.map((name, i) => [name, row[i] instanceof Date ? isoDate(row[i]) : row[i]]));
    yield { place: `row ${number}`, fields, fault: null };
  }
}

/** A date without a time of day is written without one. */
const isoDate = (date: Date): string => date.toISOString().replace(/T00:00:00\.000Z$/, '');
