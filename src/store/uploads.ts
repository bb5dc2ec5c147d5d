/**
 * A project's uploads: large files that come in parts, at once and in any order, and become a file at the end.
 *
 * A part is a blob with a row. Completing copies the parts, in the order that the client names, into one blob, and
 * then makes the file, ends the upload and drops the parts in one transaction; a server that dies on the way
 * leaves a pending upload that can be completed again. One that is not completed in its hour is over.
 */

import { createHash } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import { invalid, notFound, type TunesmithError } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import type { Upload, UploadPart } from '../domain/upload.ts';
import type { Alongside } from './answered-requests.ts';
import type { ArrivedBlob, Blobs } from './blobs.ts';
import { Files, type NewFile } from './files.ts';
import type { Schema, UploadsTable } from './schema.ts';

const lifeSeconds = 60 * 60;
/** Of all parts together; also of those that a client sends twice. */
export const uploadBytesMax = 8 * 2 ** 30;

export interface NewUpload extends NewFile {
  readonly bytes: number;
}

export interface Completion {
  /** In the order of their content. */
  readonly partIds: readonly string[];
  /** Of the whole content, hex, where the client wants it checked. */
  readonly md5: string | null;
}

type UploadRow = Selectable<UploadsTable>;
type PartRow = { readonly id: string; readonly bytes: number };

export class Uploads {
  readonly #database: Kysely<Schema>;
  readonly #blobs: Blobs;
  readonly #project: string;

  constructor(database: Kysely<Schema>, blobs: Blobs, project: string) {
    this.#database = database;
    this.#blobs = blobs;
    this.#project = project;
  }

  async create(
    { filename, purpose, bytes, expiresAfterSeconds }: NewUpload,
    alongside?: Alongside<Upload>,
  ): Promise<Upload> {
    const created_at = now();
    const upload: Upload = {
      id: newId('upload'),
      object: 'upload',
      bytes,
      created_at,
      expires_at: created_at + lifeSeconds,
      filename,
      purpose,
      status: 'pending',
      file: null,
    };
    await this.#database.transaction().execute(async (rows) => {
      await rows
        .insertInto('uploads')
        .values({
          id: upload.id,
          project: this.#project,
          status: upload.status,
          expires_at: upload.expires_at,
          file_expires_after: expiresAfterSeconds,
          object: JSON.stringify(upload),
        })
        .execute();
      await alongside?.(rows, upload);
    });
    return upload;
  }

  /** Throws unless the upload takes parts: asked before a part's content is read. */
  async assertPending(id: string): Promise<void> {
    await this.#pending(this.#database, id);
  }

  async addPart(id: string, content: ArrivedBlob, alongside?: Alongside<UploadPart>): Promise<UploadPart> {
    const part: UploadPart = { id: newId('part'), object: 'upload.part', created_at: now(), upload_id: id };
    await this.#database.transaction().execute(async (rows) => {
      const upload = uploadOf(await this.#pending(rows, id));
      const parts = await partsOf(rows, id);
      const bytes = content.sizeBytes + sum(parts);
      if (bytes > uploadBytesMax)
        throw invalid(
          'data',
          `The parts of upload ${upload.id} would have ${bytes} bytes together; expected at most ${uploadBytesMax}.`,
          'invalid_value',
        );
      await rows.insertInto('upload_parts').values({ id: part.id, upload_id: id, bytes: content.sizeBytes }).execute();
      await content.keep(part.id);
      await alongside?.(rows, part);
    });
    return part;
  }

  async complete(id: string, { partIds, md5 }: Completion, alongside?: Alongside<Upload>): Promise<Upload> {
    const upload = uploadOf(await this.#pending(this.#database, id));
    const parts = chosen(await partsOf(this.#database, id), partIds);
    if (sum(parts) !== upload.bytes)
      throw invalid(
        'part_ids',
        `The parts have ${sum(parts)} bytes together; expected the ${upload.bytes} that upload ${id} was made for.`,
        'invalid_value',
      );
    const hash = createHash('md5');
    await using content = await this.#blobs.receive(this.#bytesOf(parts, hash));
    const found = hash.digest('hex');
    if (md5 !== null && found !== md5.toLowerCase())
      throw invalid('md5', `The content has the MD5 checksum ${found}; expected ${md5}.`, 'invalid_value');

    const completed = await this.#database.transaction().execute(async (rows) => {
      const { file_expires_after } = await this.#pending(rows, id);
      const { filename } = upload;
      const purpose = upload.purpose as NewFile['purpose'];
      const newFile = { filename, purpose, expiresAfterSeconds: file_expires_after };
      const file = await new Files(rows, this.#blobs, this.#project).add(content, newFile);
      const completed = await end(rows, { ...upload, status: 'completed', file });
      await alongside?.(rows, completed);
      return completed;
    });
    await this.#drop(id);
    return completed;
  }

  async cancel(id: string, alongside?: Alongside<Upload>): Promise<Upload> {
    const cancelled = await this.#database.transaction().execute(async (rows) => {
      const upload = uploadOf(await this.#pending(rows, id));
      const cancelled = await end(rows, { ...upload, status: 'cancelled' });
      await alongside?.(rows, cancelled);
      return cancelled;
    });
    await this.#drop(id);
    return cancelled;
  }

  async *#bytesOf(parts: readonly PartRow[], hash: { update(bytes: Uint8Array): unknown }): AsyncGenerator<Uint8Array> {
    for (const { id } of parts) {
      for await (const chunk of await this.#blobs.read(id)) {
        hash.update(chunk as Uint8Array);
        yield chunk as Uint8Array;
      }
    }
  }

  async #pending(rows: Kysely<Schema>, id: string): Promise<UploadRow> {
    const row = await rows
      .selectFrom('uploads')
      .selectAll()
      .where('id', '=', id)
      .where('project', '=', this.#project)
      .executeTakeFirst();
    if (row === undefined) throw notFound('upload_id', `No such Upload object: ${id}`);
    const status = row.status === 'pending' && row.expires_at <= now() ? 'expired' : row.status;
    if (status !== 'pending') throw over(id, status);
    return row;
  }

  #drop(id: string): Promise<void> {
    return dropParts(this.#database, this.#blobs, id);
  }
}

