/**
 * A model leaves the house: as a GGUF, in Hugging Face's layout, as a PEFT adapter, for Ollama, or as all of these.
 *
 * Everything is written into a hidden folder beside the target, tensor by tensor; then each form is loaded again and
 * has to give the model's greedy answers (`probes.ts`); then the sums are taken, and one rename makes the folder
 * appear. Whoever sees it sees all of it, and an export that fails or is stopped leaves nothing behind.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TunesmithError } from '../domain/errors.ts';
import { isEncoder } from '../families/table.ts';
import { flushFolder } from '../formats/atomic-write.ts';
import { writeDecoder } from './decoder.ts';
import { writeEncoder } from './encoder.ts';
import { factsFile, outOf, sumsFile, writeText, type ExportOptions } from './options.ts';
import type { Comparison } from './probes.ts';

export interface ExportResult {
  readonly model: string;
  readonly path: string;
  readonly files: Readonly<Record<string, string>>;
  readonly tested: Readonly<Record<string, Comparison>>;
}

export async function exportModel(options: ExportOptions): Promise<ExportResult> {
  const path = resolve(options.path);
  await assertFree(path, options.force);
  await mkdir(dirname(path), { recursive: true });
  const draft = await mkdtemp(join(dirname(path), `.${basename(path)}-`));
  try {
    if (isEncoder(options.model.base)) await writeEncoder(options, draft);
    const tested = isEncoder(options.model.base) ? {} : await writeDecoder(options, draft);
    const out = outOf(draft);
    const files = await sumsOf(out, options);
    await writeText(
      join(out, sumsFile),
      Object.entries(files)
        .map(([name, sum]) => `${sum}  ${name}\n`)
        .join(''),
    );
    options.signal.throwIfAborted();
    await publish(out, path, draft);
    return { model: options.model.id, path, files, tested };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Only what an earlier export left may be replaced, and only when that is wanted. */
async function assertFree(path: string, force: boolean): Promise<void> {
  if (!(await exists(path))) return;
  const ours = (await exists(join(path, factsFile))) && (await exists(join(path, sumsFile)));
  if (force && ours) return;
  const way = ours ? '--force replaces it' : 'name another place with -o';
  throw new TunesmithError('conflict', `${path} is there already; ${way}.`, { param: 'output', code: 'export_exists' });
}

async function publish(from: string, to: string, draft: string): Promise<void> {
  if (await exists(to)) await rename(to, join(draft, 'replaced'));
  await rename(from, to);
  await flushFolder(dirname(to));
}

/** SHA-256 by path below the folder, in order of the names. */
async function sumsOf(folder: string, { signal, onProgress }: ExportOptions): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
  const sums: Record<string, string> = {};
  for (const [i, name] of names.entries()) {
    onProgress('taking sums', i, names.length);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(join(folder, name), { highWaterMark: 1 << 20, signal }))
      hash.update(chunk as Buffer);
    sums[name] = hash.digest('hex');
  }
  return sums;
}
