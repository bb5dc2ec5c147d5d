/**
 * The lines of a JSONL file, one after the other, in constant memory.
 *
 * Lines are numbered from 1, as every editor does, and blank ones are given too: what a line means is its
 * reader's business. A line that is no text, or longer than allowed, is reported in its place and reading goes on.
 */

import { isAscii, isUtf8 } from 'node:buffer';
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
    let start = this.#line === 1 && this.#piecesBytes === 0 && startsWithMark(chunk) ? byteOrderMark.length : 0;
    if (this.#piecesBytes > 0 || this.#skipping) {
      const end = chunk.indexOf(newline);
      this.#take(chunk.subarray(0, end < 0 ? chunk.length : end), lines);
      if (end < 0) return lines;
      this.#finish(lines);
      start = end + 1;
    }
    const rest = chunk.lastIndexOf(newline) + 1;
    if (rest > start) this.#splitWhole(chunk, start, rest, lines);
    if (chunk.length > Math.max(rest, start)) this.#take(chunk.subarray(Math.max(rest, start)), lines);
    return lines;
  }

  /** A last line without line ending. */
  end(): Line[] {
    const lines: Line[] = [];
    if (this.#piecesBytes > 0) this.#finish(lines);
    return lines;
  }

  /** Lines that begin and end in one piece. What is true of all their bytes together need not be asked of each. */
  #splitWhole(chunk: Buffer, from: number, to: number, lines: Line[]): void {
    const bytes = chunk.subarray(from, to);
    const encoding = isAscii(bytes) ? 'latin1' : 'utf8';
    const sound = encoding === 'latin1' || isUtf8(bytes);
    for (let start = from; start < to;) {
      const next = chunk.indexOf(newline, start) + 1;
      const end = next - (next - 2 >= start && chunk[next - 2] === carriageReturn ? 2 : 1);
      const line = this.#line++;
      if (end - start > this.#bytesMax) lines.push({ line, text: '', fault: 'too_long' });
      else if (sound || isUtf8(chunk.subarray(start, end))) {
        lines.push({ line, text: chunk.toString(encoding, start, end), fault: null });
      } else lines.push({ line, text: '', fault: 'not_utf8' });
      start = next;
    }
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
    if (!this.#skipping) {
      const whole = Buffer.concat(this.#pieces);
      const bytes = whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole;
      const sound = isUtf8(bytes);
      lines.push({ line: this.#line, text: sound ? bytes.toString('utf8') : '', fault: sound ? null : 'not_utf8' });
    }
    this.#line += 1;
    this.#pieces = [];
    this.#piecesBytes = 0;
    this.#skipping = false;
  }
}

const startsWithMark = (chunk: Buffer): boolean => chunk.subarray(0, byteOrderMark.length).equals(byteOrderMark);
