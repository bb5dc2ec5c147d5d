/**
 * A trained encoder: a whole model with its head, whatever was trained of it. LoRA's detours are folded into the layers
 * that they stand beside, since nothing but our own engine runs the model.
 */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '../domain/errors.ts';
import { headEntries, poolerName, type HeadFacts } from '../families/label-head.ts';
import { familyOf } from '../families/table.ts';
import { openGguf, type Gguf } from '../formats/gguf.ts';
import { floats, readSafetensors, type SafeTensor } from '../formats/safetensors.ts';
import type { LoraShape } from './adapter.ts';
import type { BaseModel } from './manifest.ts';
import { writeWholeModel, type Values, type WholeModelExport } from './whole-model.ts';

export interface EncoderExport extends WholeModelExport {
  readonly head: HeadFacts;
  /** Null where weights were trained themselves. */
  readonly lora: LoraShape | null;
}

export async function exportEncoder(wanted: EncoderExport): Promise<void> {
  const { checkpointFolder, base, folder, head, lora } = wanted;
  const made = await stat(folder).catch(() => null);
  if (made !== null) return;
  const file = lora === null ? 'weights.safetensors' : 'adapter.safetensors';
  const { tensors } = await readSafetensors(join(checkpointFolder, file));
  const direct = [...tensors].filter(([name]) => lora === null || name.startsWith(`${poolerName}.`));
  const trained = new Map(direct.map(([name, tensor]): [string, Values] => [name, valuesOf(tensor)]));
  if (lora !== null) {
    await using gguf = await openGguf(base.path);
    for (const [name, values] of await merged(gguf, base, tensors, lora)) trained.set(name, values);
  }
  await writeWholeModel(wanted, trained, headEntries(base.architecture.architecture, head));
}

const valuesOf = (tensor: SafeTensor): Values => ({ shape: tensor.shape, data: floats(tensor) });

/** W + scale · B A of every layer that has a detour. */
async function merged(
  gguf: Gguf,
  base: BaseModel,
  tensors: ReadonlyMap<string, SafeTensor>,
  { alpha, rslora }: LoraShape,
): Promise<Map<string, Values>> {
  const family = familyOf(base.architecture.architecture)!;
  const found = new Map<string, Values>();
  for (const [name, tensor] of tensors) {
    const match = /^base_model\.model\.(.+)\.(\d+)\.(.+)\.lora_A\.weight$/.exec(name);
    if (match === null) continue;
    const linear = family.linears.find(({ path }) => path === match[3]);
    const other = tensors.get(name.replace('.lora_A.', '.lora_B.'));
    if (linear === undefined || other === undefined)
      throw invalid(null, `The checkpoint has a tensor "${name}" that belongs to no layer.`, 'adapter_unreadable');
    const stored = `blk.${match[2]}.${linear.gguf}.weight`;
    const [a, b] = [floats(tensor), floats(other)];
    const [rank, columns] = tensor.shape as [number, number];
    const weight = await gguf.read(stored);
    const scale = alpha / (rslora ? Math.sqrt(rank) : rank);
    for (let row = 0; row < b.length / rank; row++) {
      for (let r = 0; r < rank; r++) {
        const factor = scale * b[row * rank + r]!;
        for (let i = 0; i < columns; i++) weight[row * columns + i]! += factor * a[r * columns + i]!;
      }
    }
    found.set(stored, { shape: [b.length / rank, columns], data: weight });
  }
  return found;
}
