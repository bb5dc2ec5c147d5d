/**
 * The files of a project: an object in a row, its content in a blob of the same id.
 *
 * Content first, then the row: a file that was acknowledged is whole. Deleting goes the other way round. A file
 * past its `expires_at` is gone for every reader from that second on and is swept away later; while an unfinished
 * job or batch needs a file, or a run that waits, it is neither deleted nor swept.
 */

import type { Kysely, Transaction } from 'kysely';
import type { Readable } from 'node:stream';
import { type Batch, batchMoves, type BatchStatus, isBatchOver } from '../domain/batch.ts';
import { invalid, notFound } from '../domain/errors.ts';
import type { Derivation, FileObject, FilePurpose } from '../domain/file.ts';
import { newId } from '../domain/ids.ts';
import { isFinal, type Job, type JobStatus, moves } from '../domain/job.ts';
import type { Alongside } from './answered-requests.ts';
import type { ArrivedBlob, Blobs } from './blobs.ts';
import type { Schema } from './schema.ts';

export interface NewFile {
  readonly filename: string;
  readonly purpose: FilePurpose;
  /** Seconds until it vanishes, or null for never. */
  readonly expiresAfterSeconds: number | null;
  /** What it was made from. */
  readonly derivedFrom?: Derivation;
}

export interface FileQuery {
  readonly purpose: string | null;
  readonly after: string | null;
  readonly limit: number;
  readonly order: 'asc' | 'desc';
}

export class Files {
  readonly #database: Kysely<Schema>;
  readonly #blobs: Blobs;
  readonly #project: string;

  constructor(database: Kysely<Schema>, blobs: Blobs, project: string) {
    this.#database = database;
    this.#blobs = blobs;
    this.#project = project;
  }

  /** Stores content that has arrived as a new file. */
  async add(
    content: ArrivedBlob,
    { filename, purpose, expiresAfterSeconds, derivedFrom }: NewFile,
    alongside?: Alongside<FileObject>,
  ): Promise<FileObject> {
    const createdAt = now();
    const file: FileObject = {
      id: newId('file'),
      object: 'file',
      bytes: content.sizeBytes,
      created_at: createdAt,
      expires_at: expiresAfterSeconds === null ? null : createdAt + expiresAfterSeconds,
      filename,
      purpose,
      status: 'processed',
      status_details: null,
      ...(derivedFrom !== undefined && { derived_from: derivedFrom }),
    };
    const row = {
      id: file.id,
      project: this.#project,
      purpose,
      created_at: createdAt,
      expires_at: file.expires_at,
      object: JSON.stringify(file),
      sha256: content.sha256,
    };
    await content.keep(file.id);
    if (alongside === undefined) await this.#database.insertInto('files').values(row).execute();
    else
      await this.#database.transaction().execute(async (rows) => {
        await rows.insertInto('files').values(row).execute();
        await alongside(rows, file);
      });
    return file;
  }

  async find(id: string): Promise<FileObject | null> {
    const row = await this.#alive().where('id', '=', id).select('object').executeTakeFirst();
    return row === undefined ? null : (JSON.parse(row.object) as FileObject);
  }

  async get(id: string): Promise<FileObject> {
    const file = await this.find(id);
    if (file === null) throw noSuchFile(id);
    return file;
  }

  /** One row more than asked for tells the pager that there is another page. */
  async list({ purpose, after, limit, order }: FileQuery): Promise<FileObject[]> {
    let query = this.#alive()
      .select('object')
      .orderBy('seq', order)
      .limit(limit + 1);
    if (purpose !== null) query = query.where('purpose', '=', purpose);
    if (after !== null) {
      const cursor = await this.#alive().where('id', '=', after).select('seq').executeTakeFirst();
      if (cursor === undefined)
        throw invalid('after', `Invalid 'after': there is no file '${after}'.`, 'invalid_value');
      query = query.where('seq', order === 'asc' ? '>' : '<', cursor.seq);
    }
    return (await query.execute()).map((row) => JSON.parse(row.object) as FileObject);
  }

  async content(id: string): Promise<{ file: FileObject; bytes: Readable }> {
    const file = await this.get(id);
    return { file, bytes: await this.#blobs.read(id) };
  }

  /** Of the content, hex. */
  async sha256(id: string): Promise<string> {
    const row = await this.#alive().where('id', '=', id).select('sha256').executeTakeFirst();
    if (row === undefined) throw noSuchFile(id);
    return row.sha256;
  }

  /** Where the content is, for the process that trains on it. */
  path(id: string): string {
    return this.#blobs.path(id);
  }

  async delete(id: string): Promise<void> {
    await this.get(id);
    await this.#database.transaction().execute(async (transaction) => {
      const reader = (await neededFiles(transaction)).get(id);
      if (reader !== undefined)
        throw invalid(
          'id',
          `File ${id} is needed by ${reader.kind} ${reader.id}, which is ${reader.status}. Cancel the ${reader.word} or wait for its end.`,
          'file_in_use',
        );
      await transaction.deleteFrom('files').where('id', '=', id).execute();
    });
    await this.#blobs.delete(id);
  }

  #alive() {
    return this.#database
      .selectFrom('files')
      .where('project', '=', this.#project)
      .where((column) => column.or([column('expires_at', 'is', null), column('expires_at', '>', now())]));
  }
}

