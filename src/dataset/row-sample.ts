/**
 * A part of a large file that stands for the whole: rows from many places, evenly spread, as a small file of its own.
 *
 * Only whole rows are taken. Which ones follows from the file's size alone, so the same file gives the same sample.
 */

import { open, writeFile } from 'node:fs/promises';

export interface RowSample {
  /** How many times as large the whole is. */
  readonly scale: number;
}

const places = 64;
/** Read at each place; a row that does not end within it is passed over. */
const windowBytes = 256 * 1024;
const newline = 0x0a;

/** Writes about so many bytes of rows to `to`. */
export async function sampleRows(from: string, to: string, sizeBytes: number, wantedBytes: number): Promise<RowSample> {
  const pieces: Buffer[] = [];
  const perPlace = Math.ceil(wantedBytes / places);
  const file = await open(from, 'r');
  try {
    const window = Buffer.alloc(windowBytes);
    for (let place = 0; place < places; place++) {
      const at = Math.floor((sizeBytes * place) / places);
      const { bytesRead } = await file.read(window, 0, windowBytes, at);
      pieces.push(wholeRows(window.subarray(0, bytesRead), perPlace, at === 0));
    }
  } finally {
    await file.close();
  }
  const sample = Buffer.concat(pieces);
  await writeFile(to, sample);
  return { scale: sample.length === 0 ? 1 : sizeBytes / sample.length };
}

/** A copy of the first rows that begin and end in the window, until they are so many bytes. */
function wholeRows(window: Buffer, wanted: number, startsRow: boolean): Buffer {
  const start = startsRow ? 0 : window.indexOf(newline) + 1;
  if (start === 0 && !startsRow) return Buffer.alloc(0);
  const end = window.indexOf(newline, Math.min(start + wanted, window.length - 1) - 1);
  const last = end === -1 ? window.lastIndexOf(newline) : end;
  return last < start ? Buffer.alloc(0) : Buffer.from(window.subarray(start, last + 1));
}
