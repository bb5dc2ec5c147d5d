/**
 * What a trainer must find again to go on as if nothing had happened, in a folder per checkpoint:
 *
 *   checkpoints/step-<n>/adapter.safetensors     the trained parameters, PEFT's names and layout; or
 *                        weights.safetensors     the trained weights, names of the model's file
 *                        optimizer.safetensors   first.<name> and second.<name>, AdamW's moments
 *                        state.json              where in the data, random state, updates made
 *                        manifest.json           size and SHA-256 of the three
 *
 * A folder is written as `step-<n>.partial`, every file flushed, the manifest last, and then renamed: a name
 * without `.partial` is a promise, and the manifest is how a reader checks it. A checkpoint that breaks the
 * promise (a disk that lied) is passed over for the one before it.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TunesmithError } from '../domain/errors.ts';
import { flushFolder, writeAtomically } from '../formats/atomic-write.ts';
import { floats, readSafetensors, writeSafetensors, type SafeTensor } from '../formats/safetensors.ts';
import type { Parameter } from './nn/network.ts';
import type { AdamW, Moments } from './optimizer.ts';
import type { TrainPlan } from './protocol.ts';
import type { RandomState } from './random.ts';

export type CheckpointKind = 'epoch' | 'snapshot';

export interface CheckpointState {
  /** Optimiser steps made; the data's order follows from this and the plan's seed. */
  readonly step: number;
  readonly epoch: number;
  readonly kind: CheckpointKind;
  readonly random: RandomState;
}

export interface Checkpoint {
  readonly folder: string;
  /** The file of what was trained. */
  readonly trained: TrainedFile;
  readonly state: CheckpointState;
}

type Manifest = Record<string, { readonly sizeBytes: number; readonly sha256: string }>;

/** What the file of trained parameters is called. */
export const trainedFile = ({ mode }: TrainPlan): TrainedFile =>
  mode === 'lora' ? 'adapter.safetensors' : 'weights.safetensors';

type TrainedFile = 'adapter.safetensors' | 'weights.safetensors';

const filesOf = (trained: TrainedFile) => [trained, 'optimizer.safetensors', 'state.json'] as const;
const epochsKept = 3;

/** Where the checkpoint of a step is, or will be. */
export const checkpointFolder = (checkpoints: string, step: number): string => join(checkpoints, `step-${step}`);

/** Writes a checkpoint; on failure nothing of it remains and older ones are untouched. */
export async function saveCheckpoint(
  checkpoints: string,
  state: CheckpointState,
  parameters: readonly Parameter[],
  optimizer: AdamW,
  trained: TrainedFile = 'adapter.safetensors',
): Promise<void> {
  const folder = checkpointFolder(checkpoints, state.step);
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  try {
    await mkdir(partial, { recursive: true });
    await writeSafetensors(join(partial, trained), trainedTensors(parameters), { format: 'pt' });
    await writeSafetensors(join(partial, 'optimizer.safetensors'), optimizerTensors(parameters, optimizer), {});
    await writeJson(join(partial, 'state.json'), state);
    const manifest: Manifest = {};
    for (const name of filesOf(trained)) manifest[name] = await fingerprint(join(partial, name));
    await writeJson(join(partial, 'manifest.json'), manifest);
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
    await flushFolder(checkpoints);
  } catch (cause) {
    await rm(partial, { recursive: true, force: true });
    const message = `The checkpoint of step ${state.step} could not be written; earlier ones are whole. ${(cause as Error).message}`;
    throw new Error(message, { cause });
  }
}

/** The newest checkpoint that keeps its promise; `onDamaged` hears of every newer one that does not. */
export async function newestCheckpoint(
  checkpoints: string,
  onDamaged: (folder: string, reason: string) => void,
): Promise<Checkpoint | null> {
  for (const folder of await checkpointFolders(checkpoints)) {
    try {
      return await openCheckpoint(folder);
    } catch (error) {
      onDamaged(folder, error instanceof Error ? error.message : String(error));
    }
  }
  return null;
}