/** Ends what was not completed in time, in every project, and gives the space of its parts back; says how many. */
export async function sweepUploads(database: Kysely<Schema>, blobs: Blobs): Promise<number> {
  const expired = await database.transaction().execute(async (rows) => {
    const late = rows
      .selectFrom('uploads')
      .selectAll()
      .where('status', '=', 'pending')
      .where('expires_at', '<=', now());
    const uploads = (await late.execute()).map(uploadOf);
    for (const upload of uploads) await end(rows, { ...upload, status: 'expired' });
    return uploads.length;
  });
  // Also those of uploads that ended just before a server died.
  const leftovers = await database
    .selectFrom('upload_parts')
    .innerJoin('uploads', 'uploads.id', 'upload_parts.upload_id')
    .where('uploads.status', '!=', 'pending')
    .select('uploads.id')
    .distinct()
    .execute();
  for (const { id } of leftovers) await dropParts(database, blobs, id);
  return expired;
}

async function dropParts(database: Kysely<Schema>, blobs: Blobs, uploadId: string): Promise<void> {
  const parts = await partsOf(database, uploadId);
  for (const { id } of parts) await blobs.delete(id);
  await database.deleteFrom('upload_parts').where('upload_id', '=', uploadId).execute();
}

async function end(rows: Kysely<Schema>, upload: Upload): Promise<Upload> {
  const { id, status } = upload;
  await rows
    .updateTable('uploads')
    .set({ status, object: JSON.stringify(upload) })
    .where('id', '=', id)
    .execute();
  return upload;
}

async function partsOf(rows: Kysely<Schema>, uploadId: string): Promise<PartRow[]> {
  return await rows.selectFrom('upload_parts').select(['id', 'bytes']).where('upload_id', '=', uploadId).execute();
}

/** The parts in the client's order, each at most once. */
function chosen(parts: readonly PartRow[], ids: readonly string[]): PartRow[] {
  const byId = new Map(parts.map((part) => [part.id, part]));
  return ids.map((id, i) => {
    const part = byId.get(id);
    if (part === undefined)
      throw invalid(
        `part_ids[${i}]`,
        ids.indexOf(id) < i ? `The part '${id}' is named twice.` : `This upload has no part '${id}'.`,
        'invalid_value',
      );
    byId.delete(id);
    return part;
  });
}

const uploadOf = (row: Pick<UploadRow, 'object'>): Upload => JSON.parse(row.object) as Upload;

const sum = (parts: readonly PartRow[]): number => parts.reduce((bytes, part) => bytes + part.bytes, 0);

const over = (id: string, status: string): TunesmithError =>
  invalid(
    'upload_id',
    `Upload ${id} ${status === 'expired' ? 'has expired' : `is ${status}`}; expected one that is pending.`,
    'invalid_upload_state',
  );

const now = (): number => Math.floor(Date.now() / 1000);
