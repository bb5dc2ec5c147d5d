/**
 * Parquet, one row group at a time.
 *
 * Everything a Parquet file says about itself may be a lie: sizes, offsets, counts. The footer is held against the
 * file, and the header of every page against the footer, before a decoder allocates what they ask for. Label
 * columns of Hugging Face data sets are numbers; their names stand in the footer and take the numbers' place.
 */

import { open, type FileHandle } from 'node:fs/promises';
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import type { AsyncBuffer, ColumnMetaData, FileMetaData, RowGroup } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { compressors } from 'hyparquet-compressors';
import { checkedColumns, unreadable, type Source, type SourceRow } from '../source.ts';

/** More at once, packed or not, is not what training data looks like, and would have to lie in memory. */
const groupBytesMax = 512 << 20;
const groupRowsMax = 2_000_000;
const footerBytesMax = 64 << 20;

export async function openParquet(path: string): Promise<Source> {
  await using file = await open(path, 'r');
  const metadata = await readFooter(path, file);
  const columns = checkedColumns(
    path,
    parquetSchema(metadata).children.map(({ element }) => element.name),
  );
  return {
    kind: `Parquet, ${Number(metadata.num_rows)} rows in ${metadata.row_groups.length} ${metadata.row_groups.length === 1 ? 'group' : 'groups'}`,
    rows: (signal) => readRows(path, metadata, columns, signal),
  };
}

async function readFooter(path: string, file: FileHandle): Promise<FileMetaData> {
  const { size } = await file.stat();
  const tail = Buffer.alloc(8);
  if (size >= 12) await file.read(tail, 0, 8, size - 8);
  if (tail.toString('latin1', 4) !== 'PAR1')
    throw unreadable(path, 'is no Parquet file, or cut off: its footer is missing.');
  const footerBytes = tail.readUInt32LE(0);
  if (footerBytes > Math.min(size - 12, footerBytesMax))
    throw unreadable(path, `its footer says that it is ${footerBytes} bytes long, in a file of ${size} bytes.`);
  return await guarded(path, 'its footer cannot be read', async () => {
    const metadata = await parquetMetadataAsync(bufferOf(file, size));
    const rows = metadata.row_groups.reduce((sum, group) => sum + group.num_rows, 0n);
    if (rows !== metadata.num_rows) throw new Error(`it says ${metadata.num_rows} rows, and its groups have ${rows}`);
    return metadata;
  });
}

/** The footer's claims about a group, and then each page's own, against what the file has. */
async function checkGroup(file: FileHandle, group: RowGroup): Promise<void> {
  const lie = (what: string): Error => new Error(what);
  if (!(group.num_rows >= 0n && group.num_rows <= groupRowsMax)) throw lie(`${group.num_rows} rows`);
  const { size } = await file.stat();
  let unpackedBytes = 0;
  for (const { meta_data: column, file_path } of group.columns) {
    if (column === undefined || file_path) throw lie('a column lies in another file');
    const name = column.path_in_schema.join('.');
    const start = Number(column.dictionary_page_offset || column.data_page_offset);
    const bytes = Number(column.total_compressed_size);
    if (!(start >= 4 && bytes >= 0 && start + bytes <= size - 8))
      throw lie(`column "${name}" claims ${bytes} bytes from ${start} on, in a file of ${size} bytes`);
    const chunk = Buffer.alloc(Math.min(bytes, groupBytesMax));
    await file.read(chunk, 0, chunk.length, start);
    unpackedBytes += checkPages(chunk, column, group, (what) => lie(`column "${name}" ${what}`));
    if (bytes > groupBytesMax || unpackedBytes > groupBytesMax)
      throw lie(`it unpacks to more than ${groupBytesMax >> 20} MB; write the file with smaller row groups`);
  }
}

