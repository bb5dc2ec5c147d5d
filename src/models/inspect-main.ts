/**
 * The checker: opens one model file and says in one line of JSON what it is, or what is wrong with it.
 *
 * Runs as a process of its own (see `inspect.ts`) and ends with status 0 whenever it had something to say.
 */

import { TunesmithError } from '../domain/errors.ts';
import { openGguf } from '../formats/gguf.ts';
import { checkModel } from './check.ts';
import { assertGguf } from './format.ts';
import type { InspectionLine } from './inspect.ts';

async function inspect(path: string): Promise<InspectionLine> {
  try {
    await assertGguf(path);
    await using gguf = await openGguf(path);
    return { ok: true, ...checkModel(gguf) };
  } catch (error) {
    if (error instanceof TunesmithError) return { ok: false, message: error.message, code: error.code };
    throw error;
  }
}

process.stdout.write(`${JSON.stringify(await inspect(process.argv[2]!))}\n`);
