/**
 * The batches of a project: made, looked up, cancelled.
 *
 * A user's word is a new status, written at once; the batch worker sees it and acts. Knows nothing of how
 * requests are answered.
 */

import { type Batch, batchMoved, isBatchOver } from '../domain/batch.ts';
import { invalid, notFound } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import type { Alongside } from '../store/answered-requests.ts';
import type { Blobs } from '../store/blobs.ts';
import { Files } from '../store/files.ts';
import { batchOf, changeBatch, insertBatch, type Rows } from './records.ts';
import type { BatchRequest } from './request.ts';

const windowSeconds = 24 * 60 * 60;

export class Batches {
  readonly #database: Rows;
  readonly #blobs: Blobs;
  readonly #project: string;
  readonly #onChange: (id: string) => void;

  /** `onChange` is told what is new or was cancelled, so that nobody waits for the next look. */
  constructor(database: Rows, blobs: Blobs, project: string, onChange: (id: string) => void) {
    this.#database = database;
    this.#blobs = blobs;
    this.#project = project;
    this.#onChange = onChange;
  }

  async create(request: BatchRequest, alongside?: Alongside<Batch>): Promise<Batch> {
    const batch = newBatch(request);
    await this.#database.transaction().execute(async (rows) => {
      const { input_file_id: id } = request;
      const file = await new Files(rows, this.#blobs, this.#project).find(id);
      if (file === null)
        throw invalid('input_file_id', `Invalid 'input_file_id': no file has the id ${id}.`, 'invalid_value');
      if (file.purpose !== 'batch')
        throw invalid(
          'input_file_id',
          `Invalid 'input_file_id': ${id} has the purpose '${file.purpose}', expected 'batch'.`,
          'invalid_value',
        );
      await insertBatch(rows, batch, this.#project, request.output_expires_after.seconds);
      await alongside?.(rows, batch);
    });
    this.#onChange(batch.id);
    return batch;
  }

  async get(id: string): Promise<Batch> {
    const row = await this.#mine().where('id', '=', id).select('object').executeTakeFirst();
    if (row === undefined) throw notFound('id', `No batch found with id '${id}'.`);
    return batchOf(row);
  }

  /** Newest first, one more than asked for when there is more. */
  async list({ after, limit }: { readonly after: string | null; readonly limit: number }): Promise<Batch[]> {
    let query = this.#mine()
      .select('object')
      .orderBy('seq', 'desc')
      .limit(limit + 1);
    if (after !== null) {
      const cursor = await this.#mine().where('id', '=', after).select('seq').executeTakeFirst();
      if (cursor === undefined)
        throw invalid('after', `Invalid 'after': there is no batch '${after}'.`, 'invalid_value');
      query = query.where('seq', '<', cursor.seq);
    }
    return (await query.execute()).map(batchOf);
  }

  /** What is answered already stays, and becomes the output of the cancelled batch. */
  async cancel(id: string): Promise<Batch> {
    await this.get(id);
    await changeBatch(this.#database, id, (batch) => {
      if (isBatchOver(batch.status))
        throw invalid(
          null,
          `Batch ${id} has already ${batch.status === 'cancelled' ? 'been ' : ''}${batch.status}; there is nothing to cancel.`,
          'invalid_batch_state',
        );
      return batch.status === 'cancelling' ? null : batchMoved(batch, 'cancelling');
    });
    this.#onChange(id);
    return await this.get(id);
  }

  #mine() {
    return this.#database.selectFrom('batches').where('project', '=', this.#project);
  }
}

function newBatch({ endpoint, input_file_id, completion_window, metadata }: BatchRequest): Batch {
  const created_at = Math.floor(Date.now() / 1000);
  return {
    id: newId('batch'),
    object: 'batch',
    endpoint,
    errors: null,
    input_file_id,
    completion_window,
    status: 'validating',
    output_file_id: null,
    error_file_id: null,
    created_at,
    in_progress_at: null,
    expires_at: created_at + windowSeconds,
    finalizing_at: null,
    completed_at: null,
    failed_at: null,
    expired_at: null,
    cancelling_at: null,
    cancelled_at: null,
    request_counts: { total: 0, completed: 0, failed: 0 },
    usage: noUsage,
    metadata: metadata ?? null,
  };
}

const noUsage = {
  input_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 0,
};
