/** A thread that compares: drawing the cases a thousand times over would hold up whoever serves meanwhile. */

import { parentPort, workerData } from 'node:worker_threads';
import type { ParityResult } from '../domain/openai-capture.ts';
import { holdAgainst, parityResult, writeParityReport, type Held } from './held-against.ts';
import { readRecording } from './recording.ts';

export interface ParityOrder {
  readonly recording: string;
  readonly held: Held;
  /** Where the HTML goes. */
  readonly report: string;
}

export type ParityReply = { readonly result: ParityResult } | { readonly error: Error };

async function compare({ recording: folder, held, report }: ParityOrder): Promise<ParityResult> {
  const recording = await readRecording(folder);
  const compared = holdAgainst(recording, held);
  await writeParityReport(report, compared, recording);
  return await parityResult(held, recording.model, compared, report);
}

compare(workerData as ParityOrder).then(
  (result) => reply({ result }),
  (error: Error) => reply({ error }),
);

function reply(message: ParityReply): void {
  parentPort!.postMessage(message);
}
