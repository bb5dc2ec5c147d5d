/**
 * TensorBoard: one event file per job, below `<data folder>/tensorboard/<job>/`.
 *
 *   tensorboard --logdir ~/.tunesmith/tensorboard
 *
 * A record is the length of its event (u64), a checksum of the length, the event, a checksum of the event. Events
 * are `tensorflow.Event`: wall_time = 1, step = 2, file_version = 3, summary = 5 with value = 1 {tag = 1,
 * simple_value = 2}. Checksums are CRC-32C, turned and shifted (TFRecord format).
 */

import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { ProtobufMessage } from '../formats/protobuf.ts';
import type { News, Point, Tracker } from './run.ts';

/** How much of the file is told for certain; what lies behind it was written by somebody who died. */
interface Written {
  readonly sizeBytes: number;
}

export class TensorBoard implements Tracker<Written> {
  readonly name = 'tensorboard';
  readonly #folder: string;

  constructor(home: string) {
    this.#folder = join(home, 'tensorboard');
  }

  follows(): boolean {
    return true;
  }

  async tell({ job, points }: News, state: Written | null): Promise<Written> {
    const folder = join(this.#folder, job.id);
    await mkdir(folder, { recursive: true });
    const path = join(folder, `events.out.tfevents.${job.created_at}.tunesmith`);
    const start = state?.sizeBytes ?? 0;
    const events = [...(start === 0 ? [versionEvent(job.created_at)] : []), ...points.map(pointEvent)];
    const bytes = Buffer.concat(events.map(record));
    const file = await open(path, start === 0 ? 'w' : 'r+');
    try {
      await file.truncate(start);
      await file.write(bytes, 0, bytes.length, start);
      await file.datasync();
    } finally {
      await file.close();
    }
    return { sizeBytes: start + bytes.length };
  }
}

function versionEvent(time: number): Uint8Array {
  const event = new ProtobufMessage();
  event.double(1, time);
  event.text(3, 'brain.Event:2');
  return event.finish();
}

function pointEvent({ step, time, values }: Point): Uint8Array {
  const event = new ProtobufMessage();
  event.double(1, time);
  event.integer(2, step);
  event.message(5, (summary) => {
    for (const [tag, number] of Object.entries(values))
      summary.message(1, (value) => {
        value.text(1, tag);
        value.float(2, number);
      });
  });
  return event.finish();
}

function record(event: Uint8Array): Buffer {
  const bytes = Buffer.alloc(16 + event.length);
  bytes.writeBigUInt64LE(BigInt(event.length), 0);
  bytes.writeUInt32LE(maskedChecksum(bytes.subarray(0, 8)), 8);
  bytes.set(event, 12);
  bytes.writeUInt32LE(maskedChecksum(event), 12 + event.length);
  return bytes;
}

/** CRC-32C: the Castagnoli polynomial, reflected. Node's `zlib.crc32` has another polynomial. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0x82f63b78 : rest >>> 1;
  return rest;
});

/** Turned right by 15 and shifted, so that a checksum of data with checksums inside stays a good one. */
function maskedChecksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
