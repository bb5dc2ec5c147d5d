/**
 * A trained job becomes models: the last of its checkpoints is the model, the ones before stay by its side.
 *
 * Everything on disk is prepared first, under names that follow from the job, so a second attempt finds or makes
 * the same; then one transaction makes all of it true at once: models, checkpoints, result file, events, status.
 */

import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkpoint } from '../domain/checkpoint.ts';
import { newId } from '../domain/ids.ts';
import type { Job, JobEvent, StepMetrics } from '../domain/job.ts';
import type { TrainingPlan, TrainPlan } from '../engine/protocol.ts';
import { exportAdapter } from '../models/adapter.ts';
import { writeAnswers } from '../models/answers.ts';
import type { ModelCard } from '../models/adapter-card.ts';
import { exportEncoder } from '../models/encoder-export.ts';
import type { BaseModel } from '../models/manifest.ts';
import { exportWholeModel, shareWholeModel } from '../models/whole-model.ts';
import { Files } from '../store/files.ts';
import { judged } from './judging.ts';
import { baseName, modelName } from './names.ts';
import { whileHeld } from './queue.ts';
import { moved, type Rows, saveJob, tell, unixSeconds } from './records.ts';
import { resultsCsv } from './results.ts';
import {
  baseOfJob,
  checkpointsFolder,
  initialModelFolder,
  jobFolder,
  modelsFolder,
  type Workshop,
} from './workshop.ts';

const checkpointsShown = 3;

export interface Trained {
  readonly project: string;
  readonly plan: TrainingPlan;
  readonly lastStep: number;
  /** Of the checkpoint that becomes the model. */
  readonly chosenStep: number;
  readonly stepsPerEpoch: number;
  readonly trainedTokens: number;
}

interface StepRecord {
  readonly createdAt: number;
  readonly metrics: StepMetrics;
}

interface PublishedStep {
  readonly step: number;
  readonly model: string;
  /** Below the data folder. */
  readonly folder: string;
  readonly record: StepRecord;
}

/** A stop while the model is being judged leaves the job as it is: it comes here again, or has ended. */
export async function publish(shop: Workshop, job: Job, trained: Trained, stop: AbortSignal): Promise<void> {
  const { database, blobs, models, name } = shop;
  const records = await recordedSteps(database, job.id);
  const published = await exportSteps(shop, job, trained, records);
  const final = published.at(-1)!;
  const { metrics: taskMetrics, failure } = await judgeFinal(shop, job, trained, final, stop);
  if (failure !== null && stop.aborted) return;
  const received = async (csv: string) =>
    blobs.receive(oneChunk(shop.resultFiles === 'base64' ? Buffer.from(csv).toString('base64') : csv));
  await using steps = await received(resultsCsv([...records.values()].map(({ metrics }) => metrics)));
  await using tasks = taskMetrics === null ? null : await received(taskMetrics.csv);

  await whileHeld(database, name, job.id, async (rows, job, { project }) => {
    if (job.status !== 'running') return; // paused at the last moment: done again after the resume
    for (const { step, model, folder, record } of published) {
      await models.of(project).register(rows, {
        id: model,
        createdAt: unixSeconds(),
        base: baseName(job.model),
        baseModelId: trained.plan.model.id,
        jobId: job.id,
        folder,
        taskMetrics: step === final.step ? taskMetrics?.data : null,
      });
      await insertCheckpoint(rows, job.id, folder, checkpointOf(job.id, step, model, record));
    }
    const files = new Files(rows, blobs, project);
    const facts = { purpose: 'fine-tune-results', expiresAfterSeconds: null } as const;
    const results = [await files.add(steps, { filename: 'step_metrics.csv', ...facts })];
    if (tasks !== null) results.push(await files.add(tasks, { filename: 'task_metrics.csv', ...facts }));
    for (const { step, model } of published.slice(0, -1))
      await tell(rows, job.id, { message: `Checkpoint created at step ${step} with Snapshot ID: ${model}` });
    await tell(rows, job.id, { message: `New fine-tuned model created: ${final.model}` });
    if (taskMetrics !== null) await tell(rows, job.id, { message: taskMetrics.message, data: taskMetrics.data });
    if (failure !== null)
      await tell(rows, job.id, { level: 'warn', message: `There are no task metrics of this job: ${failure}` });
    await tell(rows, job.id, { message: 'The job has successfully completed' });
    await saveJob(
      rows,
      moved(job, 'succeeded', {
        fine_tuned_model: final.model,
        trained_tokens: trained.trainedTokens,
        result_files: results.map(({ id }) => id),
      }),
    );
  });
}

/** How the final model does on the validation file. */
async function judgeFinal(
  shop: Workshop,
  job: Job,
  { project, plan }: Trained,
  { model, folder }: PublishedStep,
  stop: AbortSignal,
): ReturnType<typeof judged> {
  const base = await baseOfJob(shop, job.id, plan.model.id);
  if (job.validation_file === null || base === undefined) return { metrics: null, failure: null };
  const validationPath = shop.blobs.path(job.validation_file);
  return await judged(shop, { job, project, model, base, folder: join(shop.home, folder), validationPath }, stop);
}

