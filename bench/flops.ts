/** How much arithmetic a LoRA step needs: what both sides are measured in, whatever they execute on top. */

import type { TokenizedExample } from '../src/dataset/tokenize.ts';
import type { LoraPlan } from '../src/engine/protocol.ts';
import type { BaseModel } from '../src/models/base-models.ts';

/**
 * Multiplications and additions of one pass over the examples: forward and input gradients of every frozen matrix
 * (2 + 2 a weight and token), forward and both gradients of LoRA's (2 + 4), attention's six products over the causal
 * half, and the head at supervised positions only. Recomputation, padding and element-wise work do not count.
 */
export function executedFlops(
  { layers, width, heads, kvHeads, headWidth, feedForward, vocabulary }: BaseModel['architecture'],
  { rank }: LoraPlan,
  examples: readonly TokenizedExample[],
): number {
  const sizes = [
    [width, heads * headWidth],
    [width, kvHeads * headWidth],
    [width, kvHeads * headWidth],
    [heads * headWidth, width],
    [width, feedForward],
    [width, feedForward],
    [feedForward, width],
  ] as const;
  const frozen = sizes.reduce((sum, [from, to]) => sum + from * to, 0);
  const lora = sizes.reduce((sum, [from, to]) => sum + rank * (from + to), 0);
  let flops = 0;
  for (const { sequences, targets } of examples) {
    flops += 4 * targets * vocabulary * width;
    for (const { ids } of sequences) {
      const attention = (6 * 2 * ids.length * heads * headWidth) / 2;
      flops += ids.length * layers * (4 * frozen + 6 * lora + attention);
    }
  }
  return flops;
}
