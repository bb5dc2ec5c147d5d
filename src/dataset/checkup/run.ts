/** Checks a file in a thread of its own, so that whoever serves meanwhile is not held up. */

import { invalid, TunesmithError, type ErrorKind } from '../../domain/errors.ts';
import { startThread } from '../../programs.ts';
import type { Checkup, CheckupRequest, OnProgress } from './checkup.ts';

export type CheckupNews =
  | { readonly type: 'progress'; readonly bytes: number; readonly of: number; readonly what: string }
  | { readonly type: 'done'; readonly checkup: Checkup }
  | {
      readonly type: 'refused';
      readonly kind: ErrorKind;
      readonly message: string;
      readonly param: string | null;
      readonly code: string | null;
    };

/** Of what the thread keeps for itself; the largest files that were tried take a quarter of it. */
const memoryMbMax = 4096;

export async function runCheckup(
  request: CheckupRequest,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: OnProgress },
): Promise<Checkup> {
  signal.throwIfAborted();
  const thread = startThread('dataset/checkup/checkup-main', request, { maxOldGenerationSizeMb: memoryMbMax });
  let stop = (): void => {};
  try {
    return await new Promise((resolve, reject) => {
      stop = () => reject(signal.reason as Error);
      signal.addEventListener('abort', stop);
      thread.on('message', (news: CheckupNews) => {
        if (news.type === 'progress') onProgress(news.bytes, news.of, news.what);
        else if (news.type === 'done') resolve(news.checkup);
        else reject(new TunesmithError(news.kind, news.message, { param: news.param, code: news.code }));
      });
      thread.on('error', (error: NodeJS.ErrnoException) =>
        reject(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooMuch() : error),
      );
      thread.on('exit', (code) => reject(new Error(`The thread that checked the file ended with code ${code}.`)));
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await thread.terminate();
  }
}

const tooMuch = (): Error =>
  invalid(
    'file',
    `The file needs more than ${memoryMbMax / 1024} GiB of memory to be looked at whole. Split it first.`,
  );