/** Makes the model folders of the last epochs' ends, oldest first and the chosen one last; all but that may be missing. */
async function exportSteps(
  shop: Workshop,
  job: Job,
  { plan, lastStep, chosenStep, stepsPerEpoch }: Trained,
  records: ReadonlyMap<number, StepRecord>,
): Promise<PublishedStep[]> {
  const { home, organization } = shop;
  const base = await baseOfJob(shop, job.id, plan.model.id);
  if (base === undefined) throw new Error(`the base model ${plan.model.id} was removed while ${job.id} was training`);
  const published: PublishedStep[] = [];
  for (const step of [...epochEnds(lastStep, stepsPerEpoch).filter((end) => end !== chosenStep), chosenStep]) {
    const final = step === chosenStep;
    const checkpointFolder = join(checkpointsFolder(home, job.id), `step-${step}`);
    const record = records.get(step);
    if (record === undefined) throw new Error(`step ${step} of ${job.id} was never recorded`);
    if (!final && !(await exists(checkpointFolder))) continue;
    const model = modelName({ job, organization, step, final });
    const folder = `${modelsFolder(job.id)}/step-${step}`;
    const { metrics } = record;
    const card = {
      model,
      job: job.id,
      step,
      details: {
        'Training loss at this step': metrics.train_loss,
        ...(metrics.full_valid_loss === undefined ? {} : { 'Validation loss': metrics.full_valid_loss }),
        Epochs: plan.epochs,
        'Batch size': plan.batchSize,
        'Learning rate': plan.learningRate,
        Seed: plan.seed,
      },
    };
    await exportStep(shop, job.id, plan, base, { checkpointFolder, folder: join(home, folder), card });
    if (plan.answers !== undefined) await writeAnswers(join(home, folder), plan.answers);
    published.push({ step, model, folder, record });
  }
  return published;
}

interface StepExport {
  readonly checkpointFolder: string;
  readonly folder: string;
  readonly card: ModelCard;
}

/** An adapter takes along what it was trained on, where that is no base model; other weights are whole by themselves. */
async function exportStep(
  { home }: Workshop,
  jobId: string,
  { train, head = null }: TrainingPlan,
  base: BaseModel,
  step: StepExport,
): Promise<void> {
  if (head !== null) {
    const lora = train.mode === 'lora' ? train : null;
    const trained = lora === null ? encoderInWords(train) : 'LoRA, folded into the weights, and the head';
    return await exportEncoder({ ...step, base, trained, head, lora });
  }
  if (train.mode !== 'lora') return await exportWholeModel({ ...step, base, trained: inWords(train) });
  await exportAdapter({ ...step, base, lora: train });
  const initialModel = join(jobFolder(home, jobId), initialModelFolder);
  if (await exists(initialModel)) await shareWholeModel(initialModel, step.folder);
}

const encoderInWords = (train: TrainPlan): string =>
  train.mode === 'full'
    ? 'every weight'
    : train.mode === 'last_layers'
      ? `the last ${train.layers} blocks and the head`
      : 'the head';

const inWords = (train: Exclude<TrainPlan, { mode: 'lora' }>): string =>
  train.mode === 'full'
    ? 'every weight'
    : train.mode === 'head'
      ? 'the last norm and the head'
      : `the last ${train.layers} blocks and the last norm`;

/** The steps at which the last few epochs ended, oldest first. */
export function epochEnds(lastStep: number, stepsPerEpoch: number): number[] {
  const last = lastStep - (lastStep % stepsPerEpoch);
  const ends = Array.from({ length: checkpointsShown }, (_, back) => last - back * stepsPerEpoch);
  return ends.filter((step) => step > 0).reverse();
}

async function recordedSteps(database: Rows, jobId: string): Promise<Map<number, StepRecord>> {
  const rows = await database
    .selectFrom('job_events')
    .select(['step', 'created_at', 'object'])
    .where('job_id', '=', jobId)
    .where('step', 'is not', null)
    .orderBy('step')
    .execute();
  return new Map(
    rows.map((row) => {
      const metrics = (JSON.parse(row.object) as JobEvent).data as StepMetrics;
      return [row.step!, { createdAt: row.created_at, metrics }];
    }),
  );
}

function checkpointOf(jobId: string, step: number, model: string, { createdAt, metrics }: StepRecord): Checkpoint {
  const { total_steps: _, learning_rate: _rate, grad_norm: _norm, tokens_per_second: _speed, ...shown } = metrics;
  return {
    object: 'fine_tuning.job.checkpoint',
    id: newId('checkpoint'),
    created_at: createdAt,
    fine_tuning_job_id: jobId,
    fine_tuned_model_checkpoint: model,
    step_number: step,
    metrics: shown,
  };
}

async function insertCheckpoint(rows: Rows, jobId: string, folder: string, checkpoint: Checkpoint): Promise<void> {
  await rows
    .insertInto('checkpoints')
    .values({
      id: checkpoint.id,
      job_id: jobId,
      step: checkpoint.step_number,
      model_id: checkpoint.fine_tuned_model_checkpoint,
      created_at: checkpoint.created_at,
      object: JSON.stringify(checkpoint),
      folder,
    })
    .execute();
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function* oneChunk(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
