/**
 * SmolLM2-135M-Instruct, or another, for tests that need a real model, fetched by the product's own pull.
 *
 * It stays in the user's data folder (`TUNESMITH_HOME`), so only the first run fetches it. In CI a machine that
 * cannot get it fails; elsewhere the test is skipped and says why:
 *
 *   test('…', async (context) => {
 *     const model = await realModel(context);
 */

import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { BaseModels, type BaseModel } from '../src/models/base-models.ts';

export const realModelHome = (): string => process.env['TUNESMITH_HOME'] || join(homedir(), '.tunesmith');

export async function realModel(context: Pick<TestContext, 'skip'>, id = 'smollm2-135m-instruct'): Promise<BaseModel> {
  const bases = await BaseModels.open(realModelHome());
  try {
    return await bases.pull(id);
  } catch (error) {
    if (process.env['CI']) throw error;
    return context.skip(`the real model is not here: ${(error as Error).message}`);
  }
}
