/**
 * A model on this machine, copied into the house: the user's own files stay theirs. It is a GGUF, or a folder as the
 * Hugging Face hub has it, of which the importer makes one.
 */

import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { invalid, notFound } from '../../domain/errors.ts';
import { assertGguf, assertGgufName } from '../format.ts';
import { weightFiles } from '../import/checkpoint.ts';
import { importCheckpoint } from '../import/import.ts';
import { assertSpace, nothingReceived, receive, receivedAt, type Fetched, type Watch } from './receive.ts';

export interface LocalModel {
  readonly kind: 'gguf' | 'checkpoint';
  /** Of the file, or of the checkpoint's folder. */
  readonly path: string;
}

/** The one model at `path`, which may be a folder. */
export async function findLocalModel(path: string): Promise<LocalModel> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw notFound('model', `${path} cannot be opened (${error.code ?? error.message}).`);
  });
  if (!found.isDirectory()) {
    if (extname(path).toLowerCase() === '.safetensors') return await findLocalModel(dirname(path));
    await assertGguf(path);
    return { kind: 'gguf', path };
  }
  const names = (await readdir(path)).sort();
  const models = names.filter((name) => name.toLowerCase().endsWith('.gguf'));
  if (models.length === 1) return findLocalModel(join(path, models[0]!));
  if (models.length > 1)
    throw invalid('model', `${path} holds ${models.length} GGUF files (${models.join(', ')}); name one of them.`);
  if (names.some((name) => name.endsWith('.safetensors'))) {
    if (names.includes('config.json')) return { kind: 'checkpoint', path };
    throw invalid(
      'model',
      `${path} holds the weights of a checkpoint, and no config.json that says what they are. Take the whole folder of the model.`,
      'unsupported_model_format',
    );
  }
  const other = names.find((name) => /\.(bin|pt|pth|ckpt|onnx|pkl|h5|zip|whl)$/i.test(name));
  if (other !== undefined) assertGgufName(join(path, other));
  throw invalid('model', `${path} holds no model: ${names.length} files, none of them GGUF or safetensors.`);
}

export async function fetchFromDisk(path: string, folder: string, watch: Watch): Promise<Fetched> {
  const model = await findLocalModel(path);
  if (model.kind === 'checkpoint') return await fetchFromCheckpoint(model.path, folder, watch);
  const { size } = await stat(model.path);
  await assertSpace(folder, size);
  const copy = join(folder, 'from-disk.gguf');
  const received = nothingReceived();
  const bytes = createReadStream(model.path, { highWaterMark: 1 << 20, signal: watch.signal });
  await receive(copy, bytes as AsyncIterable<Buffer>, received, size, watch);
  return { path: copy, sha256: received.hash.digest('hex'), revision: null };
}

/** Makes a GGUF of a checkpoint's folder; the bytes of its weights are what progress is told in. */
export async function fetchFromCheckpoint(checkpoint: string, folder: string, watch: Watch): Promise<Fetched> {
  const sizeBytes = await checkpointBytes(checkpoint);
  await assertSpace(folder, sizeBytes);
  const path = join(folder, 'from-checkpoint.gguf');
  const onTensor = (done: number, total: number): void =>
    watch.onBytes(Math.round((done / total) * sizeBytes), sizeBytes);
  await importCheckpoint(resolve(checkpoint), path, { signal: watch.signal, onTensor });
  watch.onBytes(sizeBytes, sizeBytes);
  return { path, sha256: (await receivedAt(path, watch.signal)).hash.digest('hex'), revision: null };
}

async function checkpointBytes(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await weightFiles(folder)) sum += (await stat(join(folder, name))).size;
  return sum;
}

export const nameOfLocalModel = async (path: string): Promise<string> => basename((await findLocalModel(path)).path);
