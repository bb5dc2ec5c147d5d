/**
 * Before a job may queue: its files are read line by line, and what was "auto" becomes numbers.
 *
 * A fault in a file ends the job with the line and the field, never the server. What is only worth a word (cut
 * examples, duplicates) becomes a warning event.
 */

import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from '../domain/job.ts';
import { validateTrainingFile, type ValidationReport } from '../dataset/validate.ts';
import type { LoraPlan, TrainingPlan } from '../engine/protocol.ts';
import { openGguf } from '../formats/gguf.ts';
import type { ServedModel } from '../models/registry.ts';
import { Files } from '../store/files.ts';
import { TextCodec } from '../text/codec.ts';
import { adapterShape, adapterWeights } from './continuation.ts';
import { type Failure, failJob } from './failure.ts';
import { type ResolvedHyperparameters, resolveHyperparameters, toPlan } from './plan.ts';
import { whileHeld } from './queue.ts';
import { moved, saveJob, tell } from './records.ts';
import { initialAdapterFile, jobFolder, type Workshop } from './workshop.ts';

interface Reports {
  readonly training: ValidationReport;
  readonly validation: ValidationReport | null;
}

export async function validateJob(shop: Workshop, job: Job, stop: AbortSignal): Promise<void> {
  const { database, name } = shop;
  const model = await shop.models.resolve(job.model);
  const missing = await missingInput(shop, job, model);
  if (missing !== null || model === null) return await failJob(database, name, job.id, missing ?? modelGone(job));
  const reports = await readFiles(shop, job, model, stop);
  const failure = reports.training.failure ?? reports.validation?.failure ?? null;
  if (failure !== null) return await failJob(database, name, job.id, failure);

  const initial = model.adapterFolder === null ? null : await takeAdapter(shop, job, model.adapterFolder);
  const resolved = resolveHyperparameters(job.hyperparameters!, {
    examples: reports.training.examples,
    longestTokens: Math.max(reports.training.longestTokens, reports.validation?.longestTokens ?? 0),
    contextTokens: model.base.contextTokens,
    initialAdapter: initial,
  });
  const plan = planFor(shop, job, model, resolved);
  await whileHeld(database, name, job.id, async (rows, job) => {
    const warnings = [...reports.training.warnings, ...(reports.validation?.warnings ?? [])];
    for (const message of warnings) await tell(rows, job.id, { level: 'warn', message });
    await tell(rows, job.id, { message: 'Files validated, moving job to queued state' });
    const method: Job['method'] = { type: 'supervised', supervised: { hyperparameters: resolved } };
    const queued = moved(job, 'queued', { hyperparameters: resolved, method });
    await saveJob(rows, queued, { plan: JSON.stringify(plan) });
  });
}

/** What was there when the job was made and is there no more. */
async function missingInput(
  { database, blobs }: Workshop,
  job: Job,
  model: ServedModel | null,
): Promise<Failure | null> {
  if (model === null) return modelGone(job);
  const files = new Files(database, blobs);
  for (const param of ['training_file', 'validation_file'] as const) {
    const id = job[param];
    if (id !== null && (await files.find(id)) === null)
      return {
        code: `invalid_${param}`,
        param,
        message: `The job failed due to an invalid ${param.replace('_', ' ')}. No such File object: ${id}`,
      };
  }
  return null;
}

const modelGone = (job: Job): Failure => ({
  code: 'model_not_available',
  param: 'model',
  message: `Model ${job.model} is not available for fine-tuning or does not exist.`,
});

async function readFiles({ blobs }: Workshop, job: Job, { base }: ServedModel, signal: AbortSignal): Promise<Reports> {
  await using gguf = await openGguf(base.path);
  const codec = TextCodec.fromGguf(gguf.metadata);
  const asked = job.hyperparameters?.max_length;
  const tokensMax = typeof asked === 'number' ? asked : base.contextTokens;
  const options = { codec, tokensMax, signal };
  const training = await validateTrainingFile(blobs.path(job.training_file), { ...options, role: 'training' });
  if (job.validation_file === null || !training.ok) return { training, validation: null };
  const known = training.fingerprints;
  const path = blobs.path(job.validation_file);
  return { training, validation: await validateTrainingFile(path, { ...options, role: 'validation', known }) };
}

/** A copy of the adapter to go on from, so that its model may be deleted meanwhile. */
async function takeAdapter({ home }: Workshop, job: Job, modelFolder: string): Promise<LoraPlan> {
  const folder = jobFolder(home, job.id);
  await mkdir(folder, { recursive: true });
  await copyFile(adapterWeights(modelFolder), join(folder, initialAdapterFile));
  return await adapterShape(modelFolder);
}

function planFor(
  shop: Workshop,
  job: Job,
  { base, adapterFolder }: ServedModel,
  resolved: ResolvedHyperparameters,
): TrainingPlan {
  return toPlan(job, resolved, {
    model: { id: base.id, path: base.path, sha256: base.sha256 },
    initialAdapter: adapterFolder === null ? null : join(jobFolder(shop.home, job.id), initialAdapterFile),
    trainingFile: shop.blobs.path(job.training_file),
    validationFile: job.validation_file === null ? null : shop.blobs.path(job.validation_file),
    threads: shop.threads,
    snapshotSeconds: shop.snapshotSeconds,
  });
}
