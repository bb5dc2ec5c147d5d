/**
 * Reads every sequence of a job once with the frozen layers, before the first step.
 *
 * The order is that of length and not of the steps: little padding, and the same numbers to the last bit whoever asks
 * for them when, so that a run that was interrupted goes on as if it had not been.
 */

import { packStep } from '../../../dataset/batch.ts';
import type { EncodedExample } from '../../../domain/example.ts';
import type { FrozenModel } from '../weights.ts';
import { TrunkMemory } from './memory.ts';
import { Trunk, type TrunkOptions, type TrunkPlan } from './trunk.ts';

export interface Reading {
  /** Every sequence that will ever be asked for. */
  readonly sequences: readonly EncodedExample[];
  /** Told before the first, now and then, and after the last how many were read; what it throws ends the reading. */
  readonly onProgress: (read: number, sequences: number) => Promise<void>;
}

const tokensPerRun = 1024;
/** Few enough to hear a cancellation in between. */
const readTogether = 16;

/** What was read lies in a file in the folder of the frozen weights. */
export async function readOnce(
  model: FrozenModel,
  plan: TrunkPlan,
  { sequences, onProgress }: Reading,
  options: Omit<TrunkOptions, 'tokensPerRun'>,
): Promise<TrunkMemory> {
  // One session with all threads is as fast here as several side by side, and holds the weights once.
  await using trunk = await Trunk.open(model, plan, { ...options, tokensPerRun });
  const memory = new TrunkMemory(plan.keeps, model.folder);
  try {
    const longestFirst = [...sequences].sort((a, b) => b.ids.length - a.ids.length);
    for (let at = 0; at < longestFirst.length; at += readTogether) {
      await onProgress(at, sequences.length);
      const batches = packStep(longestFirst.slice(at, at + readTogether), { tokensPerRun, lanes: 1 });
      for (const batch of batches) memory.add(batch, await trunk.read(batch));
    }
    await onProgress(sequences.length, sequences.length);
    return memory;
  } catch (error) {
    memory[Symbol.dispose]();
    throw error;
  }
}
