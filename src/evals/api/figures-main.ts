/** A thread that works out the figures of a run: its rows come in parts, and the last message asks for the answer. */

import { parentPort } from 'node:worker_threads';
import type { Criterion } from '../../domain/eval.ts';
import { figuresOf, type Figures, type ReportRow } from './criterion-figures.ts';

export type FiguresMessage = { readonly rows: readonly ReportRow[] } | { readonly criteria: readonly Criterion[] };
export type FiguresReply = { readonly figures: Figures } | { readonly error: unknown };

const all: ReportRow[] = [];

parentPort!.on('message', (message: FiguresMessage) => {
  if ('rows' in message) {
    all.push(...message.rows);
    return;
  }
  try {
    reply({ figures: figuresOf(message.criteria, all) });
  } catch (error) {
    reply({ error });
  }
  parentPort!.close();
});

function reply(message: FiguresReply): void {
  parentPort!.postMessage(message);
}
