/** A new file made of an old one: with lines edited, taken out and added, and with repairs. The old one stays as it is. */

import { createReadStream } from 'node:fs';
import { basename, extname } from 'node:path';
import { editedChunks } from '../dataset/edits.ts';
import { planRepair, type RepairReport } from '../dataset/repair/repair.ts';
import { invalid } from '../domain/errors.ts';
import type { FileObject } from '../domain/file.ts';
import type { Alongside } from '../store/answered-requests.ts';
import type { ArrivedBlob, Blobs } from '../store/blobs.ts';
import type { Files } from '../store/files.ts';

export interface Revision {
  /** By line; null takes it out. */
  readonly edits: ReadonlyMap<number, unknown>;
  readonly added: readonly unknown[];
  readonly repair: boolean;
  /** With repairs: leaves out what they cannot mend. */
  readonly drop: boolean;
  /** Null for a name that tells where it comes from. */
  readonly filename: string | null;
}

export async function reviseFile(
  { files, blobs }: { readonly files: Files; readonly blobs: Blobs },
  id: string,
  { edits, added, repair, drop, filename }: Revision,
  alongside?: Alongside<FileObject>,
): Promise<FileObject> {
  const file = await files.get(id);
  const removed = [...edits.values()].filter((value) => value === null).length;
  const changes = { lines: edits, added, leaveOutUnreadable: repair };
  await using edited =
    edits.size + added.length === 0 ? null : await blobs.receive(editedChunks(files.path(id), changes));
  await using mended = repair ? await repaired(blobs, edited?.path ?? files.path(id), drop) : null;
  await using copied =
    edited === null && mended === null ? await blobs.receive(createReadStream(files.path(id))) : null;
  const content: ArrivedBlob = mended?.content ?? edited ?? copied!;
  if (content.sizeBytes === 0)
    throw invalid('edits', 'No row is left; expected at least one to make a file of.', 'no_examples');
  const derived = {
    file_id: id,
    filename: file.filename,
    sha256: await files.sha256(id),
    edited: edits.size - removed,
    removed,
    added: added.length,
    left_out: mended === null ? 0 : mended.report.rowsRead - mended.report.rowsWritten,
    repairs: mended?.report.repairs.map(({ name, count }) => ({ name, count })) ?? null,
  };
  const name = filename ?? nameFor(file.filename, repair);
  const newFile = { filename: name, purpose: file.purpose, expiresAfterSeconds: null, derivedFrom: derived };
  return await files.add(content, newFile, alongside);
}

interface Repaired extends AsyncDisposable {
  readonly content: ArrivedBlob;
  readonly report: RepairReport;
}

async function repaired(blobs: Blobs, path: string, drop: boolean): Promise<Repaired> {
  const planned = await planRepair(path, { drop });
  const content = await blobs.receive(planned.chunks());
  return { content, report: planned.report(), [Symbol.asyncDispose]: () => content[Symbol.asyncDispose]() };
}

const nameFor = (filename: string, repair: boolean): string =>
  `${basename(filename, extname(filename))}_${repair ? 'prepared' : 'edited'}.jsonl`;
