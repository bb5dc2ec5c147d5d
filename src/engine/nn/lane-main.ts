/**
 * The thread of one lane (see lanes.ts): told what to compute by messages, and told the parameters through memory.
 *
 * The runtime refuses shared memory, so the parameters are copied out of it before a run; gradients come out of a run as
 * copies anyhow, and are added up in it.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { Lane, type IndexedBatch, type LaneOptions } from './lane.ts';
import { noJudgement, type Judgement } from './network.ts';
import type { FrozenModel } from './weights.ts';

export interface LaneSetup {
  readonly model: FrozenModel;
  readonly options: LaneOptions;
  /** What is trained, one input after the other, written by the parent before it asks. */
  readonly data: Float32Array;
  /** Their gradients, written by the lane before it answers. */
  readonly gradients: Float32Array;
}

export type LaneRequest =
  | { readonly type: 'differentiate'; readonly batches: readonly IndexedBatch[]; readonly dropoutSeed: number }
  | { readonly type: 'evaluate'; readonly batches: readonly IndexedBatch[] };

export type LaneReply =
  { readonly type: 'done'; readonly judgement: Judgement } | { readonly type: 'failed'; readonly message: string };

const { model, options, data, gradients } = workerData as LaneSetup;
const lane = new Lane(model, options);
const { inputs } = lane.trainables;
const [told, found] = [partsOf(data), partsOf(gradients)];

/** The part of each input. */
function partsOf(whole: Float32Array): Float32Array[] {
  let at = 0;
  return inputs.map(({ data: { length } }) => whole.subarray(at, (at += length)));
}

async function answer(request: LaneRequest): Promise<Judgement> {
  for (const [i, input] of inputs.entries()) input.data.set(told[i]!);
  if (request.type === 'evaluate') return await lane.evaluate(request.batches);
  return await lane.differentiate(request.batches, request.dropoutSeed, found);
}

const tell = (reply: LaneReply): void => parentPort!.postMessage(reply);

async function serve(work: () => Promise<Judgement>): Promise<void> {
  try {
    tell({ type: 'done', judgement: await work() });
  } catch (error) {
    tell({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
}

parentPort!.on('message', (request: LaneRequest) => void serve(async () => await answer(request)));
void serve(async () => {
  await lane.open();
  return noJudgement();
});
