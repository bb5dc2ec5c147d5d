/** What the tests of batches share: requests, uploads, and the patience of people's programs. */

import { setTimeout as sleep } from 'node:timers/promises';
import { toFile } from 'openai';
import type OpenAI from 'openai';

/** One line of a batch's input: a short answer by the tiny model. */
export const chatRequest = (customId: string, body: object = {}): string =>
  JSON.stringify({
    custom_id: customId,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'tiny', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 4, seed: 1, ...body },
  });

export async function upload(
  openai: OpenAI,
  lines: readonly string[],
  purpose: OpenAI.FilePurpose = 'batch',
): Promise<string> {
  const file = await toFile(Buffer.from(`${lines.join('\n')}\n`), 'requests.jsonl');
  return (await openai.files.create({ file, purpose })).id;
}

type Wishes = Partial<OpenAI.BatchCreateParams>;

export async function startBatch(openai: OpenAI, lines: readonly string[], wishes: Wishes = {}): Promise<OpenAI.Batch> {
  const input_file_id = await upload(openai, lines);
  const fixed = { endpoint: '/v1/chat/completions', completion_window: '24h' } as const;
  return await openai.batches.create({ input_file_id, ...fixed, ...wishes });
}

export async function runBatch(openai: OpenAI, lines: readonly string[], wishes: Wishes = {}): Promise<OpenAI.Batch> {
  return await waitForBatch(openai, (await startBatch(openai, lines, wishes)).id);
}

const isOver = ({ status }: OpenAI.Batch): boolean => ['completed', 'failed', 'expired', 'cancelled'].includes(status);

export async function waitForBatch(
  openai: OpenAI,
  id: string,
  reached: (batch: OpenAI.Batch) => boolean = isOver,
): Promise<OpenAI.Batch> {
  for (let i = 0; i < 3000; i++) {
    const batch = await openai.batches.retrieve(id);
    if (reached(batch)) return batch;
    if (isOver(batch)) throw new Error(`${id} is ${batch.status}: ${JSON.stringify(batch)}`);
    await sleep(10);
  }
  throw new Error(`waited in vain for ${id}`);
}

export interface OutputLine {
  readonly id: string;
  readonly custom_id: string;
  readonly response: { readonly status_code: number; readonly request_id: string; readonly body: unknown } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export async function linesOf(openai: OpenAI, fileId: string | null | undefined): Promise<OutputLine[]> {
  if (typeof fileId !== 'string') throw new Error('there is no such file');
  const text = await (await openai.files.content(fileId)).text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as OutputLine);
}
