/**
 * Our own programs as child processes: the trainer, a runtime, a checker.
 *
 * From a checkout the sources run through tsx; from the published package the compiled files run as they are.
 */

import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

export type ProgramName = 'main' | 'engine/main' | 'serving/runtime-main' | 'models/inspect-main';

/** Arguments for `process.execPath` that start one of our programs; append the program's own arguments. */
export function programArguments(name: ProgramName): string[] {
  const fromSource = import.meta.url.endsWith('.ts');
  const file = fileURLToPath(new URL(`./${name}.${fromSource ? 'ts' : 'js'}`, import.meta.url));
  if (!fromSource) return [file];
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return ['--import', tsx, file];
}
