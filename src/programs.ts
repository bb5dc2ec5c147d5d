/**
 * Our own programs: the trainer, a runtime, a checker as child processes; a lane of the trainer, a counter of
 * tokens, a checker of files, a reader of pages, a reader of figures as a thread.
 *
 * From a checkout the sources run through tsx; from the published package the compiled files run as they are.
 */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker, type ResourceLimits } from 'node:worker_threads';

export type ProgramName =
  | 'main'
  | 'engine/main'
  | 'engine/device-main'
  | 'serving/runtime-main'
  | 'models/inspect-main'
  | 'models/import/main'
  | 'export/export-main';
export type ThreadName =
  | 'engine/nn/lane-main'
  | 'quickstart/sample-main'
  | 'dataset/tokens/count-main'
  | 'dataset/checkup/checkup-main'
  | 'evals/api/figures-main'
  | 'sweep/undertaking-main'
  | 'leaving/parity-main'
  | 'collect/extract-main';

/** Arguments for `process.execPath` that start one of our programs; append the program's own arguments. */
export function programArguments(name: ProgramName): string[] {
  return fromSource ? ['--import', tsx('loader.mjs'), locate(name)] : [locate(name)];
}

/** A thread that runs one of our modules; beyond its limits it ends with an error. */
export function startThread(name: ThreadName, workerData: unknown, resourceLimits: ResourceLimits = {}): Worker {
  if (!fromSource) return new Worker(locate(name), { workerData, resourceLimits });
  // In a thread tsx must be asked for: `--import` has no effect there on Node 20.
  const file = JSON.stringify(pathToFileURL(locate(name)).href);
  const code = `import(${JSON.stringify(tsx('esm/api/index.mjs'))}).then(({ register }) => (register(), import(${file})))`;
  return new Worker(code, {
    eval: true,
    execArgv: [],
    workerData,
    resourceLimits,
  });
}

const fromSource = import.meta.url.endsWith('.ts');

const locate = (name: ProgramName | ThreadName): string =>
  fileURLToPath(new URL(`./${name}.${fromSource ? 'ts' : 'js'}`, import.meta.url));

/** tsx's loader for a process, or what registers it in a thread. */
const tsx = (entry: 'loader.mjs' | 'esm/api/index.mjs'): string => {
  const folder = dirname(createRequire(import.meta.url).resolve('tsx/package.json'));
  return pathToFileURL(join(folder, 'dist', entry)).href;
};
