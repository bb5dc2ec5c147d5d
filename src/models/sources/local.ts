/** A model file or folder on this machine, copied into the house: the user's own file stays theirs. */

import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { invalid, notFound } from '../../domain/errors.ts';
import { assertGguf, assertGgufName, safetensorsLater } from '../format.ts';
import { assertSpace, nothingReceived, receive, type Fetched, type Watch } from './receive.ts';

/** The one model file at `path`, which may be a folder. */
export async function findLocalModel(path: string): Promise<string> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw notFound('model', `${path} cannot be opened (${error.code ?? error.message}).`);
  });
  if (!found.isDirectory()) {
    await assertGguf(path);
    return path;
  }
  const names = (await readdir(path)).sort();
  const models = names.filter((name) => name.toLowerCase().endsWith('.gguf'));
  if (models.length === 1) return findLocalModel(join(path, models[0]!));
  if (models.length > 1)
    throw invalid('model', `${path} holds ${models.length} GGUF files (${models.join(', ')}); name one of them.`);
  if (names.some((name) => name.endsWith('.safetensors'))) throw safetensorsLater(path);
  const other = names.find((name) => /\.(bin|pt|pth|ckpt|onnx|pkl|h5|zip|whl)$/i.test(name));
  if (other !== undefined) assertGgufName(join(path, other));
  throw invalid('model', `${path} holds no model: ${names.length} files, none of them GGUF.`);
}

export async function fetchFromDisk(path: string, folder: string, watch: Watch): Promise<Fetched> {
  const model = await findLocalModel(path);
  const { size } = await stat(model);
  await assertSpace(folder, size);
  const copy = join(folder, 'from-disk.gguf');
  const received = nothingReceived();
  const bytes = createReadStream(model, { highWaterMark: 1 << 20, signal: watch.signal });
  await receive(copy, bytes as AsyncIterable<Buffer>, received, size, watch);
  return { path: copy, sha256: received.hash.digest('hex'), revision: null };
}

export const nameOfLocalModel = async (path: string): Promise<string> => basename(await findLocalModel(path));
