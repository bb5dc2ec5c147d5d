/**
 * New ids in OpenAI's spelling: a prefix that tells the noun, then random letters and digits.
 * Ids are opaque; nothing in the house parses one.
 */

import { randomBytes, randomInt } from 'node:crypto';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

const shapes = {
  file: { prefix: 'file-', letters: 22 },
  job: { prefix: 'ftjob-', letters: 24 },
  event: { prefix: 'ftevent-', letters: 24 },
  checkpoint: { prefix: 'ftckpt_', letters: 24 },
  key: { prefix: 'key_', letters: 24 },
  permission: { prefix: 'cp_', letters: 24 },
  upload: { prefix: 'upload_', letters: 32 },
  part: { prefix: 'part_', letters: 32 },
  batch: { prefix: 'batch_', letters: 32 },
  batchRequest: { prefix: 'batch_req_', letters: 32 },
  eval: { prefix: 'eval_', letters: 32 },
  evalRun: { prefix: 'evalrun_', letters: 32 },
  outputItem: { prefix: 'outputitem_', letters: 32 },
  task: { prefix: 'task_', letters: 24 },
  webhook: { prefix: 'webhook_', letters: 24 },
  delivery: { prefix: 'wh_', letters: 32 },
  webhookEvent: { prefix: 'evt_', letters: 32 },
  chat: { prefix: 'chatcmpl-', letters: 29 },
  completion: { prefix: 'cmpl-', letters: 29 },
  call: { prefix: 'call_', letters: 24 },
  response: { prefix: 'resp_', letters: 48 },
  message: { prefix: 'msg_', letters: 48 },
  functionCall: { prefix: 'fc_', letters: 48 },
} as const;

export type IdKind = keyof typeof shapes;

export function newId(kind: IdKind): string {
  return shapes[kind].prefix + randomLetters(shapes[kind].letters);
}

/** `req_` and 32 hex digits, the value of `x-request-id`. */
export function newRequestId(): string {
  return `req_${randomBytes(16).toString('hex')}`;
}

/** Letters and digits from a cryptographic source; the last segment of a fine-tuned model's name has 8. */
export function randomLetters(count: number): string {
  let letters = '';
  for (let i = 0; i < count; i++) letters += alphabet[randomInt(alphabet.length)];
  return letters;
}