/** Removes what has expired, in every project; says how many files. */
export async function sweepFiles(database: Kysely<Schema>, blobs: Blobs): Promise<number> {
  const swept = await database.transaction().execute(async (transaction) => {
    const needed = await neededFiles(transaction);
    const expired = await transaction.selectFrom('files').where('expires_at', '<=', now()).select('id').execute();
    const ids = expired.map((row) => row.id).filter((id) => !needed.has(id));
    for (const id of ids) await transaction.deleteFrom('files').where('id', '=', id).execute();
    return ids;
  });
  for (const id of swept) await blobs.delete(id);
  return swept.length;
}

export function noSuchFile(id: string) {
  return notFound('id', `No such File object: ${id}`);
}

interface Reader {
  readonly kind: string;
  readonly word: string;
  readonly id: string;
  readonly status: string;
}

/** File ids that unfinished jobs and batches and waiting runs of evals read, each with who reads it. */
async function neededFiles(transaction: Transaction<Schema>): Promise<Map<string, Reader>> {
  const needed = new Map<string, Reader>();
  const jobs = await transaction.selectFrom('jobs').where('status', 'in', unfinished).select('object').execute();
  for (const row of jobs) {
    const { id, status, training_file, validation_file } = JSON.parse(row.object) as Job;
    const reader = { kind: 'fine-tuning job', word: 'job', id, status };
    needed.set(training_file, reader);
    if (validation_file !== null) needed.set(validation_file, reader);
  }
  const batches = await transaction
    .selectFrom('batches')
    .where('status', 'in', unfinishedBatches)
    .select('object')
    .execute();
  for (const row of batches) {
    const { id, status, input_file_id } = JSON.parse(row.object) as Batch;
    needed.set(input_file_id, { kind: 'batch', word: 'batch', id, status });
  }
  const runs = await transaction
    .selectFrom('eval_runs')
    .where('status', '=', 'queued')
    .select(['id', 'status', 'file_id'])
    .execute();
  for (const { id, status, file_id } of runs)
    if (file_id !== null) needed.set(file_id, { kind: 'eval run', word: 'run', id, status });
  return needed;
}

const unfinished = (Object.keys(moves) as JobStatus[]).filter((status) => !isFinal(status));
const unfinishedBatches = (Object.keys(batchMoves) as BatchStatus[]).filter((status) => !isBatchOver(status));

const now = (): number => Math.floor(Date.now() / 1000);
