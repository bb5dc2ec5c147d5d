/** What a person sees while a model is fetched: which source is tried, how far it is, why one failed. */

import type { PullEvent } from '../models/base-models.ts';
import { formatBytes, formatDuration, type Terminal } from './terminal.ts';

export function pullView(terminal: Terminal): (event: PullEvent) => void {
  let startedMs = Date.now();
  return (event) => {
    switch (event.type) {
      case 'trying':
        startedMs = Date.now();
        terminal.note(`Trying ${event.source}`);
        break;
      case 'progress': {
        const { receivedBytes, totalBytes } = event;
        const elapsedMs = Date.now() - startedMs;
        const leftMs = totalBytes === null ? null : (elapsedMs / receivedBytes) * (totalBytes - receivedBytes);
        const of = totalBytes === null ? '' : ` of ${formatBytes(totalBytes)}`;
        const left = leftMs === null || elapsedMs < 2000 ? '' : `  ${formatDuration(leftMs)} left`;
        terminal.live(`  ${formatBytes(receivedBytes)}${of}${left}`);
        break;
      }
      case 'checking':
        terminal.live('');
        terminal.note('Checking the file');
        break;
      case 'failed':
        terminal.live('');
        terminal.note(`  did not work: ${event.reason}`);
        break;
    }
  };
}
