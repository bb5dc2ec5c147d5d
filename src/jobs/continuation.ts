/** A fine-tune of a fine-tune goes on with an adapter that is already there, in the shape that it has. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { LoraPlan } from '../engine/protocol.ts';

const configSchema = z.object({
  r: z.int(),
  lora_alpha: z.number(),
  lora_dropout: z.number().default(0),
  use_rslora: z.boolean().default(false),
  target_modules: z.array(z.string()),
});

/** The adapter's weights in a model's folder, under PEFT's names. */
export const adapterWeights = (modelFolder: string): string => join(modelFolder, 'adapter_model.safetensors');

/** What the adapter's own card says about its shape. */
export async function adapterShape(modelFolder: string): Promise<LoraPlan> {
  const text = await readFile(join(modelFolder, 'adapter_config.json'), 'utf8');
  const config = configSchema.parse(JSON.parse(text));
  return {
    rank: config.r,
    alpha: config.lora_alpha,
    rslora: config.use_rslora,
    dropout: config.lora_dropout,
    targets: config.target_modules,
  };
}
