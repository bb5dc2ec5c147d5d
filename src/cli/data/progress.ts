/** How far a file is read, for a person who has waited two seconds for it. */

import { formatBytes, formatDuration, type Terminal } from '../terminal.ts';

const patienceMs = 2000;
const redrawMs = 100;
const barWidth = 20;

/** Takes how many bytes are read; `word` says what happens to them. The caller takes the line away at the end. */
export function fileProgress(terminal: Terminal, word: string, sizeBytes: number): (bytes: number) => void {
  const startMs = performance.now();
  let drawnMs = startMs + patienceMs - redrawMs;
  return (bytes) => {
    const nowMs = performance.now();
    if (nowMs - drawnMs < redrawMs) return;
    drawnMs = nowMs;
    const done = Math.min(1, bytes / sizeBytes);
    const full = Math.round(done * barWidth);
    const leftMs = ((nowMs - startMs) / done) * (1 - done);
    terminal.live(
      `${'━'.repeat(full)}${'─'.repeat(barWidth - full)} ${word} ${formatBytes(bytes)} of ${formatBytes(sizeBytes)}` +
        `  ${formatDuration(leftMs)} left`,
    );
  };
}
