/**
 * The rows of batches and of the answers to their requests: read and written here and nowhere else.
 *
 * A batch's object is read, changed and written back inside a transaction. One answer is kept per line of the input,
 * so a request that is answered a second time after a crash is recorded once. Endings are announced as they are saved.
 */

import type { Kysely, Selectable, Transaction } from 'kysely';
import { type Batch, type BatchStatus, isBatchOver } from '../domain/batch.ts';
import type { WebhookEventType } from '../domain/webhook.ts';
import type { BatchesTable, Schema } from '../store/schema.ts';
import { announce } from '../webhooks/outbox.ts';

export type Rows = Kysely<Schema>;
export type BatchRow = Selectable<BatchesTable>;

export const batchOf = (row: Pick<BatchRow, 'object'>): Batch => JSON.parse(row.object) as Batch;

export async function insertBatch(rows: Rows, batch: Batch, project: string, outputSeconds: number): Promise<void> {
  const { id, status, created_at } = batch;
  const object = JSON.stringify(batch);
  await rows
    .insertInto('batches')
    .values({ id, project, status, created_at, output_seconds: outputSeconds, object })
    .execute();
}

export async function findBatch(rows: Rows, id: string): Promise<BatchRow | undefined> {
  return await rows.selectFrom('batches').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Those with work left to do, oldest first. */
export async function unfinishedBatches(rows: Rows): Promise<string[]> {
  const over: BatchStatus[] = ['completed', 'failed', 'expired', 'cancelled'];
  const found = await rows.selectFrom('batches').select('id').where('status', 'not in', over).orderBy('seq').execute();
  return found.map(({ id }) => id);
}

const endings: Partial<Record<BatchStatus, WebhookEventType>> = {
  completed: 'batch.completed',
  failed: 'batch.failed',
  expired: 'batch.expired',
  cancelled: 'batch.cancelled',
};

/** Changes a batch in one transaction, as it is by then; null from `change` leaves it alone. */
export async function changeBatch(
  rows: Rows,
  id: string,
  change: (batch: Batch, rows: Transaction<Schema>) => Promise<Batch | null> | Batch | null,
): Promise<void> {
  await rows.transaction().execute(async (transaction) => {
    const row = await findBatch(transaction, id);
    if (row === undefined) return;
    const batch = await change(batchOf(row), transaction);
    if (batch === null) return;
    await transaction
      .updateTable('batches')
      .set({ status: batch.status, object: JSON.stringify(batch) })
      .where('id', '=', id)
      .execute();
    const type = endings[batch.status];
    if (type !== undefined && isBatchOver(batch.status))
      await announce(transaction, { project: row.project, type, about: id });
  });
}

export interface Result {
  readonly line: number;
  readonly ok: boolean;
  /** The line of the output or error file. */
  readonly output: string;
}

/** Whether it is the first answer to that line. */
export async function insertResult(rows: Rows, batchId: string, { line, ok, output }: Result): Promise<boolean> {
  const inserted = await rows
    .insertInto('batch_results')
    .values({ batch_id: batchId, line, ok: ok ? 1 : 0, output })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return (inserted.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

export async function answeredLines(rows: Rows, batchId: string): Promise<Set<number>> {
  const found = await rows.selectFrom('batch_results').select('line').where('batch_id', '=', batchId).execute();
  return new Set(found.map(({ line }) => line));
}

/** Lines of the output file, or of the error file, in the order of the input. */
export async function* resultLines(rows: Rows, batchId: string, ok: boolean): AsyncGenerator<Uint8Array> {
  const pageRows = 500;
  for (let after = 0; ;) {
    const page = await rows
      .selectFrom('batch_results')
      .select(['line', 'output'])
      .where('batch_id', '=', batchId)
      .where('ok', '=', ok ? 1 : 0)
      .where('line', '>', after)
      .orderBy('line')
      .limit(pageRows)
      .execute();
    for (const { output } of page) yield Buffer.from(`${output}\n`);
    if (page.length < pageRows) return;
    after = page.at(-1)!.line;
  }
}
