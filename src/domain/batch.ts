/**
 * A batch of requests that are answered in the background, as OpenAI shows it.
 *
 * `moves` is the whole story of its status. The live service sends null where the official type lets a field be
 * absent.
 */

import type OpenAI from 'openai';

type Official = OpenAI.Batch;
type Reached =
  'in_progress_at' | 'finalizing_at' | 'completed_at' | 'failed_at' | 'expired_at' | 'cancelling_at' | 'cancelled_at';

export type BatchStatus = Official['status'];
export type BatchError = Required<OpenAI.BatchError>;
export type BatchUsage = OpenAI.BatchUsage;

export type Batch = Omit<Official, Reached | 'errors' | 'output_file_id' | 'error_file_id' | 'metadata'> &
  Record<Reached, number | null> & {
    endpoint: BatchEndpoint;
    expires_at: number;
    errors: { object: 'list'; data: BatchError[] } | null;
    output_file_id: string | null;
    error_file_id: string | null;
    metadata: Record<string, string> | null;
    request_counts: OpenAI.BatchRequestCounts;
  };

export const batchEndpoints = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/v1/responses'] as const;
export type BatchEndpoint = (typeof batchEndpoints)[number];

export const batchMoves: Record<BatchStatus, readonly BatchStatus[]> = {
  validating: ['in_progress', 'failed', 'cancelling'],
  in_progress: ['finalizing', 'cancelling'],
  finalizing: ['completed', 'expired', 'cancelling'],
  cancelling: ['cancelled'],
  completed: [],
  failed: [],
  expired: [],
  cancelled: [],
};

export const isBatchOver = (status: BatchStatus): boolean => batchMoves[status].length === 0;

/** The batch with another status and the time it was reached. */
export function batchMoved(batch: Batch, status: BatchStatus, changes: Partial<Batch> = {}): Batch {
  if (!batchMoves[batch.status].includes(status))
    throw new Error(`${batch.id} cannot go from ${batch.status} to ${status}`);
  return { ...batch, [`${status}_at`]: Math.floor(Date.now() / 1000), ...changes, status };
}
