/**
 * The text of a file, piece by piece, in the encoding that was said or that its first bytes show.
 *
 * Bytes that are not text in that encoding end it with the number of their line. What only looks like a text file
 * (an archive, a spreadsheet, a Parquet file) is named for what it is.
 */

import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { invalid } from '../../../domain/errors.ts';
import { unreadable } from '../source.ts';

const newline = 10;

export async function* readText(
  path: string,
  options: { readonly encoding?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<string, void> {
  const head = await readHead(path, 4);
  const disguised = disguises.find(({ magic }) => head.toString('latin1').startsWith(magic));
  if (disguised !== undefined) throw unreadable(path, disguised.what);
  const decoder = decoderFor(options.encoding ?? encodingOf(head));
  let line = 1;
  const stream = createReadStream(path, { highWaterMark: 1 << 18, signal: options.signal });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    try {
      yield decoder.decode(chunk, { stream: true });
    } catch {
      throw badBytes(path, decoder.encoding, line + linesBeforeBad(chunk));
    }
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) line++;
  }
  try {
    yield decoder.decode();
  } catch {
    throw badBytes(path, decoder.encoding, line);
  }
}

/** The first pieces of the text, at most about `lettersMax` letters: enough for a guess. */
export async function readStart(path: string, encoding: string | undefined, lettersMax = 65_536): Promise<string> {
  let text = '';
  for await (const piece of readText(path, { encoding })) {
    text += piece;
    if (text.length >= lettersMax) break;
  }
  return text.slice(0, lettersMax);
}

/** The whole text of a file that can only be read whole. */
export async function readWhole(
  path: string,
  bytesMax: number,
  options: { readonly encoding?: string | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const pieces: string[] = [];
  let letters = 0;
  for await (const piece of readText(path, options)) {
    letters += piece.length;
    if (letters > bytesMax)
      throw unreadable(path, `is larger than ${bytesMax >> 20} MB, and this format can only be read whole.`);
    pieces.push(piece);
  }
  return pieces.join('');
}

export async function readHead(path: string, bytes: number): Promise<Buffer> {
  await using file = await open(path, 'r');
  const head = Buffer.alloc(bytes);
  const { bytesRead } = await file.read(head, 0, bytes, 0);
  return head.subarray(0, bytesRead);
}

const disguises: readonly { readonly magic: string; readonly what: string }[] = [
  { magic: '\x1f\x8b', what: 'is packed with gzip; unpack it first (gunzip) and convert what comes out.' },
  {
    magic: 'PK\x03\x04',
    what: 'is a ZIP archive or a spreadsheet, not text; a spreadsheet needs a name ending in .xlsx.',
  },
  { magic: '\xd0\xcf\x11\xe0', what: 'is an old Office document (.xls); save it as .xlsx or CSV.' },
  { magic: 'PAR1', what: 'is a Parquet file, not text; name it .parquet or say --from parquet.' },
  { magic: '\x28\xb5\x2f\xfd', what: 'is packed with zstd; unpack it first.' },
];

function encodingOf(head: Buffer): string {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  return 'utf-8';
}

function decoderFor(encoding: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(encoding, { fatal: true });
  } catch {
    throw invalid(
      null,
      `"${encoding}" is no encoding; utf-8, utf-16le, windows-1252 and the like are.`,
      'unknown_encoding',
    );
  }
}

const badBytes = (path: string, encoding: string, line: number): Error =>
  unreadable(
    path,
    `line ${line} is not ${encoding.toUpperCase()} text. ` +
      (encoding === 'utf-8'
        ? 'If the file comes from an older Windows program, say --encoding windows-1252.'
        : `Perhaps it is not in ${encoding}.`),
  );

/** How many lines of the chunk are fine; a character cut by the chunk's start does not count. */
function linesBeforeBad(chunk: Buffer): number {
  let start = 0;
  while (start < 3 && ((chunk[start] ?? 0) & 0xc0) === 0x80) start++;
  let lines = 0;
  for (let end = chunk.indexOf(newline, start); end >= 0; end = chunk.indexOf(newline, start)) {
    if (!isUtf8(chunk.subarray(start, end))) return lines;
    start = end + 1;
    lines++;
  }
  return lines;
}
