/** An adapter folded into the weights that it stands beside. */

import assert from 'node:assert';
import type { Gguf } from '../formats/gguf.ts';

/** Turns `weight` W into W + alpha / R · B A, with A [R, in] and B [out, R]; leaves it as it is where there is no detour. */
export async function addAdapter(adapter: Gguf, name: string, weight: Float32Array): Promise<void> {
  const detour = adapter.tensors.get(`${name}.lora_a`);
  if (detour === undefined) return;
  const [rank, columns] = detour.shape as [number, number];
  const a = await adapter.read(`${name}.lora_a`);
  const b = await adapter.read(`${name}.lora_b`);
  assert(b.length * columns === weight.length * rank, `${name}: B and A do not make its ${weight.length} values`);
  const alpha = adapter.metadata.number('adapter.lora.alpha', 0);
  const scale = alpha === 0 ? 1 : alpha / rank;
  const row = new Float64Array(columns);
  for (let out = 0; out < b.length / rank; out++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = scale * b[out * rank + r]!;
      for (let i = 0, at = r * columns; i < columns; i++, at++) row[i]! += factor * a[at]!;
    }
    for (let i = 0, at = out * columns; i < columns; i++, at++) weight[at]! += row[i]!;
  }
}
