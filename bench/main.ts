/**
 * `npm run bench`: what docs/performance.md reports, measured on this machine in one run.
 *
 *   npm run bench                 everything (about two hours on two cores)
 *   npm run bench -- training     every way of training beside PyTorch + transformers + peft; see training.ts
 *   npm run bench -- serving      our server beside llama.cpp called directly
 *   npm run bench -- load         many streams at once, what HTTP adds, changing between fine-tunes
 *   npm run bench -- data         checking and counting training data beside json and tiktoken
 *   npm run bench -- near         near duplicates among 100,000 examples
 *   npm run bench -- dashboard    the dashboard's first page, and a job of 100,000 steps in it
 *
 * Leave the machine alone meanwhile: other work moves every figure, though it moves both sides.
 */

import { availableParallelism, cpus, tmpdir } from 'node:os';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { benchDashboard } from './dashboard.ts';
import { benchData } from './data.ts';
import { benchLoad } from './load.ts';
import { benchNearDuplicates } from './near-duplicates.ts';
import { settingsFromEnvironment } from './place.ts';
import { benchServing } from './serving.ts';
import { benchTraining } from './training.ts';

const benches = {
  training: benchTraining,
  serving: benchServing,
  load: benchLoad,
  data: benchData,
  near: benchNearDuplicates,
  dashboard: benchDashboard,
};
const words = process.argv.slice(2);
/** What follows `training` is for it alone. */
const [asked, racing] = words[0] === 'training' ? [['training'], words.slice(1)] : [words, []];
const unknown = asked.find((name) => !(name in benches));
if (unknown !== undefined) {
  console.error(`Found "${unknown}"; the benchmarks are ${Object.keys(benches).join(', ')}.`);
  process.exit(2);
}

const place = await settingsFromEnvironment();
const folder = await mkdtemp(join(tmpdir(), 'tunesmith-bench-'));
try {
  console.log(`${cpus()[0]!.model}, ${availableParallelism()} cores, Node ${process.version}\n`);
  for (const [name, bench] of Object.entries(benches)) {
    if (asked.length === 0 || asked.includes(name)) await bench({ ...place, folder }, racing);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