/** Puts a checkpoint's numbers back where training left them. */
export async function restoreCheckpoint(
  { folder, trained, state }: Checkpoint,
  parameters: readonly Parameter[],
  optimizer: AdamW,
): Promise<void> {
  await loadTrained(join(folder, trained), parameters);
  const { tensors } = await readSafetensors(join(folder, 'optimizer.safetensors'));
  const moments = new Map<string, Moments>();
  for (const { name } of parameters) {
    const [first, second] = [tensors.get(`first.${name}`), tensors.get(`second.${name}`)];
    if (first && second) moments.set(name, { first: floats(first), second: floats(second) });
  }
  optimizer.restore(state.step, moments);
}

/** Sets the parameters to what a file holds, which must be these parameters and no others. */
export async function loadTrained(path: string, parameters: readonly Parameter[]): Promise<void> {
  const { tensors } = await readSafetensors(path);
  const unknown = new Set(tensors.keys());
  for (const { name, shape, data } of parameters) {
    const tensor = tensors.get(name);
    if (tensor === undefined || tensor.shape.join() !== shape.join()) {
      const found = tensor === undefined ? 'nothing' : `[${tensor.shape.join()}]`;
      throw mismatch(`${path}: found ${found} under "${name}"; this job trains [${shape.join()}] there.`);
    }
    data.set(floats(tensor));
    unknown.delete(name);
  }
  const [extra] = unknown;
  if (extra !== undefined) throw mismatch(`${path}: "${extra}" is not among the parameters that this job trains.`);
}

/**
 * Removes what nobody will ask for: unfinished and unreadable ones, and all but the newest three epochs, the newest
 * snapshot and that of the step to keep.
 */
export async function pruneCheckpoints(checkpoints: string, keep: number | null = null): Promise<void> {
  const left = { epoch: epochsKept, snapshot: 1 };
  for (const folder of await checkpointFolders(checkpoints)) {
    const state = await readState(folder).catch(() => null);
    if (state !== null && state.step === keep) continue;
    if (state === null || left[state.kind]-- <= 0) await rm(folder, { recursive: true, force: true });
  }
  for (const name of await namesIn(checkpoints)) {
    if (name.endsWith('.partial')) await rm(join(checkpoints, name), { recursive: true, force: true });
  }
}

/** Finished checkpoints, newest first. */
async function checkpointFolders(checkpoints: string): Promise<string[]> {
  const steps = (await namesIn(checkpoints)).flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  return steps.sort((a, b) => b - a).map((step) => checkpointFolder(checkpoints, step));
}

async function namesIn(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  return readdir(folder);
}

/** The checkpoint of this folder, if all its files are what the manifest says. */
async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  for (const name of new Set(['optimizer.safetensors', 'state.json', ...Object.keys(manifest)])) {
    const expected = manifest[name];
    const found = await fingerprint(join(folder, name));
    if (expected?.sha256 !== found.sha256) {
      throw new Error(
        `${name} has ${found.sizeBytes} bytes with SHA-256 ${found.sha256}; the manifest says ${expected?.sizeBytes} bytes with ${expected?.sha256}`,
      );
    }
  }
  const trained = 'weights.safetensors' in manifest ? 'weights.safetensors' : 'adapter.safetensors';
  return { folder, trained, state: await readState(folder) };
}

const readState = async (folder: string): Promise<CheckpointState> =>
  JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as CheckpointState;

const writeJson = (path: string, value: unknown): Promise<void> =>
  writeAtomically(path, [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)]);

async function fingerprint(path: string): Promise<Manifest[string]> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { sizeBytes: (await stat(path)).size, sha256: hash.digest('hex') };
}

/** Trained parameters as a file of them holds them. */
export function trainedTensors(parameters: readonly Parameter[]): Map<string, SafeTensor> {
  return new Map(parameters.map(({ name, shape, data }) => [name, { dtype: 'F32', shape, data }]));
}

function optimizerTensors(parameters: readonly Parameter[], { moments }: AdamW): Map<string, SafeTensor> {
  return new Map(
    parameters.flatMap(({ name, shape }): [string, SafeTensor][] => [
      [`first.${name}`, { dtype: 'F32', shape, data: moments.get(name)!.first }],
      [`second.${name}`, { dtype: 'F32', shape, data: moments.get(name)!.second }],
    ]),
  );
}

const mismatch = (message: string): TunesmithError =>
  new TunesmithError('invalid', message, { code: 'adapter_mismatch' });
