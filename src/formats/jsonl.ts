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
  const splitter = new Splitter(bytesMax);
  let bytesRead = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytesRead += chunk.length;
    yield { lines: splitter.split(chunk), bytesRead };
  }
  yield { lines: splitter.end(), bytesRead };
}

/** Cuts pieces of a file at its line endings. */
class Splitter {
  readonly #bytesMax: number;
  #line = 1;
  /** The beginning of a line that ends in a later piece. */
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  /** Inside a line that was reported as too long: nothing is kept until it ends. */
  #skipping = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  split(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      this.#take(chunk.subarray(start, end), lines);
      this.#finish(lines);
      start = end + 1;
    }
    if (start < chunk.length) this.#take(chunk.subarray(start), lines);
    return lines;
  }

  /** A last line without line ending. */
  end(): Line[] {
    const lines: Line[] = [];
    if (this.#piecesBytes > 0) this.#finish(lines);
    return lines;
  }

  #take(piece: Buffer, lines: Line[]): void {
    if (this.#skipping) return;
    this.#piecesBytes += piece.length;
    if (this.#piecesBytes <= this.#bytesMax) {
      this.#pieces.push(piece);
      return;
    }
    lines.push({ line: this.#line, text: '', fault: 'too_long' });
    this.#pieces = [];
    this.#piecesBytes = 0;
    this.#skipping = true;
  }

  #finish(lines: Line[]): void {
    const [first] = this.#pieces;
    if (!this.#skipping) {
      const bytes = this.#pieces.length === 1 ? first! : Buffer.concat(this.#pieces);
      lines.push(toLine(bytes, this.#line));
    }
    this.#line += 1;
    this.#pieces = [];
    this.#piecesBytes = 0;
    this.#skipping = false;
  }
}

function toLine(bytes: Buffer, line: number): Line {
  const start = line === 1 && bytes.subarray(0, 3).equals(byteOrderMark) ? 3 : 0;
  const end = bytes.at(-1) === carriageReturn ? bytes.length - 1 : bytes.length;
  const text = bytes.subarray(start, end);
  if (!isUtf8(text)) return { line, text: '', fault: 'not_utf8' };
  return { line, text: text.toString('utf8'), fault: null };
}
