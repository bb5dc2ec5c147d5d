/**
 * A chat file as a stream of checked examples, for the validator and the trainer alike.
 *
 * Blank lines are passed over. Faults do not end the stream, except that a file which is no text at all says so
 * once. The event loop gets a turn at least every few milliseconds, so a server can read while it serves.
 */

import { open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { readLines } from '../formats/jsonl.ts';
import { checkChatExample, type CheckedExample } from './chat-example.ts';

export interface FileLine extends CheckedExample {
  /** Of the file, from 1. */
  readonly line: number;
  /** Of the examples, from 1: blank lines do not count. */
  readonly number: number;
  readonly text: string;
}

const turnMs = 5;

export async function* readChatFile(path: string, signal?: AbortSignal): AsyncGenerator<FileLine, void> {
  const foreign = await recognise(path);
  if (foreign !== null) {
    yield unreadable(1, 1, `The file is ${foreign}, but must be UTF-8 text with one JSON object per line.`);
    return;
  }
  let number = 0;
  let turnStart = performance.now();
  for await (const { line, text, fault } of readLines(path, { signal })) {
    if (fault === null && text.trim() === '') continue;
    number += 1;
    yield fault === null ? parseLine(text, line, number) : unreadable(line, number, faults[fault](number));
    if (performance.now() - turnStart < turnMs) continue;
    await setImmediate();
    signal?.throwIfAborted();
    turnStart = performance.now();
  }
}

const faults = {
  not_utf8: (number: number) => `Example ${number} is not UTF-8 text, but must be one JSON object in UTF-8.`,
  too_long: (number: number) => `Example ${number} is longer than 64 MiB, but must fit a model's context.`,
};

function parseLine(text: string, line: number, number: number): FileLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = (error as Error).message.slice(0, 160);
    return unreadable(
      line,
      number,
      `Example ${number} is not valid JSON (${reason}), but must be one JSON object on one line.`,
    );
  }
  return { line, number, text, ...checkChatExample(value, number) };
}

function unreadable(line: number, number: number, message: string): FileLine {
  const fault = { kind: 'format', path: '$', message } as const;
  return { line, number, text: '', example: null, faults: [fault], undefinedTools: [], trailingMessages: 0 };
}

/** Files that people upload by mistake, by their first bytes. */
const signatures: readonly (readonly [hex: string, name: string])[] = [
  ['1f8b', 'a gzip archive'],
  ['504b0304', 'a zip archive or an office document'],
  ['fffe', 'UTF-16 text'],
  ['feff', 'UTF-16 text'],
  ['25504446', 'a PDF document'],
  ['89504e47', 'a PNG image'],
  ['ffd8ff', 'a JPEG image'],
  ['50415231', 'a Parquet file'],
  ['28b52ffd', 'a zstd archive'],
  ['47475546', 'a GGUF model'],
];

async function recognise(path: string): Promise<string | null> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
    const start = buffer.subarray(0, bytesRead).toString('hex');
    return signatures.find(([hex]) => start.startsWith(hex))?.[1] ?? null;
  } finally {
    await file.close();
  }
}