/** Bytes that the pages of a column unpack to. */
function checkPages(chunk: Buffer, column: ColumnMetaData, group: RowGroup, lie: (what: string) => Error): number {
  const reader = { view: new DataView(chunk.buffer, chunk.byteOffset, chunk.length), offset: 0 };
  const isFlat = column.path_in_schema.length === 1;
  const valuesMax = Number(isFlat ? group.num_rows : column.num_values);
  if (valuesMax > groupRowsMax * 8) throw lie(`claims ${valuesMax} values`);
  let unpackedBytes = 0;
  let values = 0;
  while (reader.offset < chunk.length) {
    let header: ReturnType<typeof parquetHeader>;
    try {
      header = parquetHeader(reader);
    } catch {
      throw lie('has a page that cannot be read');
    }
    const { compressed_page_size: packed, uncompressed_page_size: unpacked } = header;
    if (!(packed >= 0) || reader.offset + packed > chunk.length)
      throw lie(`has a page of ${packed} bytes beyond its end`);
    if (!(unpacked >= 0) || unpacked > groupBytesMax)
      throw lie(`has a page that claims to unpack to ${unpacked} bytes`);
    const data = header.data_page_header ?? header.data_page_header_v2;
    const count = (data ?? header.dictionary_page_header)?.num_values ?? 0;
    if (!(count >= 0) || count > valuesMax || (data !== undefined && (values += count) > valuesMax))
      throw lie(`has a page that claims ${count} values, where ${valuesMax} are announced`);
    unpackedBytes += unpacked;
    reader.offset += packed;
  }
  return unpackedBytes;
}

async function* readRows(
  path: string,
  metadata: FileMetaData,
  columns: readonly string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceRow, void> {
  await using file = await open(path, 'r');
  const buffer = bufferOf(file, (await file.stat()).size);
  const labels = labelNames(metadata);
  let row = 0;
  for (const [i, group] of metadata.row_groups.entries()) {
    signal?.throwIfAborted();
    await guarded(path, `row group ${i + 1} is not what it says`, () => checkGroup(file, group));
    const rowEnd = row + Number(group.num_rows);
    const read = () => parquetReadObjects({ file: buffer, metadata, compressors, rowStart: row, rowEnd });
    const objects = await guarded(path, `row group ${i + 1} cannot be read`, read);
    for (const object of objects) {
      row++;
      const fields = new Map(columns.map((name) => [name, plain(object[name], labels.get(name))]));
      yield { place: `row ${row}`, fields, fault: null };
    }
  }
}

const bufferOf = (file: FileHandle, size: number): AsyncBuffer => ({
  byteLength: size,
  async slice(start, end = size) {
    const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
    await file.read(bytes, 0, bytes.length, start);
    return bytes.buffer;
  },
});

async function guarded<Value>(path: string, what: string, read: () => Promise<Value>): Promise<Value> {
  try {
    return await read();
  } catch (error) {
    throw unreadable(path, `${what} (${(error as Error).message}).`);
  }
}

/** Values as JSON has them; a label's number becomes its name. */
function plain(value: unknown, names: readonly string[] | undefined): unknown {
  if (typeof value === 'bigint')
    return plain(Number.isSafeInteger(Number(value)) ? Number(value) : String(value), names);
  if (names !== undefined && typeof value === 'number') return names[value] ?? value;
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array, (each) => plain(each, undefined));
  if (Array.isArray(value)) return value.map((each) => plain(each, undefined));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each, undefined)]));
}

/** Column → names of its classes, as the Hugging Face libraries write them into the footer. */
function labelNames(metadata: FileMetaData): Map<string, readonly string[]> {
  const text = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  const names = new Map<string, readonly string[]>();
  if (text === undefined) return names;
  try {
    const { info } = JSON.parse(text) as { info?: { features?: Record<string, { names?: unknown; _type?: unknown }> } };
    for (const [column, feature] of Object.entries(info?.features ?? {})) {
      if (feature._type === 'ClassLabel' && Array.isArray(feature.names)) names.set(column, feature.names.map(String));
    }
  } catch {
    // Then the numbers stay: the note is no part of the format.
  }
  return names;
}
