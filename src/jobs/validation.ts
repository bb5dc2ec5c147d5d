/**
 * Before a job may queue: its files are read line by line, and what was "auto" becomes numbers.
 *
 * A fault in a file ends the job with the line and the field, never the server. What is only worth a word (cut
 * examples, duplicates) becomes a warning event.
 */

import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '../domain/errors.ts';
import { hyperparametersOf, type Job, methodOf } from '../domain/job.ts';
import type { LoraPlan, TrainingPlan } from '../engine/protocol.ts';
import { targetsOfBase } from '../models/adapter.ts';
import type { BaseModel } from '../models/manifest.ts';
import type { ServedModel } from '../models/registry.ts';
import { mergeAdapter, shareWholeModel, wholeModelAt } from '../models/whole-model.ts';
import { Files } from '../store/files.ts';
import { adapterShape, adapterWeights } from './continuation.ts';
import { failJob } from './failure.ts';
import { readFiles } from './job-files.ts';
import { resolveHyperparameters, toPlan } from './plan.ts';
import { whileHeld } from './queue.ts';
import { type CountedFiles, forecastOf, measureFirst, whyTooLarge } from './forecast.ts';
import { jobOf, type JobRow, moved, type Rows, saveJob, tell, unixSeconds } from './records.ts';
import { modelUnavailable } from './request.ts';
import { initialAdapterFile, initialModelFolder, jobFolder, placesOf, type Workshop } from './workshop.ts';

export async function validateJob(shop: Workshop, row: JobRow, stop: AbortSignal): Promise<void> {
  const { database, name } = shop;
  const job = jobOf(row);
  const model = await shop.models.of(row.project).resolve(job.model);
  if (model === null) throw modelUnavailable(job.model);
  await assertFiles(new Files(database, shop.blobs, row.project), job);
  const path = (id: string): string => shop.blobs.path(id);
  const files = {
    training: path(job.training_file),
    validation: job.validation_file === null ? null : path(job.validation_file),
    name: job.training_file,
    method: job.method.type,
    asked: hyperparametersOf(job),
  };
  const reports = await readFiles(files, model.base, stop);
  const { head, data, training } = reports;
  const answers = head === null && data === null ? training.answers : null;
  const failure = reports.training.failure ?? reports.validation?.failure ?? null;
  if (failure !== null) return await failJob(database, name, job.id, failure);

  const { initial, base } = await takeModel(shop, job, model);
  const { device, event: deviceEvent } = await shop.devices.choose(hyperparametersOf(job));
  const resolved = resolveHyperparameters(hyperparametersOf(job), {
    device,
    examples: reports.training.examples,
    longestTokens: Math.max(reports.training.longestTokens, reports.validation?.longestTokens ?? 0),
    contextTokens: model.base.contextTokens,
    targets: targetsOfBase(model.base),
    initialAdapter: initial,
    head,
    method: job.method.type,
  });
  const plan = toPlan(job, resolved, placesOf(shop, job, base, initial !== null), {
    head,
    data: reports.data,
    answers,
  });
  const tooLarge = whyTooLarge(base, plan);
  if (tooLarge !== null) return await failJob(database, name, job.id, tooLarge);
  await measure(shop, job, { base, plan, train: resolved.train, files: reports }, stop);
  const forecast = await forecastOf(shop.home, base, plan, resolved.train, reports);
  await whileHeld(database, name, job.id, async (rows, job) => {
    const warnings = [...reports.training.warnings, ...(reports.validation?.warnings ?? [])];
    for (const message of warnings) await tell(rows, job.id, { level: 'warn', message });
    if (deviceEvent !== null) await tell(rows, job.id, deviceEvent);
    if (reports.note !== null) await tell(rows, job.id, { message: reports.note });
    if (answers !== null) await tell(rows, job.id, { message: rememberedInWords(answers) });
    const { message, memoryBytes, seconds } = forecast;
    const data = { estimated_memory_bytes: memoryBytes, ...(seconds !== null && { estimated_seconds: seconds }) };
    await tell(rows, job.id, { message, data });
    await tell(rows, job.id, { message: 'Files validated, moving job to queued state' });
    const method = methodOf(job.method.type, resolved);
    const estimated_finish = seconds === null ? null : unixSeconds() + seconds;
    const hyperparameters = method.type === 'supervised' ? resolved : null;
    const queued = moved(job, 'queued', { estimated_finish, hyperparameters, method });
    await saveJob(rows, queued, { plan: JSON.stringify(plan) });
  });
}

