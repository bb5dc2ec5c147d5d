/** A PEFT folder read back as an adapter for llama.cpp, to see whether it says what the model says. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeGgufAdapter } from '../models/adapter.ts';
import type { BaseModel } from '../models/manifest.ts';

const configSchema = z.object({
  r: z.number(),
  lora_alpha: z.number(),
  use_rslora: z.boolean().default(false),
  target_modules: z.array(z.string()),
});

export async function adapterFromPeft(folder: string, base: BaseModel, path: string): Promise<void> {
  const config = configSchema.parse(JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8')));
  const { r: rank, lora_alpha: alpha, use_rslora: rslora, target_modules: targets } = config;
  const lora = { rank, alpha, rslora, targets };
  await writeGgufAdapter(path, { source: join(folder, 'adapter_model.safetensors'), base, lora });
}
