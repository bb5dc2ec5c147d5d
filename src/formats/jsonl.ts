/**
 * The lines of a JSONL file, one after the other, in constant memory.
 *
 * Lines are numbered from 1, as every editor does, and blank ones are given too: what a line means is its
 * reader's business. A line that is no text, or longer than allowed, is reported in its place and reading goes on.
 */

import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';

export interface Line {
  /** 1-based. */
  readonly line: number;
  /** Without its line ending; empty when there is a `fault`. */
  readonly text: string;
  readonly fault: null | 'not_utf8' | 'too_long';
}

export interface LineOptions {
  /** Bytes of the longest line that is read. */
  readonly bytesMax?: number;
  readonly signal?: AbortSignal;
}

/** Of the longest line that is read, unless somebody asks for less. */
export const lineBytesMax = 64 * 2 ** 20;
/** The lines that ended in one piece of the file. */
export interface LineBatch {
  readonly lines: readonly Line[];
  /** Of the file, so far. */
  readonly bytesRead: number;
}

const newline = 10;
const carriageReturn = 13;
const byteOrderMark = Buffer.from('\uFEFF');

/** Streams the lines of a file. A last line without line ending counts; nothing follows a final line ending. */
export async function* readLines(path: string, options: LineOptions = {}): AsyncGenerator<Line, void> {
  for await (const { lines } of readLineBatches(path, options)) yield* lines;
}

/** The same lines, as many at a time as a piece of the file ends: for those who count microseconds. */
export async function* readLineBatches(path: string, options: LineOptions = {}): AsyncGenerator<LineBatch, void> {
  const { bytesMax = lineBytesMax, signal } = options;
  const stream = createReadStream(path, { highWaterMark: 2 ** 18, signal });
  let line = 1;
  /** The pieces of a line that spans chunks; dropped once it is longer than allowed. */
  let pieces: Buffer[] = [];
  let piecesBytes = 0;
  let bytesRead = 0;

  const finish = (last: Buffer): Line => {
    const sizeBytes = piecesBytes + last.length;
    const bytes = pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
    pieces = [];
    piecesBytes = 0;
    return sizeBytes > bytesMax ? { line: line++, text: '', fault: 'too_long' } : toLine(bytes, line++);
  };

  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      lines.push(finish(chunk.subarray(start, end)));
      start = end + 1;
    }
    bytesRead += chunk.length;
    if (start < chunk.length) {
      piecesBytes += chunk.length - start;
      if (piecesBytes > bytesMax) pieces = [];
      else pieces.push(chunk.subarray(start));
    }
    yield { lines, bytesRead };
  }
  if (piecesBytes > 0) yield { lines: [finish(Buffer.alloc(0))], bytesRead };
}

function toLine(bytes: Buffer, line: number): Line {
  const start = line === 1 && bytes.subarray(0, 3).equals(byteOrderMark) ? 3 : 0;
  const end = bytes.at(-1) === carriageReturn ? bytes.length - 1 : bytes.length;
  const text = bytes.subarray(start, end);
  if (!isUtf8(text)) return { line, text: '', fault: 'not_utf8' };
  return { line, text: text.toString('utf8'), fault: null };
}
