/**
 * An offline run of Weights & Biases: `<data folder>/wandb/offline-run-<time>-<run>/run-<run>.wandb`.
 *
 *   wandb sync ~/.tunesmith/wandb/offline-run-20261123_081500-ftjob-…
 *
 * The file is a log of protobuf records (`wandb_internal.Record`) in LevelDB's framing: seven bytes that say what
 * the file is, then blocks of 32 KiB; a record that crosses the end of a block is cut into first, middle and last
 * pieces, and each piece has a CRC-32, a length (u16) and a kind before it. Field numbers are those of
 * wandb_internal.proto; checked against wandb 0.31 by its own `sync`.
 */

import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ProtobufMessage } from '../formats/protobuf.ts';
import { type News, settingsOf } from './run.ts';
import { historyOf, type WandbRun } from './wandb-run.ts';

/** How much of the log is told for certain, and the number of its newest record. */
export interface LogState {
  readonly file: string;
  readonly sizeBytes: number;
  readonly records: number;
}

const blockBytes = 32 * 1024;
const headBytes = 7;
/** ":W&B", a magic number, the version of the format. */
const fileHead = Buffer.from('3a572642e1be00', 'hex');
const kinds = { full: 1, first: 2, middle: 3, last: 4 } as const;

type Write = (record: ProtobufMessage) => void;

export async function appendToLog(
  folder: string,
  run: WandbRun,
  news: News & { readonly exitCode: number | null },
  state: LogState | null,
): Promise<LogState> {
  const { job, points, exitCode } = news;
  const file = state?.file ?? join(folder, `offline-run-${stamp(job.created_at)}-${run.id}`, `run-${run.id}.wandb`);
  await mkdir(join(file, '..', 'files'), { recursive: true }); // wandb keeps the run's summary there
  const start = state?.sizeBytes ?? 0;
  let number = state?.records ?? 0;
  const log = new Framing(start === 0 ? fileHead : Buffer.alloc(0), start);
  const add = (write: Write): void => {
    const record = new ProtobufMessage();
    record.integer(1, (number += 1));
    write(record);
    log.add(record.finish());
  };

  if (start === 0) {
    add(versionRecord);
    add((record) => writeRun(record, run, news));
  }
  for (const point of points) add((record) => writeHistory(record, historyOf(point, job)));
  if (exitCode !== null) {
    add((record) => record.message(5, (config) => writeItems(config, settingsOf(job))));
    if (points.length > 0)
      add((record) => record.message(3, (summary) => writeItems(summary, historyOf(points.at(-1)!, job))));
    add((record) => record.message(18, (exit) => exit.integer(1, exitCode)));
  }

  const bytes = log.bytes();
  const handle = await open(file, start === 0 ? 'w' : 'r+');
  try {
    await handle.truncate(start);
    await handle.write(bytes, 0, bytes.length, start);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  return { file, sizeBytes: start + bytes.length, records: number };
}

function versionRecord(record: ProtobufMessage): void {
  record.message(21, (header) =>
    header.message(1, (version) => {
      version.text(1, 'tunesmith');
      version.text(2, '0.70.0'); // the oldest wandb that may read it
    }),
  );
}

function writeRun(record: ProtobufMessage, run: WandbRun, { job }: News): void {
  record.message(17, (message) => {
    message.text(1, run.id);
    if (run.entity !== null) message.text(2, run.entity);
    message.text(3, run.project);
    message.message(4, (config) => writeItems(config, settingsOf(job)));
    message.text(8, run.name);
    for (const tag of run.tags) message.text(10, tag);
    message.message(17, (time) => time.integer(1, job.created_at));
  });
}

function writeHistory(record: ProtobufMessage, values: Readonly<Record<string, number>>): void {
  record.message(2, (history) => {
    for (const [key, value] of Object.entries(values))
      history.message(1, (item) => {
        item.text(2, key); // nested_key, a list of one
        item.text(16, JSON.stringify(value));
      });
    history.message(2, (step) => step.integer(1, values['_step']!));
  });
}

function writeItems(message: ProtobufMessage, values: Readonly<Record<string, string | number>>): void {
  for (const [key, value] of Object.entries(values))
    message.message(1, (item) => {
      item.text(1, key);
      item.text(16, JSON.stringify(value));
    });
}

/** LevelDB's log format; `position` is where in the file the first byte will stand. */
class Framing {
  readonly #pieces: Buffer[];
  #position: number;

  constructor(head: Buffer, position: number) {
    this.#pieces = [head];
    this.#position = position + head.length;
  }

  add(record: Uint8Array): void {
    let rest = record;
    for (let first = true; ; first = false) {
      const left = blockBytes - (this.#position % blockBytes);
      if (left < headBytes) {
        this.#put(Buffer.alloc(left));
        continue;
      }
      const piece = rest.subarray(0, left - headBytes);
      rest = rest.subarray(piece.length);
      const last = rest.length === 0;
      const kind = kinds[first ? (last ? 'full' : 'first') : last ? 'last' : 'middle'];
      this.#put(framed(piece, kind));
      if (last) return;
    }
  }

  bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  #put(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#position += bytes.length;
  }
}

function framed(piece: Uint8Array, kind: number): Buffer {
  const bytes = Buffer.alloc(headBytes + piece.length);
  bytes.writeUInt16LE(piece.length, 4);
  bytes[6] = kind;
  bytes.set(piece, headBytes);
  bytes.writeUInt32LE(crc32(bytes.subarray(6)), 0);
  return bytes;
}

const stamp = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_');