interface Measurable {
  readonly base: BaseModel;
  readonly plan: TrainingPlan;
  readonly train: string;
  readonly files: CountedFiles;
}

/** How fast this machine trains so, where nobody knows; a job whose time cannot be told is trained all the same. */
async function measure(shop: Workshop, job: Job, { base, plan, train, files }: Measurable, signal: AbortSignal) {
  // While another job trains, nothing that is measured is worth much.
  if (await someoneTrains(shop.database)) return;
  const onMeasure = async (): Promise<void> => {
    await whileHeld(shop.database, shop.name, job.id, async (rows) => {
      const message = 'Measuring a few steps first: nobody has trained so on this machine yet';
      await tell(rows, job.id, { message, once: 'measuring' });
    });
  };
  try {
    await measureFirst(shop.home, base, plan, train, { files, signal, onMeasure });
  } catch (error) {
    signal.throwIfAborted();
    shop.log.warn('calibration.failed', { job: job.id, error });
  }
}

async function someoneTrains(rows: Rows): Promise<boolean> {
  const running = rows.selectFrom('jobs').select('id').where('status', '=', 'running').limit(1);
  return (await running.executeTakeFirst()) !== undefined;
}

const rememberedInWords = (answers: readonly string[]): string =>
  `All answers are one of ${answers.length}: the model will remember them, and a request with "labels" is held to them`;

/** A file may have expired since the job was made. */
async function assertFiles(files: Files, job: Job): Promise<void> {
  for (const param of ['training_file', 'validation_file'] as const) {
    const id = job[param];
    if (id === null || (await files.find(id)) !== null) continue;
    const what = param.replace('_', ' ');
    throw invalid(param, `The job failed due to an invalid ${what}. No such File object: ${id}`, `invalid_${param}`);
  }
}

interface StartingPoint {
  /** The weights to train on. */
  readonly base: BaseModel;
  /** The shape of the adapter that is trained on, where one is. */
  readonly initial: LoraPlan | null;
}

/**
 * A copy of what is to go on from a fine-tuned model, so that it may be deleted meanwhile: its own weights, its adapter,
 * or, where other weights are to learn than an adapter's, both folded into one.
 */
async function takeModel(shop: Workshop, job: Job, model: ServedModel): Promise<StartingPoint> {
  const { ownFolder, adapter, adapterFolder } = model;
  const folder = join(jobFolder(shop.home, job.id), initialModelFolder);
  await rm(folder, { recursive: true, force: true });
  const asked = hyperparametersOf(job).train ?? 'auto';
  const otherWeights = asked !== 'auto' && asked !== 'lora';
  if (adapter !== null && otherWeights) await mergeAdapter({ base: model.base, adapter }, folder, model.id);
  else if (ownFolder !== null) await shareWholeModel(ownFolder, folder);
  const base = (await wholeModelAt(folder)) ?? model.base;
  const goesOn = adapterFolder !== null && !otherWeights;
  return { base, initial: goesOn ? await takeAdapter(shop, job, adapterFolder) : null };
}

/** A copy of the adapter to go on from. */
async function takeAdapter({ home }: Workshop, job: Job, modelFolder: string): Promise<LoraPlan> {
  const folder = jobFolder(home, job.id);
  await mkdir(folder, { recursive: true });
  await copyFile(adapterWeights(modelFolder), join(folder, initialAdapterFile));
  return await adapterShape(modelFolder);
}
