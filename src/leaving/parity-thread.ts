/** Compares in a thread of its own; ends with the signal. */

import type { ParityResult } from '../domain/openai-capture.ts';
import { startThread } from '../programs.ts';
import type { ParityOrder, ParityReply } from './parity-main.ts';

const memoryMbMax = 2048;

export async function compareInThread(order: ParityOrder, signal: AbortSignal): Promise<ParityResult> {
  signal.throwIfAborted();
  const thread = startThread('leaving/parity-main', order, { maxOldGenerationSizeMb: memoryMbMax });
  let stop = (): void => {};
  try {
    return await new Promise((resolve, reject) => {
      stop = () => reject(signal.reason as Error);
      signal.addEventListener('abort', stop);
      thread.on('message', (reply: ParityReply) => ('result' in reply ? resolve(reply.result) : reject(reply.error)));
      thread.on('error', reject);
      thread.on('exit', (code) => reject(new Error(`The thread that compared ended with code ${code}.`)));
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await thread.terminate();
  }
}
