/** A thread that checks one file, tells how far it is, and ends. */

import { parentPort, workerData } from 'node:worker_threads';
import { TunesmithError } from '../../domain/errors.ts';
import { checkUp, type CheckupRequest } from './checkup.ts';
import type { CheckupNews } from './run.ts';

const tell = (news: CheckupNews): void => parentPort!.postMessage(news);

const betweenNewsMs = 100;
let toldMs = 0;

try {
  const checkup = await checkUp(workerData as CheckupRequest, (bytes, of, what) => {
    if (performance.now() - toldMs < betweenNewsMs) return;
    toldMs = performance.now();
    tell({ type: 'progress', bytes, of, what });
  });
  tell({ type: 'done', checkup });
} catch (error) {
  if (!(error instanceof TunesmithError)) throw error;
  const { kind, message, param, code } = error;
  tell({ type: 'refused', kind, message, param, code });
}
