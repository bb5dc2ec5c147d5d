/** What is read once before the first step, as the parent hears of it: at the beginning, now and then, and at the end. */

import type { Parent } from '../parent.ts';
import type { Reader } from '../protocol.ts';

const toldMs = 20_000;

/** To be told before the first sequence, now and then, and after the last; throws where training is to end before it began. */
export function tellReading(parent: Parent, by: Reader): (read: number, sequences: number) => Promise<void> {
  let [startMs, lastMs] = [0, -Infinity];
  return async (read, sequences) => {
    await parent.breatheBeforeSteps();
    const nowMs = performance.now();
    if (read === 0) startMs = nowMs;
    if (nowMs - lastMs < toldMs && read < sequences) return;
    lastMs = nowMs;
    parent.tell({ type: 'reading', by, read, sequences, elapsedMs: nowMs - startMs });
  };
}
