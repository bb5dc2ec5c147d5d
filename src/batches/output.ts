/**
 * The end of a batch: its answers become files, and the rows they waited in are gone, all in one transaction.
 *
 * A batch whose day is over before all its requests were answered has expired: the unanswered ones are told in the
 * error file. A cancelled batch keeps what it had.
 */

import { batchMoved } from '../domain/batch.ts';
import { newId } from '../domain/ids.ts';
import type { Blobs } from '../store/blobs.ts';
import { Files } from '../store/files.ts';
import { readRequests } from './input.ts';
import { answeredLines, type BatchRow, batchOf, changeBatch, resultLines, type Rows } from './records.ts';

export async function finishBatch(database: Rows, blobs: Blobs, row: BatchRow, signal: AbortSignal): Promise<void> {
  const { id, project, output_seconds: expiresAfterSeconds } = row;
  const unanswered = await unansweredRequests(database, blobs, row, signal);
  await using answers = await blobs.receive(resultLines(database, id, true));
  await using failures = await blobs.receive(failureLines(database, id, unanswered));

  await changeBatch(database, id, async (batch, rows) => {
    const files = new Files(rows, blobs, project);
    const keep = async (content: typeof answers, kind: 'output' | 'error'): Promise<string | null> => {
      if (content.sizeBytes === 0) return null;
      const filename = `${id}_${kind}.jsonl`;
      return (await files.add(content, { filename, purpose: 'batch_output', expiresAfterSeconds })).id;
    };
    const { total, completed, failed } = batch.request_counts;
    const ending = batch.status === 'cancelling' ? 'cancelled' : unanswered.length > 0 ? 'expired' : 'completed';
    const ended = batchMoved(batch, ending, {
      output_file_id: await keep(answers, 'output'),
      error_file_id: await keep(failures, 'error'),
      request_counts: { total, completed, failed: failed + unanswered.length },
    });
    await rows.deleteFrom('batch_results').where('batch_id', '=', id).execute();
    return ended;
  });
}

/** Their custom ids; none of a batch that is being cancelled: nobody expects answers any more. */
async function unansweredRequests(database: Rows, blobs: Blobs, row: BatchRow, signal: AbortSignal): Promise<string[]> {
  const { status, input_file_id } = batchOf(row);
  if (status === 'cancelling') return [];
  const answered = await answeredLines(database, row.id);
  const unanswered: string[] = [];
  for await (const { line, customId } of readRequests(blobs.path(input_file_id), signal))
    if (!answered.has(line)) unanswered.push(customId);
  return unanswered;
}

async function* failureLines(database: Rows, id: string, unanswered: readonly string[]): AsyncGenerator<Uint8Array> {
  yield* resultLines(database, id, false);
  const message = 'This request could not be executed before the completion window expired.';
  for (const customId of unanswered) {
    const error = { code: 'batch_expired', message };
    const line = { id: newId('batchRequest'), custom_id: customId, response: null, error };
    yield Buffer.from(`${JSON.stringify(line)}\n`);
  }
}
