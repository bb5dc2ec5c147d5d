/**
 * A training file of any of the four formats as a stream of rows, each with everything that is wrong with it.
 *
 * Blank lines are passed over. Problems do not end the stream, except that a file which is no text at all says so
 * once. Memory does not grow with the file, and the event loop gets a turn at least every few milliseconds, so that
 * a server can read while it serves.
 */

import { open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import type { AnyExample, ExampleFormat } from '../domain/example.ts';
import { lineBytesMax, readLineBatches, type Line } from '../formats/jsonl.ts';
import { checkChatExample } from './chat-example.ts';
import { checkCompletionExample } from './completion-example.ts';
import { formatOf, formatOfRow } from './format.ts';
import { checkPreferenceExample } from './preference-example.ts';
import { describe, isObject, Report, type Fields, type Place, type Problem } from './problem.ts';
import { checkReinforcementExample } from './reinforcement-example.ts';
import { parseJson } from './survey.ts';

export type { Problem } from './problem.ts';

export interface Row {
  /** Of the file, from 1. */
  readonly line: number;
  /** Of the rows, from 1: blank lines do not count. */
  readonly number: number;
  readonly text: string;
  /** What the line holds; undefined when it is no JSON. */
  readonly value: unknown;
  /** Null when a problem is an error, and when there are images, which nothing here can train. */
  readonly checked: AnyExample | null;
  readonly problems: readonly Problem[];
}

export interface RowOptions {
  /** Of all rows; without it, what the first rows look like. */
  readonly format?: ExampleFormat;
  /** Whether images are checked by OpenAI's rules; otherwise they are refused, as no base model here can see. */
  readonly images?: boolean;
  readonly signal?: AbortSignal;
  /** Told how many bytes of the file were read so far. */
  readonly onProgress?: (bytes: number) => void;
}

const turnMs = 5;

export async function* readRows(path: string, options: RowOptions = {}): AsyncGenerator<Row, void> {
  const { images = true, signal, onProgress } = options;
  const foreign = await foreignRow(path);
  if (foreign !== null) {
    yield foreign;
    return;
  }
  let format = options.format ?? null;
  let number = 0;
  let turnStart = performance.now();
  for await (const { lines, bytesRead } of readLineBatches(path, { signal })) {
    format ??= formatOf(lines.map(({ text }) => text));
    for (const line of lines) {
      if (line.fault === null && isBlank(line.text)) continue;
      number += 1;
      yield checkRow(line, number, { format: format ?? 'chat', images });
      if (performance.now() - turnStart < turnMs) continue;
      await setImmediate();
      signal?.throwIfAborted();
      turnStart = performance.now();
    }
    onProgress?.(bytesRead);
  }
}

/** One line by the rules of its file's format; `number` is the row's, as OpenAI's messages count. */
export function checkRow(
  { line, text, fault }: Line,
  number: number,
  { format, images }: { readonly format: ExampleFormat; readonly images: boolean },
): Row {
  const report = new Report(line);
  const place = { path: '$', name: `Example ${number}` };
  if (fault !== null) {
    unreadable(fault, place, report);
    return { line, number, text, value: undefined, checked: null, problems: report.problems };
  }
  const value = parseJson(text, place, report);
  const checked = value === undefined ? null : checkValue(value, place, format, images, report);
  return { line, number, text, value, checked: report.hasErrors ? null : checked, problems: report.problems };
}

/** A parsed row by the rules of a format. */
export function checkValue(
  value: unknown,
  place: Place,
  format: ExampleFormat,
  images: boolean,
  report: Report,
): AnyExample | null {
  if (!isObject(value)) {
    const found = describe(value);
    report.add('data_type', place, {
      found,
      expected: 'a JSON object',
      suggestion: Array.isArray(value) ? 'Put each object of the list on a line of its own.' : null,
      message: `${place.name} is ${found}, but must be a JSON object.`,
    });
    return null;
  }
  if (format !== 'chat' && isOfAnotherFormat(value, format, place, report)) return null;
  return checkers[format](value, place, images, report);
}

/** What a row of each format has, and what it is called. A chat row says of itself what it is not. */
const shapes: Record<ExampleFormat, { readonly keys: readonly string[]; readonly name: string }> = {
  chat: { keys: ['messages'], name: 'a conversation' },
  completion: { keys: ['prompt', 'completion'], name: 'a prompt/completion pair' },
  preference: { keys: ['input', 'preferred_output', 'preferred_completion'], name: 'a preference pair' },
  reinforcement: { keys: ['messages'], name: 'a conversation for reinforcement' },
};

function isOfAnotherFormat(row: Fields, format: ExampleFormat, place: Place, report: Report): boolean {
  if (shapes[format].keys.some((key) => key in row)) return false;
  const other = formatOfRow(row);
  if (other === null || other === format) return false;
  const [found, expected] = [shapes[other].name, shapes[format].name];
  report.add('mixed_formats', place, {
    found,
    expected: `${expected}, like the other rows`,
    suggestion: 'Put rows of another format into a file of their own.',
    message: `Unexpected file format, expected ${expected}. ${place.name} is ${found}.`,
  });
  return true;
}

type Checker = (row: Fields, place: Place, images: boolean, report: Report) => AnyExample | null;

const checkers: Record<ExampleFormat, Checker> = {
  chat: checkChatExample,
  completion: (row, place, _, report) => checkCompletionExample(row, place, report),
  preference: (row, place, _, report) => checkPreferenceExample(row, place, report),
  reinforcement: checkReinforcementExample,
};

export const isBlank = (text: string): boolean => text.trim() === '';

function unreadable(fault: 'not_utf8' | 'too_long', place: Place, report: Report): void {
  if (fault === 'not_utf8') {
    report.add('not_utf8', place, {
      found: 'bytes that are not UTF-8',
      expected: 'UTF-8 text',
      suggestion: 'Save the file as UTF-8; it may be Windows-1252 or Latin-1.',
      message: `${place.name} is not UTF-8 text, but must be one JSON object in UTF-8.`,
    });
    return;
  }
  const most = `${lineBytesMax / 2 ** 20} MiB`;
  report.add('line_too_long', place, {
    found: `a line longer than ${most}`,
    expected: 'one example on each line',
    suggestion: 'Put line breaks between the examples.',
    message: `${place.name} is longer than ${most}, but must fit a model's context.`,
  });
}

/** The one row of a file that is no text, which says so; null of any other file. */
export async function foreignRow(path: string): Promise<Row | null> {
  const foreign = await recognise(path);
  if (foreign === null) return null;
  const { name, way } = foreign;
  const report = new Report(1);
  const expected = 'UTF-8 text with one JSON object per line';
  report.add(
    'not_text',
    { path: '$', name: 'The file' },
    {
      found: name,
      expected,
      suggestion: way,
      message: `The file is ${name}, but must be ${expected}.`,
    },
  );
  return { line: 1, number: 1, text: '', value: undefined, checked: null, problems: report.problems };
}

interface Foreign {
  readonly name: string;
  /** How to make a JSONL file of it. */
  readonly way: string | null;
}

const unpack = 'Unpack it first.';
const convert = 'tunesmith data convert makes JSONL of it.';
const saveAsText = 'Save it as UTF-8.';

/** Files that people hand in by mistake, by their first bytes. They are named, never unpacked. */
const signatures: readonly (readonly [hex: string, name: string, way: string | null])[] = [
  ['1f8b', 'a gzip archive', unpack],
  ['504b0304', 'a zip archive or an office document', convert],
  ['fffe', 'UTF-16 text', saveAsText],
  ['feff', 'UTF-16 text', saveAsText],
  ['25504446', 'a PDF document', null],
  ['89504e47', 'a PNG image', null],
  ['ffd8ff', 'a JPEG image', null],
  ['50415231', 'a Parquet file', convert],
  ['28b52ffd', 'a zstd archive', unpack],
  ['47475546', 'a GGUF model', null],
];

async function recognise(path: string): Promise<Foreign | null> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
    const start = buffer.subarray(0, bytesRead).toString('hex');
    const found = signatures.find(([hex]) => start.startsWith(hex));
    return found === undefined ? null : { name: found[1], way: found[2] };
  } finally {
    await file.close();
  }
}
