/** What a worker works with: the rooms it uses, what it may spend, and how patient it is. */

import { join } from 'node:path';
import type { Job } from '../domain/job.ts';
import type { Log } from '../log.ts';
import type { BaseModel, BaseModels } from '../models/base-models.ts';
import type { ModelRegistry } from '../models/registry.ts';
import { wholeModelAt } from '../models/whole-model.ts';
import type { Blobs } from '../store/blobs.ts';
import type { JudgeModel } from './judging.ts';
import type { PlanPlaces } from './plan.ts';
import type { Devices } from './devices.ts';
import type { Claimant } from './queue.ts';
import type { Rows } from './records.ts';

export interface Workshop extends Claimant {
  readonly database: Rows;
  readonly blobs: Blobs;
  readonly bases: BaseModels;
  /** Ask it for the registry `of` a job's project. */
  readonly models: ModelRegistry;
  readonly log: Log;
  /** The data folder. */
  readonly home: string;
  /** The organisation's slug, as it stands in model names. */
  readonly organization: string;
  /** How the result file is written: OpenAI's clients decode base64 before they read the CSV. */
  readonly resultFiles: 'base64' | 'plain';
  /** Processor cores that one trainer may use. */
  readonly threads: number;
  /** What there is to train on. */
  readonly devices: Devices;
  /** Arguments for `process.execPath` that start a trainer; the job's folder is appended. */
  readonly trainer: readonly string[];
  /** Seconds between the snapshots that a trainer keeps for resuming. */
  readonly snapshotSeconds: number;
  /** A trainer that says nothing for longer than this hangs. Only a step may be that long in silence. */
  readonly silenceMsMax: number;
  /** How long a trainer may take to save its work and leave when it is told to stop. */
  readonly graceMs: number;
  /** Crashes in a row, without a new step between them, after which a job is given up. */
  readonly crashesMax: number;
  /** How long to wait before a crashed trainer is launched again. */
  readonly retryMs: number;
  /** Measures finished models on their validation files; null where nobody can. */
  readonly judge: JudgeModel | null;
}

/** The weights that a job trains on: a base model's, or a copy of a fine-tuned model's own in the job's folder. */
export async function baseOfJob(shop: Workshop, jobId: string, id: string): Promise<BaseModel | undefined> {
  return (await wholeModelAt(join(jobFolder(shop.home, jobId), initialModelFolder))) ?? shop.bases.find(id);
}

/** Where a trainer finds what it needs, today: folders move, cores change. */
export function placesOf(shop: Workshop, job: Job, base: BaseModel, goesOn: boolean): PlanPlaces {
  const { training_file, validation_file } = job;
  return {
    model: { id: base.id, path: base.path, sha256: base.sha256 },
    initialAdapter: goesOn ? join(jobFolder(shop.home, job.id), initialAdapterFile) : null,
    trainingFile: shop.blobs.path(training_file),
    validationFile: validation_file === null ? null : shop.blobs.path(validation_file),
    threads: shop.threads,
    snapshotSeconds: shop.snapshotSeconds,
  };
}

export const jobFolder = (home: string, jobId: string): string => join(home, 'jobs', jobId);
export const checkpointsFolder = (home: string, jobId: string): string => join(jobFolder(home, jobId), 'checkpoints');
/** Where a job's models are, below the data folder. */
export const modelsFolder = (jobId: string): string => `models/fine-tuned/${jobId}`;
/** In the job's folder: the adapter that a fine-tune of a fine-tune goes on from. */
export const initialAdapterFile = 'initial-adapter.safetensors';
/** The same of a fine-tuned model with weights of its own. */
export const initialModelFolder = 'initial-model';
