/** Which examples come at which step: every epoch all of them, in an order that hangs on nothing but the plan's seed. */

import type { TokenizedExample } from '../../dataset/tokenize.ts';
import type { TrainingPlan } from '../protocol.ts';
import { Random, streams } from '../random.ts';

export interface Step {
  readonly step: number;
  readonly epoch: number;
  readonly batch: readonly TokenizedExample[];
}

/** The steps after `last`; every epoch goes through all examples once, in an order of its own. */
export function* stepsAfter(
  last: number,
  examples: readonly TokenizedExample[],
  plan: TrainingPlan,
): Generator<Step, void> {
  const stepsPerEpoch = Math.ceil(examples.length / plan.batchSize);
  for (let epoch = Math.floor(last / stepsPerEpoch) + 1; epoch <= plan.epochs; epoch++) {
    const order = epochOrder(plan.seed, epoch, examples.length);
    for (let i = 0; i < stepsPerEpoch; i++) {
      const step = (epoch - 1) * stepsPerEpoch + i + 1;
      if (step <= last) continue;
      const chosen = order.subarray(i * plan.batchSize, (i + 1) * plan.batchSize);
      yield { step, epoch, batch: Array.from(chosen, (index) => examples[index]!) };
    }
  }
}

/** In which order an epoch (from 1) goes through so many examples. */
export function epochOrder(seed: number, epoch: number, count: number): Uint32Array {
  return Random.fromSeed(seed).split(streams.shuffle).split(epoch).permutation(count);
}

/** The examples whose turn it is at this step: a batch every `evaluationInterval` steps, going round and round. */
export function miniBatch(
  examples: readonly TokenizedExample[],
  step: number,
  plan: TrainingPlan,
): readonly TokenizedExample[] {
  const { evaluationInterval, batchSize, seed } = plan;
  if (examples.length === 0 || step % evaluationInterval !== 0) return [];
  const order = Random.fromSeed(seed).split(streams.validation).permutation(examples.length);
  const size = Math.min(batchSize, examples.length);
  const first = (step / evaluationInterval - 1) * size;
  return Array.from({ length: size }, (_, i) => examples[order[(first + i) % examples.length]!]!);
}
